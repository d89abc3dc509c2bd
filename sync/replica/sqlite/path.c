/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a replica: where they are, who holds them, and whether they reached the disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replica/sqlite/path.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static enum nz_status fail_errno(struct nz_error *err, enum nz_status status, const char *path,
                                 const char *doing)
{
	const int code = errno;

	return nz_fail_code(err, status, code, "%s: %s: %s", path, doing, strerror(code));
}

static char *suffixed(const char *path, const char *suffix)
{
	char *out = NULL;

	return asprintf(&out, "%s%s", path, suffix) < 0 ? NULL : out;
}

/*
 * The name a missing file will have: its folder resolved, so that the file keeps its name when the
 * working folder changes and never looks like a `file:` URI to SQLite.
 */
static enum nz_status missing_path(const char *path, char **out, struct nz_error *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return nz_fail(err, NZ_REFUSED, "%s is a symbolic link that leads nowhere", path);
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return nz_fail(err, NZ_INVALID, "%s does not name a file", path);
	char *given NZ_CLEANUP(nz_free_str) =
		slash == NULL ? strdup(".")
			      : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (given == NULL)
		return NZ_NO_MEMORY;
	char *folder NZ_CLEANUP(nz_free_str) = realpath(given, NULL);
	if (folder == NULL)
		return fail_errno(err, errno == EACCES ? NZ_REFUSED : NZ_NOT_FOUND, given,
		                  "cannot use this folder");
	*out = NULL;
	if (asprintf(out, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0)
		return NZ_NO_MEMORY;
	return NZ_OK;
}

enum nz_status nz_sqr_paths(struct nz_sqr *r, const char *uri, struct nz_error *err)
{
	static const char scheme[] = "sqlite:";
	const char *path = uri;
	struct stat st;

	if (strncmp(path, scheme, sizeof(scheme) - 1) == 0)
		path += sizeof(scheme) - 1;
	if (*path == '\0')
		return nz_fail(err, NZ_INVALID, "no path after sqlite:");
	r->path = realpath(path, NULL);
	if (r->path == NULL && errno == ENOENT)
		NZ_TRY(missing_path(path, &r->path, err));
	if (r->path == NULL)
		return fail_errno(err, errno == EACCES ? NZ_REFUSED : NZ_IO, path, "cannot be reached");
	if (stat(r->path, &st) == 0 && !S_ISREG(st.st_mode))
		return nz_fail(err, NZ_REFUSED, "%s is not a regular file", path);
	const char *slash = strrchr(r->path, '/');
	r->folder = strndup(r->path, slash == r->path ? 1 : (size_t)(slash - r->path));
	r->lock_path = suffixed(r->path, "-nz-lock");
	r->work_path = suffixed(r->path, "-nz");
	r->fresh_path = suffixed(r->path, "-nz-new");
	if (r->folder == NULL || r->lock_path == NULL || r->work_path == NULL ||
	    r->fresh_path == NULL)
		return NZ_NO_MEMORY;
	return NZ_OK;
}

/* A database is all of these. */
static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};

void nz_sqr_unlink_database(const char *path)
{
	/* No memory is asked for: none of it may stay where that has run out. */
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char beside[PATH_MAX];
		const int len = snprintf(beside, sizeof(beside), "%s%s", path, suffixes[i]);

		if (len > 0 && (size_t)len < sizeof(beside))
			(void)unlink(beside);
	}
}

enum nz_status nz_sqr_remove_foreign(const char *path, struct nz_error *err)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *name NZ_CLEANUP(nz_free_str) = suffixed(path, suffixes[i]);
		struct stat st;

		if (name == NULL)
			return NZ_NO_MEMORY;
		if (lstat(name, &st) != 0 ||
		    (S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1))
			continue;
		if (unlink(name) != 0)
			return nz_fail_code(err, NZ_REFUSED, errno,
			                    "%s is not this user's and cannot be removed: %s", name,
			                    strerror(errno));
	}
	return NZ_OK;
}

/* The file that was locked is still the one of that name, not one that its last holder removed. */
static bool still_there(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
	       held.st_dev == named.st_dev;
}

enum nz_status nz_sqr_lock(struct nz_sqr *r, struct nz_error *err)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		int fd NZ_CLEANUP(close_fd) = open(
			r->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
			return nz_fail_code(err, NZ_REFUSED, errno,
			                    "%s cannot be written: a sync keeps its work beside the "
			                    "replica",
			                    r->folder);
		if (fd < 0)
			return fail_errno(err, NZ_IO, r->lock_path, "cannot be made");
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			if (errno == EWOULDBLOCK)
				return nz_fail(err, NZ_BUSY, "another nz sync is at work on %s",
				               r->path);
			return fail_errno(err, NZ_IO, r->lock_path, "cannot be locked");
		}
		if (still_there(fd, r->lock_path)) {
			r->lock_fd = fd;
			fd = -1;
			return NZ_OK;
		}
	}
	return nz_fail(err, NZ_BUSY, "another nz sync is at work on %s", r->path);
}

void nz_sqr_unlock(struct nz_sqr *r)
{
	if (r->lock_fd < 0)
		return;
	(void)unlink(r->lock_path);
	close_fd(&r->lock_fd);
}

enum nz_status nz_sqr_fsync_path(const char *path, struct nz_error *err)
{
	int fd NZ_CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return fail_errno(err, NZ_IO, path, "cannot be brought to the disk");
	return NZ_OK;
}

void nz_sqr_boot_id(char out[40])
{
	char text[40] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (file != NULL) {
		if (fscanf(file, "%36[0-9a-f-]", text) != 1)
			text[0] = '\0';
		(void)fclose(file);
	}
	memcpy(out, text, sizeof(text));
}
