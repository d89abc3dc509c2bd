/* SPDX-License-Identifier: Apache-2.0 */
/* Covers lib/base but for number.c: statuses, buffers, text forms, UTF-8, clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <nz/bytes.h>
#include <nz/clock.h>
#include <nz/version.h>

static void fail_fills_all(void **state)
{
	struct nz_error err;

	(void)state;
	memset(&err, 'x', sizeof(err));
	assert_int_equal(nz_fail(&err, NZ_LIMIT, "over %d bytes", 7), NZ_LIMIT);
	assert_int_equal(err.status, NZ_LIMIT);
	assert_int_equal(err.code, 0);
	assert_int_equal(err.retry_after_s, 0);
	assert_string_equal(err.incident, "");
	assert_string_equal(err.message, "over 7 bytes");
	assert_int_equal(nz_fail_code(&err, NZ_IO, 13, "open"), NZ_IO);
	assert_int_equal(err.code, 13);
	assert_int_equal(nz_fail(NULL, NZ_BUSY, "%s", "nobody asks"), NZ_BUSY);
	assert_int_equal(nz_fail_code(NULL, NZ_IO, 5, "%s", "nobody asks"), NZ_IO);
}

static void message_may_quote_itself(void **state)
{
	struct nz_error err = {0};

	(void)state;
	(void)nz_fail(&err, NZ_IO, "disk full");
	(void)nz_fail(&err, NZ_DATABASE, "commit: %s", err.message);
	assert_string_equal(err.message, "commit: disk full");
}

static void prefix_keeps_the_rest(void **state)
{
	struct nz_error err = {0};
	char long_text[NZ_ERROR_MESSAGE_BYTES + 100];

	(void)state;
	(void)nz_fail_code(&err, NZ_IO, 2, "no such file");
	assert_int_equal(nz_error_prefix(&err, NZ_IO, "key %s", "a"), NZ_IO);
	assert_string_equal(err.message, "key a: no such file");
	assert_int_equal(err.code, 2);
	assert_int_equal(nz_error_prefix(NULL, NZ_IO, "key"), NZ_IO);
	err = (struct nz_error){0};
	assert_int_equal(nz_error_prefix(&err, NZ_NO_MEMORY, "key"), NZ_NO_MEMORY);
	assert_string_equal(err.message, "key: out of memory");
	assert_int_equal(err.status, NZ_NO_MEMORY);

	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	(void)nz_fail(&err, NZ_IO, "%s", long_text);
	assert_int_equal(strlen(err.message), NZ_ERROR_MESSAGE_BYTES - 1);
	(void)nz_error_prefix(&err, NZ_IO, "front");
	assert_int_equal(strlen(err.message), NZ_ERROR_MESSAGE_BYTES - 1);
	assert_memory_equal(err.message, "front: yyy", 10);
	(void)nz_error_prefix(&err, NZ_IO, "%s", long_text);
	assert_int_equal(strlen(err.message), NZ_ERROR_MESSAGE_BYTES - 1);
}

static void every_status_has_its_name(void **state)
{
	(void)state;
	for (int i = NZ_OK; i <= NZ_INVALID; i++) {
		assert_string_not_equal(nz_status_name((enum nz_status)i), "unknown status");
		for (int j = NZ_OK; j < i; j++)
			assert_string_not_equal(nz_status_name((enum nz_status)i),
			                        nz_status_name((enum nz_status)j));
	}
	assert_string_equal(nz_status_name((enum nz_status)(NZ_INVALID + 1)), "unknown status");
}

static enum nz_status passes_up(enum nz_status status, int *after)
{
	NZ_TRY(status);
	(*after)++;
	return NZ_OK;
}

static void try_returns_failures_alone(void **state)
{
	int after = 0;

	(void)state;
	assert_int_equal(passes_up(NZ_END, &after), NZ_END);
	assert_int_equal(after, 0);
	assert_int_equal(passes_up(NZ_OK, &after), NZ_OK);
	assert_int_equal(after, 1);
}

static void bytes_order(void **state)
{
	const struct nz_bytes none = {0}, a = nz_bytes_str("a"), ab = nz_bytes_str("ab");
	const struct nz_bytes high = nz_bytes_of("\xff", 1);

	(void)state;
	assert_int_equal(nz_bytes_compare(none, nz_bytes_str("")), 0);
	assert_true(nz_bytes_compare(none, a) < 0 && nz_bytes_compare(a, none) > 0);
	assert_true(nz_bytes_compare(a, ab) < 0 && nz_bytes_compare(ab, a) > 0);
	assert_true(nz_bytes_compare(ab, high) < 0);
	assert_true(nz_bytes_equal(none, nz_bytes_str("")));
	assert_true(nz_bytes_equal(ab, nz_bytes_of("abc", 2)));
	assert_false(nz_bytes_equal(a, ab));
	assert_false(nz_bytes_equal(a, high));
}

static void buffer_grows(void **state)
{
	NZ_BUFFER(b);

	(void)state;
	assert_int_equal(nz_buffer_append(&b, NULL, 0), NZ_OK);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(nz_buffer_append_byte(&b, (uint8_t)i), NZ_OK);
	assert_int_equal(b.len, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(b.ptr[i], (uint8_t)i);
	nz_buffer_reset(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap >= 5000);
	assert_int_equal(nz_buffer_append_str(&b, "one "), NZ_OK);
	assert_int_equal(nz_buffer_appendf(&b, "%s %d", "two", 3), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&b), "one two 3");
	assert_int_equal(nz_buffer_bytes(&b).len, 9);
	nz_buffer_clear(&b);
	assert_null(b.ptr);
	assert_int_equal(b.cap, 0);
	assert_string_equal(nz_buffer_cstr(&b), "");
	assert_int_equal(b.len, 0);
}

static void buffer_has_a_maximum(void **state)
{
	struct nz_buffer b NZ_CLEANUP(nz_buffer_clear) = {.max = 8};

	(void)state;
	assert_int_equal(nz_buffer_append_str(&b, "12345678"), NZ_OK);
	assert_int_equal(nz_buffer_append_byte(&b, '9'), NZ_LIMIT);
	assert_int_equal(nz_buffer_append(&b, "", 0), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&b), "12345678");
	b.len = 5;
	assert_int_equal(nz_buffer_appendf(&b, "%d", 1234), NZ_LIMIT);
	assert_string_equal(nz_buffer_cstr(&b), "12345");
	assert_int_equal(nz_buffer_appendf(&b, "%d", 678), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&b), "12345678");
	assert_int_equal(nz_buffer_reserve(&b, SIZE_MAX), NZ_LIMIT);
	b.max = 0;
	assert_int_equal(nz_buffer_reserve(&b, SIZE_MAX), NZ_LIMIT);
	assert_int_equal(nz_buffer_reserve(&b, SIZE_MAX / 2), NZ_LIMIT);
	assert_string_equal(nz_buffer_cstr(&b), "12345678");
}

static void secrets(void **state)
{
	struct nz_secret secret;
	uint8_t a[32], b[32];

	(void)state;
	memset(&secret, 7, sizeof(secret));
	memset(a, 7, sizeof(a));
	memset(b, 0, sizeof(b));
	assert_true(nz_equal_ct(secret.bytes, a, 32));
	for (size_t i = 0; i < 32; i++) {
		a[i] ^= 0x80;
		assert_false(nz_equal_ct(secret.bytes, a, 32));
		a[i] ^= 0x80;
	}
	assert_true(nz_equal_ct(a, b, 0));
	nz_secret_clear(&secret);
	assert_memory_equal(secret.bytes, b, 32);
	nz_wipe(a, 16);
	assert_memory_equal(a, b, 16);
	assert_int_equal(a[16], 7);
	nz_wipe(NULL, 0);
}

static void strings_from_bytes(void **state)
{
	char *copy = nz_strdup_bytes(nz_bytes_of("abcd", 3));

	(void)state;
	assert_string_equal(copy, "abc");
	nz_free_str(&copy);
	assert_null(copy);
	nz_free_str(&copy);
	assert_null(nz_strdup_bytes(nz_bytes_of("a\0b", 3)));
	copy = nz_strdup_bytes((struct nz_bytes){NULL, 0});
	assert_string_equal(copy, "");
	nz_free_str(&copy);
}

static void hex(void **state)
{
	uint8_t all[256], back[256];
	char text[513];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	nz_hex_encode(nz_bytes_of(all, 256), text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
	assert_string_equal(text + 504, "fcfdfeff");
	assert_int_equal(nz_hex_decode(nz_bytes_str(text), back, 256), NZ_OK);
	assert_memory_equal(back, all, 256);
	assert_int_equal(nz_hex_decode(nz_bytes_str(""), back, 0), NZ_OK);
	/* Only these characters, in either place. */
	for (int c = 0; c < 256; c++) {
		const bool good = c != 0 && strchr("0123456789abcdef", c) != NULL;
		uint8_t pair[2] = {(uint8_t)c, '0'}, byte = 0xAA;

		assert_int_equal(nz_hex_decode(nz_bytes_of(pair, 2), &byte, 1),
		                 good ? NZ_OK : NZ_MALFORMED);
		if (!good)
			assert_int_equal(byte, 0xAA);
		pair[0] = '0';
		pair[1] = (uint8_t)c;
		assert_int_equal(nz_hex_decode(nz_bytes_of(pair, 2), &byte, 1),
		                 good ? NZ_OK : NZ_MALFORMED);
	}
	assert_int_equal(nz_hex_decode(nz_bytes_str("abc"), back, 1), NZ_MALFORMED);
	assert_int_equal(nz_hex_decode(nz_bytes_str("abcd"), back, 1), NZ_MALFORMED);
	assert_int_equal(nz_hex_decode(nz_bytes_str("ab"), back, 2), NZ_MALFORMED);
}

