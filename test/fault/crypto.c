/* SPDX-License-Identifier: Apache-2.0 */
/* Primitives, HKDF, Merkle trees and certificates while memory or crypto calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/merkle.h>

#include "alloc.h"
#include "signing.h"

#define LEAVES 37

/* Every call of the adapter that is not covered by what is built on it. */
static enum nz_status primitives(struct nz_error *err)
{
	const struct nz_crypto *crypto = fault_crypto();
	const struct nz_bytes salt = nz_bytes_str("salt"), words = nz_bytes_str("passphrase");
	NZ_SECRET(key);
	NZ_SECRET(other);
	uint8_t digest[NZ_SHA256_BYTES], public_key[NZ_X25519_BYTES];

	(void)err;
	NZ_TRY(FAULTY(crypto->random(key.bytes, sizeof(key.bytes))));
	NZ_TRY(FAULTY(crypto->sha256(salt, digest)));
	NZ_TRY(FAULTY(crypto->hmac_sha256(salt, words, digest)));
	/* The true one, with parameters that cost nothing. */
	NZ_TRY(FAULTY(nz_crypto_default()->scrypt(words, salt, 2, 1, 1, &other)));
	NZ_TRY(FAULTY(crypto->x25519_public(&key, public_key)));
	return FAULTY(crypto->x25519_shared(&key, public_key, &other));
}

static enum nz_status derive(struct nz_error *err)
{
	static const struct nz_secret zero;
	NZ_SECRET(prk);
	NZ_SECRET(out);

	(void)err;
	NZ_TRY(nz_hkdf_extract(nz_crypto_default(), nz_bytes_str("salt"), nz_bytes_str("secret"),
	                       &prk));

	const enum nz_status status =
		FAULTY(nz_hkdf_expand(fault_crypto(), &prk, nz_bytes_str("info"), &out));

	if (status != NZ_OK)
		assert_memory_equal(&out, &zero, sizeof(out));
	return status;
}

static enum nz_status aead(struct nz_error *err)
{
	const struct nz_crypto *crypto = fault_crypto();
	const uint8_t nonce[NZ_AEAD_NONCE_BYTES] = {0};
	uint8_t data[3][16 + NZ_AEAD_TAG_BYTES] = {"plaintext", "plaintext", "plaintext"};
	struct nz_aead_item items[3];
	struct nz_aead *cipher = NULL;
	NZ_SECRET(key);

	(void)err;
	for (size_t i = 0; i < 3; i++)
		items[i] = (struct nz_aead_item){.data = data[i], .len = 16};

	enum nz_status status =
		FAULTY(crypto->aead_new(NZ_CIPHER_CHACHA20_POLY1305, &key, &cipher));

	if (status != NZ_OK) {
		assert_null(cipher);
		return status;
	}
	status = FAULTY(crypto->seal_many(cipher, nonce, items, 3));
	if (status == NZ_OK)
		status = FAULTY(crypto->open_many(cipher, nonce, items, 3));
	if (status == NZ_OK)
		assert_string_equal(data[2], "plaintext");
	crypto->aead_free(&cipher);
	return status;
}

static void fill_leaves(struct nz_hash leaves[LEAVES])
{
	for (size_t i = 0; i < LEAVES; i++)
		memset(leaves[i].bytes, (int)i, sizeof(leaves[i].bytes));
}

static enum nz_status prove_and_check(struct nz_hasher *hasher, const struct nz_hash *expected)
{
	struct nz_hash leaves[LEAVES], proof[NZ_MERKLE_MAX_PROOF];
	const struct nz_crypto *crypto = fault_crypto();
	size_t len = 99;
	enum nz_status status;

	fill_leaves(leaves);
	status = FAULTY(
		nz_merkle_prove_inclusion(crypto, hasher, leaves, LEAVES, 20, proof, &len));
	if (status != NZ_OK) {
		assert_int_equal(len, 99);
		return status;
	}
	return FAULTY(nz_merkle_check_inclusion(crypto, hasher, &leaves[20], 20, LEAVES, proof, len,
	                                        expected));
}

/* A batch that fails can be appended again: the tree is as it was. */
static enum nz_status tree(struct nz_error *err)
{
	static struct nz_hash expected; /* of the run without faults, which comes first */
	static bool known;
	const struct nz_crypto *crypto = fault_crypto();
	struct nz_hasher *hasher = NULL, *sound = NULL;
	struct nz_merkle merkle, before;
	struct nz_hash leaves[LEAVES], found;
	enum nz_status status = FAULTY(crypto->hasher_new(&hasher));

