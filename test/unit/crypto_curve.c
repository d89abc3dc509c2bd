/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 and X25519, and which keys may be pinned. The strict rule has vectors of its own. */
#include <pthread.h>
#include "../crypto_help.h"

/* RFC 8032 section 7.1, tests 1 to 3. */
static const struct {
	const char *seed, *public_key, *message, *signature;
} ed25519_vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	 "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	 "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	 "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void ed25519_of_rfc_8032(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ed25519_vectors); i++) {
		struct nz_secret seed;
		struct nz_signer *signer = NULL;
		uint8_t expected_key[32], expected[64], public_key[32], signature[64], text[4];

		unhex_exact(ed25519_vectors[i].seed, seed.bytes, 32);
		unhex_exact(ed25519_vectors[i].public_key, expected_key, 32);
		unhex_exact(ed25519_vectors[i].signature, expected, 64);

		const struct nz_bytes message =
			nz_bytes_of(text, unhex(ed25519_vectors[i].message, text, sizeof(text)));

		assert_int_equal(crypto->ed25519_public(&seed, public_key), NZ_OK);
		assert_memory_equal(public_key, expected_key, 32);
		assert_int_equal(crypto->signer_new(&seed, &signer), NZ_OK);
		assert_int_equal(crypto->sign(signer, message, signature), NZ_OK);
		assert_memory_equal(signature, expected, 64);
		/* A signer is the same after it has signed. */
		memset(signature, 0, sizeof(signature));
		assert_int_equal(crypto->sign(signer, message, signature), NZ_OK);
		assert_memory_equal(signature, expected, 64);
		crypto->signer_free(&signer);
		assert_null(signer);
		crypto->signer_free(&signer);
		assert_int_equal(crypto->sign(signer, message, signature), NZ_INVALID);
		assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_OK);
		assert_true(nz_ed25519_key_acceptable(crypto, public_key));
	}
}

#define THREADS 4

struct signing {
	const struct nz_signer *signer;
	uint8_t expected[64];
	bool same;
};

static void *sign_often(void *context)
{
	struct signing *s = context;
	uint8_t signature[64];

	s->same = true;
	for (int i = 0; i < 200; i++)
		if (crypto->sign(s->signer, nz_bytes_str("message"), signature) != NZ_OK ||
		    memcmp(signature, s->expected, sizeof(signature)) != 0)
			s->same = false;
	return NULL;
}

static void threads_share_a_signer(void **state)
{
	(void)state;
	const struct nz_secret seed = {{42}};
	struct nz_signer *signer = NULL;
	struct signing each[THREADS];
	pthread_t threads[THREADS];

	assert_int_equal(crypto->signer_new(&seed, &signer), NZ_OK);
	for (size_t i = 0; i < THREADS; i++) {
		each[i] = (struct signing){.signer = signer};
		assert_int_equal(crypto->sign(signer, nz_bytes_str("message"), each[i].expected),
		                 NZ_OK);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_often, &each[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(each[i].same);
	}
	crypto->signer_free(&signer);
}

static void ed25519_verify_refuses_every_flipped_bit(void **state)
{
	(void)state;
	struct nz_secret seed = {{42}};
	struct nz_signer *signer = NULL;
	uint8_t public_key[32], signature[64], text[8] = "message";
	const struct nz_bytes message = nz_bytes_of(text, sizeof(text));

	assert_int_equal(crypto->ed25519_public(&seed, public_key), NZ_OK);
	assert_int_equal(crypto->signer_new(&seed, &signer), NZ_OK);
	assert_int_equal(crypto->sign(signer, message, signature), NZ_OK);
	crypto->signer_free(&signer);
	assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_OK);
	for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(crypto->ed25519_verify(public_key, message, signature),
		                 NZ_UNVERIFIED);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(public_key); bit++) {
		public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(crypto->ed25519_verify(public_key, message, signature),
		                 NZ_UNVERIFIED);
		public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	text[0] ^= 0x01;
	assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_UNVERIFIED);
	assert_int_equal(crypto->ed25519_verify(public_key, nz_bytes_of(NULL, 0), signature),
	                 NZ_UNVERIFIED);
}

