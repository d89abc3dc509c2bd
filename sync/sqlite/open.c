/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a file that may be hostile, missing, damaged or in use, with a message that says which.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sqlite/sqlite.h"

#define PRIVATE_MODE 0600
#define SHARED_MODE 0666

static enum nz_status check_file(const char *path, bool create, bool *missing,
                                 struct nz_error *err)
{
	struct stat st;

	*missing = false;
	if (path[0] == 0)
		return nz_fail(err, NZ_NOT_FOUND, "the path of the database is empty");
	if (stat(path, &st) != 0) {
		if (errno == ENOENT && create) {
			*missing = true;
			return NZ_OK;
		}
		if (errno == ENOENT || errno == ENOTDIR)
			return nz_fail_code(err, NZ_NOT_FOUND, errno, "%s does not exist", path);
		return nz_fail_code(err, errno == EACCES ? NZ_REFUSED : NZ_IO, errno, "%s: %s", path,
		                    strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return nz_fail(err, NZ_DATABASE, "%s is a folder, not a database", path);
	if (!S_ISREG(st.st_mode))
		return nz_fail(err, NZ_DATABASE, "%s is not a regular file", path);
	return NZ_OK;
}

/* Makes the file before SQLite does, for its mode; the WAL and the journal get the same. */
static enum nz_status make_file(const char *path, mode_t mode, struct nz_error *err)
{
	const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);

	if (fd < 0 && errno != EEXIST)
		return nz_fail_code(err, errno == EACCES || errno == EROFS ? NZ_REFUSED : NZ_IO,
		                    errno, "cannot make %s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return NZ_OK;
}

/* A name that SQLite takes for a path, whatever it looks like ("file:x?mode=ro", ":memory:"). */
static enum nz_status plain_name(const char *path, struct nz_buffer *out)
{
	if (path[0] != '/')
		NZ_TRY(nz_buffer_append_str(out, "./"));
	NZ_TRY(nz_buffer_append_str(out, path));
	return nz_buffer_cstr(out) != NULL ? NZ_OK : NZ_NO_MEMORY;
}

/* True for PATH‖suffix with something in it. */
static bool has_content(const char *path, const char *suffix)
{
	NZ_BUFFER(name);
	struct stat st;

	if (nz_buffer_appendf(&name, "%s%s", path, suffix) != NZ_OK || nz_buffer_cstr(&name) == NULL)
		return true;
	return stat((const char *)name.ptr, &st) != 0 ? errno != ENOENT : st.st_size > 0;
}

/*
 * True for a file that nobody can write: on a read-only file system, with nothing to be recovered.
 * Only there SQLite may be told that it is immutable, and a database in WAL mode be read without the
 * shared memory file that it would have to make.
 */
static bool is_frozen(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0 &&
	       !has_content(path, "-wal") && !has_content(path, "-journal");
}

/* The same path as a URI that says so. */
static enum nz_status frozen_name(const char *path, struct nz_buffer *out)
{
	NZ_TRY(nz_buffer_append_str(out, path[0] == '/' ? "file:" : "file:./"));
	for (const char *c = path; *c != 0; c++) {
		if (*c == '?' || *c == '#' || *c == '%')
			NZ_TRY(nz_buffer_appendf(out, "%%%02x", (unsigned)(unsigned char)*c));
		else
			NZ_TRY(nz_buffer_append_byte(out, (uint8_t)*c));
	}
	NZ_TRY(nz_buffer_append_str(out, "?immutable=1"));
	return nz_buffer_cstr(out) != NULL ? NZ_OK : NZ_NO_MEMORY;
}

/* What has to hold before the first byte of the file is read; none of it reads. */
static enum nz_status harden(sqlite3 *db, struct nz_error *err)
{
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "configuring SQLite");
	return nz_sqlite_exec(db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = FILE", err);
}

static enum nz_status configure(sqlite3 *db, enum nz_sqlite_mode mode, struct nz_error *err)
{
	NZ_TRY(nz_sqlite_exec(db, "PRAGMA mmap_size = 0; PRAGMA cache_size = -4000", err));
	if (mode != NZ_SQLITE_READ)
		return NZ_OK;
	/* A reader leaves the WAL to those who write. */
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "configuring SQLite");
	return nz_sqlite_exec(db, "PRAGMA query_only = ON", err);
}

/* The first look at the file: its header, and a hot journal or WAL. */
static enum nz_status probe(sqlite3 *db, const char *path, struct nz_error *err)
{
	int rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);

	switch (rc & 0xff) {
	case SQLITE_OK:
		return NZ_OK;
	case SQLITE_NOTADB:
		return nz_fail_code(err, NZ_DATABASE, rc,
		                    "%s is not a SQLite database (or it is encrypted)", path);
	case SQLITE_CORRUPT:
		return nz_fail_code(err, NZ_DATABASE, rc, "%s is damaged: %s", path,
		                    sqlite3_errmsg(db));
	case SQLITE_CANTOPEN:
		return nz_fail_code(err, NZ_REFUSED, rc,
		                    "cannot open %s: it is in WAL mode (or was left by a crash) and "
		                    "its folder cannot be written; make the folder writable, or copy "
		                    "the database", path);
	case SQLITE_READONLY:
		return nz_fail_code(err, NZ_REFUSED, rc,
		                    "cannot open %s: it has a journal or WAL to be recovered, and may "
		                    "not be written here", path);
	default:
		return nz_sqlite_fail(db, err, path);
	}
}

enum nz_status nz_sqlite_open(const char *path, enum nz_sqlite_mode mode, int busy_timeout_ms,
                              sqlite3 **out, struct nz_error *err)
{
	const bool create = mode == NZ_SQLITE_CREATE || mode == NZ_SQLITE_CREATE_SHARED;
	NZ_SQLITE(db);
	NZ_BUFFER(name);
	bool missing;
	int rc;

	NZ_TRY(check_file(path, create, &missing, err));
	const bool frozen = mode == NZ_SQLITE_READ && is_frozen(path);
	NZ_TRY(frozen ? frozen_name(path, &name) : plain_name(path, &name));
	if (missing)
		NZ_TRY(make_file(path, mode == NZ_SQLITE_CREATE ? PRIVATE_MODE : SHARED_MODE, err));
	rc = sqlite3_open_v2((const char *)name.ptr, &db,
	                     (frozen ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE) |
	                             SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	                     NULL);
	if (rc != SQLITE_OK) {
		if (db == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a database");
		if (access(path, R_OK) != 0)
			return nz_fail_code(err, NZ_REFUSED, rc, "%s may not be read", path);
		return nz_error_prefix(err, nz_sqlite_fail(db, err, path), "cannot open");
	}
	if (mode != NZ_SQLITE_READ && sqlite3_db_readonly(db, "main") == 1)
		return nz_fail_code(err, NZ_REFUSED, SQLITE_READONLY, "%s may not be written", path);
	(void)sqlite3_busy_timeout(db, busy_timeout_ms);
	NZ_TRY(harden(db, err));
	NZ_TRY(probe(db, path, err));
	NZ_TRY(configure(db, mode, err));
	*out = db;
	db = NULL;
	return NZ_OK;
}

void nz_sqlite_close(sqlite3 **db)
{
	if (*db == NULL)
		return;
	(void)sqlite3_close_v2(*db);
	*db = NULL;
}
