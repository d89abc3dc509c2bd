/* SPDX-License-Identifier: Apache-2.0 */
#include "replay_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CHECKED_BYTES 56
#define FORMAT 1
#define WRITE_STEP_BYTES ((size_t)64 << 10)

static void put_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

static uint64_t get_u64(const uint8_t in[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | in[i];
	return value;
}

static enum nz_status checksum(const struct nz_crypto *crypto, const uint8_t *cell, uint8_t out[8])
{
	uint8_t digest[NZ_SHA256_BYTES];

	NZ_TRY(crypto->sha256(nz_bytes_of(cell, CHECKED_BYTES), digest));
	memcpy(out, digest, 8);
	return NZ_OK;
}

static enum nz_status verify_checksum(const struct nz_crypto *crypto, const uint8_t *cell)
{
	uint8_t expected[8];

	NZ_TRY(checksum(crypto, cell, expected));
	return memcmp(expected, cell + CHECKED_BYTES, 8) == 0 ? NZ_OK : NZ_MALFORMED;
}

static void fill_header(int64_t floor, uint8_t cell[NZ_REPLAY_CELL_BYTES])
{
	memset(cell, 0, NZ_REPLAY_CELL_BYTES);
	memcpy(cell, "NZREPLAY", 8);
	cell[11] = FORMAT;
	put_u64(cell + 16, (uint64_t)floor);
}

enum nz_status nz_replay_log_header(const struct nz_crypto *crypto, int64_t floor,
                                    uint8_t out[NZ_REPLAY_CELL_BYTES])
{
	fill_header(floor, out);
	return checksum(crypto, out, out + CHECKED_BYTES);
}

enum nz_status nz_replay_log_read_header(const struct nz_crypto *crypto,
                                         const uint8_t cell[NZ_REPLAY_CELL_BYTES], int64_t *floor)
{
	const int64_t read = (int64_t)get_u64(cell + 16);
	uint8_t expected[NZ_REPLAY_CELL_BYTES];

	NZ_TRY(nz_replay_log_header(crypto, read, expected));
	if (memcmp(expected, cell, sizeof expected) != 0)
		return NZ_MALFORMED;
	*floor = read;
	return NZ_OK;
}

enum nz_status nz_replay_log_record(const struct nz_crypto *crypto,
                                    const struct nz_replay_entry *entry,
                                    uint8_t out[NZ_REPLAY_CELL_BYTES])
{
	memcpy(out, entry->key.bytes, 32);
	put_u64(out + 32, (uint64_t)entry->timestamp);
	memcpy(out + 40, entry->node, NZ_REPLAY_NODE_BYTES);
	return checksum(crypto, out, out + CHECKED_BYTES);
}

enum nz_status nz_replay_log_read_record(const struct nz_crypto *crypto,
                                         const uint8_t cell[NZ_REPLAY_CELL_BYTES],
                                         struct nz_replay_entry *out)
{
	NZ_TRY(verify_checksum(crypto, cell));
	memcpy(out->key.bytes, cell, 32);
	out->timestamp = (int64_t)get_u64(cell + 32);
	memcpy(out->node, cell + 40, NZ_REPLAY_NODE_BYTES);
	return NZ_OK;
}

static int write_all(int fd, const uint8_t *ptr, size_t len)
{
	while (len > 0) {
		const ssize_t wrote = write(fd, ptr, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		ptr += wrote;
		len -= (size_t)wrote;
	}
	return 0;
}

/* The whole content, in steps of bounded memory. */
static enum nz_status write_content(const struct nz_crypto *crypto, int fd,
                                    const struct nz_replay_table *table, const char *path,
                                    struct nz_error *err)
{
	NZ_BUFFER(step);
	uint8_t cell[NZ_REPLAY_CELL_BYTES];

	NZ_TRY(nz_replay_log_header(crypto, table->floor, cell));
	NZ_TRY(nz_buffer_append(&step, cell, sizeof cell));
	for (size_t i = 0; i <= table->count; i++) {
		if (i == table->count || step.len >= WRITE_STEP_BYTES) {
			if (write_all(fd, step.ptr, step.len) != 0)
				return nz_fail_code(err, NZ_IO, errno, "cannot write %s: %m", path);
			nz_buffer_reset(&step);
		}
		if (i < table->count) {
			NZ_TRY(nz_replay_log_record(crypto, nz_replay_table_at(table, i), cell));
			NZ_TRY(nz_buffer_append(&step, cell, sizeof cell));
		}
	}
	if (fsync(fd) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot sync %s: %m", path);
	return NZ_OK;
}

enum nz_status nz_replay_log_sync_folder(const char *path, struct nz_error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder NZ_CLEANUP(nz_free_str) =
		slash == NULL ? nz_strdup_bytes(nz_bytes_str("."))
		              : nz_strdup_bytes(nz_bytes_of(path, (size_t)(slash - path) + 1));

	if (folder == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool synced = fd >= 0 && fsync(fd) == 0;
	if (!synced)
		nz_fail_code(err, NZ_IO, errno, "cannot sync %s: %m", folder);
	if (fd >= 0)
		close(fd);
	return synced ? NZ_OK : NZ_IO;
}

enum nz_status nz_replay_log_write(const struct nz_crypto *crypto, const char *path,
                                   const struct nz_replay_table *table, struct nz_error *err)
{
	NZ_BUFFER(name);
	NZ_TRY(nz_buffer_appendf(&name, "%s.new", path));
	const char *temporary = nz_buffer_cstr(&name);

	if (temporary == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	/* One name, reused: whoever writes holds the lock, and what is left there is a failed try. */
	const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot create %s: %m", temporary);
	enum nz_status status = write_content(crypto, fd, table, temporary, err);
	close(fd);
	if (status == NZ_OK && rename(temporary, path) != 0)
		status = nz_fail_code(err, NZ_IO, errno, "cannot replace %s: %m", path);
	if (status != NZ_OK) {
		unlink(temporary);
		return status;
	}
	return nz_replay_log_sync_folder(path, err);
}