/* RFC 4648 section 10, and every character of the alphabet. */
static void base64_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""},           {"f", "Zg=="},         {"fo", "Zm8="},
		{"foo", "Zm9v"},    {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bits[48];
	char text[65];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		NZ_BUFFER(b);

		nz_base64_encode(nz_bytes_str(vectors[i][0]), text);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(nz_buffer_append_str(&b, ">"), NZ_OK);
		assert_int_equal(nz_base64_append(&b, nz_bytes_str(vectors[i][0])), NZ_OK);
		assert_string_equal(nz_buffer_cstr(&b) + 1, vectors[i][1]);
		nz_buffer_reset(&b);
		assert_int_equal(nz_buffer_append_str(&b, ">"), NZ_OK);
		assert_int_equal(nz_base64_decode(nz_bytes_str(vectors[i][1]), &b), NZ_OK);
		assert_string_equal(nz_buffer_cstr(&b) + 1, vectors[i][0]);
	}
	assert_int_equal(nz_base64_decode_exact(nz_bytes_str(alphabet), bits, 48), NZ_OK);
	for (unsigned i = 0; i < 64; i++) {
		const unsigned bit = i * 6;
		const unsigned two = (unsigned)bits[bit / 8] << 8 |
		                     (bit / 8 + 1 < 48 ? bits[bit / 8 + 1] : 0);

		assert_int_equal(two >> (10 - bit % 8) & 63, i);
	}
	nz_base64_encode(nz_bytes_of(bits, 48), text);
	assert_string_equal(text, alphabet);
}

