/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 (RFC 8032) under the strict rule of ed25519_rule.h, and X25519 (RFC 7748). */
#include "internal.h"

#include <stdlib.h>

#include <openssl/bn.h>

#include "../ed25519_rule.h"

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
#define KEY(name) EVP_PKEY *name NZ_CLEANUP(free_key)

static void free_md(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static EVP_PKEY *load_private(const char *type, const struct nz_secret *key)
{
	return EVP_PKEY_new_raw_private_key_ex(NULL, type, NULL, key->bytes, sizeof(key->bytes));
}

/* The public half of a raw private key; every curve here has 32 bytes of it. */
static enum nz_status derive_public(const char *type, const struct nz_secret *private_key,
                                    uint8_t out[32])
{
	KEY(key) = load_private(type, private_key);
	uint8_t raw[32];
	size_t len = sizeof(raw);

	if (key == NULL || EVP_PKEY_get_raw_public_key(key, raw, &len) != 1 || len != sizeof(raw))
		return nz_openssl_failed(NZ_CRYPTO);
	memcpy(out, raw, sizeof(raw));
	return NZ_OK;
}

enum nz_status nz_openssl_ed25519_public(const struct nz_secret *seed,
                                         uint8_t out[NZ_ED25519_PUBLIC_BYTES])
{
	return derive_public("ED25519", seed, out);
}

/*
 * A context with the key loaded, of which each signature takes a copy: a twentieth of a signature
 * cheaper than a fresh one. Copying reads it, and counts the uses of the key atomically.
 */
struct nz_signer {
	EVP_MD_CTX *ready;
};

enum nz_status nz_openssl_signer_new(const struct nz_secret *seed, struct nz_signer **out)
{
	KEY(key) = load_private("ED25519", seed); /* which derives the public key */
	EVP_MD_CTX *ready NZ_CLEANUP(free_md) = EVP_MD_CTX_new();
	struct nz_signer *signer;

	if (key == NULL || ready == NULL ||
	    EVP_DigestSignInit(ready, NULL, NULL, NULL, key) != 1)
		return nz_openssl_failed(NZ_CRYPTO);
	signer = malloc(sizeof(*signer));
	if (signer == NULL)
		return NZ_NO_MEMORY;
	signer->ready = ready;
	ready = NULL; /* handed over */
	*out = signer;
	return NZ_OK;
}

void nz_openssl_signer_free(struct nz_signer **signer)
{
	if (*signer == NULL)
		return;
	EVP_MD_CTX_free((*signer)->ready); /* the key goes with it, and OpenSSL wipes it */
	free(*signer);
	*signer = NULL;
}

enum nz_status nz_openssl_sign(const struct nz_signer *signer, struct nz_bytes message,
                               uint8_t out[NZ_ED25519_SIGNATURE_BYTES])
{
	if (signer == NULL)
		return NZ_INVALID;

	EVP_MD_CTX *ctx NZ_CLEANUP(free_md) = EVP_MD_CTX_new();
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	size_t len = sizeof(signature);

	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, signer->ready) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, nz_openssl_ptr(message), message.len) != 1 ||
	    len != sizeof(signature))
		return nz_openssl_failed(NZ_CRYPTO);
	memcpy(out, signature, sizeof(signature));
	return NZ_OK;
}

enum nz_status nz_openssl_ed25519_verify(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                         struct nz_bytes message,
                                         const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES])
{
	if (!nz_ed25519_rule_allows(public_key, signature))
		return NZ_UNVERIFIED;
	nz_openssl_begin();

	KEY(key) = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public_key,
	                                          NZ_ED25519_PUBLIC_BYTES);
	EVP_MD_CTX *ctx NZ_CLEANUP(free_md) = EVP_MD_CTX_new();

	if (key == NULL || ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
		return nz_openssl_failed(NZ_CRYPTO);
	if (EVP_DigestVerify(ctx, signature, NZ_ED25519_SIGNATURE_BYTES, nz_openssl_ptr(message),
	                     message.len) != 1)
		return nz_openssl_failed(NZ_UNVERIFIED);
	return NZ_OK;
}

