/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fingerprint: what the file system says of the database, its WAL and its journal.
 *
 * The file itself is not opened: closing any descriptor of it would drop the POSIX locks that SQLite
 * holds for this whole process. A commit always changes the size or the times of one of the three.
 * An empty WAL or journal counts as none, because a mere reader leaves or removes such a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "sqlite/sqlite.h"

/* Time stamps are taken from a clock that ticks every 1 to 10 ms. */
#define SETTLE_NS INT64_C(20000000)
#define NS_PER_S INT64_C(1000000000)

struct file_state {
	uint64_t present, device, inode, size;
	int64_t modified_ns, changed_ns;
};

static int64_t to_ns(struct statx_timestamp time)
{
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static enum nz_status look(const char *path, const char *suffix, struct file_state *out,
                           struct nz_error *err)
{
	NZ_BUFFER(name);
	struct statx st;

	*out = (struct file_state){0};
	NZ_TRY(nz_buffer_append_str(&name, path));
	NZ_TRY(nz_buffer_append_str(&name, suffix));
	if (nz_buffer_cstr(&name) == NULL)
		return NZ_NO_MEMORY;
	if (statx(AT_FDCWD, (const char *)name.ptr, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st) != 0) {
		if (errno == ENOENT && suffix[0] != 0)
			return NZ_OK;
		return nz_fail_code(err, errno == ENOENT ? NZ_NOT_FOUND : NZ_IO, errno, "%s: %s",
		                    (const char *)name.ptr, strerror(errno));
	}
	if (suffix[0] != 0 && st.stx_size == 0)
		return NZ_OK;
	*out = (struct file_state){
		.present = 1,
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.size = st.stx_size,
		.modified_ns = to_ns(st.stx_mtime),
		.changed_ns = to_ns(st.stx_ctime),
	};
	return NZ_OK;
}

static bool is_young(const struct file_state *file, int64_t now)
{
	const int64_t newest =
		file->modified_ns > file->changed_ns ? file->modified_ns : file->changed_ns;

	return file->present != 0 && newest > now - SETTLE_NS && newest < now + SETTLE_NS;
}

enum nz_status nz_sqlite_fingerprint(const char *path, struct nz_hash *out, bool *settled,
                                     struct nz_error *err)
{
	static const char *const suffixes[3] = {"", "-wal", "-journal"};
	char *real NZ_CLEANUP(nz_free_str) = realpath(path, NULL);
	struct file_state files[3];
	struct timespec clock;
	bool young = false;

	if (real == NULL)
		return nz_fail_code(err, errno == ENOENT ? NZ_NOT_FOUND : NZ_IO, errno, "%s: %s", path,
		                    strerror(errno));
	if (clock_gettime(CLOCK_REALTIME, &clock) != 0)
		return nz_fail_code(err, NZ_IO, errno, "no clock: %s", strerror(errno));
	for (size_t i = 0; i < 3; i++) {
		NZ_TRY(look(real, suffixes[i], &files[i], err));
		young = young || is_young(&files[i], clock.tv_sec * NS_PER_S + clock.tv_nsec);
	}
	NZ_TRY(nz_crypto_default()->sha256(nz_bytes_of(files, sizeof(files)), out->bytes));
	*settled = !young;
	return NZ_OK;
}