/* What decodes also encodes to the same text, whatever the last four characters are. */
static void base64_has_one_spelling(void **state)
{
	static const char chars[] = "ABQRgwx/+9= \n-_\x7f\x01";
	const size_t n = sizeof(chars); /* with the NUL */
	size_t accepted = 0;

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		const char text[9] = {'A', 'b', '9', '/', chars[i % n], chars[i / n % n],
		                      chars[i / n / n % n], chars[i / n / n / n], '\0'};
		NZ_BUFFER(b);
		NZ_BUFFER(again);

		assert_int_equal(nz_buffer_append_str(&b, "x"), NZ_OK);
		if (nz_base64_decode(nz_bytes_of(text, 8), &b) != NZ_OK) {
			assert_int_equal(b.len, 1);
			continue;
		}
		accepted++;
		assert_int_equal(nz_base64_append(&again, nz_bytes_of(b.ptr + 1, b.len - 1)), NZ_OK);
		assert_int_equal(again.len, 8);
		assert_memory_equal(again.ptr, text, 8);
	}
	/* 10 letters: four; three (4 of them with two zero bits) and =; two (A, Q, g, w) and ==. */
	assert_int_equal(accepted, 10 * 10 * 10 * 10 + 10 * 10 * 4 + 10 * 4);
}

static void base64_refuses(void **state)
{
	static const char *const bad[] = {
		"A", "AA", "AAA", "=", "==", "===", "====", "A===", "Zg=", "Zg", "Zg==Zg==", "Zm8=Zm8=",
		"Zm9v\n", " Zm9v", "Zm9v====", "Zh==", "Zm9=", "Z===", "Zm=v", "Z=9v", "Zm-v", "Zm_v",
	};
	uint8_t out[16] = {0};
	NZ_BUFFER(b);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(nz_base64_decode(nz_bytes_str(bad[i]), &b), NZ_MALFORMED);
		assert_int_equal(b.len, 0);
		for (size_t len = 0; len < 8; len++)
			assert_int_equal(nz_base64_decode_exact(nz_bytes_str(bad[i]), out, len),
			                 NZ_MALFORMED);
	}
	assert_int_equal(nz_base64_decode_exact(nz_bytes_str("Zm8="), out, 1), NZ_MALFORMED);
	assert_int_equal(nz_base64_decode_exact(nz_bytes_str("Zm8="), out, 3), NZ_MALFORMED);
	assert_int_equal(out[0], 0);
	b.max = 2;
	assert_int_equal(nz_base64_decode(nz_bytes_str("Zm9v"), &b), NZ_LIMIT);
	assert_int_equal(nz_base64_append(&b, nz_bytes_str("a")), NZ_LIMIT);
	assert_int_equal(b.len, 0);
}

