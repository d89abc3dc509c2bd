/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work file. It holds nothing that cannot be had again, so one that is damaged, of another
 * version or from before the last boot is thrown away without a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/path.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/work.h"

#define WORK_APPLICATION_ID 0x6e7a776b /* "nzwk" */
#define WORK_VERSION 1
#define WORK_SHRINK_PAGES 256 /* free pages worth giving back */

static const char work_schema[] =
	"CREATE TABLE state(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
	/* The new manifest. */
	"CREATE TABLE manifest(position INTEGER PRIMARY KEY, tab INTEGER NOT NULL,"
	" ordinal INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" root BLOB NOT NULL, state INTEGER NOT NULL, ref INTEGER, first_key BLOB NOT NULL);"
	/*
	 * What the replica has, batch by batch in key order; taken: the position that counts on it;
	 * id: where a new replica lists it.
	 */
	"CREATE TABLE old(position INTEGER PRIMARY KEY, tab INTEGER NOT NULL,"
	" ordinal INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" root BLOB NOT NULL, taken INTEGER, id INTEGER, first_key BLOB NOT NULL);"
	"CREATE INDEX old_root ON old(root);"
	"CREATE TABLE staged(id INTEGER PRIMARY KEY, tab INTEGER NOT NULL, count INTEGER NOT NULL,"
	" root BLOB NOT NULL, taken INTEGER, first_key BLOB NOT NULL);"
	"CREATE INDEX staged_root ON staged(root);"
	/* Apart from its entry, so that touching the entry does not rewrite the rows. */
	"CREATE TABLE staged_rows(id INTEGER PRIMARY KEY, records BLOB NOT NULL);"
	"CREATE TABLE op_delete(id INTEGER PRIMARY KEY, tab INTEGER NOT NULL, row INTEGER NOT NULL,"
	" record BLOB NOT NULL);"
	/* One record, or a whole staged batch. */
	"CREATE TABLE op_insert(id INTEGER PRIMARY KEY, tab INTEGER NOT NULL, staged INTEGER,"
	" record BLOB);";

void nz_sqr_work_close(struct nz_sqr *r)
{
	nz_sqlite_finalize(&r->manifest_insert);
	nz_sqlite_finalize(&r->entry_select);
	nz_sqlite_close(&r->work);
}

static enum nz_status work_recognise(sqlite3 *db, bool *ours, bool *empty, struct nz_error *err)
{
	int64_t pages = 0, application = 0, version = 0;

	NZ_TRY(nz_sqr_integer(db, "PRAGMA page_count", 0, &pages, err));
	NZ_TRY(nz_sqr_integer(db, "PRAGMA application_id", 0, &application, err));
	NZ_TRY(nz_sqr_integer(db, "PRAGMA user_version", 0, &version, err));
	*empty = pages == 0;
	*ours = application == WORK_APPLICATION_ID && version == WORK_VERSION;
	return NZ_OK;
}

static enum nz_status work_make(sqlite3 *db, struct nz_error *err)
{
	NZ_SQR_ROLLBACK(rollback, db);

	NZ_TRY(nz_sqr_begin(db, err));
	NZ_TRY(nz_sqlite_exec(db, work_schema, err));
	NZ_TRY(nz_sqlite_exec(db, "PRAGMA application_id = 1853519723; PRAGMA user_version = 1", err));
	return nz_sqr_commit(db, err);
}
_Static_assert(WORK_APPLICATION_ID == 1853519723 && WORK_VERSION == 1, "as in work_make");

/* As private as can be: the rows of a private replica pass through it. */
static enum nz_status work_touch(const char *path, struct nz_error *err)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	const int code = errno;

	if (fd < 0)
		return nz_fail_code(err, code == EACCES || code == EROFS ? NZ_REFUSED : NZ_IO, code,
		                    "%s cannot be made: %s", path, strerror(code));
	(void)close(fd);
	return NZ_OK;
}

static enum nz_status work_try(struct nz_sqr *r, struct nz_error *err)
{
	NZ_SQLITE(db);
	bool ours = false, empty = false;

	NZ_TRY(nz_sqr_remove_foreign(r->work_path, err));
	NZ_TRY(work_touch(r->work_path, err));
	NZ_TRY(nz_sqlite_open(r->work_path, NZ_SQLITE_READ_WRITE, NZ_SQR_BUSY_MS, &db, err));
	NZ_TRY(nz_sqlite_exec(db, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF;"
	                          "PRAGMA secure_delete = OFF; PRAGMA cache_size = -4096", err));
	NZ_TRY(work_recognise(db, &ours, &empty, err));
	if (empty)
		NZ_TRY(work_make(db, err));
	else if (!ours)
		return nz_fail(err, NZ_DATABASE, "%s is not a work file of this version",
		               r->work_path);
	r->work = db;
	db = NULL;
	return NZ_OK;
}

