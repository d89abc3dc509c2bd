/* SPDX-License-Identifier: Apache-2.0 */
/* The folder, the file, its version. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state_sql.h" /* made from sql/sqlite.sql */

/* migrations[n] brings a file of version n to n + 1. */
static const char *const migrations[STATE_VERSION] = {nz_state_sql};

char *state_path(const char *folder, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static enum nz_status get_pragma(sqlite3 *db, const char *sql, int64_t *out, struct nz_error *err)
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

	NZ_TRY(get_pragma(db, "PRAGMA user_version", &version, err));
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

enum nz_status state_open_file(const char *path, sqlite3 **out, struct nz_error *err)
{
	int64_t version, application;
	NZ_SQLITE(db);

	NZ_TRY(nz_sqlite_open(path, NZ_SQLITE_READ_WRITE, STATE_BUSY_TIMEOUT_MS, &db, err));
	NZ_TRY(get_pragma(db, "PRAGMA user_version", &version, err));
	NZ_TRY(get_pragma(db, "PRAGMA application_id", &application, err));
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

/* Leaves' private keys are in there: nobody else may look. */
static enum nz_status check_private(const char *path, struct nz_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOENT)
		return nz_fail(err, NZ_NOT_FOUND, "%s: no platform here: run 'nz platform init'",
		               path);
	if (stat(path, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", path);
	if (!S_ISREG(st.st_mode))
		return nz_fail(err, NZ_MALFORMED, "%s is not a file", path);
	if ((st.st_mode & 077) != 0)
		return nz_fail(err, NZ_REFUSED,
		               "%s can be read by others (mode %04o): chmod 600 it", path,
		               (unsigned)(st.st_mode & 07777));
	return NZ_OK;
}

/*
 * Makes the folder and the file. A file that a killed attempt left without content is not a
 * platform yet, and is gone on with.
 */
static enum nz_status make_files(const char *folder, const char *path, struct nz_error *err)
{
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", folder);

	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", path);
	const int failed = fstat(fd, &st);
	close(fd);
	if (failed != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", path);
	return st.st_size == 0 ? NZ_OK
	                       : nz_fail(err, NZ_EXISTS, "%s holds a platform already", folder);
}

static void state_close(struct nz_state **state)
{
	struct state_sqlite *s = state_of(*state);

	if (s->build.lock_fd >= 0)
		state_index_abort(*state);
	nz_sqlite_close(&s->db);
	free(s->folder);
	free(s);
	*state = NULL;
}

static void free_half_open(struct state_sqlite **s)
{
	if (*s != NULL) {
		struct nz_state *base = &(*s)->base;

		state_close(&base);
	}
}

static enum nz_status state_open(const char *location, bool create, struct nz_state **out,
                                 struct nz_error *err)
{
	char *path NZ_CLEANUP(nz_free_str) = state_path(location, STATE_FILE);
	struct state_sqlite *s NZ_CLEANUP(free_half_open) = calloc(1, sizeof *s);

	if (s != NULL) {
		s->base.ops = &nz_state_sqlite;
		s->build.lock_fd = -1;
		s->folder = strdup(location);
	}
	if (path == NULL || s == NULL || s->folder == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory to open %s", location);
	if (create)
		NZ_TRY(make_files(location, path, err));
	NZ_TRY(check_private(path, err));
	NZ_TRY(state_open_file(path, &s->db, err));
	*out = &s->base;
	s = NULL;
	return NZ_OK;
}

const struct nz_state_ops nz_state_sqlite = {
	.scheme = "sqlite",
	.open = state_open,
	.close = state_close,
	.get = state_get,
	.put = state_put,
	.put_all = state_put_all,
	.dataset_add = state_dataset_add,
	.dataset_get = state_dataset_get,
	.dataset_list = state_dataset_list,
	.dataset_remove = state_dataset_remove,
	.index_begin = state_index_begin,
	.index_add = state_index_add,
	.index_commit = state_index_commit,
	.index_abort = state_index_abort,
	.index_read = state_index_read,
	.node_add = state_node_add,
	.node_get = state_node_get,
	.node_list = state_node_list,
	.node_remove = state_node_remove,
	.failure_add = state_failure_add,
	.receipt_add = state_receipt_add,
	.backup = state_backup,
	.restore = state_restore,
};
