/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's own connection. */
#include <unistd.h>

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_writable(const struct nz_sqr *r, struct nz_error *err)
{
	if (r->read_only)
		return nz_fail(err, NZ_INVALID, "%s was opened for reading only", r->path);
	return NZ_OK;
}

enum nz_status nz_sqr_configure(sqlite3 *db, struct nz_error *err)
{
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "turning triggers off");
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	NZ_TRY(nz_sqlite_exec(db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON",
	                      err));
	return nz_sqlite_exec(db, "PRAGMA cache_size = -16384", err);
}
_Static_assert(NZ_SQR_CACHE_KIB == 16384, "as in nz_sqr_configure");

enum nz_status nz_sqr_attach(struct nz_sqr *r, struct nz_error *err)
{
	NZ_SQLITE(db);

	if (r->db != NULL)
		return NZ_OK;
	if (access(r->path, F_OK) != 0)
		return nz_fail(err, NZ_NOT_FOUND, "%s does not exist", r->path);
	NZ_TRY(nz_sqlite_open(r->path, r->read_only ? NZ_SQLITE_READ : NZ_SQLITE_READ_WRITE,
	                      NZ_SQR_BUSY_MS, &db, err));
	NZ_TRY(nz_sqr_configure(db, err));
	if (!r->read_only && sqlite3_db_readonly(db, "main") == 1)
		return nz_fail(err, NZ_REFUSED, "%s is read-only: give write access to it", r->path);
	r->db = db;
	db = NULL;
	return NZ_OK;
}
