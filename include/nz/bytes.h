/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are looked at (struct nz_bytes), bytes that grow (struct nz_buffer), secrets, and
 * their text forms. Not for large files: a buffer has a hard maximum, given when it is made.
 */
#ifndef NZ_BYTES_H
#define NZ_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <nz/status.h>

/* Borrowed bytes: never owned, never freed. ptr may be NULL when len is 0. */
struct nz_bytes {
	const uint8_t *ptr;
	size_t len;
};

static inline struct nz_bytes nz_bytes_of(const void *ptr, size_t len)
{
	return (struct nz_bytes){(const uint8_t *)ptr, len};
}
static inline struct nz_bytes nz_bytes_str(const char *text)
{
	return (struct nz_bytes){(const uint8_t *)text, strlen(text)};
}
/* memcmp order, a prefix before what it is a prefix of: <0, 0, >0. Not constant time. */
int nz_bytes_compare(struct nz_bytes a, struct nz_bytes b);
bool nz_bytes_equal(struct nz_bytes a, struct nz_bytes b);

/* Calls `clear` on a variable when it leaves its scope. */
#define NZ_CLEANUP(clear) __attribute__((cleanup(clear)))

/*
 * Growing bytes, owned. Zero-initialised it is empty with no maximum of its own (SIZE_MAX / 2).
 * Declare with NZ_BUFFER(name) to have it wiped and freed on leaving the scope.
 */
struct nz_buffer {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max; /* 0: SIZE_MAX / 2 */
};
#define NZ_BUFFER(name) struct nz_buffer name NZ_CLEANUP(nz_buffer_clear) = {0}

/* Makes room for `more` bytes after len. NZ_NO_MEMORY, or NZ_LIMIT over max; unchanged then. */
enum nz_status nz_buffer_reserve(struct nz_buffer *b, size_t more) NZ_MUST_USE;
enum nz_status nz_buffer_append(struct nz_buffer *b, const void *ptr, size_t len) NZ_MUST_USE;
enum nz_status nz_buffer_append_str(struct nz_buffer *b, const char *text) NZ_MUST_USE;
enum nz_status nz_buffer_append_byte(struct nz_buffer *b, uint8_t byte) NZ_MUST_USE;
enum nz_status nz_buffer_appendf(struct nz_buffer *b, const char *format, ...) NZ_MUST_USE
	__attribute__((format(printf, 2, 3)));
/* Puts a NUL after the content (not counted in len) and returns it as text; NULL on no memory. */
const char *nz_buffer_cstr(struct nz_buffer *b);
/* Empties it and keeps the memory. */
void nz_buffer_reset(struct nz_buffer *b);
/* Wipes, frees, zeroes. */
void nz_buffer_clear(struct nz_buffer *b);
static inline struct nz_bytes nz_buffer_bytes(const struct nz_buffer *b)
{
	return (struct nz_bytes){b->ptr, b->len};
}

/* Overwrites memory in a way that the compiler keeps. */
void nz_wipe(void *ptr, size_t len);
/* Equal, in time that depends on len alone. */
bool nz_equal_ct(const void *a, const void *b, size_t len);

/* 32 secret bytes: a private key, a shared secret, a session key. Declare with NZ_SECRET(name). */
struct nz_secret {
	uint8_t bytes[32];
};
void nz_secret_clear(struct nz_secret *secret);
#define NZ_SECRET(name) struct nz_secret name NZ_CLEANUP(nz_secret_clear) = {{0}}

/* Frees *ptr and sets it to NULL; with NZ_CLEANUP for `char *`. */
void nz_free_str(char **ptr);
/* A NUL-terminated copy; NULL on no memory or where bytes holds a NUL. */
char *nz_strdup_bytes(struct nz_bytes bytes);

/* Hex, lower case, 2 * len characters and a NUL. */
void nz_hex_encode(struct nz_bytes in, char *out);
/* Lower case only, exactly 2 * len characters. NZ_MALFORMED. */
enum nz_status nz_hex_decode(struct nz_bytes text, uint8_t *out, size_t len) NZ_MUST_USE;

/* Base64 (RFC 4648 section 4, padded): characters without the NUL for len bytes. */
#define NZ_BASE64_CHARS(len) (((len) + 2) / 3 * 4)
/* Writes NZ_BASE64_CHARS(in.len) characters and a NUL. Constant time in the bytes. */
void nz_base64_encode(struct nz_bytes in, char *out);
enum nz_status nz_base64_append(struct nz_buffer *out, struct nz_bytes in) NZ_MUST_USE;
/*
 * One spelling only: padded, no white space, no stray bits. Appends to out. NZ_MALFORMED, with out
 * unchanged.
 */
enum nz_status nz_base64_decode(struct nz_bytes text, struct nz_buffer *out) NZ_MUST_USE;
/* As above into exactly len bytes; another length is NZ_MALFORMED. */
enum nz_status nz_base64_decode_exact(struct nz_bytes text, uint8_t *out, size_t len) NZ_MUST_USE;

/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, at most U+10FFFF. */
bool nz_utf8_valid(struct nz_bytes text);
/* How many bytes at the start of text are valid UTF-8: text.len where all of it is. */
size_t nz_utf8_prefix(struct nz_bytes text);

#endif
