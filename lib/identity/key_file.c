/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key file on disk. What is checked is the opened file, never the name, so that nothing can be
 * exchanged between the check and the reading. It comes into being by a rename of a complete and
 * synced file, so that its name never stands for half a key.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_RANDOM_BYTES 8

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define FD(name) int name NZ_CLEANUP(close_fd)

enum nz_status nz_identity_read_fd(int fd, const char *path, struct nz_buffer *out,
                                   struct nz_error *err)
{
	const size_t before = out->len;

	for (;;) {
		if (nz_buffer_reserve(out, 4096) != NZ_OK) {
			out->len = before;
			return nz_fail(err, NZ_NO_MEMORY, "no memory");
		}
		const ssize_t got = read(fd, out->ptr + out->len, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			return NZ_OK;
		if (got > 0)
			out->len += (size_t)got;
		if (got < 0 || out->len - before > NZ_IDENTITY_FILE_MAX_BYTES) {
			out->len = before;
			return got < 0 ? nz_fail_code(err, NZ_IO, errno, "cannot read %s: %m", path)
			               : nz_fail(err, NZ_LIMIT, "%s is over %zu bytes", path,
			                         NZ_IDENTITY_FILE_MAX_BYTES);
		}
	}
}

static enum nz_status check_rights(int fd, const char *path, struct nz_error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", path);
	if (!S_ISREG(st.st_mode))
		return nz_fail(err, NZ_REFUSED, "%s is not a regular file", path);
	if (st.st_uid != geteuid())
		return nz_fail(err, NZ_REFUSED, "%s belongs to user %u, not to user %u", path,
		               (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 077) != 0)
		return nz_fail(err, NZ_REFUSED,
		               "%s has mode %04o, which lets others at the private keys: chmod 600 %s",
		               path, (unsigned)(st.st_mode & 07777), path);
	return NZ_OK;
}

enum nz_status nz_node_keys_load(const struct nz_crypto *crypto, const char *path,
                                 struct nz_bytes passphrase, struct nz_node_keys *out,
                                 struct nz_error *err)
{
	NZ_BUFFER(text);
	/* Without O_NONBLOCK a FIFO under that name would stop us for ever. */
	FD(fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return nz_fail_code(err, NZ_NOT_FOUND, errno, "%s: no such file", path);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", path);
	NZ_TRY(check_rights(fd, path, err));
	NZ_TRY(nz_identity_read_fd(fd, path, &text, err));
	const enum nz_status status =
		nz_key_file_parse(crypto, nz_buffer_bytes(&text), passphrase, out, err);
	return status == NZ_OK ? NZ_OK : nz_error_prefix(err, status, "%s", path);
}

/* Opens the folder that path lies in (made when missing); *name is what comes after it. */
static enum nz_status open_folder(const char *path, int *folder, const char **name,
                                  struct nz_error *err)
{
	const char *slash = strrchr(path, '/');
	char *parent NZ_CLEANUP(nz_free_str) =
		slash == NULL ? nz_strdup_bytes(nz_bytes_str("."))
		              : nz_strdup_bytes(nz_bytes_of(path, (size_t)(slash - path) + 1));

	*name = slash == NULL ? path : slash + 1;
	if (parent == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	if (**name == '\0')
		return nz_fail(err, NZ_INVALID, "%s is the name of a folder", path);
	if (mkdir(parent, 0700) != 0 && errno != EEXIST && errno != EISDIR)
		return nz_fail_code(err, NZ_IO, errno, "cannot make the folder %s: %m", parent);
	*folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*folder < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open the folder %s: %m", parent);
	return NZ_OK;
}

static enum nz_status write_synced(int fd, struct nz_bytes text, const char *path,
                                   struct nz_error *err)
{
	while (text.len > 0) {
		const ssize_t wrote = write(fd, text.ptr, text.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot write %s: %m", path);
		text.ptr += wrote;
		text.len -= (size_t)wrote;
	}
	/* The umask may have taken rights away; and nothing is there until it is on the disk. */
	if (fchmod(fd, 0600) != 0 || fsync(fd) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot write %s: %m", path);
	return NZ_OK;
}

/* Gives the finished temporary file its name. */
static enum nz_status publish(int folder, const char *temporary, const char *name, bool replace,
                              const char *path, struct nz_error *err)
{
	int failed = replace ? renameat(folder, temporary, folder, name)
	                     : renameat2(folder, temporary, folder, name, RENAME_NOREPLACE);

	/* A file system without that flag has links. */
	if (failed != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
		failed = linkat(folder, temporary, folder, name, 0);
		if (failed == 0 && unlinkat(folder, temporary, 0) != 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot remove %s: %m", temporary);
	}
	if (failed != 0 && errno == EEXIST)
		return nz_fail(err, NZ_EXISTS, "%s exists and is not overwritten", path);
	if (failed != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot create %s: %m", path);
	if (fsync(folder) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot sync the folder of %s: %m", path);
	return NZ_OK;
}

static enum nz_status write_beside(const struct nz_crypto *crypto, int folder, const char *name,
                                   bool replace, struct nz_bytes text, const char *path,
                                   struct nz_error *err)
{
	uint8_t random[TEMPORARY_RANDOM_BYTES];
	char suffix[2 * TEMPORARY_RANDOM_BYTES + 1];
	char temporary[NAME_MAX + 1];

	NZ_TRY(crypto->random(random, sizeof random));
	nz_hex_encode(nz_bytes_of(random, sizeof random), suffix);
	const int len = snprintf(temporary, sizeof temporary, ".%s.%s", name, suffix);
	if (len < 0 || (size_t)len >= sizeof temporary)
		return nz_fail(err, NZ_INVALID, "the name %s is too long", name);

	FD(fd) = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                0600);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot create a file beside %s: %m", path);
	enum nz_status status = write_synced(fd, text, path, err);
	if (status == NZ_OK)
		status = publish(folder, temporary, name, replace, path, err);
	if (status != NZ_OK)
		unlinkat(folder, temporary, 0);
	return status;
}

enum nz_status nz_node_keys_save(const struct nz_crypto *crypto, const char *path, bool replace,
                                 struct nz_bytes passphrase, const struct nz_node_keys *keys,
                                 struct nz_error *err)
{
	NZ_BUFFER(text);
	FD(folder) = -1;
	const char *name;

	NZ_TRY(open_folder(path, &folder, &name, err));
	/* Before the passphrase costs its time; publish() decides. */
	if (!replace && faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return nz_fail(err, NZ_EXISTS, "%s exists and is not overwritten", path);
	NZ_TRY(nz_key_file_write(crypto, passphrase, keys, &text, err));
	return write_beside(crypto, folder, name, replace, nz_buffer_bytes(&text), path, err);
}