enum nz_status nz_sqr_work(struct nz_sqr *r, struct nz_error *err)
{
	if (r->work != NULL)
		return NZ_OK;
	NZ_TRY(nz_sqr_writable(r, err));
	const enum nz_status status = work_try(r, err);
	if (status != NZ_DATABASE)
		return status;
	nz_sqr_unlink_database(r->work_path);
	return work_try(r, err);
}

enum nz_status nz_sqr_work_peek(struct nz_sqr *r, struct nz_error *err)
{
	NZ_SQLITE(db);
	bool ours = false, empty = false;

	if (r->work != NULL)
		return NZ_OK;
	if (access(r->work_path, F_OK) != 0)
		return nz_fail(err, NZ_NOT_FOUND, "%s does not exist", r->work_path);
	if (!r->read_only)
		return nz_sqr_work(r, err);
	/* Held by a running sync, damaged, unreadable: there is nothing to learn from it now. */
	if (nz_sqlite_open(r->work_path, NZ_SQLITE_READ, 100, &db, NULL) != NZ_OK ||
	    work_recognise(db, &ours, &empty, NULL) != NZ_OK || !ours)
		return nz_fail(err, NZ_NOT_FOUND, "%s cannot be read now", r->work_path);
	r->work = db;
	db = NULL;
	return NZ_OK;
}

enum nz_status nz_sqr_state_put(struct nz_sqr *r, const char *name, struct nz_bytes value,
                                struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_work(r, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "INSERT OR REPLACE INTO state(name, value) VALUES (?1, ?2)",
	                         &stmt, err));
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	nz_sqr_bind_bytes(stmt, 2, value);
	return nz_sqlite_run(r->work, stmt, err);
}

enum nz_status nz_sqr_state_get(struct nz_sqr *r, const char *name, struct nz_buffer *out,
                                struct nz_error *err)
{
	NZ_STMT(stmt);

	nz_buffer_reset(out);
	const enum nz_status peeked = nz_sqr_work_peek(r, err);
	if (peeked != NZ_OK)
		return peeked == NZ_NOT_FOUND ? NZ_OK : peeked;
	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT value FROM state WHERE name = ?1", &stmt, err));
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	const enum nz_status status = nz_sqlite_step(r->work, stmt, err);
	if (status == NZ_END)
		return NZ_OK;
	NZ_TRY(status);
	const struct nz_bytes value = nz_sqr_column_bytes(stmt, 0);
	return nz_buffer_append(out, value.ptr, value.len);
}

enum nz_status nz_sqr_state_remove(struct nz_sqr *r, const char *name, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_work(r, err));
	NZ_TRY(nz_sqlite_prepare(r->work, "DELETE FROM state WHERE name = ?1", &stmt, err));
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	return nz_sqlite_run(r->work, stmt, err);
}

enum nz_status nz_sqr_work_reset(struct nz_sqr *r, struct nz_error *err)
{
	int64_t unused = 0;

	NZ_TRY(nz_sqr_work(r, err));
	nz_sqr_rollback(r->work);
	NZ_TRY(nz_sqr_begin(r->work, err));
	NZ_TRY(nz_sqlite_exec(r->work, "DELETE FROM manifest; DELETE FROM old; DELETE FROM staged;"
	                               "DELETE FROM staged_rows; DELETE FROM op_delete;"
	                               "DELETE FROM op_insert;"
	                               "DELETE FROM state WHERE name IN ('target', 'complete')", err));
	NZ_TRY(nz_sqr_commit(r->work, err));
	NZ_TRY(nz_sqr_integer(r->work, "PRAGMA freelist_count", 0, &unused, err));
	return unused > WORK_SHRINK_PAGES ? nz_sqlite_exec(r->work, "VACUUM", err) : NZ_OK;
}

enum nz_status nz_sqr_note_error(struct nz_replica *replica, int64_t at, const char *message,
                                 struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	NZ_BUFFER(value);

	NZ_TRY(nz_sqr_writable(r, err));
	if (*message == '\0') {
		/* Nothing to clear must not make a work file. */
		const enum nz_status peeked = nz_sqr_work_peek(r, err);
		if (peeked != NZ_OK)
			return peeked == NZ_NOT_FOUND ? NZ_OK : peeked;
		return nz_sqr_state_remove(r, "error", err);
	}
	NZ_TRY(nz_buffer_appendf(&value, "%lld %s", (long long)at, message));
	return nz_sqr_state_put(r, "error", nz_buffer_bytes(&value), err);
}

enum nz_status nz_sqr_last_error(struct nz_replica *replica, int64_t *at, struct nz_buffer *message,
                                 struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	NZ_BUFFER(value);
	char *rest = NULL;

	NZ_TRY(nz_sqr_state_get(r, "error", &value, err));
	if (value.len == 0) {
		*at = 0;
		nz_buffer_reset(message);
		return NZ_OK;
	}
	const char *text = nz_buffer_cstr(&value);
	if (text == NULL)
		return NZ_NO_MEMORY;
	const long long when = strtoll(text, &rest, 10);
	nz_buffer_reset(message);
	NZ_TRY(nz_buffer_append_str(message, *rest == ' ' ? rest + 1 : rest));
	*at = when;
	return NZ_OK;
}
