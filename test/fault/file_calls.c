/* SPDX-License-Identifier: Apache-2.0 */
#include "file_calls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cmocka.h>

#include "alloc.h"

bool file_calls_old_system, file_calls_rename_pending;

/* The macro declares what --wrap calls each function: the real one, and ours. */
#define WRAP(type, name, ...)              \
	type __real_##name(__VA_ARGS__);   \
	type __wrap_##name(__VA_ARGS__);   \
	type __wrap_##name(__VA_ARGS__)

static bool due(int error)
{
	if (!fault_due(FAULT_FILE))
		return false;
	errno = error;
	return true;
}

WRAP(ssize_t, write, int fd, const void *bytes, size_t len)
{
	if (!fault_due(FAULT_FILE))
		return __real_write(fd, bytes, len);
	(void)!__real_write(fd, bytes, len / 2);
	errno = ENOSPC;
	return -1;
}

WRAP(ssize_t, pwrite64, int fd, const void *bytes, size_t len, off_t at)
{
	if (!fault_due(FAULT_FILE))
		return __real_pwrite64(fd, bytes, len, at);
	(void)!__real_pwrite64(fd, bytes, len / 2, at);
	errno = ENOSPC;
	return -1;
}

WRAP(int, fsync, int fd)
{
	struct stat st;

	if (due(EIO))
		return -1;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		file_calls_rename_pending = false;
	return __real_fsync(fd);
}

WRAP(int, fdatasync, int fd)
{
	return due(EIO) ? -1 : __real_fdatasync(fd);
}

WRAP(int, ftruncate64, int fd, off_t len)
{
	return due(EIO) ? -1 : __real_ftruncate64(fd, len);
}

WRAP(int, fchmod, int fd, mode_t mode)
{
	return due(EPERM) ? -1 : __real_fchmod(fd, mode);
}

WRAP(int, rename, const char *from, const char *to)
{
	if (due(EIO))
		return -1;
	file_calls_rename_pending = true;
	return __real_rename(from, to);
}

WRAP(int, renameat, int from_fd, const char *from, int to_fd, const char *to)
{
	return due(EIO) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

WRAP(int, renameat2, int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	if (due(EIO))
		return -1;
	if (file_calls_old_system) {
		errno = EINVAL;
		return -1;
	}
	return __real_renameat2(from_fd, from, to_fd, to, flags);
}

WRAP(int, linkat, int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return due(EMLINK) ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

WRAP(int, unlink, const char *path)
{
	return due(EIO) ? -1 : __real_unlink(path);
}

WRAP(int, unlinkat, int fd, const char *path, int flags)
{
	return due(EIO) ? -1 : __real_unlinkat(fd, path, flags);
}
