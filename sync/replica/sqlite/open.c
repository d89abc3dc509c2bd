/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a replica. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/open.h"
#include "replica/sqlite/path.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staging.h"
#include "replica/sqlite/work.h"

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
