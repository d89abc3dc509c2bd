/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a replica, and the table of operations. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/internal.h"

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

static enum nz_status check_rights(const struct nz_sqr *r, bool exists, struct nz_error *err)
{
	if (exists && access(r->path, W_OK) != 0)
		return nz_fail_code(err, NZ_REFUSED, errno,
		                    "%s is read-only: give write access to it and its folder",
		                    r->path);
	if (access(r->folder, W_OK | X_OK) != 0)
		return nz_fail_code(err, NZ_REFUSED, errno,
		                    "%s cannot be written: a sync keeps its work beside the replica",
		                    r->folder);
	return NZ_OK;
}

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

/* A database that is somebody's own is never touched. */
static enum nz_status check_owner(struct nz_sqr *r, struct nz_error *err)
{
	bool ours = false;
	NZ_BUFFER(names);
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqr_has_table(r->db, "_nz_checkpoint", &ours, err));
	if (ours)
		return NZ_OK;
	NZ_TRY(nz_sqlite_prepare(r->db, "SELECT name FROM main.sqlite_master WHERE name NOT LIKE"
	                                " 'sqlite^_%' ESCAPE '^' AND name NOT LIKE '^_nz^_%'"
	                                " ESCAPE '^' LIMIT 4", &stmt, err));
	for (int i = 0; (status = nz_sqlite_step(r->db, stmt, err)) == NZ_OK; i++)
		NZ_TRY(nz_buffer_appendf(&names, "%s%.60s", i > 0 ? ", " : "",
		                         i < 3 ? (const char *)sqlite3_column_text(stmt, 0) : "…"));
	if (status != NZ_END)
		return status;
	if (names.len == 0)
		return NZ_OK;
	const char *text = nz_buffer_cstr(&names);
	return nz_fail(err, NZ_REFUSED,
	               "%s is a database of its own (%s) and no replica: give a new path", r->path,
	               text != NULL ? text : "");
}

static enum nz_status open_into(struct nz_sqr *r, const char *uri, struct nz_error *err)
{
	struct stat st;

	NZ_TRY(nz_sqr_paths(r, uri, err));
	const bool exists = stat(r->path, &st) == 0;
	if (!exists && r->read_only)
		return nz_fail(err, NZ_NOT_FOUND, "%s does not exist", r->path);
	if (!r->read_only) {
		NZ_TRY(check_rights(r, exists, err));
		NZ_TRY(nz_sqr_lock(r, err));
	}
	nz_sqr_boot_id(r->boot_id);
	if (!exists)
		return NZ_OK;
	NZ_TRY(nz_sqr_attach(r, err));
	return check_owner(r, err);
}

enum nz_status nz_sqr_open(const char *uri, const struct nz_replica_options *options,
                           struct nz_replica **out, struct nz_error *err)
{
	struct nz_sqr *r = calloc(1, sizeof(*r));
	struct nz_replica *handle = (struct nz_replica *)(void *)r;

	if (r == NULL)
		return NZ_NO_MEMORY;
	r->base.ops = &nz_replica_sqlite;
	r->lock_fd = -1;
	r->crypto = nz_crypto_default();
	r->read_only = options != NULL && options->read_only;
	r->record_max_bytes = options != NULL && options->record_max_bytes != 0
				      ? options->record_max_bytes
				      : NZ_RECORD_MAX_BYTES;
	const enum nz_status status = open_into(r, uri, err);
	if (status != NZ_OK) {
		nz_sqr_close(&handle);
		return status;
	}
	*out = handle;
	return NZ_OK;
}

void nz_sqr_close(struct nz_replica **replica)
{
	struct nz_sqr *r = *replica != NULL ? nz_sqr_of(*replica) : NULL;

	if (r == NULL)
		return;
	nz_sqr_end_sync(r);
	nz_sqr_rollback(r->db);
	nz_sqlite_close(&r->db);
	nz_sqr_work_close(r);
	nz_schema_free(&r->own);
	nz_sqr_unlock(r);
	nz_buffer_clear(&r->entry_key);
	free(r->path);
	free(r->folder);
	free(r->lock_path);
	free(r->work_path);
	free(r->fresh_path);
	free(r);
	*replica = NULL;
}

const struct nz_replica_ops nz_replica_sqlite = {
	.scheme = "sqlite",
	.open = nz_sqr_open,
	.close = nz_sqr_close,
	.checkpoint = nz_sqr_checkpoint,
	.unchanged = nz_sqr_unchanged,
	.read_begin = nz_sqr_read_begin,
	.read_end = nz_sqr_read_end,
	.schema = nz_sqr_schema,
	.schema_check = nz_sqr_schema_check,
	.batches = nz_sqr_batches,
	.scan = nz_sqr_scan,
	.scan_ops = {.next = nz_sqlite_scan_next, .free = nz_sqlite_scan_free},
	.begin = nz_sqr_begin_sync,
	.manifest_add = nz_sqr_manifest_add,
	.plan = nz_sqr_plan,
	.next_wanted = nz_sqr_next_wanted,
	.entry = nz_sqr_entry,
	.stage = nz_sqr_stage,
	.publish = nz_sqr_publish,
	.restate = nz_sqr_restate,
	.discard = nz_sqr_discard,
	.repair_begin = nz_sqr_repair_begin,
	.repair_remove = nz_sqr_repair_remove,
	.repair_put = nz_sqr_repair_put,
	.repair_end = nz_sqr_repair_end,
	.mark_verified = nz_sqr_mark_verified,
	.note_error = nz_sqr_note_error,
	.last_error = nz_sqr_last_error,
};
