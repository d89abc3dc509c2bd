/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening, one message and runs of them, and the arithmetic of nonces. */
#include "../crypto_help.h"

#define RUN 5
#define ROOM 256

static const enum nz_cipher ciphers[] = {NZ_CIPHER_AES_256_GCM, NZ_CIPHER_CHACHA20_POLY1305};
static const struct nz_secret key = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
static const uint8_t header[5] = {'R', 0, 0, 0, 144};

/* RUN messages of 0, 32, 64 … bytes, each with the header as associated data. */
struct run {
	uint8_t memory[RUN][ROOM];
	struct nz_aead_item items[RUN];
};

static void fill_run(struct run *run)
{
	for (size_t i = 0; i < RUN; i++) {
		for (size_t j = 0; j < ROOM; j++)
			run->memory[i][j] = (uint8_t)(1 + (i * 7 + j) % 200);
		run->items[i] =
			(struct nz_aead_item){header, sizeof(header), run->memory[i], 32 * i};
	}
}

static struct nz_aead *new_aead(enum nz_cipher cipher)
{
	struct nz_aead *aead = NULL;

	assert_int_equal(crypto->aead_new(cipher, &key, &aead), NZ_OK);
	assert_non_null(aead);
	return aead;
}

static void check_vector(enum nz_cipher cipher, const char *key_hex, const char *nonce_hex,
                         const char *aad_hex, const char *plain_hex, const char *sealed_hex)
{
	struct nz_secret vector_key;
	uint8_t nonce[NZ_AEAD_NONCE_BYTES], aad[64], plain[160], sealed[160 + NZ_AEAD_TAG_BYTES];
	uint8_t data[sizeof(sealed)];
	struct nz_aead *aead = NULL;

	unhex_exact(key_hex, vector_key.bytes, sizeof(vector_key.bytes));
	unhex_exact(nonce_hex, nonce, sizeof(nonce));

	const size_t aad_len = unhex(aad_hex, aad, sizeof(aad));
	const size_t len = unhex(plain_hex, plain, sizeof(plain));
	const struct nz_aead_item item = {aad, aad_len, data, len};

	assert_int_equal(unhex(sealed_hex, sealed, sizeof(sealed)), len + NZ_AEAD_TAG_BYTES);
	assert_int_equal(crypto->aead_new(cipher, &vector_key, &aead), NZ_OK);
	memcpy(data, plain, len);
	assert_int_equal(crypto->seal(aead, nonce, &item), NZ_OK);
	assert_memory_equal(data, sealed, len + NZ_AEAD_TAG_BYTES);
	assert_int_equal(crypto->open(aead, nonce, &item), NZ_OK);
	assert_memory_equal(data, plain, len);
	crypto->aead_free(&aead);
	assert_null(aead);
	crypto->aead_free(&aead);
}

/* The GCM specification's test cases 14 and 16, and RFC 8439 section 2.8.2. */
static void published_vectors(void **state)
{
	(void)state;
	check_vector(NZ_CIPHER_AES_256_GCM,
	             "0000000000000000000000000000000000000000000000000000000000000000",
	             "000000000000000000000000", "", "00000000000000000000000000000000",
	             "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	check_vector(NZ_CIPHER_AES_256_GCM,
	             "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	             "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	             "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	             "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	             "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
	             "76fc6ece0f4e1768cddf8853bb2d551b");
	check_vector(NZ_CIPHER_CHACHA20_POLY1305,
	             "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	             "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	             "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
	             "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
	             "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
	             "637265656e20776f756c642062652069742e",
	             "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
	             "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	             "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
	             "3ff4def08e4b7a9de576d26586cec64b6116"
	             "1ae10b594f09e26a7e902ecbd0600691");
}

static void aead_new_refuses_unknown_ciphers(void **state)
{
	(void)state;
	struct nz_aead *aead = NULL;

	assert_int_equal(crypto->aead_new((enum nz_cipher)0, &key, &aead), NZ_INVALID);
	assert_int_equal(crypto->aead_new((enum nz_cipher)3, &key, &aead), NZ_INVALID);
	assert_null(aead);
}

