/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_calls.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "alloc.h"

/* ---- memory ---- */

static sqlite3_mem_methods memory;

static void *failing_malloc(int size)
{
	return fault_due(FAULT_SQLITE_MEMORY) ? NULL : memory.xMalloc(size);
}

static void *failing_realloc(void *ptr, int size)
{
	return fault_due(FAULT_SQLITE_MEMORY) ? NULL : memory.xRealloc(ptr, size);
}

/* ---- files: the system's own, one behind each of ours ---- */

static sqlite3_vfs *system_vfs;

struct shim {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct shim *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), to, len, at);
}

static int shim_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	if (fault_due(FAULT_SQLITE_FILE)) {
		(void)real_of(file)->pMethods->xWrite(real_of(file), from, len / 2, at);
		return SQLITE_FULL;
	}
	return real_of(file)->pMethods->xWrite(real_of(file), from, len, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 len)
{
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR_TRUNCATE;
	return real_of(file)->pMethods->xTruncate(real_of(file), len);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR_FSYNC;
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR_FSTAT;
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_reserved(sqlite3_file *file, int *held)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int shim_control(sqlite3_file *file, int what, void *with)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), what, with);
}

static int shim_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR_SHMMAP;
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, /* no memory mapping: every read is seen */
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_traits,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given)
{
	struct shim *shim = (struct shim *)(void *)file;

	(void)vfs;
	shim->base.pMethods = NULL;
	shim->real = (sqlite3_file *)(void *)(shim + 1);
	if (fault_due(FAULT_SQLITE_FILE))
		return SQLITE_IOERR;

	const int rc = system_vfs->xOpen(system_vfs, name, shim->real, flags, given);

	if (shim->real->pMethods != NULL)
		shim->base.pMethods = &methods;
	return rc;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return fault_due(FAULT_SQLITE_FILE) ? SQLITE_IOERR_DELETE
	                                    : system_vfs->xDelete(system_vfs, name, sync);
}

static int shim_access(sqlite3_vfs *vfs, const char *name, int flags, int *can)
{
	(void)vfs;
	return fault_due(FAULT_SQLITE_FILE) ? SQLITE_IOERR_ACCESS
	                                    : system_vfs->xAccess(system_vfs, name, flags, can);
}

void sqlite_calls_install(void)
{
	static sqlite3_vfs vfs;
	sqlite3_mem_methods failing;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
		abort();
	failing = memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK ||
	    sqlite3_initialize() != SQLITE_OK)
		abort();
	system_vfs = sqlite3_vfs_find(NULL);
	vfs = *system_vfs;
	vfs.zName = "nz-fault";
	vfs.pNext = NULL;
	vfs.szOsFile += (int)sizeof(struct shim);
	vfs.xOpen = shim_open;
	vfs.xDelete = shim_delete;
	vfs.xAccess = shim_access;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	char step[65536];
	struct stat st;
	size_t len;

	assert_non_null(in);
	assert_non_null(out);
	while ((len = fread(step, 1, sizeof(step), in)) > 0)
		assert_int_equal(fwrite(step, 1, len, out), len);
	assert_int_equal(fstat(fileno(in), &st), 0);
	assert_int_equal(fchmod(fileno(out), st.st_mode & 07777), 0);
	assert_int_equal(fclose(out), 0);
	(void)fclose(in);
}

void sqlite_calls_copy(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	const struct dirent *entry;
	char source[512], target[512];

	fault_empty_folder(to);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		(void)snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		copy_file(source, target);
	}
	(void)closedir(dir);
}
