/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica made anew beside the old one. Verified rows go straight into their tables, with the list
 * of the batches they came in (_nz_staged) in the same transactions. When all are there, the rest of
 * the schema and the checkpoint are added and the list is dropped: from then on the file is a replica
 * that only has to take its place. It is found complete after a kill by a mark in the work file, and
 * turned back into staging where the source has moved on meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/apply.h"
#include "replica/sqlite/checkpoint.h"
#include "replica/sqlite/ddl.h"
#include "replica/sqlite/fresh.h"
#include "replica/sqlite/path.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/work.h"

#define DEFAULT_PAGE_BYTES 4096

static const char staging_tables[] =
	"CREATE TABLE _nz_staging(target TEXT NOT NULL, indexed INTEGER NOT NULL);"
	"CREATE TABLE _nz_staged(id INTEGER PRIMARY KEY, position INTEGER NOT NULL,"
	" tab INTEGER NOT NULL, count INTEGER NOT NULL, root BLOB NOT NULL,"
	" first_key BLOB NOT NULL);";

void nz_sqr_fresh_close(struct nz_sqr *r)
{
	nz_sqlite_writer_free(&r->writer);
	if (r->fresh != NULL)
		nz_sqr_rollback(r->fresh);
	nz_sqlite_close(&r->fresh);
	r->fresh_complete = false;
}

void nz_sqr_fresh_remove(struct nz_sqr *r)
{
	nz_sqr_fresh_close(r);
	nz_sqr_unlink_database(r->fresh_path);
}

/* The page size has to be the replica's own, or its pages could not be replaced in place. */
static enum nz_status wanted_page_size(struct nz_sqr *r, int64_t *out, struct nz_error *err)
{
	int64_t pages = 0;

	*out = DEFAULT_PAGE_BYTES;
	if (r->db == NULL)
		return NZ_OK;
	NZ_TRY(nz_sqr_integer(r->db, "PRAGMA main.page_count", 0, &pages, err));
	return pages == 0 ? NZ_OK
			  : nz_sqr_integer(r->db, "PRAGMA main.page_size", DEFAULT_PAGE_BYTES, out,
	                                   err);
}

/* What the file is being made for; another boot is another target. */
static enum nz_status target_text(struct nz_sqr *r, struct nz_buffer *out, struct nz_error *err)
{
	char schema[2 * NZ_SHA256_BYTES + 1];
	int64_t page_size = 0;

	nz_hex_encode(nz_bytes_of(r->statement.schema_sha256.bytes, NZ_SHA256_BYTES), schema);
	NZ_TRY(wanted_page_size(r, &page_size, err));
	return nz_buffer_appendf(out, "%s %s %lld %s", r->statement.lineage, schema,
	                         (long long)page_size, r->boot_id);
}

static enum nz_status configure(sqlite3 *db, struct nz_error *err)
{
	NZ_TRY(nz_sqr_configure(db, err));
	return nz_sqlite_exec(db, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF;"
	                          "PRAGMA secure_delete = OFF", err);
}

/* ---- taking up what an earlier run left ---- */

/* From complete back to staging, because the source moved before the file took its place. */
static enum nz_status reopen_complete(sqlite3 *db, struct nz_bytes target, struct nz_error *err)
{
	NZ_SQR_ROLLBACK(rollback, db);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_begin(db, err));
	NZ_TRY(nz_sqlite_exec(db, staging_tables, err));
	NZ_TRY(nz_sqlite_prepare(db, "INSERT INTO _nz_staging(target, indexed) VALUES (?1, 1)", &stmt,
	                         err));
	nz_sqr_bind_bytes(stmt, 1, target);
	NZ_TRY(nz_sqlite_run(db, stmt, err));
	NZ_TRY(nz_sqlite_exec(db, "INSERT INTO _nz_staged(position, tab, count, root, first_key)"
	                          " SELECT position, tab, count, root, first_key FROM _nz_batch"
	                          " WHERE count > 0 ORDER BY position;"
	                          "DROP TABLE _nz_batch; DROP TABLE _nz_checkpoint;"
	                          "DROP TABLE _nz_object", err));
	return nz_sqr_commit(db, err);
}

static enum nz_status staging_matches(sqlite3 *db, struct nz_bytes target, bool *matches,
                                      bool *indexed, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, "SELECT target, indexed FROM _nz_staging", &stmt, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	*matches = nz_bytes_equal(nz_sqr_column_bytes(stmt, 0), target);
	*indexed = sqlite3_column_int(stmt, 1) != 0;
	return NZ_OK;
}