/* The run's nonces cross the end of the 96-bit integer. */
static void seal_many_is_seal_under_successive_nonces(void **state)
{
	(void)state;
	static const char *const starts[] = {"000000000000000000000000", "0102030405060708090a0bfe",
	                                     "00000000fffffffffffffffe",
	                                     "fffffffffffffffffffffffe"};

	for (size_t c = 0; c < COUNT(ciphers); c++) {
		struct nz_aead *aead = new_aead(ciphers[c]);

		for (size_t s = 0; s < COUNT(starts); s++) {
			uint8_t start[NZ_AEAD_NONCE_BYTES], nonce[NZ_AEAD_NONCE_BYTES];
			struct run many, single;

			unhex_exact(starts[s], start, sizeof(start));
			fill_run(&many);
			fill_run(&single);
			assert_int_equal(crypto->seal_many(aead, start, many.items, RUN), NZ_OK);
			for (size_t i = 0; i < RUN; i++) {
				nz_nonce_add(start, i, nonce);
				assert_int_equal(crypto->seal(aead, nonce, &single.items[i]),
				                 NZ_OK);
			}
			assert_memory_equal(many.memory, single.memory, sizeof(many.memory));

			fill_run(&single);
			assert_memory_not_equal(many.memory[1], single.memory[1], 32);
			assert_int_equal(crypto->open_many(aead, start, many.items, RUN), NZ_OK);
			for (size_t i = 0; i < RUN; i++)
				assert_memory_equal(many.memory[i], single.memory[i], 32 * i);
		}
		crypto->aead_free(&aead);
	}
}

static void check_all_wiped(const struct run *run)
{
	static const uint8_t zero[ROOM];

	for (size_t i = 0; i < RUN; i++)
		assert_memory_equal(run->items[i].data, zero, run->items[i].len);
}

enum damage { DATA, TAG, AAD, NONCE, LENGTH, ORDER, DAMAGES };

/* Damages the last message of a sealed run, so that the earlier ones do open. */
static void damage_run(struct run *run, uint8_t nonce[NZ_AEAD_NONCE_BYTES], enum damage damage)
{
	static const uint8_t other_header[5] = {'R', 0, 0, 0, 145};
	struct nz_aead_item *last = &run->items[RUN - 1];

	switch (damage) {
	case DATA:
		last->data[3] ^= 0x01;
		break;
	case TAG:
		last->data[last->len + NZ_AEAD_TAG_BYTES - 1] ^= 0x80;
		break;
	case AAD:
		last->aad = other_header;
		break;
	case NONCE:
		nonce[0] ^= 0x01;
		break;
	case LENGTH:
		last->len--;
		break;
	case ORDER:
		run->items[RUN - 1] = run->items[RUN - 2];
		run->items[RUN - 2] = (struct nz_aead_item){header, sizeof(header),
		                                            run->memory[RUN - 1], 32 * (RUN - 1)};
		break;
	case DAMAGES:
		fail();
	}
}

static void a_failed_open_wipes_every_message(void **state)
{
	(void)state;
	for (size_t c = 0; c < COUNT(ciphers); c++) {
		struct nz_aead *aead = new_aead(ciphers[c]);

		for (unsigned damage = 0; damage < DAMAGES; damage++) {
			uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {9};
			struct run run;

			fill_run(&run);
			assert_int_equal(crypto->seal_many(aead, nonce, run.items, RUN), NZ_OK);
			damage_run(&run, nonce, (enum damage)damage);
			assert_int_equal(crypto->open_many(aead, nonce, run.items, RUN),
			                 NZ_UNVERIFIED);
			check_all_wiped(&run);

			/* The context is as good as before. */
			nonce[0] = 9;
			fill_run(&run);
			assert_int_equal(crypto->seal_many(aead, nonce, run.items, RUN), NZ_OK);
			assert_int_equal(crypto->open_many(aead, nonce, run.items, RUN), NZ_OK);
		}
		crypto->aead_free(&aead);
	}
}

