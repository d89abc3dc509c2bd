-- SPDX-License-Identifier: Apache-2.0
-- What the platform remembers, version 1 (PRAGMA user_version). A later version is a file of its
-- own that starts from this one.

-- Certificates, private keys of the leaves, settings.
CREATE TABLE value (
	name TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- A dataset and, once it was indexed, its current index (epoch above 0).
CREATE TABLE dataset (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	source TEXT NOT NULL,
	encoding TEXT NOT NULL,
	lineage TEXT NOT NULL UNIQUE,
	added_at INTEGER NOT NULL,
	build INTEGER REFERENCES index_build (id),
	epoch INTEGER NOT NULL DEFAULT 0,
	root BLOB,
	schema_sha256 BLOB,
	version BLOB,
	records INTEGER NOT NULL DEFAULT 0,
	batches INTEGER NOT NULL DEFAULT 0,
	bytes INTEGER NOT NULL DEFAULT 0,
	indexed_at INTEGER NOT NULL DEFAULT 0,
	schema_json TEXT,
	CHECK (epoch = 0 OR (build IS NOT NULL AND length(root) = 32 AND
	       length(schema_sha256) = 32 AND length(version) = 32 AND schema_json IS NOT NULL))
) STRICT;

-- The operator's choice of tables.
CREATE TABLE dataset_table (
	dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
	excluded INTEGER NOT NULL CHECK (excluded IN (0, 1)),
	ordinal INTEGER NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (dataset, excluded, ordinal)
) STRICT, WITHOUT ROWID;

-- An index is written under a build of its own; dataset.build says which one counts. The others
-- are being written, or are left over from a builder that died, and go when the next one begins.
CREATE TABLE index_build (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	dataset INTEGER NOT NULL
) STRICT;
CREATE INDEX index_build_dataset ON index_build (dataset);

CREATE TABLE index_entry (
	build INTEGER NOT NULL,
	position INTEGER NOT NULL,
	tab INTEGER NOT NULL, -- index into the schema's tables
	ordinal INTEGER NOT NULL,
	count INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	first_key BLOB NOT NULL,
	root BLOB NOT NULL CHECK (length(root) = 32),
	PRIMARY KEY (build, position)
) STRICT, WITHOUT ROWID;

-- The pin list.
CREATE TABLE node (
	node_id TEXT PRIMARY KEY,
	ed25519 BLOB NOT NULL UNIQUE CHECK (length(ed25519) = 32),
	x25519 BLOB NOT NULL CHECK (length(x25519) = 32),
	seq INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state IN (1, 2, 3)), -- active, overdue, revoked
	pinned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node_dataset (
	node_id TEXT NOT NULL REFERENCES node (node_id) ON DELETE CASCADE,
	dataset TEXT NOT NULL REFERENCES dataset (name) ON DELETE CASCADE,
	PRIMARY KEY (node_id, dataset)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_dataset_dataset ON node_dataset (dataset);

CREATE TABLE node_network (
	node_id TEXT NOT NULL REFERENCES node (node_id) ON DELETE CASCADE,
	ordinal INTEGER NOT NULL,
	network TEXT NOT NULL,
	PRIMARY KEY (node_id, ordinal)
) STRICT, WITHOUT ROWID;

-- Every key that was ever pinned, and by whom: none is pinned again, nor is the id of a node that
-- was removed. Rows are never deleted.
CREATE TABLE pinned_key (
	ed25519 BLOB PRIMARY KEY,
	node_id TEXT NOT NULL,
	at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pinned_key_node ON pinned_key (node_id);

-- Logs with a bounded number of rows; the oldest go.
CREATE TABLE failure (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	incident TEXT NOT NULL,
	at INTEGER NOT NULL,
	code INTEGER NOT NULL,
	node_id TEXT NOT NULL,
	dataset TEXT NOT NULL,
	peer TEXT NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE INDEX failure_incident ON failure (incident);

CREATE TABLE receipt (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	node_id TEXT NOT NULL,
	dataset TEXT NOT NULL,
	epoch INTEGER NOT NULL,
	records INTEGER NOT NULL,
	at INTEGER NOT NULL
) STRICT;