/* Of every encoding of a small y: whether x^2 = (y^2 - 1) / (d y^2 + 1) has a root. */
static void keys_off_the_curve_are_refused(void **state)
{
	(void)state;
	static const uint8_t on[] = {3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 19};
	static const uint8_t off[] = {2, 7, 8, 11, 12, 13, 17};

	for (unsigned sign = 0; sign < 2; sign++) {
		uint8_t key[32] = {0};

		key[31] = (uint8_t)(sign << 7);
		for (size_t i = 0; i < COUNT(on); i++) {
			key[0] = on[i];
			assert_int_equal(crypto->ed25519_decodes(key), NZ_OK);
			assert_true(nz_ed25519_key_acceptable(crypto, key));
		}
		for (size_t i = 0; i < COUNT(off); i++) {
			key[0] = off[i];
			assert_int_equal(crypto->ed25519_decodes(key), NZ_UNVERIFIED);
			assert_false(nz_ed25519_key_acceptable(crypto, key));
		}
	}
}

static void small_order_and_non_canonical_keys_are_refused(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		/* p + 3, p + 4 and p + 18: not of small order, read as 3, 4 and 18 */
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	for (size_t i = 0; i < COUNT(points); i++) {
		uint8_t key[32];

		unhex_exact(points[i], key, sizeof(key));
		assert_int_equal(crypto->ed25519_decodes(key), NZ_OK);
		assert_false(nz_ed25519_key_acceptable(crypto, key));
		key[31] |= 0x80;
		assert_false(nz_ed25519_key_acceptable(crypto, key));
	}
}

/* RFC 7748 section 6.1. */
static void x25519_of_rfc_7748(void **state)
{
	(void)state;
	struct nz_secret alice, bob, shared;
	uint8_t alice_public[32], bob_public[32], expected[32];

	unhex_exact("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice.bytes,
	            32);
	unhex_exact("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob.bytes,
	            32);
	assert_int_equal(crypto->x25519_public(&alice, alice_public), NZ_OK);
	unhex_exact("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", expected,
	            32);
	assert_memory_equal(alice_public, expected, 32);
	assert_int_equal(crypto->x25519_public(&bob, bob_public), NZ_OK);
	unhex_exact("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", expected,
	            32);
	assert_memory_equal(bob_public, expected, 32);

	unhex_exact("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", expected,
	            32);
	assert_int_equal(crypto->x25519_shared(&alice, bob_public, &shared), NZ_OK);
	assert_memory_equal(shared.bytes, expected, 32);
	assert_int_equal(crypto->x25519_shared(&bob, alice_public, &shared), NZ_OK);
	assert_memory_equal(shared.bytes, expected, 32);
}

/* The points whose multiples by the cofactor are zero, and their twins of over 2^255 - 19. */
static void x25519_refuses_an_all_zero_result(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	const struct nz_secret private_key = {{1, 2, 3}};
	struct nz_secret untouched, shared;

	memset(&untouched, 0x5a, sizeof(untouched));
	shared = untouched;
	for (size_t i = 0; i < COUNT(points); i++) {
		uint8_t peer[32];

		unhex_exact(points[i], peer, sizeof(peer));
		assert_int_equal(crypto->x25519_shared(&private_key, peer, &shared), NZ_UNVERIFIED);
		assert_memory_equal(&shared, &untouched, sizeof(shared));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ed25519_of_rfc_8032),
		cmocka_unit_test(threads_share_a_signer),
		cmocka_unit_test(ed25519_verify_refuses_every_flipped_bit),
		cmocka_unit_test(keys_off_the_curve_are_refused),
		cmocka_unit_test(small_order_and_non_canonical_keys_are_refused),
		cmocka_unit_test(x25519_of_rfc_7748),
		cmocka_unit_test(x25519_refuses_an_all_zero_result),
	};

	return cmocka_run_group_tests_name("crypto_curve", tests, choose_adapter, NULL);
}
