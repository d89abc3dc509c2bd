/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, HMAC-SHA256 (RFC 2104) and scrypt (RFC 7914). */
#include "internal.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

/* What one scrypt call may use; the parameters come from a file. */
#define SCRYPT_MAX_MEMORY_BYTES (UINT64_C(256) << 20)
#define SCRYPT_MAX_PARALLEL 16

enum nz_status nz_openssl_random(void *out, size_t len)
{
	uint8_t *next = out;

	while (len > 0) {
		const int part = len < INT_MAX ? (int)len : INT_MAX;

		if (RAND_priv_bytes(next, part) != 1)
			return nz_openssl_failed(NZ_CRYPTO);
		next += part;
		len -= (size_t)part;
	}
	return NZ_OK;
}

static void free_mac(EVP_MAC_CTX **ctx)
{
	EVP_MAC_CTX_free(*ctx);
}

enum nz_status nz_openssl_hmac_sha256(struct nz_bytes key, struct nz_bytes in,
                                      uint8_t out[NZ_SHA256_BYTES])
{
	const struct nz_openssl *openssl = nz_openssl_get();

	if (openssl == NULL)
		return NZ_CRYPTO;

	EVP_MAC_CTX *ctx NZ_CLEANUP(free_mac) = EVP_MAC_CTX_new(openssl->hmac);
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	NZ_SECRET(tag);
	size_t tag_len = 0;

	if (ctx == NULL || EVP_MAC_init(ctx, nz_openssl_ptr(key), key.len, params) != 1 ||
	    EVP_MAC_update(ctx, nz_openssl_ptr(in), in.len) != 1 ||
	    EVP_MAC_final(ctx, tag.bytes, &tag_len, sizeof(tag.bytes)) != 1 ||
	    tag_len != sizeof(tag.bytes))
		return nz_openssl_failed(NZ_CRYPTO);
	memcpy(out, tag.bytes, sizeof(tag.bytes));
	return NZ_OK;
}

static void free_kdf(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

enum nz_status nz_openssl_scrypt(struct nz_bytes passphrase, struct nz_bytes salt, uint64_t n,
                                 uint32_t r, uint32_t p, struct nz_secret *out)
{
	const struct nz_openssl *openssl = nz_openssl_get();

	if (openssl == NULL)
		return NZ_CRYPTO;
	if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0 || p > SCRYPT_MAX_PARALLEL ||
	    n > SCRYPT_MAX_MEMORY_BYTES / 128 / r)
		return NZ_CRYPTO;

	EVP_KDF_CTX *ctx NZ_CLEANUP(free_kdf) = EVP_KDF_CTX_new(openssl->scrypt);
	/* The big array, the p blocks and the scratch: the bound is on the first. */
	uint64_t memory = 2 * SCRYPT_MAX_MEMORY_BYTES;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
	                                          (void *)(uintptr_t)nz_openssl_ptr(passphrase),
	                                          passphrase.len),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)nz_openssl_ptr(salt), salt.len),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	NZ_SECRET(derived);

	if (ctx == NULL || EVP_KDF_derive(ctx, derived.bytes, sizeof(derived.bytes), params) != 1)
		return nz_openssl_failed(NZ_CRYPTO);
	*out = derived;
	return NZ_OK;
}