static void a_failed_open_of_one_message_wipes_it(void **state)
{
	(void)state;
	const uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {7}, zero[64] = {0};

	for (size_t c = 0; c < COUNT(ciphers); c++) {
		struct nz_aead *aead = new_aead(ciphers[c]);
		uint8_t data[64 + NZ_AEAD_TAG_BYTES] = "some plaintext of sixty-four bytes";
		const struct nz_aead_item item = {NULL, 0, data, 64};

		assert_int_equal(crypto->seal(aead, nonce, &item), NZ_OK);
		data[64] ^= 0x10;
		assert_int_equal(crypto->open(aead, nonce, &item), NZ_UNVERIFIED);
		assert_memory_equal(data, zero, sizeof(zero));

		/* An empty message is still authenticated. */
		const struct nz_aead_item empty = {header, sizeof(header), data, 0};

		assert_int_equal(crypto->seal(aead, nonce, &empty), NZ_OK);
		assert_int_equal(crypto->open(aead, nonce, &empty), NZ_OK);
		data[0] ^= 0x01;
		assert_int_equal(crypto->open(aead, nonce, &empty), NZ_UNVERIFIED);
		crypto->aead_free(&aead);
	}
}

static void keys_differ(void **state)
{
	(void)state;
	const uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {7};
	struct nz_secret other = key;

	other.bytes[31] ^= 0x01;
	for (size_t c = 0; c < COUNT(ciphers); c++) {
		struct nz_aead *mine = new_aead(ciphers[c]), *theirs = NULL;
		uint8_t data[32 + NZ_AEAD_TAG_BYTES] = {0};
		const struct nz_aead_item item = {header, sizeof(header), data, 32};

		assert_int_equal(crypto->aead_new(ciphers[c], &other, &theirs), NZ_OK);
		assert_int_equal(crypto->seal(mine, nonce, &item), NZ_OK);
		assert_int_equal(crypto->open(theirs, nonce, &item), NZ_UNVERIFIED);
		crypto->aead_free(&mine);
		crypto->aead_free(&theirs);
	}
}

static void messages_too_long_for_the_library_are_not_sealed(void **state)
{
	(void)state;
	struct nz_aead *aead = new_aead(NZ_CIPHER_AES_256_GCM);
	const uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {0};
	uint8_t data[NZ_AEAD_TAG_BYTES];
	const struct nz_aead_item item = {header, (size_t)INT32_MAX + 1, data, 0};

	assert_int_equal(crypto->seal(aead, nonce, &item), NZ_CRYPTO);
	assert_int_equal(crypto->open(aead, nonce, &item), NZ_UNVERIFIED);
	crypto->aead_free(&aead);
}

static void nonces_add_as_96_bit_integers(void **state)
{
	(void)state;
	static const struct {
		const char *nonce;
		uint64_t n;
		const char *sum;
	} cases[] = {
		{"000000000000000000000000", 0, "000000000000000000000000"},
		{"000000000000000000000000", 1, "000000000000000000000001"},
		{"0000000000000000000000ff", 1, "000000000000000000000100"},
		{"0102030405060708090a0b0c", UINT64_C(0x1122334455667788),
	         "0102030416283a4c5e708294"},
		{"00000000ffffffffffffffff", 1, "000000010000000000000000"},
		{"00000000ffffffffffffffff", UINT64_MAX, "00000001fffffffffffffffe"},
		{"ffffffffffffffffffffffff", 1, "000000000000000000000000"},
		{"fffffffffffffffffffffffe", 5, "000000000000000000000003"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t nonce[NZ_AEAD_NONCE_BYTES], sum[NZ_AEAD_NONCE_BYTES];

		unhex_exact(cases[i].nonce, nonce, sizeof(nonce));
		unhex_exact(cases[i].sum, sum, sizeof(sum));
		nz_nonce_add(nonce, cases[i].n, nonce); /* in place, too */
		assert_memory_equal(nonce, sum, sizeof(sum));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(aead_new_refuses_unknown_ciphers),
		cmocka_unit_test(seal_many_is_seal_under_successive_nonces),
		cmocka_unit_test(a_failed_open_wipes_every_message),
		cmocka_unit_test(a_failed_open_of_one_message_wipes_it),
		cmocka_unit_test(keys_differ),
		cmocka_unit_test(messages_too_long_for_the_library_are_not_sealed),
		cmocka_unit_test(nonces_add_as_96_bit_integers),
	};

	return cmocka_run_group_tests_name("crypto_aead", tests, choose_adapter, NULL);
}