/* NZ_NOT_FOUND when there is nothing to take up. */
static enum nz_status take_up(struct nz_sqr *r, struct nz_bytes target, struct nz_error *err)
{
	NZ_SQLITE(db);
	NZ_BUFFER(complete);
	bool staging = false, checkpoint = false, matches = false, indexed = false;

	if (r->boot_id[0] == '\0' || access(r->fresh_path, F_OK) != 0)
		return NZ_NOT_FOUND;
	NZ_TRY(nz_sqlite_open(r->fresh_path, NZ_SQLITE_READ_WRITE, NZ_SQR_BUSY_MS, &db, err));
	NZ_TRY(configure(db, err));
	NZ_TRY(nz_sqr_has_table(db, "_nz_staging", &staging, err));
	NZ_TRY(nz_sqr_has_table(db, "_nz_checkpoint", &checkpoint, err));
	NZ_TRY(nz_sqr_state_get(r, "complete", &complete, err));
	if (!staging && checkpoint && nz_bytes_equal(nz_buffer_bytes(&complete), target)) {
		NZ_TRY(reopen_complete(db, target, err));
		staging = true;
	}
	if (!staging)
		return NZ_NOT_FOUND;
	NZ_TRY(staging_matches(db, target, &matches, &indexed, err));
	if (!matches)
		return NZ_NOT_FOUND;
	r->fresh_indexed = indexed;
	r->fresh = db;
	db = NULL;
	return NZ_OK;
}

/* ---- a new file ---- */

/* With the rights of the replica that it stands for. */
static enum nz_status make_file(struct nz_sqr *r, struct nz_error *err)
{
	struct stat st;
	const mode_t mode = stat(r->path, &st) == 0 ? st.st_mode & 0777 : 0666;
	const int fd = open(r->fresh_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	const int code = errno;

	if (fd < 0)
		return nz_fail_code(err, code == EACCES || code == EROFS ? NZ_REFUSED : NZ_IO, code,
		                    "%s cannot be made: %s", r->fresh_path, strerror(code));
	(void)close(fd);
	return NZ_OK;
}

static enum nz_status make(struct nz_sqr *r, struct nz_bytes target, struct nz_error *err)
{
	NZ_SQLITE(db);
	NZ_STMT(stmt);
	NZ_BUFFER(pragma);
	int64_t page_size = 0;

	NZ_TRY(make_file(r, err));
	NZ_TRY(nz_sqlite_open(r->fresh_path, NZ_SQLITE_READ_WRITE, NZ_SQR_BUSY_MS, &db, err));
	NZ_TRY(wanted_page_size(r, &page_size, err));
	NZ_TRY(nz_buffer_appendf(&pragma, "PRAGMA page_size = %lld", (long long)page_size));
	const char *text = nz_buffer_cstr(&pragma);
	if (text == NULL)
		return NZ_NO_MEMORY;
	NZ_TRY(nz_sqlite_exec(db, text, err));
	NZ_TRY(configure(db, err));
	NZ_TRY(nz_sqr_begin(db, err));
	NZ_TRY(nz_sqr_ddl_tables(db, r->schema, err));
	NZ_TRY(nz_sqlite_exec(db, staging_tables, err));
	NZ_TRY(nz_sqlite_prepare(db, "INSERT INTO _nz_staging(target, indexed) VALUES (?1, 0)", &stmt,
	                         err));
	nz_sqr_bind_bytes(stmt, 1, target);
	NZ_TRY(nz_sqlite_run(db, stmt, err));
	NZ_TRY(nz_sqr_commit(db, err));
	r->fresh_indexed = false;
	r->fresh = db;
	db = NULL;
	return NZ_OK;
}

enum nz_status nz_sqr_fresh_begin(struct nz_sqr *r, struct nz_error *err)
{
	NZ_BUFFER(target);