/* Whether p's whole len bytes are one character, decided by decoding and encoding it. */
static bool is_character(const uint8_t *p, size_t len)
{
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code;

	if (len == 1)
		return p[0] < 0x80;
	if (p[0] < lead[len] || p[0] >= lead[len] + (0x80 >> len))
		return false;
	code = (uint32_t)(p[0] - lead[len]);
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return false;
		code = code << 6 | (p[i] & 0x3F);
	}
	return code >= least[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/* Whether p is characters from start to end. */
static bool is_text(const uint8_t *p, size_t len)
{
	if (len == 0)
		return true;
	for (size_t n = 1; n <= 4 && n <= len; n++) {
		if (is_character(p, n))
			return is_text(p + n, len - n);
	}
	return false;
}

static void utf8_exhaustive(void **state)
{
	uint8_t p[4];
	size_t valid4 = 0;

	(void)state;
	for (uint32_t i = 0; i < 1U << 24; i++) {
		for (int j = 0; j < 3; j++)
			p[j] = (uint8_t)(i >> (16 - 8 * j));
		if (nz_utf8_valid(nz_bytes_of(p, 3)) != is_text(p, 3))
			fail_msg("%06x", i);
	}
	/* Four bytes that start one character: all there are. */
	for (uint32_t i = 0xEF << 16; i < 0xF6U << 16; i++) {
		for (uint32_t last = 0x7E; last < 0xC2; last++) {
			for (int j = 0; j < 3; j++)
				p[j] = (uint8_t)(i >> (16 - 8 * j));
			p[3] = (uint8_t)last;
			if (p[0] < 0xF0)
				continue;
			if (nz_utf8_valid(nz_bytes_of(p, 4)) != is_character(p, 4))
				fail_msg("%06x%02x", i, last);
			valid4 += nz_utf8_valid(nz_bytes_of(p, 4)) ? 1 : 0;
		}
	}
	assert_int_equal(valid4, 0x100000);
}

static void utf8_prefix(void **state)
{
	char text[64];

	(void)state;
	/* A broken byte at every place around the eight-byte steps. */
	for (size_t len = 0; len < sizeof(text); len++) {
		memset(text, 'a', sizeof(text));
		assert_int_equal(nz_utf8_prefix(nz_bytes_of(text, len)), len);
		for (size_t at = 0; at < len; at++) {
			text[at] = '\x80';
			assert_int_equal(nz_utf8_prefix(nz_bytes_of(text, len)), at);
			text[at] = 'a';
		}
	}
	assert_int_equal(nz_utf8_prefix(nz_bytes_str("\xC3\xA9\xE2\x82")), 2);
	assert_true(nz_utf8_valid((struct nz_bytes){NULL, 0}));
	assert_true(nz_utf8_valid(nz_bytes_of("\0", 1)));
	assert_true(nz_utf8_valid(nz_bytes_str("\xEF\xBF\xBF")));
}

static void clocks(void **state)
{
	const int64_t before = time(NULL), unix_s = nz_clock_unix(), after = time(NULL) + 1;
	const int64_t start = nz_clock_monotonic_ms();
	const struct timespec pause = {.tv_nsec = 20000000};
	int64_t end;

	(void)state;
	/* time() may lag behind by a clock tick. */
	assert_true(before <= unix_s && unix_s <= after);
	assert_int_equal(nanosleep(&pause, NULL), 0);
	end = nz_clock_monotonic_ms();
	assert_true(end - start >= 19 && end - start < 60000);
}

static void version(void **state)
{
	(void)state;
	assert_string_equal(nz_version(), NZ_VERSION_STRING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_fills_all),
		cmocka_unit_test(message_may_quote_itself),
		cmocka_unit_test(prefix_keeps_the_rest),
		cmocka_unit_test(every_status_has_its_name),
		cmocka_unit_test(try_returns_failures_alone),
		cmocka_unit_test(bytes_order),
		cmocka_unit_test(buffer_grows),
		cmocka_unit_test(buffer_has_a_maximum),
		cmocka_unit_test(secrets),
		cmocka_unit_test(strings_from_bytes),
		cmocka_unit_test(hex),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(utf8_exhaustive),
		cmocka_unit_test(utf8_prefix),
		cmocka_unit_test(clocks),
		cmocka_unit_test(version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
