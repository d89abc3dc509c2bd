/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the OpenSSL adapter, and the algorithms that it fetches once. */
#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/err.h>

static struct nz_openssl fetched;
static atomic_bool fetched_all;
static pthread_mutex_t fetching = PTHREAD_MUTEX_INITIALIZER;

/* What an earlier, failed try did fetch is kept: only what is missing is fetched. */
static bool fetch_all(void)
{
	if (fetched.aes_256_gcm == NULL)
		fetched.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (fetched.chacha20_poly1305 == NULL)
		fetched.chacha20_poly1305 = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (fetched.sha256 == NULL)
		fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (fetched.hmac == NULL)
		fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (fetched.scrypt == NULL)
		fetched.scrypt = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	return fetched.aes_256_gcm != NULL && fetched.chacha20_poly1305 != NULL &&
	       fetched.sha256 != NULL && fetched.hmac != NULL && fetched.scrypt != NULL;
}

/* Not pthread_once: a fetch that failed for want of memory must not fail for ever. */
const struct nz_openssl *nz_openssl_get(void)
{
	if (atomic_load_explicit(&fetched_all, memory_order_acquire))
		return &fetched;

	(void)pthread_mutex_lock(&fetching);
	const bool complete = fetch_all();

	if (complete)
		atomic_store_explicit(&fetched_all, true, memory_order_release);
	else
		ERR_clear_error();
	(void)pthread_mutex_unlock(&fetching);
	return complete ? &fetched : NULL;
}

enum nz_status nz_openssl_failed(enum nz_status status)
{
	for (unsigned long code; (code = ERR_get_error()) != 0;)
		if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
			status = NZ_NO_MEMORY;
	return status;
}

void nz_openssl_begin(void)
{
	ERR_clear_error();
}

static const struct nz_crypto adapter = {
	.name = "openssl",
	.random = nz_openssl_random,
	.sha256 = nz_openssl_sha256,
	.hmac_sha256 = nz_openssl_hmac_sha256,
	.scrypt = nz_openssl_scrypt,
	.ed25519_public = nz_openssl_ed25519_public,
	.signer_new = nz_openssl_signer_new,
	.signer_free = nz_openssl_signer_free,
	.sign = nz_openssl_sign,
	.ed25519_verify = nz_openssl_ed25519_verify,
	.ed25519_decodes = nz_openssl_ed25519_decodes,
	.x25519_public = nz_openssl_x25519_public,
	.x25519_shared = nz_openssl_x25519_shared,
	.aead_new = nz_openssl_aead_new,
	.aead_free = nz_openssl_aead_free,
	.seal = nz_openssl_seal,
	.open = nz_openssl_open,
	.seal_many = nz_openssl_seal_many,
	.open_many = nz_openssl_open_many,
	.hasher_new = nz_openssl_hasher_new,
	.hasher_free = nz_openssl_hasher_free,
	.hash_many = nz_openssl_hash_many,
	.hash_pairs = nz_openssl_hash_pairs,
};

const struct nz_crypto *nz_crypto_openssl(void)
{
	return &adapter;
}
