/* SPDX-License-Identifier: Apache-2.0 */
/* The file and its version. */
#include "state/sqlite/file.h"

#include <stdio.h>

#include "state_sql.h" /* made from sql/sqlite.sql */

/* migrations[n] brings a file of version n to n + 1. */
static const char *const migrations[STATE_VERSION] = {nz_state_sql};

char *state_path(const char *folder, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static enum nz_status get_integer(sqlite3 *db, const char *sql, int64_t *out, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, sql, &stmt, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	*out = sqlite3_column_int64(stmt, 0);
	return NZ_OK;
}

/* One version up, in the transaction that the caller holds. */
static enum nz_status migrate_once(sqlite3 *db, int64_t from, struct nz_error *err)
{
	NZ_BUFFER(sql);

	NZ_TRY(nz_sqlite_exec(db, migrations[from], err));
	NZ_TRY(nz_buffer_appendf(&sql, "PRAGMA user_version = %lld; PRAGMA application_id = %d",
	                         (long long)from + 1, STATE_APPLICATION_ID));
	const char *text = nz_buffer_cstr(&sql);
	return text == NULL ? NZ_NO_MEMORY : nz_sqlite_exec(db, text, err);
}

/* Under the write lock, so that of two processes that open an old file one does the work. */
static enum nz_status migrate_locked(sqlite3 *db, struct nz_error *err)
{
	int64_t version;

	NZ_TRY(get_integer(db, "PRAGMA user_version", &version, err));
	for (; version < STATE_VERSION; version++)
		NZ_TRY(migrate_once(db, version, err));
	return NZ_OK;
}

static enum nz_status migrate(sqlite3 *db, struct nz_error *err)
{
	NZ_TRY(nz_sqlite_exec(db, "BEGIN IMMEDIATE", err));
	const enum nz_status status = migrate_locked(db, err);
	if (status == NZ_OK)
		return nz_sqlite_exec(db, "COMMIT", err);
	/* The failure that counts is the first. */
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

/* The file's size says nothing: SQLite writes a header before the tables are there. */
static enum nz_status check_unmade(sqlite3 *db, const char *path, struct nz_error *err)
{
	int64_t things;

	NZ_TRY(get_integer(db, "SELECT count(*) FROM sqlite_schema", &things, err));
	return things == 0 ? NZ_OK
	                   : nz_fail(err, NZ_EXISTS, "%s holds a platform already", path);
}

enum nz_status state_open_file(const char *path, bool create, sqlite3 **out, struct nz_error *err)
{
	int64_t version, application;
	NZ_SQLITE(db);

	NZ_TRY(nz_sqlite_open(path, NZ_SQLITE_READ_WRITE, STATE_BUSY_TIMEOUT_MS, &db, err));
	if (create)
		NZ_TRY(check_unmade(db, path, err));
	NZ_TRY(get_integer(db, "PRAGMA user_version", &version, err));
	NZ_TRY(get_integer(db, "PRAGMA application_id", &application, err));
	if (version > STATE_VERSION && application == STATE_APPLICATION_ID)
		return nz_fail(err, NZ_UNSUPPORTED, "%s is of a newer nz (version %lld)", path,
		               (long long)version);
	if (version < 0 || (version > 0 && application != STATE_APPLICATION_ID))
		return nz_fail(err, NZ_MALFORMED, "%s is not the state of a platform", path);
	NZ_TRY(nz_sqlite_exec(db,
	                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	                      "PRAGMA foreign_keys = ON",
	                      err));
	if (version < STATE_VERSION)
		NZ_TRY(migrate(db, err));
	*out = db;
	db = NULL;
	return NZ_OK;
}
