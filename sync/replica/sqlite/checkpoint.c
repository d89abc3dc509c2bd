/* SPDX-License-Identifier: Apache-2.0 */
/* The bookkeeping inside the replica: checkpoint, manifest, sequences. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/sight.h"
#include "replica/sqlite/sql.h"

static const char tables[] =
	"CREATE TABLE IF NOT EXISTS _nz_checkpoint(id INTEGER PRIMARY KEY CHECK (id = 1),"
	" statement TEXT NOT NULL, certificate TEXT NOT NULL, synced_at INTEGER NOT NULL,"
	" schema TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS _nz_batch(position INTEGER PRIMARY KEY, tab INTEGER NOT NULL,"
	" count INTEGER NOT NULL, bytes INTEGER NOT NULL, root BLOB NOT NULL,"
	" first_key BLOB NOT NULL);"
	"CREATE TABLE IF NOT EXISTS _nz_object(type TEXT NOT NULL, name TEXT NOT NULL,"
	" PRIMARY KEY (type, name)) WITHOUT ROWID;";

static enum nz_status checkpoint_read(struct nz_sqr *r, sqlite3_stmt *stmt,
                                      struct nz_checkpoint *out, struct nz_error *err)
{
	struct nz_checkpoint read NZ_CLEANUP(nz_checkpoint_clear) = {0};
	struct nz_error why;

	if (nz_sqr_statement_parse(nz_sqr_column_bytes(stmt, 0), &read.statement, &why) != NZ_OK)
		return nz_fail(err, NZ_DATABASE, "%s: its checkpoint is damaged: %s", r->path,
		               why.message);
	read.certificate = nz_strdup_bytes(nz_sqr_column_bytes(stmt, 1));
	read.synced_at = sqlite3_column_int64(stmt, 2);
	if (read.certificate == NULL)
		return nz_fail(err, NZ_DATABASE, "%s: its checkpoint is damaged", r->path);
	*out = read;
	read.certificate = NULL;
	return NZ_OK;
}

enum nz_status nz_sqr_checkpoint(struct nz_replica *replica, struct nz_checkpoint *out,
                                 struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	bool there = false;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_attach(r, err));
	NZ_TRY(nz_sqr_has_table(r->db, "_nz_checkpoint", &there, err));
	if (!there)
		return nz_fail(err, NZ_NOT_FOUND, "%s was never synced", r->path);
	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT statement, certificate, synced_at"
	                                " FROM main._nz_checkpoint WHERE id = 1", &stmt, err));
	const enum nz_status status = nz_sqlite_step(r->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "%s was never synced", r->path);
	NZ_TRY(status);
	return checkpoint_read(r, stmt, out, err);
}

enum nz_status nz_sqr_checkpoint_date(sqlite3 *db, const struct nz_statement *statement,
                                      const char *certificate, int64_t now, struct nz_error *err)
{
	NZ_BUFFER(text);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_statement_text(statement, &text));
	NZ_TRY(nz_sqlite_prepare(db, "UPDATE main._nz_checkpoint SET statement = ?1,"
	                             " certificate = ?2, synced_at = ?3 WHERE id = 1", &stmt, err));
	(void)sqlite3_bind_text64(stmt, 1, (const char *)text.ptr, text.len, SQLITE_STATIC,
	                          SQLITE_UTF8);
	(void)sqlite3_bind_text(stmt, 2, certificate, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 3, now);
	NZ_TRY(nz_sqlite_run(db, stmt, err));
	if (sqlite3_changes(db) != 1)
		return nz_fail(err, NZ_DATABASE, "the replica's checkpoint is gone");
	return NZ_OK;
}

enum nz_status nz_sqr_checkpoint_write(struct nz_sqr *r, sqlite3 *db, const char *certificate,
                                       int64_t now, struct nz_error *err)
{
	NZ_BUFFER(schema);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_exec(db, tables, err));
	NZ_TRY(nz_sqr_schema_text(r->schema, &schema));
	NZ_TRY(nz_sqlite_prepare(db, "INSERT INTO main._nz_checkpoint(id, statement, certificate,"
	                             " synced_at, schema) VALUES (1, '', '', 0, ?1)"
	                             " ON CONFLICT(id) DO UPDATE SET schema = excluded.schema",
	                         &stmt, err));
	(void)sqlite3_bind_text64(stmt, 1, (const char *)schema.ptr, schema.len, SQLITE_STATIC,
	                          SQLITE_UTF8);
	NZ_TRY(nz_sqlite_run(db, stmt, err));
	return nz_sqr_checkpoint_date(db, &r->statement, certificate, now, err);
}

/* Rows that are right already are not touched, so a small change writes few pages. */
enum nz_status nz_sqr_manifest_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
{
	NZ_STMT(from);
	NZ_STMT(into);
	NZ_STMT(cut);
	enum nz_status status;

