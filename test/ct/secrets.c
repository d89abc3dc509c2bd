/* SPDX-License-Identifier: Apache-2.0 */
/* That no time depends on secrets: run under valgrind's memcheck, or skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <nz/packet.h>

#include "proto/handshake.h"
#include "proto/request.h"
#include "taint.h"

static const uint8_t sample[100] = {1, 2, 3, 62, 63, 251, 255, 0xfb, 0xef, 0xbe};

/* The instrument itself: a comparison that stops early is seen. */
static void memcheck_sees_branches(void **state)
{
	uint8_t secret[32] = {0};
	volatile unsigned same = 0;
	const unsigned long before = reports();

	(void)state;
	taint(secret, sizeof(secret));
	for (size_t i = 0; i < sizeof(secret) && secret[i] == sample[i]; i++)
		same++;
	assert_true(reports() > before);
}

static void comparison(void **state)
{
	uint8_t a[32], b[32];
	const unsigned long before = reports();

	(void)state;
	for (size_t differs = 0; differs <= sizeof(a); differs++) {
		memcpy(a, sample, sizeof(a));
		memcpy(b, sample, sizeof(b));
		if (differs < sizeof(a))
			a[differs] ^= 1;
		taint(a, sizeof(a));
		taint(b, sizeof(b));
		bool equal = nz_equal_ct(a, b, sizeof(a));
		declassify(&equal, sizeof(equal));
		assert_int_equal(equal, differs == sizeof(a));
	}
	assert_int_equal(reports(), before);
}

static void base64(void **state)
{
	uint8_t secret[sizeof(sample)], back[sizeof(sample)];
	char text[NZ_BASE64_CHARS(sizeof(sample)) + 1], expected[sizeof(text)];
	unsigned long before;

	(void)state;
	for (size_t len = sizeof(sample) - 2; len <= sizeof(sample); len++) {
		nz_base64_encode(nz_bytes_of(sample, len), expected);
		memcpy(secret, sample, len);
		taint(secret, len);
		before = reports();
		nz_base64_encode(nz_bytes_of(secret, len), text);
		assert_int_equal(reports(), before);

		const struct nz_bytes encoded = nz_bytes_of(text, NZ_BASE64_CHARS(len));

		/* Where the padding stands is public: it follows from the length. */
		declassify(text + encoded.len - 2, 3);
		before = reports();
		assert_int_equal(nz_base64_decode_exact(encoded, back, len), NZ_OK);
		/* Whether all of it was well formed, and that once. */
		assert_int_equal(reports() - before, 1);
		declassify(text, sizeof(text));
		declassify(back, sizeof(back));
		assert_string_equal(text, expected);
		assert_memory_equal(back, sample, len);
	}
}

static void hex(void **state)
{
	uint8_t secret[32], back[32];
	char text[65];
	unsigned long before = reports();

	(void)state;
	memcpy(secret, sample, sizeof(secret));
	taint(secret, sizeof(secret));
	nz_hex_encode(nz_bytes_of(secret, sizeof(secret)), text);
	assert_int_equal(reports(), before);
	assert_int_equal(nz_hex_decode(nz_bytes_of(text, 64), back, sizeof(back)), NZ_OK);
	assert_int_equal(reports() - before, 1);
	declassify(back, sizeof(back));
	assert_memory_equal(back, sample, sizeof(back));
}

/* Copied, moved as a buffer grows, and wiped. */
static void holding(void **state)
{
	NZ_SECRET(secret);
	struct nz_buffer buffer = {0};
	const unsigned long before = reports();

	(void)state;
	memcpy(secret.bytes, sample, sizeof(secret.bytes));
	taint(&secret, sizeof(secret));
	for (int i = 0; i < 100; i++)
		assert_int_equal(nz_buffer_append(&buffer, secret.bytes, sizeof(secret.bytes)),
		                 NZ_OK);
	nz_buffer_reset(&buffer);
	assert_int_equal(VALGRIND_CHECK_MEM_IS_DEFINED(buffer.ptr, 3200), 0);
	nz_buffer_clear(&buffer);
	nz_secret_clear(&secret);
	assert_int_equal(reports(), before);
	assert_int_equal(VALGRIND_CHECK_MEM_IS_DEFINED(&secret, sizeof(secret)), 0);
	for (size_t i = 0; i < sizeof(secret.bytes); i++)
		assert_int_equal(secret.bytes[i], 0);
}

