/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256: one message, and runs of short messages in one reused context. */
#include "internal.h"

#include <stdlib.h>

/* Up to this length prefix and message are put side by side: cheaper than a second call. */
#define COPY_MAX_BYTES 1024

struct nz_hasher {
	EVP_MD_CTX *ctx;
};

enum nz_status nz_openssl_sha256(struct nz_bytes in, uint8_t out[NZ_SHA256_BYTES])
{
	const struct nz_openssl *openssl = nz_openssl_get();
	uint8_t digest[NZ_SHA256_BYTES];

	if (openssl == NULL)
		return NZ_CRYPTO;
	if (EVP_Digest(nz_openssl_ptr(in), in.len, digest, NULL, openssl->sha256, NULL) != 1)
		return nz_openssl_failed(NZ_CRYPTO);
	memcpy(out, digest, sizeof(digest));
	return NZ_OK;
}

enum nz_status nz_openssl_hasher_new(struct nz_hasher **out)
{
	const struct nz_openssl *openssl = nz_openssl_get();

	if (openssl == NULL)
		return NZ_CRYPTO;

	struct nz_hasher *hasher = calloc(1, sizeof(*hasher));

	if (hasher == NULL)
		return NZ_NO_MEMORY;
	hasher->ctx = EVP_MD_CTX_new();
	if (hasher->ctx == NULL || EVP_DigestInit_ex2(hasher->ctx, openssl->sha256, NULL) != 1) {
		nz_openssl_hasher_free(&hasher);
		return nz_openssl_failed(NZ_CRYPTO);
	}
	*out = hasher;
	return NZ_OK;
}

void nz_openssl_hasher_free(struct nz_hasher **hasher)
{
	if (*hasher == NULL)
		return;
	EVP_MD_CTX_free((*hasher)->ctx);
	free(*hasher);
	*hasher = NULL;
}

enum nz_status nz_openssl_hash_many(struct nz_hasher *hasher, uint8_t prefix,
                                    const struct nz_bytes *in, size_t count, struct nz_hash *out)
{
	uint8_t joined[1 + COPY_MAX_BYTES];
	EVP_MD_CTX *ctx = hasher->ctx;

	joined[0] = prefix;
	for (size_t i = 0; i < count; i++) {
		const bool copy = in[i].len <= COPY_MAX_BYTES;

		if (copy && in[i].len > 0)
			memcpy(joined + 1, in[i].ptr, in[i].len);
		if (EVP_DigestInit_ex2(ctx, NULL, NULL) != 1 ||
		    EVP_DigestUpdate(ctx, joined, copy ? 1 + in[i].len : 1) != 1 ||
		    (!copy && EVP_DigestUpdate(ctx, in[i].ptr, in[i].len) != 1) ||
		    EVP_DigestFinal_ex(ctx, out[i].bytes, NULL) != 1)
			return nz_openssl_failed(NZ_CRYPTO);
	}
	return NZ_OK;
}

enum nz_status nz_openssl_hash_pairs(struct nz_hasher *hasher, const struct nz_hash_pair *pairs,
                                     size_t count, struct nz_hash *out)
{
	uint8_t joined[1 + sizeof(struct nz_hash_pair)];
	EVP_MD_CTX *ctx = hasher->ctx;

	joined[0] = 0x01;
	for (size_t i = 0; i < count; i++) {
		/* Read before out[i] is written: the two may be one memory. */
		memcpy(joined + 1, &pairs[i], sizeof(pairs[i]));
		if (EVP_DigestInit_ex2(ctx, NULL, NULL) != 1 ||
		    EVP_DigestUpdate(ctx, joined, sizeof(joined)) != 1 ||
		    EVP_DigestFinal_ex(ctx, out[i].bytes, NULL) != 1)
			return nz_openssl_failed(NZ_CRYPTO);
	}
	return NZ_OK;
}
