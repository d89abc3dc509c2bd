/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new replica takes its place. Where there is no file yet it gets the name, once all of it is on
 * the disk; where there is one its pages are copied over in one transaction, so that readers who
 * have it open see the old rows or the new ones. A replica that nz makes is in WAL mode, in which
 * readers and publishing never wait for each other; an older one keeps the mode its owner chose.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/fresh.h"
#include "replica/sqlite/objects.h"
#include "replica/sqlite/path.h"
#include "replica/sqlite/place.h"
#include "replica/sqlite/sql.h"

static enum nz_status into_wal(sqlite3 *db, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, "PRAGMA main.journal_mode = WAL", &stmt, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	const char *mode = (const char *)sqlite3_column_text(stmt, 0);
	if (mode == NULL || strcmp(mode, "wal") != 0)
		return nz_fail(err, NZ_IO, "the file system does not take SQLite's WAL mode");
	return NZ_OK;
}

static enum nz_status take_name(const struct nz_sqr *r, struct nz_error *err)
{
	if (renameat2(AT_FDCWD, r->fresh_path, AT_FDCWD, r->path, RENAME_NOREPLACE) == 0)
		return NZ_OK;
	/* File systems without the flag have hard links. */
	if ((errno == EINVAL || errno == ENOSYS) && link(r->fresh_path, r->path) == 0) {
		(void)unlink(r->fresh_path);
		return NZ_OK;
	}
	const int code = errno;
	if (code == EEXIST)
		return nz_fail(err, NZ_REFUSED, "%s was made by somebody else during the sync",
		               r->path);
	return nz_fail_code(err, NZ_IO, code, "%s cannot take its name: %s", r->path, strerror(code));
}

/* A journal or WAL whose database is gone would be played into the new one. */
static void remove_orphans(const struct nz_sqr *r)
{
	struct stat st;

	if (lstat(r->path, &st) != 0 && errno == ENOENT)
		nz_sqr_unlink_database(r->path);
}

static enum nz_status place_new(struct nz_sqr *r, struct nz_error *err)
{
	NZ_TRY(into_wal(r->fresh, err));
	NZ_TRY(nz_sqlite_exec(r->fresh, "PRAGMA main.wal_checkpoint(TRUNCATE)", err));
	/* Closing takes the WAL away, so that the one file is all there is. */
	nz_sqr_fresh_close(r);
	NZ_TRY(nz_sqr_fsync_path(r->fresh_path, err));
	remove_orphans(r);
	NZ_TRY(take_name(r, err));
	NZ_TRY(nz_sqr_fsync_path(r->folder, err));
	return nz_sqr_attach(r, err);
}

static enum nz_status copy_pages(struct nz_sqr *r, struct nz_error *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(r->db, "main", r->fresh, "main");

	if (backup == NULL)
		return nz_sqlite_fail(r->db, err, "publishing");
	/* By its documentation the end does not tell of a lock that stopped the step. */
	const int step = sqlite3_backup_step(backup, -1);
	const int end = sqlite3_backup_finish(backup);
	const int code = end != SQLITE_OK ? end : step;
	if (code == SQLITE_DONE)
		return NZ_OK;
	if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
		return nz_fail_code(err, NZ_BUSY, code,
		                    "%s is in use by other programs; what was received is kept. Let "
		                    "them finish and sync again",
		                    r->path);
	return nz_sqlite_fail(r->db, err, "publishing");
}

static enum nz_status place_over(struct nz_sqr *r, struct nz_error *err)
{
	int64_t pages = 0;

	NZ_TRY(nz_sqr_objects_foreign(r, err));
	NZ_TRY(nz_sqr_integer(r->db, "PRAGMA main.page_count", 0, &pages, err));
	/* The mode travels with the first page. */
	if (pages == 0)
		NZ_TRY(into_wal(r->fresh, err));
	NZ_TRY(copy_pages(r, err));
	nz_sqr_fresh_remove(r);
	return NZ_OK;
}

enum nz_status nz_sqr_fresh_place(struct nz_sqr *r, struct nz_error *err)
{
	return r->db == NULL ? place_new(r, err) : place_over(r, err);
}