/* What nz does with shared secrets between the calls of the adapter. */
static void key_schedules(void **state)
{
	const struct nz_crypto *crypto = taint_crypto();
	const struct nz_hash hash = {{7}};
	uint8_t peer[NZ_X25519_BYTES];
	struct nz_session_keys keys = {{{0}}, {{0}}};
	NZ_SECRET(own);
	NZ_SECRET(prk);
	NZ_SECRET(key);
	unsigned long before;

	(void)state;
	memcpy(own.bytes, sample, sizeof(own.bytes));
	assert_int_equal(crypto->x25519_public(&own, peer), NZ_OK);
	taint(&own, sizeof(own));
	before = reports();
	assert_int_equal(nz_hkdf_extract(crypto, nz_bytes_str("salt"),
	                                 nz_bytes_of(own.bytes, sizeof(own.bytes)), &prk),
	                 NZ_OK);
	assert_int_equal(nz_hkdf_expand(crypto, &prk, nz_bytes_str("info"), &key), NZ_OK);
	assert_int_equal(nz_session_key(crypto, &own, peer, &key), NZ_OK);
	assert_int_equal(nz_session_keys_derive(crypto, &own, peer, &hash, &hash, sample, &keys),
	                 NZ_OK);
	nz_session_keys_clear(&keys);
	assert_int_equal(reports(), before);
}

static void request_mac(void **state)
{
	const struct nz_crypto *crypto = taint_crypto();
	const struct nz_bytes body = nz_bytes_str("{}");
	char mac[NZ_REQUEST_MAC_CHARS + 1], other[NZ_REQUEST_MAC_CHARS + 1];
	NZ_SECRET(key);
	unsigned long before = reports();

	(void)state;
	assert_int_equal(
		nz_request_mac(crypto, &key, "id", "POST", "/", "1", "nonce", body, mac), NZ_OK);
	assert_int_equal(reports(), before);
	declassify(mac, sizeof(mac));

	/* The verdict is one branch, wherever a forgery first differs. */
	assert_int_equal(nz_request_mac_check(crypto, &key, "id", "POST", "/", "1", "nonce", body,
	                                      mac),
	                 NZ_OK);
	assert_int_equal(reports() - before, 1);
	for (size_t i = 0; i < 43; i += 7) {
		memcpy(other, mac, sizeof(mac));
		other[i] = mac[i] == 'A' ? 'B' : 'A';
		before = reports();
		assert_int_equal(nz_request_mac_check(crypto, &key, "id", "POST", "/", "1", "nonce",
		                                      body, other),
		                 NZ_UNVERIFIED);
		assert_int_equal(reports() - before, 1);
	}
}

/* With OpenSSL's own code looked at as well: HMAC has no verdict, X25519 that on an all-zero result. */
static void openssl_calls(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	uint8_t peer[NZ_X25519_BYTES];
	NZ_SECRET(own);
	NZ_SECRET(prk);
	NZ_SECRET(key);
	unsigned long before;

	(void)state;
	memcpy(own.bytes, sample, sizeof(own.bytes));
	assert_int_equal(crypto->x25519_public(&own, peer), NZ_OK);
	taint(&own, sizeof(own));
	before = reports();
	assert_int_equal(nz_hkdf_extract(crypto, nz_bytes_str("salt"),
	                                 nz_bytes_of(own.bytes, sizeof(own.bytes)), &prk),
	                 NZ_OK);
	assert_int_equal(nz_hkdf_expand(crypto, &prk, nz_bytes_str("info"), &key), NZ_OK);
	assert_int_equal(reports(), before);

	/* OpenSSL's verdict, and what passes it on; ours. */
	assert_int_equal(crypto->x25519_shared(&own, peer, &key), NZ_OK);
	assert_true(reports() - before <= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcheck_sees_branches),
		cmocka_unit_test(comparison),
		cmocka_unit_test(base64),
		cmocka_unit_test(hex),
		cmocka_unit_test(holding),
		cmocka_unit_test(key_schedules),
		cmocka_unit_test(request_mac),
		cmocka_unit_test(openssl_calls),
	};

	if (RUNNING_ON_VALGRIND == 0) {
		(void)puts("skipped: no valgrind");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
