/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes, MACs, key derivation and randomness of the default adapter. */
#include "../crypto_help.h"

static void check_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char text[129];

	assert_true(len <= 64);
	nz_hex_encode(nz_bytes_of(bytes, len), text);
	assert_string_equal(text, expected);
}

static void sha256_of_fips_180_4_examples(void **state)
{
	(void)state;
	uint8_t out[NZ_SHA256_BYTES];

	assert_int_equal(crypto->sha256(nz_bytes_of(NULL, 0), out), NZ_OK);
	check_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(crypto->sha256(nz_bytes_str("abc"), out), NZ_OK);
	check_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_of_rfc_4231(void **state)
{
	(void)state;
	uint8_t out[NZ_SHA256_BYTES], long_key[131];

	assert_int_equal(crypto->hmac_sha256(nz_bytes_str("Jefe"),
	                                     nz_bytes_str("what do ya want for nothing?"), out),
	                 NZ_OK);
	check_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

	memset(long_key, 0xaa, sizeof(long_key));
	assert_int_equal(
		crypto->hmac_sha256(
			nz_bytes_of(long_key, sizeof(long_key)),
			nz_bytes_str("Test Using Larger Than Block-Size Key - Hash Key First"),
			out),
		NZ_OK);
	check_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");

	assert_int_equal(crypto->hmac_sha256(nz_bytes_of(NULL, 0), nz_bytes_of(NULL, 0), out),
	                 NZ_OK);
	check_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 5869 appendix A, the first 32 bytes of each output. */
static void hkdf_of_rfc_5869(void **state)
{
	(void)state;
	uint8_t ikm[22], salt[13], info[10];
	const uint8_t zero_salt[32] = {0};
	NZ_SECRET(prk);
	NZ_SECRET(out);

	memset(ikm, 0x0b, sizeof(ikm));
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(info); i++)
		info[i] = (uint8_t)(0xf0 + i);

	assert_int_equal(nz_hkdf_extract(crypto, nz_bytes_of(salt, sizeof(salt)),
	                                 nz_bytes_of(ikm, sizeof(ikm)), &prk),
	                 NZ_OK);
	check_hex(prk.bytes, 32,
	          "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	assert_int_equal(nz_hkdf_expand(crypto, &prk, nz_bytes_of(info, sizeof(info)), &out),
	                 NZ_OK);
	check_hex(out.bytes, 32,
	          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");

	/* No salt is a salt of 32 zero bytes. */
	assert_int_equal(
		nz_hkdf_extract(crypto, nz_bytes_of(NULL, 0), nz_bytes_of(ikm, sizeof(ikm)), &prk),
		NZ_OK);
	check_hex(prk.bytes, 32,
	          "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	assert_int_equal(nz_hkdf_expand(crypto, &prk, nz_bytes_of(NULL, 0), &out), NZ_OK);
	check_hex(out.bytes, 32,
	          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
	assert_int_equal(nz_hkdf_extract(crypto, nz_bytes_of(zero_salt, sizeof(zero_salt)),
	                                 nz_bytes_of(ikm, sizeof(ikm)), &prk),
	                 NZ_OK);
	check_hex(prk.bytes, 32,
	          "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
}

/* RFC 7914 section 12, the first 32 bytes of each output. */
static void scrypt_of_rfc_7914(void **state)
{
	(void)state;
	NZ_SECRET(out);

	assert_int_equal(crypto->scrypt(nz_bytes_of(NULL, 0), nz_bytes_of(NULL, 0), 16, 1, 1, &out),
	                 NZ_OK);
	check_hex(out.bytes, 32,
	          "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
	assert_int_equal(
		crypto->scrypt(nz_bytes_str("password"), nz_bytes_str("NaCl"), 1024, 8, 16, &out),
		NZ_OK);
	check_hex(out.bytes, 32,
	          "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
}

static void scrypt_refuses_parameters_over_the_limits(void **state)
{
	(void)state;
	static const struct {
		uint64_t n;
		uint32_t r, p;
	} refused[] = {
		{0, 8, 1},          {1, 8, 1},     {1000, 8, 1},    {1024, 0, 1},
		{1024, 8, 0},       {1024, 8, 17}, {1 << 19, 8, 1}, {UINT64_C(1) << 63, 1, 1},
		{2, UINT32_MAX, 1},
	};
	const struct nz_bytes word = nz_bytes_str("password");
	struct nz_secret out;

	memset(&out, 0x5a, sizeof(out));
	for (size_t i = 0; i < COUNT(refused); i++) {
		assert_int_equal(
			crypto->scrypt(word, word, refused[i].n, refused[i].r, refused[i].p, &out),
			NZ_CRYPTO);
		for (size_t j = 0; j < sizeof(out.bytes); j++)
			assert_int_equal(out.bytes[j], 0x5a);
	}
}

static void random_bytes_fill_all_and_differ(void **state)
{
	(void)state;
	uint8_t once[64] = {0}, again[64] = {0};
	const uint8_t zero[16] = {0};

	assert_int_equal(crypto->random(once, sizeof(once)), NZ_OK);
	assert_int_equal(crypto->random(again, sizeof(again)), NZ_OK);
	assert_memory_not_equal(once, again, sizeof(once));
	for (size_t i = 0; i < sizeof(once); i += sizeof(zero))
		assert_memory_not_equal(once + i, zero, sizeof(zero));
	assert_int_equal(crypto->random(again, 0), NZ_OK);
}

/* Lengths on both sides of every block and of the length from which messages are not copied. */
static void hash_many_is_sha256_of_prefix_and_message(void **state)
{
	(void)state;
	static const size_t lengths[] = {0,   1,   54,  55,   56,   63,   64,  128,
	                                 129, 200, 511, 1023, 1024, 1025, 4096};
	static uint8_t message[1 + 4096];
	struct nz_bytes in[COUNT(lengths)];
	struct nz_hash out[COUNT(lengths)];
	struct nz_hasher *hasher = NULL;

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 31 + 7);
	for (size_t i = 0; i < COUNT(lengths); i++)
		in[i] = nz_bytes_of(lengths[i] > 0 ? message + 1 : NULL, lengths[i]);

	assert_int_equal(crypto->hasher_new(&hasher), NZ_OK);
	for (unsigned prefix = 0; prefix < 4; prefix++) {
		message[0] = (uint8_t)prefix;
		assert_int_equal(
			crypto->hash_many(hasher, (uint8_t)prefix, in, COUNT(lengths), out), NZ_OK);
		for (size_t i = 0; i < COUNT(lengths); i++) {
			uint8_t expected[NZ_SHA256_BYTES];

			assert_int_equal(
				crypto->sha256(nz_bytes_of(message, 1 + lengths[i]), expected),
				NZ_OK);
			assert_memory_equal(out[i].bytes, expected, sizeof(expected));
		}
	}
	assert_int_equal(crypto->hash_many(hasher, 0, NULL, 0, NULL), NZ_OK);
	crypto->hasher_free(&hasher);
	assert_null(hasher);
	crypto->hasher_free(&hasher);
}

static void hash_pairs_works_in_the_memory_of_the_pairs(void **state)
{
	(void)state;
	struct nz_hash_pair pairs[5];
	struct nz_hash apart[5];
	struct nz_hasher *hasher = NULL;

	assert_int_equal(crypto->random(pairs, sizeof(pairs)), NZ_OK);
	assert_int_equal(crypto->hasher_new(&hasher), NZ_OK);
	assert_int_equal(crypto->hash_pairs(hasher, pairs, COUNT(pairs), apart), NZ_OK);
	for (size_t i = 0; i < COUNT(pairs); i++) {
		uint8_t joined[65] = {0x01}, expected[NZ_SHA256_BYTES];

		memcpy(joined + 1, &pairs[i], sizeof(pairs[i]));
		assert_int_equal(crypto->sha256(nz_bytes_of(joined, sizeof(joined)), expected),
		                 NZ_OK);
		assert_memory_equal(apart[i].bytes, expected, sizeof(expected));
	}

	struct nz_hash *within = &pairs[0].left;

	assert_int_equal(crypto->hash_pairs(hasher, pairs, COUNT(pairs), within), NZ_OK);
	assert_memory_equal(within, apart, sizeof(apart));
	crypto->hasher_free(&hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_fips_180_4_examples),
		cmocka_unit_test(hmac_of_rfc_4231),
		cmocka_unit_test(hkdf_of_rfc_5869),
		cmocka_unit_test(scrypt_of_rfc_7914),
		cmocka_unit_test(scrypt_refuses_parameters_over_the_limits),
		cmocka_unit_test(random_bytes_fill_all_and_differ),
		cmocka_unit_test(hash_many_is_sha256_of_prefix_and_message),
		cmocka_unit_test(hash_pairs_works_in_the_memory_of_the_pairs),
	};

	return cmocka_run_group_tests_name("crypto", tests, choose_adapter, NULL);
}
