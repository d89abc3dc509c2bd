/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primitives of nz behind one adapter, a const struct of functions. Adapters give the same
 * answer on every input; the same vectors run over all of them. Stateless calls are thread-safe;
 * an nz_aead or nz_hasher belongs to one thread at a time; an nz_signer is never changed once it is
 * made, so any number of threads may sign with one. Each goes back to the adapter that made it.
 *
 * A library that runs out of memory while it checks a signature or a tag may not say so. Whatever
 * was not checked to its end is then NZ_UNVERIFIED, never NZ_OK.
 */
#ifndef NZ_CRYPTO_H
#define NZ_CRYPTO_H

#include <nz/bytes.h>

#define NZ_SHA256_BYTES 32
#define NZ_ED25519_PUBLIC_BYTES 32
#define NZ_ED25519_SIGNATURE_BYTES 64
#define NZ_X25519_BYTES 32
#define NZ_AEAD_KEY_BYTES 32
#define NZ_AEAD_NONCE_BYTES 12
#define NZ_AEAD_TAG_BYTES 16

enum nz_cipher { NZ_CIPHER_AES_256_GCM = 1, NZ_CIPHER_CHACHA20_POLY1305 };

struct nz_hash {
	uint8_t bytes[NZ_SHA256_BYTES];
};
struct nz_hash_pair { /* laid out so that left ‖ right is one run of 64 bytes */
	struct nz_hash left, right;
};

struct nz_aead;   /* a cipher with its key schedule, reused for many messages */
struct nz_hasher; /* a SHA-256 context, reused for many messages */
struct nz_signer; /* an Ed25519 private key with its public key, reused for many messages */

/*
 * One message of a run: aad, and data of len bytes in place, with NZ_AEAD_TAG_BYTES of room (or the
 * tag) after it.
 */
struct nz_aead_item {
	const uint8_t *aad;
	size_t aad_len;
	uint8_t *data;
	size_t len; /* of the plaintext */
};

struct nz_crypto {
	const char *name;

	/* Bytes from a generator that the system seeds. NZ_CRYPTO. */
	enum nz_status (*random)(void *out, size_t len) NZ_MUST_USE;
	enum nz_status (*sha256)(struct nz_bytes in, uint8_t out[NZ_SHA256_BYTES]) NZ_MUST_USE;
	/* RFC 2104. key of any length. */
	enum nz_status (*hmac_sha256)(struct nz_bytes key, struct nz_bytes in,
	                              uint8_t out[NZ_SHA256_BYTES]) NZ_MUST_USE;
	/* RFC 7914; for key files. NZ_CRYPTO where the parameters are refused: p over 16, or
	   128 * r * n over 256 MiB. */
	enum nz_status (*scrypt)(struct nz_bytes passphrase, struct nz_bytes salt, uint64_t n,
	                         uint32_t r, uint32_t p, struct nz_secret *out) NZ_MUST_USE;

