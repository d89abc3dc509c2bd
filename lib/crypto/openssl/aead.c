/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM and ChaCha20-Poly1305 in place. A key has one context for each direction, with the
 * key schedule computed once; a message sets the nonce and nothing else.
 */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>

/* OpenSSL counts in int. */
#define MESSAGE_MAX_BYTES ((size_t)INT_MAX - NZ_AEAD_TAG_BYTES)

struct nz_aead {
	EVP_CIPHER_CTX *sealing, *opening;
};

static const EVP_CIPHER *find_cipher(const struct nz_openssl *openssl, enum nz_cipher cipher)
{
	switch (cipher) {
	case NZ_CIPHER_AES_256_GCM:
		return openssl->aes_256_gcm;
	case NZ_CIPHER_CHACHA20_POLY1305:
		return openssl->chacha20_poly1305;
	}
	return NULL;
}

/* Both ciphers have 12-byte nonces by default. */
static EVP_CIPHER_CTX *new_context(const EVP_CIPHER *cipher, const struct nz_secret *key,
                                   bool sealing)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx != NULL &&
	    EVP_CipherInit_ex2(ctx, cipher, key->bytes, NULL, sealing ? 1 : 0, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

enum nz_status nz_openssl_aead_new(enum nz_cipher cipher, const struct nz_secret *key,
                                   struct nz_aead **out)
{
	const struct nz_openssl *openssl = nz_openssl_get();

	if (openssl == NULL)
		return NZ_CRYPTO;

	const EVP_CIPHER *algorithm = find_cipher(openssl, cipher);

	if (algorithm == NULL)
		return NZ_INVALID;

	struct nz_aead *aead = calloc(1, sizeof(*aead));

	if (aead == NULL)
		return NZ_NO_MEMORY;
	aead->sealing = new_context(algorithm, key, true);
	aead->opening = new_context(algorithm, key, false);
	if (aead->sealing == NULL || aead->opening == NULL) {
		nz_openssl_aead_free(&aead);
		return nz_openssl_failed(NZ_CRYPTO);
	}
	*out = aead;
	return NZ_OK;
}

void nz_openssl_aead_free(struct nz_aead **aead)
{
	if (*aead == NULL)
		return;
	/* OpenSSL wipes the key schedules. */
	EVP_CIPHER_CTX_free((*aead)->sealing);
	EVP_CIPHER_CTX_free((*aead)->opening);
	free(*aead);
	*aead = NULL;
}

static bool seal_one(EVP_CIPHER_CTX *ctx, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                     const struct nz_aead_item *item)
{
	uint8_t *tag = item->data + item->len;
	int done = 0;

	if (item->len > MESSAGE_MAX_BYTES || item->aad_len > MESSAGE_MAX_BYTES)
		return false;
	return EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	       (item->aad_len == 0 ||
	        EVP_EncryptUpdate(ctx, NULL, &done, item->aad, (int)item->aad_len) == 1) &&
	       (item->len == 0 ||
	        EVP_EncryptUpdate(ctx, item->data, &done, item->data, (int)item->len) == 1) &&
	       EVP_EncryptFinal_ex(ctx, tag, &done) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, NZ_AEAD_TAG_BYTES, tag) == 1;
}

static bool open_one(EVP_CIPHER_CTX *ctx, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                     const struct nz_aead_item *item)
{
	uint8_t *tag = item->data + item->len;
	int done = 0;

	if (item->len > MESSAGE_MAX_BYTES || item->aad_len > MESSAGE_MAX_BYTES)
		return false;
	return EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, NZ_AEAD_TAG_BYTES, tag) == 1 &&
	       (item->aad_len == 0 ||
	        EVP_DecryptUpdate(ctx, NULL, &done, item->aad, (int)item->aad_len) == 1) &&
	       (item->len == 0 ||
	        EVP_DecryptUpdate(ctx, item->data, &done, item->data, (int)item->len) == 1) &&
	       EVP_DecryptFinal_ex(ctx, tag, &done) == 1;
}

/* A half-done run is neither plaintext nor ciphertext: nobody gets to use it as either. */
static void wipe_all(const struct nz_aead_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nz_wipe(items[i].data, items[i].len);
}

static void next_nonce(uint8_t nonce[NZ_AEAD_NONCE_BYTES])
{
	for (size_t i = NZ_AEAD_NONCE_BYTES; i-- > 0;) {
		if (++nonce[i] != 0)
			return;
	}
}

enum nz_status nz_openssl_seal_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                    const struct nz_aead_item *items, size_t count)
{
	uint8_t current[NZ_AEAD_NONCE_BYTES];

	memcpy(current, nonce, sizeof(current));
	for (size_t i = 0; i < count; i++) {
		if (!seal_one(aead->sealing, current, &items[i])) {
			wipe_all(items, count);
			return nz_openssl_failed(NZ_CRYPTO);
		}
		next_nonce(current);
	}
	return NZ_OK;
}

enum nz_status nz_openssl_open_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                    const struct nz_aead_item *items, size_t count)
{
	uint8_t current[NZ_AEAD_NONCE_BYTES];

	nz_openssl_begin();
	memcpy(current, nonce, sizeof(current));
	for (size_t i = 0; i < count; i++) {
		if (!open_one(aead->opening, current, &items[i])) {
			wipe_all(items, count);
			return nz_openssl_failed(NZ_UNVERIFIED);
		}
		next_nonce(current);
	}
	return NZ_OK;
}

enum nz_status nz_openssl_seal(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                               const struct nz_aead_item *item)
{
	return nz_openssl_seal_many(aead, nonce, item, 1);
}

enum nz_status nz_openssl_open(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                               const struct nz_aead_item *item)
{
	return nz_openssl_open_many(aead, nonce, item, 1);
}
