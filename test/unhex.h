/* SPDX-License-Identifier: Apache-2.0 */
/* Test vectors are written in hex. Include after <cmocka.h>. */
#ifndef NZ_TEST_UNHEX_H
#define NZ_TEST_UNHEX_H

#include <nz/bytes.h>

/* Decodes text into out, which has room for cap bytes, and gives the length. */
static inline size_t unhex(const char *text, uint8_t *out, size_t cap)
{
	const size_t len = strlen(text) / 2;

	assert_true(strlen(text) % 2 == 0 && len <= cap);
	assert_int_equal(nz_hex_decode(nz_bytes_str(text), out, len), NZ_OK);
	return len;
}

/* For vectors of a fixed length. */
static inline void unhex_exact(const char *text, uint8_t *out, size_t len)
{
	assert_int_equal(unhex(text, out, len), len);
}

#endif
