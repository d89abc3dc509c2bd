/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where datasets go. A replica shows its readers one verified epoch or the next, never a mixture:
 * rows, checkpoint and schema change in one transaction, and everything received before that waits
 * in staging, which outlives a kill. A backend is a const struct; a handle belongs to one thread.
 *
 * Life of a sync:  open → checkpoint → begin → manifest_add… → plan → (next_wanted → stage…)… →
 * publish → close. Closing without publish keeps staging for the next run.
 */
#ifndef NZ_REPLICA_REPLICA_H
#define NZ_REPLICA_REPLICA_H

#include "proto/statement.h"
#include "record/batch.h"
#include "record/scan.h"

struct nz_replica_options {
	bool read_only;          /* for verify and status: takes no lock, writes nothing */
	size_t record_max_bytes; /* 0: NZ_RECORD_MAX_BYTES */
};

struct nz_checkpoint {
	struct nz_statement statement;
	int64_t synced_at; /* UNIX seconds */
	char *certificate; /* the JSON array of base64 DER that signed it; owned */
};
void nz_checkpoint_clear(struct nz_checkpoint *checkpoint);

/* What a sync has to move. */
struct nz_replica_plan {
	uint64_t batches_total, batches_held, batches_staged, batches_wanted;
	uint64_t records_wanted, bytes_wanted;
	bool rebuild; /* the replica is made anew beside the old one (first sync, other schema) */
};

struct nz_replica {
	const struct nz_replica_ops *ops;
};
struct nz_replica_ops {
	const char *scheme;
	/*
	 * Opens, and makes nothing yet: a missing or empty (0 bytes) SQLite file is a replica without a
	 * checkpoint. NZ_NOT_FOUND (missing and read_only), NZ_REFUSED (read-only file or folder; a
	 * database with tables that are not nz's and no checkpoint), NZ_BUSY (another sync holds it),
	 * NZ_DATABASE (not a database).
	 */
	enum nz_status (*open)(const char *uri, const struct nz_replica_options *options,
	                       struct nz_replica **out, struct nz_error *err);
	void (*close)(struct nz_replica **replica);

	/* The checkpoint that the rows were published with. NZ_NOT_FOUND when there is none. */
	enum nz_status (*checkpoint)(struct nz_replica *replica, struct nz_checkpoint *out,
	                             struct nz_error *err);
	/* True when it is certain that nobody wrote to the replica since nz last verified its rows. */
	enum nz_status (*unchanged)(struct nz_replica *replica, bool *out, struct nz_error *err);

	/* ---- reading, for verify: between read_begin and read_end one snapshot ---- */
	enum nz_status (*read_begin)(struct nz_replica *replica, struct nz_error *err);
	void (*read_end)(struct nz_replica *replica);
	/* The schema that the checkpoint was published with. */
	enum nz_status (*schema)(struct nz_replica *replica, struct nz_schema **out,
	                         struct nz_error *err);
	/* NZ_MISMATCH when the database's own schema differs from it; err says what (first difference). */
	enum nz_status (*schema_check)(struct nz_replica *replica, struct nz_error *err);
	/* The checkpoint's manifest from position `from`, at most limit entries. */
	enum nz_status (*batches)(struct nz_replica *replica, uint64_t from, uint64_t limit,
	                          nz_batch_sink sink, void *context, struct nz_error *err);
	/* Rows of schema->tables[table] (as from schema()) in key order. */
	enum nz_status (*scan)(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
	                       const struct nz_scan_from *from, struct nz_scan **out,
	                       struct nz_error *err);
	struct nz_scan_ops scan_ops;

