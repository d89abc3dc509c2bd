/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nz/bytes.h>

#define FIRST_CAPACITY 64

int nz_bytes_compare(struct nz_bytes a, struct nz_bytes b)
{
	const size_t common = a.len < b.len ? a.len : b.len;
	const int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool nz_bytes_equal(struct nz_bytes a, struct nz_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/*
 * Moves to memory of at least `need` bytes. Not with realloc, which may leave a copy behind: what
 * is in a buffer may be secret.
 */
static enum nz_status grow(struct nz_buffer *b, size_t need)
{
	size_t cap = b->cap > FIRST_CAPACITY ? b->cap : FIRST_CAPACITY;
	uint8_t *ptr;

	if (need <= b->cap)
		return NZ_OK;
	while (cap < need)
		cap = cap <= SIZE_MAX / 4 ? cap * 2 : need;
	ptr = malloc(cap);
	if (ptr == NULL)
		return NZ_NO_MEMORY;
	if (b->ptr != NULL) {
		memcpy(ptr, b->ptr, b->len);
		nz_wipe(b->ptr, b->len);
		free(b->ptr);
	}
	b->ptr = ptr;
	b->cap = cap;
	return NZ_OK;
}

enum nz_status nz_buffer_reserve(struct nz_buffer *b, size_t more)
{
	const size_t max = b->max != 0 && b->max < SIZE_MAX / 2 ? b->max : SIZE_MAX / 2;

	if (b->len > max || more > max - b->len)
		return NZ_LIMIT;
	return grow(b, b->len + more);
}

enum nz_status nz_buffer_append(struct nz_buffer *b, const void *ptr, size_t len)
{
	NZ_TRY(nz_buffer_reserve(b, len));
	if (len > 0)
		memcpy(b->ptr + b->len, ptr, len);
	b->len += len;
	return NZ_OK;
}

enum nz_status nz_buffer_append_str(struct nz_buffer *b, const char *text)
{
	return nz_buffer_append(b, text, strlen(text));
}

enum nz_status nz_buffer_append_byte(struct nz_buffer *b, uint8_t byte)
{
	NZ_TRY(nz_buffer_reserve(b, 1));
	b->ptr[b->len++] = byte;
	return NZ_OK;
}

enum nz_status nz_buffer_appendf(struct nz_buffer *b, const char *format, ...)
{
	const size_t room = b->cap - b->len;
	va_list args;
	int len;

	/* Into what room there is; where it was enough, that was all. */
	va_start(args, format);
	len = vsnprintf(room > 0 ? (char *)b->ptr + b->len : NULL, room, format, args);
	va_end(args);
	if (len < 0)
		return NZ_INVALID;
	NZ_TRY(nz_buffer_reserve(b, (size_t)len));
	if ((size_t)len < room) {
		b->len += (size_t)len;
		return NZ_OK;
	}
	/* The NUL that vsnprintf writes is not content, so it does not count against max. */
	NZ_TRY(grow(b, b->len + (size_t)len + 1));
	va_start(args, format);
	(void)vsnprintf((char *)b->ptr + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
	return NZ_OK;
}

const char *nz_buffer_cstr(struct nz_buffer *b)
{
	if (grow(b, b->len + 1) != NZ_OK)
		return NULL;
	b->ptr[b->len] = '\0';
	return (const char *)b->ptr;
}

void nz_buffer_reset(struct nz_buffer *b)
{
	if (b->ptr != NULL)
		nz_wipe(b->ptr, b->len);
	b->len = 0;
}

void nz_buffer_clear(struct nz_buffer *b)
{
	/* All of it: a caller may have taken content off the end by lowering len. */
	if (b->ptr != NULL)
		nz_wipe(b->ptr, b->cap);
	free(b->ptr);
	*b = (struct nz_buffer){0};
}

void nz_wipe(void *ptr, size_t len)
{
	if (len > 0)
		explicit_bzero(ptr, len);
}

bool nz_equal_ct(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < len; i++)
		difference = (uint8_t)(difference | (x[i] ^ y[i]));
	return difference == 0;
}

void nz_secret_clear(struct nz_secret *secret)
{
	nz_wipe(secret->bytes, sizeof(secret->bytes));
}

void nz_free_str(char **ptr)
{
	free(*ptr);
	*ptr = NULL;
}

char *nz_strdup_bytes(struct nz_bytes bytes)
{
	char *copy;

	if (bytes.len > 0 && memchr(bytes.ptr, '\0', bytes.len) != NULL)
		return NULL;
	if (bytes.len == SIZE_MAX)
		return NULL;
	copy = malloc(bytes.len + 1);
	if (copy == NULL)
		return NULL;
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	copy[bytes.len] = '\0';
	return copy;
}