	nz_sqr_fresh_close(r);
	NZ_TRY(target_text(r, &target, err));
	NZ_TRY(nz_sqr_remove_foreign(r->fresh_path, err));
	const enum nz_status taken = take_up(r, nz_buffer_bytes(&target), err);
	if (taken == NZ_OK || taken == NZ_NO_MEMORY || taken == NZ_IO)
		return taken;
	nz_sqr_fresh_remove(r);
	return make(r, nz_buffer_bytes(&target), err);
}

/* ---- rows ---- */

static enum nz_status put_rows(struct nz_sqr *r, const struct nz_batch *batch,
                               nz_sqr_next_record next, void *context, struct nz_error *err)
{
	const struct nz_table *table = &r->schema->tables[batch->table];
	NZ_STMT(stmt);

	if (r->writer == NULL || r->writer_table != batch->table) {
		nz_sqlite_writer_free(&r->writer);
		NZ_TRY(nz_sqlite_writer_new(r->fresh, "main", table, &r->writer, err));
		r->writer_table = batch->table;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		struct nz_bytes record;

		NZ_TRY(next(context, &record, err));
		const enum nz_status status = nz_sqlite_writer_insert(r->writer, record, err);
		if (status != NZ_OK)
			return nz_sqr_explain_insert(table, record, status, err);
	}
	NZ_TRY(nz_sqlite_prepare(r->fresh, "INSERT INTO _nz_staged(position, tab, count, root,"
	                                   " first_key) VALUES (?1, ?2, ?3, ?4, ?5)", &stmt, err));
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)batch->position);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)batch->table);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)batch->count);
	nz_sqr_bind_bytes(stmt, 4, nz_bytes_of(batch->root.bytes, sizeof(batch->root.bytes)));
	nz_sqr_bind_bytes(stmt, 5, batch->first_key);
	return nz_sqlite_run(r->fresh, stmt, err);
}

enum nz_status nz_sqr_fresh_put(struct nz_sqr *r, const struct nz_batch *batch,
                                nz_sqr_next_record next, void *context, struct nz_error *err)
{
	NZ_TRY(nz_sqr_begin(r->fresh, err));
	NZ_TRY(nz_sqlite_exec(r->fresh, "SAVEPOINT batch", err));
	const enum nz_status status = put_rows(r, batch, next, context, err);
	if (status == NZ_OK)
		return nz_sqlite_exec(r->fresh, "RELEASE batch", err);
	/* A full disk may have undone more than the batch: then what is staged has to be found anew. */
	if (sqlite3_exec(r->fresh, "ROLLBACK TO batch; RELEASE batch", NULL, NULL, NULL) != SQLITE_OK) {
		nz_sqr_rollback(r->fresh);
		r->planned = false;
	}
	return status;
}

/* ---- the end ---- */

/* Nothing is published that is not wholly there, whatever the list of wanted batches says. */
static enum nz_status check_whole(struct nz_sqr *r, struct nz_error *err)
{
	static const char have[] = "SELECT coalesce(sum(count), 0) FROM main._nz_staged";
	static const char need[] = "SELECT coalesce(sum(count), 0) FROM main.manifest";
	int64_t staged = 0, listed = 0;

	NZ_TRY(nz_sqr_integer(r->fresh, have, 0, &staged, err));
	NZ_TRY(nz_sqr_integer(r->work, need, 0, &listed, err));
	if (staged != listed)
		return nz_fail(err, NZ_INVALID, "%lld of %lld rows are staged", (long long)staged,
		               (long long)listed);
	return NZ_OK;
}

static enum nz_status note_objects(sqlite3 *db, struct nz_error *err)
{
	return nz_sqlite_exec(db, "INSERT INTO main._nz_object(type, name) SELECT type, name"
	                          " FROM main.sqlite_master WHERE name NOT LIKE '^_nz^_%' ESCAPE '^'"
	                          " AND name NOT LIKE 'sqlite^_%' ESCAPE '^'", err);
}

enum nz_status nz_sqr_fresh_finish(struct nz_sqr *r, const char *certificate, int64_t now,
                                   struct nz_error *err)
{
	NZ_BUFFER(target);

	nz_sqlite_writer_free(&r->writer);
	if (r->fresh_complete)
		return nz_sqr_checkpoint_date(r->fresh, &r->statement, certificate, now, err);
	NZ_TRY(check_whole(r, err));
	/* Marked first: a mark without a complete file means nothing. */
	NZ_TRY(target_text(r, &target, err));
	NZ_TRY(nz_sqr_state_put(r, "complete", nz_buffer_bytes(&target), err));
	NZ_TRY(nz_sqr_commit(r->work, err));

	NZ_SQR_ROLLBACK(rollback, r->fresh);
	NZ_TRY(nz_sqr_begin(r->fresh, err));
	if (!r->fresh_indexed)
		NZ_TRY(nz_sqr_ddl_rest(r->fresh, r->schema, err));
	NZ_TRY(nz_sqr_sequences_write(r, r->fresh, err));
	NZ_TRY(nz_sqr_checkpoint_write(r, r->fresh, certificate, now, err));
	NZ_TRY(nz_sqr_manifest_write(r, r->fresh, err));
	NZ_TRY(note_objects(r->fresh, err));
	NZ_TRY(nz_sqlite_exec(r->fresh, "DROP TABLE _nz_staged; DROP TABLE _nz_staging", err));
	NZ_TRY(nz_sqr_commit(r->fresh, err));
	r->fresh_complete = true;
	return NZ_OK;
}