	/* ---- a sync ---- */
	/*
	 * Begins to stage towards a statement. Staging of an earlier run is kept where it can serve
	 * (same lineage and schema), else discarded. NZ_UNSUPPORTED when the replica cannot take the
	 * dataset (engine, encoding). NZ_REFUSED when the replica holds things that are not nz's and
	 * that publishing would harm; err names them.
	 */
	enum nz_status (*begin)(struct nz_replica *replica, const struct nz_statement *statement,
	                        const struct nz_schema *schema, struct nz_error *err);
	/* The manifest, in order from position 0; already checked against the signed root by the end. */
	enum nz_status (*manifest_add)(struct nz_replica *replica, const struct nz_batch *batch,
	                               struct nz_error *err);
	/*
	 * Ends the manifest and finds what is held: batches whose root was recomputed from the replica's
	 * rows now, or earlier with nobody having written since; and staged ones that still count.
	 */
	enum nz_status (*plan)(struct nz_replica *replica, struct nz_replica_plan *out,
	                       struct nz_error *err);
	/* Ascending positions still wanted, from `from`; *count of them, 0 at the end. */
	enum nz_status (*next_wanted)(struct nz_replica *replica, uint64_t from, uint64_t *positions,
	                              size_t max, size_t *count, struct nz_error *err);
	/* Entry of a position of the new manifest; first_key borrowed until the next call. */
	enum nz_status (*entry)(struct nz_replica *replica, uint64_t position, struct nz_batch *out,
	                        struct nz_error *err);
	/*
	 * Keeps a batch whose root was verified; durable against a kill within a second or so of work, and
	 * at the latest on close. All or nothing.
	 */
	enum nz_status (*stage)(struct nz_replica *replica, const struct nz_batch *batch,
	                        const struct nz_bytes *records, size_t count, struct nz_error *err);
	/*
	 * Everything is held or staged: makes it visible at once with the checkpoint. changed: rows put
	 * or removed. NZ_BUSY when readers or writers hold the replica too long, or somebody wrote to it
	 * since the plan (staging is kept: try again, from begin on). NZ_REFUSED when things that are not
	 * nz's appeared in its place meanwhile.
	 */
	enum nz_status (*publish)(struct nz_replica *replica, const char *certificate, int64_t now,
	                          uint64_t *changed, struct nz_error *err);
	/* A new statement for rows that are already right (same root and schema): checkpoint only. */
	enum nz_status (*restate)(struct nz_replica *replica, const struct nz_statement *statement,
	                          const char *certificate, int64_t now, struct nz_error *err);
	/* After a mismatch: nothing received stays. */
	enum nz_status (*discard)(struct nz_replica *replica, struct nz_error *err);

	/*
	 * ---- repair of single rows, one transaction, carried out by repair_end; removals first, in
	 * whatever order they are given. Rows are addressed as the last read gave them: NZ_BUSY when
	 * somebody wrote since. Begun inside a read, it ends that read, too. ----
	 */
	enum nz_status (*repair_begin)(struct nz_replica *replica, struct nz_error *err);
	enum nz_status (*repair_remove)(struct nz_replica *replica, size_t table, int64_t rowid,
	                                struct nz_bytes record, struct nz_error *err);
	enum nz_status (*repair_put)(struct nz_replica *replica, size_t table, struct nz_bytes record,
	                             struct nz_error *err);
	/* commit false rolls back. */
	enum nz_status (*repair_end)(struct nz_replica *replica, bool commit, struct nz_error *err);
	/*
	 * Records that the rows of the last read were verified against the checkpoint (see unchanged).
	 * NZ_OK with nothing recorded when somebody wrote since that read began.
	 */
	enum nz_status (*mark_verified)(struct nz_replica *replica, struct nz_error *err);

	/*
	 * The last failed sync, for `nz status`: kept outside the dataset. Empty message: cleared, or
	 * none (with at 0).
	 */
	enum nz_status (*note_error)(struct nz_replica *replica, int64_t at, const char *message,
	                             struct nz_error *err);
	enum nz_status (*last_error)(struct nz_replica *replica, int64_t *at, struct nz_buffer *message,
	                             struct nz_error *err);
};

enum nz_status nz_replica_open(const char *uri, const struct nz_replica_options *options,
                               struct nz_replica **out, struct nz_error *err) NZ_MUST_USE;
void nz_replica_close(struct nz_replica **replica);

extern const struct nz_replica_ops nz_replica_sqlite;

#endif
