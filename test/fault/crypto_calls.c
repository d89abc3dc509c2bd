/* SPDX-License-Identifier: Apache-2.0 */
/* An adapter whose calls can fail, in front of the default one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"

#define FAIL_WHEN_DUE                                \
	do {                                         \
		if (fault_due(FAULT_CRYPTO))         \
			return NZ_CRYPTO;            \
	} while (0)

static enum nz_status random_bytes(void *out, size_t len)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->random(out, len);
}

static enum nz_status sha256(struct nz_bytes in, uint8_t out[NZ_SHA256_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->sha256(in, out);
}

static enum nz_status hmac_sha256(struct nz_bytes key, struct nz_bytes in,
                                  uint8_t out[NZ_SHA256_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->hmac_sha256(key, in, out);
}

static enum nz_status cheap_scrypt(struct nz_bytes passphrase, struct nz_bytes salt, uint64_t n,
                                   uint32_t r, uint32_t p, struct nz_secret *out)
{
	(void)n;
	(void)r;
	(void)p;
	FAIL_WHEN_DUE;
	return nz_crypto_default()->hmac_sha256(salt, passphrase, out->bytes);
}

static enum nz_status ed25519_public(const struct nz_secret *seed,
                                     uint8_t out[NZ_ED25519_PUBLIC_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->ed25519_public(seed, out);
}

static enum nz_status signer_new(const struct nz_secret *seed, struct nz_signer **out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->signer_new(seed, out);
}

static void signer_free(struct nz_signer **signer)
{
	nz_crypto_default()->signer_free(signer);
}

static enum nz_status sign(const struct nz_signer *signer, struct nz_bytes message,
                           uint8_t out[NZ_ED25519_SIGNATURE_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->sign(signer, message, out);
}

static enum nz_status ed25519_verify(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                     struct nz_bytes message,
                                     const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->ed25519_verify(public_key, message, signature);
}

static enum nz_status ed25519_decodes(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->ed25519_decodes(public_key);
}

static enum nz_status x25519_public(const struct nz_secret *private_key,
                                    uint8_t out[NZ_X25519_BYTES])
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->x25519_public(private_key, out);
}

static enum nz_status x25519_shared(const struct nz_secret *private_key,
                                    const uint8_t peer[NZ_X25519_BYTES], struct nz_secret *out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->x25519_shared(private_key, peer, out);
}

static enum nz_status aead_new(enum nz_cipher cipher, const struct nz_secret *key,
                               struct nz_aead **out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->aead_new(cipher, key, out);
}

static void aead_free(struct nz_aead **aead)
{
	nz_crypto_default()->aead_free(aead);
}

static enum nz_status seal_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                const struct nz_aead_item *items, size_t count)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->seal_many(aead, nonce, items, count);
}

/* What keeps a tag from being checked at all is told as want of memory. */
static enum nz_status open_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                const struct nz_aead_item *items, size_t count)
{
	if (fault_due(FAULT_CRYPTO)) {
		for (size_t i = 0; i < count; i++)
			nz_wipe(items[i].data, items[i].len);
		return NZ_NO_MEMORY;
	}
	return nz_crypto_default()->open_many(aead, nonce, items, count);
}

static enum nz_status seal(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                           const struct nz_aead_item *item)
{
	return seal_many(aead, nonce, item, 1);
}

static enum nz_status open(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                           const struct nz_aead_item *item)
{
	return open_many(aead, nonce, item, 1);
}

static enum nz_status hasher_new(struct nz_hasher **out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->hasher_new(out);
}

static void hasher_free(struct nz_hasher **hasher)
{
	nz_crypto_default()->hasher_free(hasher);
}

static enum nz_status hash_many(struct nz_hasher *hasher, uint8_t prefix, const struct nz_bytes *in,
                                size_t count, struct nz_hash *out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->hash_many(hasher, prefix, in, count, out);
}

static enum nz_status hash_pairs(struct nz_hasher *hasher, const struct nz_hash_pair *pairs,
                                 size_t count, struct nz_hash *out)
{
	FAIL_WHEN_DUE;
	return nz_crypto_default()->hash_pairs(hasher, pairs, count, out);
}

const struct nz_crypto *fault_crypto(void)
{
	static const struct nz_crypto adapter = {
		.name = "failing",
		.random = random_bytes,
		.sha256 = sha256,
		.hmac_sha256 = hmac_sha256,
		.scrypt = cheap_scrypt,
		.ed25519_public = ed25519_public,
		.signer_new = signer_new,
		.signer_free = signer_free,
		.sign = sign,
		.ed25519_verify = ed25519_verify,
		.ed25519_decodes = ed25519_decodes,
		.x25519_public = x25519_public,
		.x25519_shared = x25519_shared,
		.aead_new = aead_new,
		.aead_free = aead_free,
		.seal = seal,
		.open = open,
		.seal_many = seal_many,
		.open_many = open_many,
		.hasher_new = hasher_new,
		.hasher_free = hasher_free,
		.hash_many = hash_many,
		.hash_pairs = hash_pairs,
	};

	return &adapter;
}
