/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the OpenSSL adapter share: algorithms fetched once for the life of the process,
 * and the functions that adapter.c puts into its table. OpenSSL's error queue belongs to the thread
 * and SSL_get_error() reads it, so every function here leaves it empty when it fails.
 */
#ifndef NZ_OPENSSL_INTERNAL_H
#define NZ_OPENSSL_INTERNAL_H

#include <nz/crypto.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>

/* Not for the shared library's exports. */
#pragma GCC visibility push(hidden)

struct nz_openssl {
	EVP_CIPHER *aes_256_gcm;
	EVP_CIPHER *chacha20_poly1305;
	EVP_MD *sha256;
	EVP_MAC *hmac;
	EVP_KDF *scrypt;
};

/* The fetched algorithms; NULL where OpenSSL cannot give them, tried again on the next call. */
const struct nz_openssl *nz_openssl_get(void);

/*
 * Empties the thread's error queue and returns status, or NZ_NO_MEMORY where the queue says so: what
 * failed for want of memory proves nothing about a signature or a certificate.
 */
enum nz_status nz_openssl_failed(enum nz_status status);
/*
 * Before a check whose failure is a verdict: empties the queue of what OpenSSL got over earlier, which
 * would be taken for the reason.
 */
void nz_openssl_begin(void);

/* OpenSSL takes some empty inputs only with a pointer that is not NULL. */
static inline const uint8_t *nz_openssl_ptr(struct nz_bytes bytes)
{
	static const uint8_t empty[1];

	return bytes.ptr != NULL ? bytes.ptr : empty;
}

/* Effects and statuses: nz/crypto.h, the members of struct nz_crypto of the same names. */
enum nz_status nz_openssl_random(void *out, size_t len);
enum nz_status nz_openssl_sha256(struct nz_bytes in, uint8_t out[NZ_SHA256_BYTES]);
enum nz_status nz_openssl_hmac_sha256(struct nz_bytes key, struct nz_bytes in,
                                      uint8_t out[NZ_SHA256_BYTES]);
enum nz_status nz_openssl_scrypt(struct nz_bytes passphrase, struct nz_bytes salt, uint64_t n,
                                 uint32_t r, uint32_t p, struct nz_secret *out);

enum nz_status nz_openssl_ed25519_public(const struct nz_secret *seed,
                                         uint8_t out[NZ_ED25519_PUBLIC_BYTES]);
enum nz_status nz_openssl_signer_new(const struct nz_secret *seed, struct nz_signer **out);
void nz_openssl_signer_free(struct nz_signer **signer);
enum nz_status nz_openssl_sign(const struct nz_signer *signer, struct nz_bytes message,
                               uint8_t out[NZ_ED25519_SIGNATURE_BYTES]);
enum nz_status nz_openssl_ed25519_verify(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                         struct nz_bytes message,
                                         const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES]);
enum nz_status nz_openssl_ed25519_decodes(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES]);
enum nz_status nz_openssl_x25519_public(const struct nz_secret *private_key,
                                        uint8_t out[NZ_X25519_BYTES]);
enum nz_status nz_openssl_x25519_shared(const struct nz_secret *private_key,
                                        const uint8_t peer[NZ_X25519_BYTES], struct nz_secret *out);

enum nz_status nz_openssl_aead_new(enum nz_cipher cipher, const struct nz_secret *key,
                                   struct nz_aead **out);
void nz_openssl_aead_free(struct nz_aead **aead);
enum nz_status nz_openssl_seal(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                               const struct nz_aead_item *item);
enum nz_status nz_openssl_open(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                               const struct nz_aead_item *item);
enum nz_status nz_openssl_seal_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                    const struct nz_aead_item *items, size_t count);
enum nz_status nz_openssl_open_many(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
                                    const struct nz_aead_item *items, size_t count);

enum nz_status nz_openssl_hasher_new(struct nz_hasher **out);
void nz_openssl_hasher_free(struct nz_hasher **hasher);
enum nz_status nz_openssl_hash_many(struct nz_hasher *hasher, uint8_t prefix,
                                    const struct nz_bytes *in, size_t count, struct nz_hash *out);
enum nz_status nz_openssl_hash_pairs(struct nz_hasher *hasher, const struct nz_hash_pair *pairs,
                                     size_t count, struct nz_hash *out);

#pragma GCC visibility pop

#endif