	NZ_TRY(nz_sqlite_exec(db, tables, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT position, tab, count, bytes, root, first_key"
	                                  " FROM manifest ORDER BY position", &from, err));
	NZ_TRY(nz_sqlite_prepare(
		db, "INSERT INTO main._nz_batch(position, tab, count, bytes, root, first_key)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(position) DO UPDATE SET"
		    " tab = excluded.tab, count = excluded.count, bytes = excluded.bytes,"
		    " root = excluded.root, first_key = excluded.first_key"
		    " WHERE tab != excluded.tab OR count != excluded.count OR bytes != excluded.bytes"
		    " OR root != excluded.root OR first_key != excluded.first_key", &into, err));
	while ((status = nz_sqlite_step(r->work, from, err)) == NZ_OK) {
		for (int i = 0; i < 4; i++)
			(void)sqlite3_bind_int64(into, i + 1, sqlite3_column_int64(from, i));
		nz_sqr_bind_bytes(into, 5, nz_sqr_column_bytes(from, 4));
		nz_sqr_bind_bytes(into, 6, nz_sqr_column_bytes(from, 5));
		NZ_TRY(nz_sqlite_run(db, into, err));
	}
	if (status != NZ_END)
		return status;
	NZ_TRY(nz_sqlite_prepare(db, "DELETE FROM main._nz_batch WHERE position >= ?1", &cut, err));
	(void)sqlite3_bind_int64(cut, 1, (int64_t)r->manifest_count);
	return nz_sqlite_run(db, cut, err);
}

/* ---- sequences ---- */

static bool is_ours(const struct nz_sqr *r, sqlite3_stmt *row)
{
	const struct nz_bytes name = nz_sqr_column_bytes(row, 1);

	if (nz_schema_find(r->schema, name) != NULL)
		return true;
	for (size_t i = 0; i < r->schema->sequence_count; i++) {
		if (nz_bytes_equal(name, nz_bytes_str(r->schema->sequences[i].name)))
			return true;
	}
	return false;
}

static enum nz_status sequence_value(const struct nz_sequence *sequence, int64_t *out,
                                     struct nz_error *err)
{
	char *end = NULL;

	errno = 0;
	const long long value = strtoll(sequence->value, &end, 10);
	if (errno != 0 || end == sequence->value || *end != '\0')
		return nz_fail(err, NZ_MALFORMED, "the sequence of %s is no integer", sequence->name);
	*out = value;
	return NZ_OK;
}