static void end_bn(BN_CTX **ctx)
{
	if (*ctx != NULL)
		BN_CTX_end(*ctx);
	BN_CTX_free(*ctx);
}

/*
 * RFC 8032 section 5.1.3: x^2 = (y^2 - 1) / (d y^2 + 1) has a root when (y^2 - 1)(d y^2 + 1), which
 * differs from it by a square, is a square. d y^2 + 1 is never 0, as -1/d is no square. OpenSSL has
 * no call that decodes a point without a signature. Keys are public: time may depend on them.
 */
enum nz_status nz_openssl_ed25519_decodes(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES])
{
	static const uint8_t prime[32] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	static const uint8_t curve_d[32] = {0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75,
	                                    0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
	                                    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c,
	                                    0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};
	uint8_t y_bytes[32];

	memcpy(y_bytes, public_key, sizeof(y_bytes));
	y_bytes[31] &= 0x7f;

	BN_CTX *ctx NZ_CLEANUP(end_bn) = BN_CTX_new();

	if (ctx == NULL)
		return nz_openssl_failed(NZ_NO_MEMORY);
	BN_CTX_start(ctx);

	BIGNUM *p = BN_CTX_get(ctx), *d = BN_CTX_get(ctx), *y = BN_CTX_get(ctx);
	BIGNUM *u = BN_CTX_get(ctx), *v = BN_CTX_get(ctx); /* the last is NULL if any is */

	if (v == NULL || BN_lebin2bn(prime, 32, p) == NULL || BN_lebin2bn(curve_d, 32, d) == NULL ||
	    BN_lebin2bn(y_bytes, 32, y) == NULL || BN_mod_sqr(u, y, p, ctx) != 1 ||
	    BN_mod_mul(v, u, d, p, ctx) != 1 || BN_add_word(v, 1) != 1 || BN_add(u, u, p) != 1 ||
	    BN_sub_word(u, 1) != 1 || BN_mod_mul(u, u, v, p, ctx) != 1)
		return nz_openssl_failed(NZ_CRYPTO);

	const int square = BN_kronecker(u, p, ctx); /* 1, 0 or -1; -2 on failure */

	if (square == -2)
		return nz_openssl_failed(NZ_CRYPTO);
	return square >= 0 ? NZ_OK : NZ_UNVERIFIED;
}

enum nz_status nz_openssl_x25519_public(const struct nz_secret *private_key,
                                        uint8_t out[NZ_X25519_BYTES])
{
	return derive_public("X25519", private_key, out);
}

static void free_key_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

enum nz_status nz_openssl_x25519_shared(const struct nz_secret *private_key,
                                        const uint8_t peer[NZ_X25519_BYTES], struct nz_secret *out)
{
	static const uint8_t zero[NZ_X25519_BYTES];

	nz_openssl_begin();

	KEY(own) = load_private("X25519", private_key);
	KEY(other) = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, peer, NZ_X25519_BYTES);
	EVP_PKEY_CTX *ctx NZ_CLEANUP(free_key_ctx) =
		own != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
	NZ_SECRET(shared);
	size_t len = sizeof(shared.bytes);

	if (other == NULL || ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, other, 0) != 1)
		return nz_openssl_failed(NZ_CRYPTO);
	/* OpenSSL refuses an all-zero result itself; the rule is ours, so it is checked here. */
	if (EVP_PKEY_derive(ctx, shared.bytes, &len) != 1 || len != sizeof(shared.bytes) ||
	    nz_equal_ct(shared.bytes, zero, sizeof(zero)))
		return nz_openssl_failed(NZ_UNVERIFIED);
	*out = shared;
	return NZ_OK;
}