	/* RFC 8032. seed is the 32-byte private key. */
	enum nz_status (*ed25519_public)(const struct nz_secret *seed,
	                                 uint8_t out[NZ_ED25519_PUBLIC_BYTES]) NZ_MUST_USE;
	/*
	 * The public key, which goes into every signature, is derived here, once. It cannot be given:
	 * two signatures of one message under one seed and two public keys give the seed away.
	 */
	enum nz_status (*signer_new)(const struct nz_secret *seed,
	                             struct nz_signer **out) NZ_MUST_USE;
	/* Wipes; nobody may be signing. */
	void (*signer_free)(struct nz_signer **signer);
	/* NZ_INVALID where signer is NULL. */
	enum nz_status (*sign)(const struct nz_signer *signer, struct nz_bytes message,
	                       uint8_t out[NZ_ED25519_SIGNATURE_BYTES]) NZ_MUST_USE;
	/* Strict: S < L, A and R canonical and not of small order (libsodium's rule).
	   NZ_UNVERIFIED. */
	enum nz_status (*ed25519_verify)(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
	                                 struct nz_bytes message,
	                                 const uint8_t signature[NZ_ED25519_SIGNATURE_BYTES])
		NZ_MUST_USE;
	/* Whether the key encodes a curve point (RFC 8032 5.1.3), canonically or not, of any
	   order: NZ_UNVERIFIED where not. Use nz_ed25519_key_check. */
	enum nz_status (*ed25519_decodes)(const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES])
		NZ_MUST_USE;

	/* RFC 7748. */
	enum nz_status (*x25519_public)(const struct nz_secret *private_key,
	                                uint8_t out[NZ_X25519_BYTES]) NZ_MUST_USE;
	/* NZ_UNVERIFIED for an all-zero result. */
	enum nz_status (*x25519_shared)(const struct nz_secret *private_key,
	                                const uint8_t peer[NZ_X25519_BYTES],
	                                struct nz_secret *out) NZ_MUST_USE;

	/* AES-256-GCM (SP 800-38D) and ChaCha20-Poly1305 (RFC 8439); 96-bit nonces. */
	enum nz_status (*aead_new)(enum nz_cipher cipher, const struct nz_secret *key,
	                           struct nz_aead **out) NZ_MUST_USE;
	void (*aead_free)(struct nz_aead **aead);
	/* In place; the tag goes after data. NZ_CRYPTO: data is then wiped. */
	enum nz_status (*seal)(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
	                       const struct nz_aead_item *item) NZ_MUST_USE;
	/* In place. NZ_UNVERIFIED: data is then wiped. */
	enum nz_status (*open)(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
	                       const struct nz_aead_item *item) NZ_MUST_USE;
	/* count messages under nonce, nonce + 1, … (96-bit big endian, wrapping). All or nothing: a
	   failure wipes the data of every item. As seal and open otherwise. */
	enum nz_status (*seal_many)(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
	                            const struct nz_aead_item *items, size_t count) NZ_MUST_USE;
	enum nz_status (*open_many)(struct nz_aead *aead, const uint8_t nonce[NZ_AEAD_NONCE_BYTES],
	                            const struct nz_aead_item *items, size_t count) NZ_MUST_USE;

	enum nz_status (*hasher_new)(struct nz_hasher **out) NZ_MUST_USE;
	void (*hasher_free)(struct nz_hasher **hasher);
	/* out[i] = SHA-256(prefix ‖ in[i]): RFC 9162 leaves with prefix 0x00. */
	enum nz_status (*hash_many)(struct nz_hasher *hasher, uint8_t prefix,
	                            const struct nz_bytes *in, size_t count,
	                            struct nz_hash *out) NZ_MUST_USE;
	/* out[i] = SHA-256(0x01 ‖ left ‖ right); out may be the memory of pairs. */
	enum nz_status (*hash_pairs)(struct nz_hasher *hasher, const struct nz_hash_pair *pairs,
	                             size_t count, struct nz_hash *out) NZ_MUST_USE;
};

/* The adapter on OpenSSL 3's libcrypto. */
const struct nz_crypto *nz_crypto_openssl(void);
/* The adapter that nz uses unless told otherwise. */
const struct nz_crypto *nz_crypto_default(void);

/* nonce + n as a 96-bit big-endian integer, wrapping. */
void nz_nonce_add(const uint8_t nonce[NZ_AEAD_NONCE_BYTES], uint64_t n,
                  uint8_t out[NZ_AEAD_NONCE_BYTES]);

/* HKDF-SHA256 (RFC 5869). */
enum nz_status nz_hkdf_extract(const struct nz_crypto *crypto, struct nz_bytes salt,
                               struct nz_bytes ikm, struct nz_secret *prk) NZ_MUST_USE;
/* 32 bytes of output: one HMAC round. */
enum nz_status nz_hkdf_expand(const struct nz_crypto *crypto, const struct nz_secret *prk,
                              struct nz_bytes info, struct nz_secret *out) NZ_MUST_USE;

/*
 * NZ_OK for an Ed25519 public key fit to be pinned: canonical, a curve point, not of small order.
 * NZ_UNVERIFIED for another; NZ_CRYPTO or NZ_NO_MEMORY where that could not be found out.
 */
enum nz_status nz_ed25519_key_check(const struct nz_crypto *crypto,
                                    const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES]) NZ_MUST_USE;
/* The same for those to whom any other answer is a no. */
static inline bool nz_ed25519_key_acceptable(const struct nz_crypto *crypto,
                                             const uint8_t public_key[NZ_ED25519_PUBLIC_BYTES])
{
	return nz_ed25519_key_check(crypto, public_key) == NZ_OK;
}

#endif
