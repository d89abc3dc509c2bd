/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, and what SQLite's failures mean. */
#include "sqlite/sqlite.h"

static enum nz_status status_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return NZ_BUSY;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return rc == SQLITE_IOERR_NOMEM ? NZ_NO_MEMORY : NZ_IO;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return NZ_REFUSED;
	case SQLITE_NOMEM:
		return NZ_NO_MEMORY;
	case SQLITE_TOOBIG:
		return NZ_LIMIT;
	case SQLITE_INTERRUPT:
		return NZ_CANCELLED;
	default:
		return NZ_DATABASE;
	}
}

enum nz_status nz_sqlite_fail(sqlite3 *db, struct nz_error *err, const char *doing)
{
	const int rc = sqlite3_extended_errcode(db);
	const enum nz_status status = status_of(rc);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return nz_fail_code(err, status, rc, "%s: the disk is full", doing);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return nz_fail_code(err, status, rc, "%s: the database is locked by another process",
		                    doing);
	case SQLITE_READONLY:
		return nz_fail_code(err, status, rc, "%s: the database may not be written", doing);
	case SQLITE_CORRUPT:
		return nz_fail_code(err, status, rc, "%s: the database file is damaged", doing);
	default:
		return nz_fail_code(err, status, rc, "%s: %s", doing, sqlite3_errmsg(db));
	}
}

void nz_sqlite_finalize(sqlite3_stmt **stmt)
{
	(void)sqlite3_finalize(*stmt);
	*stmt = NULL;
}

enum nz_status nz_sqlite_exec(sqlite3 *db, const char *sql, struct nz_error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	return NZ_OK;
}

enum nz_status nz_sqlite_begin(sqlite3 *db, const char *how, struct nz_error *err)
{
	if (sqlite3_get_autocommit(db) == 0)
		NZ_TRY(nz_sqlite_exec(db, "ROLLBACK", err));
	return nz_sqlite_exec(db, how, err);
}

enum nz_status nz_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out,
                                 struct nz_error *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	*out = stmt;
	return NZ_OK;
}

enum nz_status nz_sqlite_step(sqlite3 *db, sqlite3_stmt *stmt, struct nz_error *err)
{
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		return NZ_OK;
	case SQLITE_DONE:
		return NZ_END;
	default:
		return nz_sqlite_fail(db, err, "SQLite");
	}
}

enum nz_status nz_sqlite_run(sqlite3 *db, sqlite3_stmt *stmt, struct nz_error *err)
{
	enum nz_status status = nz_sqlite_step(db, stmt, err);

	(void)sqlite3_reset(stmt);
	if (status == NZ_OK)
		return nz_fail(err, NZ_INVALID, "SQLite: a row where none was expected");
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_sqlite_quote(struct nz_buffer *out, const char *name)
{
	NZ_TRY(nz_buffer_append_byte(out, '"'));
	for (; *name != 0; name++) {
		if (*name == '"')
			NZ_TRY(nz_buffer_append_byte(out, '"'));
		NZ_TRY(nz_buffer_append_byte(out, (uint8_t)*name));
	}
	return nz_buffer_append_byte(out, '"');
}