/* True when the dataset's rows are there with the right values in the right order. */
static enum nz_status sequences_right(struct nz_sqr *r, sqlite3 *db, bool *out,
                                      struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;
	size_t at = 0;
	bool right = true;

	NZ_TRY(nz_sqlite_prepare(db, "SELECT rowid, name, seq FROM main.sqlite_sequence"
	                             " ORDER BY rowid", &stmt, err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		int64_t value = 0;

		if (!is_ours(r, stmt))
			continue;
		if (at == r->schema->sequence_count) {
			right = false;
			continue;
		}
		const struct nz_sequence *sequence = &r->schema->sequences[at++];
		NZ_TRY(sequence_value(sequence, &value, err));
		right = right && sqlite3_column_int64(stmt, 2) == value &&
			sqlite3_column_type(stmt, 2) == SQLITE_INTEGER &&
			nz_bytes_equal(nz_sqr_column_bytes(stmt, 1), nz_bytes_str(sequence->name));
	}
	if (status != NZ_END)
		return status;
	*out = right && at == r->schema->sequence_count;
	return NZ_OK;
}

static enum nz_status sequences_remove(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
{
	NZ_STMT(stmt);
	NZ_STMT(remove);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(db, "SELECT rowid, name FROM main.sqlite_sequence ORDER BY rowid",
	                         &stmt, err));
	NZ_TRY(nz_sqlite_prepare(db, "DELETE FROM main.sqlite_sequence WHERE rowid = ?1", &remove,
	                         err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		if (!is_ours(r, stmt))
			continue;
		(void)sqlite3_bind_int64(remove, 1, sqlite3_column_int64(stmt, 0));
		NZ_TRY(nz_sqlite_run(db, remove, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_sqr_sequences_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
{
	bool there = false, right = false;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_has_table(db, "sqlite_sequence", &there, err));
	if (!there && r->schema->sequence_count == 0)
		return NZ_OK;
	NZ_TRY(sequences_right(r, db, &right, err));
	if (right)
		return NZ_OK;
	NZ_TRY(sequences_remove(r, db, err));
	NZ_TRY(nz_sqlite_prepare(db, "INSERT INTO main.sqlite_sequence(name, seq) VALUES (?1, ?2)",
	                         &stmt, err));
	for (size_t i = 0; i < r->schema->sequence_count; i++) {
		int64_t value = 0;

		NZ_TRY(sequence_value(&r->schema->sequences[i], &value, err));
		(void)sqlite3_bind_text(stmt, 1, r->schema->sequences[i].name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(stmt, 2, value);
		NZ_TRY(nz_sqlite_run(db, stmt, err));
	}
	return NZ_OK;
}

/* ---- a new statement for the same rows ---- */

enum nz_status nz_sqr_restate(struct nz_replica *replica, const struct nz_statement *statement,
                              const char *certificate, int64_t now, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	struct nz_checkpoint own NZ_CLEANUP(nz_checkpoint_clear) = {0};
	struct nz_sqr_sight before = {0};
	bool verified = false, same = false;
	int64_t version = 0;

	NZ_TRY(nz_sqr_writable(r, err));
	NZ_TRY(nz_sqr_checkpoint(replica, &own, err));
	if (memcmp(&own.statement.merkle_root, &statement->merkle_root, sizeof(struct nz_hash)) != 0 ||
	    memcmp(&own.statement.schema_sha256, &statement->schema_sha256,
	           sizeof(struct nz_hash)) != 0)
		return nz_fail(err, NZ_INVALID, "the statement is of other rows");
	NZ_TRY(nz_sqr_look(r, false, &before, err));
	NZ_TRY(nz_sqr_sight_verified(r, &before, &verified, err));

	NZ_SQR_ROLLBACK(rollback, r->db);
	NZ_TRY(nz_sqr_begin(r->db, err));
	NZ_TRY(nz_sqr_data_version(r, &version, err));
	NZ_TRY(nz_sqr_same_file(r, &before, &same, err));
	NZ_TRY(nz_sqr_checkpoint_date(r->db, statement, certificate, now, err));
	NZ_TRY(nz_sqr_commit(r->db, err));
	/* Rows that nobody vouched for before are no better now. */
	return verified && same && version == before.data_version ? nz_sqr_settle(r, version, err)
								  : NZ_OK;
}