	(void)err;
	if (status != NZ_OK)
		return status;
	nz_merkle_init(&merkle, crypto, hasher);
	before = merkle;
	fill_leaves(leaves);
	status = FAULTY(nz_merkle_append(&merkle, leaves, LEAVES));
	if (status == NZ_OK) {
		status = FAULTY(nz_merkle_root(&merkle, &found));
	} else {
		assert_int_equal(merkle.size, before.size);
		fill_leaves(leaves);
		assert_int_equal(nz_crypto_default()->hasher_new(&sound), NZ_OK);
		merkle.crypto = nz_crypto_default();
		merkle.hasher = sound;
		assert_int_equal(nz_merkle_append(&merkle, leaves, LEAVES), NZ_OK);
		assert_int_equal(nz_merkle_root(&merkle, &found), NZ_OK);
		assert_memory_equal(&found, &expected, sizeof(found));
		nz_crypto_default()->hasher_free(&sound);
	}
	if (status == NZ_OK) {
		if (!known)
			expected = found;
		known = true;
		assert_memory_equal(&found, &expected, sizeof(found));
		status = prove_and_check(hasher, &expected);
	}
	crypto->hasher_free(&hasher);
	return status;
}

static void check_pair(struct nz_pki_pair *pair, enum nz_status status)
{
	assert_int_equal(pair->key_pem.len > 0, status == NZ_OK);
	assert_int_equal(pair->certificate_pem.len > 0, status == NZ_OK);
	nz_pki_pair_clear(pair);
}

static enum nz_status make_root(struct nz_error *err)
{
	struct nz_pki_pair pair = {0};
	const enum nz_status status = FAULTY(nz_pki_make_root("root", NOW, 3650, &pair, err));

	check_pair(&pair, status);
	return status;
}

static enum nz_status make_tls_leaf(struct nz_error *err)
{
	static const char *const hosts[] = {"example.org", "192.0.2.1", "2001:db8::1"};
	struct nz_pki_pair pair = {0};
	const enum nz_status status =
		FAULTY(nz_pki_make_leaf(&root, NZ_PKI_TLS, hosts, 3, NOW, 90, &pair, err));

	check_pair(&pair, status);
	return status;
}

static enum nz_status make_signing_leaf(struct nz_error *err)
{
	struct nz_pki_pair pair = {0};
	const enum nz_status status =
		FAULTY(nz_pki_make_leaf(&root, NZ_PKI_SIGNING, NULL, 0, NOW, 90, &pair, err));

	check_pair(&pair, status);
	return status;
}

static enum nz_status read_pem(struct nz_error *err)
{
	const struct nz_bytes pem = nz_buffer_bytes(&signing.certificate_pem);
	int64_t not_after = 0;
	char id[65] = "kept";
	NZ_BUFFER(der);
	NZ_SECRET(seed);
	enum nz_status status =
		FAULTY(nz_pki_platform_id(nz_buffer_bytes(&root.certificate_pem), id, err));

	if (status != NZ_OK)
		assert_string_equal(id, "kept");
	NZ_TRY(status);
	NZ_TRY(FAULTY(nz_pki_expiry(pem, &not_after, err)));
	assert_true(not_after > NOW);
	status = FAULTY(nz_pki_pem_to_der(pem, &der, err));
	assert_int_equal(der.len, status == NZ_OK ? signing_der.len : 0);
	NZ_TRY(status);
	return FAULTY(nz_pki_signing_seed(nz_buffer_bytes(&signing.key_pem), &seed, err));
}

static enum nz_status check_chain(struct nz_error *err)
{
	const struct nz_bytes chain[1] = {nz_buffer_bytes(&signing_der)};
	static const uint8_t zero[NZ_ED25519_PUBLIC_BYTES];
	uint8_t key[NZ_ED25519_PUBLIC_BYTES] = {0};
	const enum nz_status status = FAULTY(nz_pki_check_signing_chain(
		nz_buffer_bytes(&root.certificate_pem), chain, 1, NOW, key, err));

	if (status == NZ_OK)
		assert_memory_not_equal(key, zero, sizeof(key));
	else
		assert_memory_equal(key, zero, sizeof(key));
	return status;
}

static void calls(void **state)
{
	(void)state;
	FAULT_EACH_OR(FAULT_OPENSSL, primitives, FAULT_BIT(NZ_UNVERIFIED));
	FAULT_EACH(FAULT_CRYPTO, primitives);
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH(source, derive);
		FAULT_EACH_OR(source, aead, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH(source, tree);
	}
}

static void certificates(void **state)
{
	/* What the readers of PEM and DER say where OpenSSL leaves no reason. */
	const unsigned unreadable = FAULT_BIT(NZ_MALFORMED);

	(void)state;
	FAULT_EACH(FAULT_MALLOC, make_root);
	FAULT_EACH(FAULT_MALLOC, make_tls_leaf);
	FAULT_EACH(FAULT_MALLOC, make_signing_leaf);
	FAULT_EACH(FAULT_MALLOC, read_pem);
	FAULT_EACH(FAULT_OPENSSL, make_root);
	FAULT_EACH_OR(FAULT_OPENSSL, make_tls_leaf, unreadable | FAULT_BIT(NZ_MISMATCH));
	FAULT_EACH_OR(FAULT_OPENSSL, make_signing_leaf, unreadable | FAULT_BIT(NZ_MISMATCH));
	FAULT_EACH_OR(FAULT_OPENSSL, read_pem, unreadable);
	FAULT_EACH_OR(FAULT_OPENSSL, check_chain, unreadable | FAULT_BIT(NZ_UNVERIFIED));
}

static int start(void **state)
{
	(void)state;
	make_signing();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	clear_signing();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),
		cmocka_unit_test(certificates),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
