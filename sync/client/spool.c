/* SPDX-License-Identifier: Apache-2.0 */
#include "client/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct nz_spool {
	FILE *file;
	uint64_t count, read;
};

enum nz_status nz_spool_new(struct nz_spool **out, struct nz_error *err)
{
	struct nz_spool *spool = calloc(1, sizeof *spool);

	if (spool == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a temporary file");
	spool->file = tmpfile();
	if (spool->file == NULL) {
		free(spool);
		return nz_fail_code(err, NZ_IO, errno, "cannot make a temporary file: %m");
	}
	*out = spool;
	return NZ_OK;
}

void nz_spool_free(struct nz_spool **spool)
{
	if (*spool == NULL)
		return;
	fclose((*spool)->file);
	free(*spool);
	*spool = NULL;
}

static bool put(FILE *file, const void *ptr, size_t len)
{
	return len == 0 || fwrite(ptr, len, 1, file) == 1;
}

static bool get(FILE *file, void *ptr, size_t len)
{
	return len == 0 || fread(ptr, len, 1, file) == 1;
}

enum nz_status nz_spool_add(struct nz_spool *spool, const void *head, size_t head_len,
			    struct nz_bytes bytes, struct nz_error *err)
{
	const uint64_t len = bytes.len;

	if (!put(spool->file, head, head_len) || !put(spool->file, &len, sizeof len) ||
	    !put(spool->file, bytes.ptr, bytes.len))
		return nz_fail_code(err, NZ_IO, errno, "cannot write a temporary file: %m");
	spool->count++;
	return NZ_OK;
}

enum nz_status nz_spool_rewind(struct nz_spool *spool, struct nz_error *err)
{
	if (fflush(spool->file) != 0 || fseek(spool->file, 0, SEEK_SET) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot write a temporary file: %m");
	spool->read = 0;
	return NZ_OK;
}

enum nz_status nz_spool_next(struct nz_spool *spool, void *head, size_t head_len,
			     struct nz_buffer *buffer, struct nz_error *err)
{
	uint64_t len = 0;

	if (spool->read == spool->count)
		return NZ_END;
	nz_buffer_reset(buffer);
	if (!get(spool->file, head, head_len) || !get(spool->file, &len, sizeof len))
		return nz_fail_code(err, NZ_IO, errno, "cannot read a temporary file");
	NZ_TRY(nz_buffer_reserve(buffer, (size_t)len));
	if (!get(spool->file, buffer->ptr, (size_t)len))
		return nz_fail_code(err, NZ_IO, errno, "cannot read a temporary file");
	buffer->len = (size_t)len;
	spool->read++;
	return NZ_OK;
}

uint64_t nz_spool_count(const struct nz_spool *spool)
{
	return spool->count;
}
