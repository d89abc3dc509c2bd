/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the whole state into one file, and a state out of such a file. */
#include "state/sqlite/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/sqlite/file.h"
#include "state/sqlite/rows.h"

/* Forces a file or folder to disk. */
static enum nz_status sync_path(const char *path, int flags, struct nz_error *err)
{
	const int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	const int failed = fsync(fd);
	const int code = errno;
	close(fd);
	return failed == 0 ? NZ_OK
	                   : nz_fail_code(err, NZ_IO, code, "cannot write %s to disk: %s", path,
	                                  strerror(code));
}

static enum nz_status sync_parent(const char *path, struct nz_error *err)
{
	char *copy NZ_CLEANUP(nz_free_str) = strdup(path);

	if (copy == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
}

/* A consistent copy of db into the empty file at path, on disk when it returns. */
static enum nz_status copy_into(sqlite3 *db, const char *path, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, "VACUUM INTO ?", &stmt, err));
	state_bind_text(stmt, 1, path);
	NZ_TRY(nz_sqlite_run(db, stmt, err));
	return sync_path(path, O_RDONLY, err);
}

/* A new empty file beside `path`, mode 0600, for what becomes `path` when it is whole. */
static enum nz_status make_beside(const char *path, char **out, struct nz_error *err)
{
	char *name = NULL;

	if (asprintf(&name, "%s.tmp-XXXXXX", path) < 0)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	const int fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		const int code = errno;

		free(name);
		return nz_fail_code(err, NZ_IO, code, "cannot make a file beside %s: %s", path,
		                    strerror(code));
	}
	close(fd);
	*out = name;
	return NZ_OK;
}

/* Removes a database and what SQLite leaves beside it where it fails. Takes no memory. */
static void remove_database(const char *folder, const char *name)
{
	static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char path[PATH_MAX];
		const int len =
			snprintf(path, sizeof path, "%s%s%s", folder, name, suffixes[i]);

		if (len > 0 && (size_t)len < sizeof path)
			(void)unlink(path);
	}
}

enum nz_status state_backup(struct nz_state *state, const char *file, struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	char *partial NZ_CLEANUP(nz_free_str) = NULL;
	struct stat st;

	if (lstat(file, &st) == 0)
		return nz_fail(err, NZ_EXISTS, "%s is there already", file);
	NZ_TRY(make_beside(file, &partial, err));
	enum nz_status status = copy_into(s->db, partial, err);
	if (status == NZ_OK && link(partial, file) != 0)
		status = errno == EEXIST
		             ? nz_fail(err, NZ_EXISTS, "%s is there already", file)
		             : nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", file);
	remove_database("", partial);
	NZ_TRY(status);
	return sync_parent(file, err);
}

static enum nz_status check_integrity(sqlite3 *db, const char *file, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db, "PRAGMA integrity_check(1)", &stmt, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	if (!nz_bytes_equal(state_column(stmt, 0), nz_bytes_str("ok")))
		return nz_fail(err, NZ_DATABASE, "%s is damaged", file);
	return NZ_OK;
}

/* NZ_MALFORMED unless the file is a backup of ours. */
static enum nz_status check_backup(sqlite3 *db, const char *file, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db,
	                         "SELECT user_version, application_id FROM pragma_user_version,"
	                         " pragma_application_id",
	                         &stmt, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	const int version = sqlite3_column_int(stmt, 0);
	if (version < 1 || sqlite3_column_int(stmt, 1) != STATE_APPLICATION_ID)
		return nz_fail(err, NZ_MALFORMED, "%s is not a backup of a platform", file);
	if (version > STATE_VERSION)
		return nz_fail(err, NZ_UNSUPPORTED, "%s is of a newer nz (version %d)", file,
		               version);
	return check_integrity(db, file, err);
}

/* Into the empty folder `folder`. */
static enum nz_status restore_into(sqlite3 *backup, const char *folder, struct nz_error *err)
{
	char *path NZ_CLEANUP(nz_free_str) = state_path(folder, STATE_FILE);
	NZ_SQLITE(db);

	if (path == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", path);
	close(fd);
	NZ_TRY(copy_into(backup, path, err));
	NZ_TRY(state_open_file(path, false, &db, err)); /* brings it to this version */
	return sync_path(folder, O_RDONLY | O_DIRECTORY, err);
}

/* A folder under way: removed, with what restore_into puts there, unless it was renamed. */
static void remove_folder(char **folder)
{
	if (*folder != NULL) {
		remove_database(*folder, "/" STATE_FILE);
		(void)rmdir(*folder);
	}
	nz_free_str(folder);
}

enum nz_status state_restore(const char *location, const char *file, struct nz_error *err)
{
	char *folder NZ_CLEANUP(remove_folder) = NULL;
	char *name = NULL;
	NZ_SQLITE(backup);

	NZ_TRY(nz_sqlite_open(file, NZ_SQLITE_READ, STATE_BUSY_TIMEOUT_MS, &backup, err));
	NZ_TRY(check_backup(backup, file, err));
	/* Opened for reading, which also forbids VACUUM INTO another file. */
	NZ_TRY(nz_sqlite_exec(backup, "PRAGMA query_only = OFF", err));
	if (asprintf(&name, "%s.tmp-XXXXXX", location) < 0)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a path");
	if (mkdtemp(name) == NULL) { /* mode 0700 */
		const int code = errno;

		free(name);
		return nz_fail_code(err, NZ_IO, code, "cannot make a folder beside %s: %s",
		                    location, strerror(code));
	}
	folder = name;
	NZ_TRY(restore_into(backup, folder, err));
	/* Takes the place of an empty folder, and of nothing else. */
	if (rename(folder, location) != 0)
		return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
		           ? nz_fail(err, NZ_EXISTS, "%s is there already and not empty", location)
		           : nz_fail_code(err, NZ_IO, errno, "cannot make %s: %m", location);
	nz_free_str(&folder);
	return sync_parent(location, err);
}
