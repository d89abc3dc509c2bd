/* SPDX-License-Identifier: Apache-2.0 */
/* Reading PEM, and what is asked of one certificate or key. */
#include "internal.h"
#include "pki_internal.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

void nz_pki_free_x509(X509 **cert)
{
	X509_free(*cert);
}

void nz_pki_free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

void nz_pki_free_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

/* Without this OpenSSL asks the terminal for the passphrase of an encrypted PEM. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

enum nz_status nz_pki_open_pem(struct nz_bytes pem, BIO **out, struct nz_error *err)
{
	if (pem.len > PKI_PEM_MAX_BYTES)
		return nz_fail(err, NZ_LIMIT, "PEM text is over %d bytes", PKI_PEM_MAX_BYTES);

	BIO *bio = BIO_new_mem_buf(nz_openssl_ptr(pem), (int)pem.len);

	if (bio == NULL)
		return nz_fail(err, nz_openssl_failed(NZ_NO_MEMORY), "no memory to read PEM");
	*out = bio;
	return NZ_OK;
}

enum nz_status nz_pki_next_certificate(BIO *bio, X509 **out, struct nz_error *err)
{
	nz_openssl_begin();

	X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

	if (cert == NULL) {
		const unsigned long code = ERR_peek_last_error();
		const bool end = ERR_GET_LIB(code) == ERR_LIB_PEM &&
		                 ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

		const enum nz_status status = nz_openssl_failed(end ? NZ_END : NZ_MALFORMED);

		return status == NZ_END ? NZ_END
		                        : nz_fail(err, status, "a certificate cannot be read");
	}
	*out = cert;
	return NZ_OK;
}

enum nz_status nz_pki_read_certificate(struct nz_bytes pem, X509 **out, struct nz_error *err)
{
	BIO *bio NZ_CLEANUP(nz_pki_free_bio) = NULL;

	NZ_TRY(nz_pki_open_pem(pem, &bio, err));

	const enum nz_status status = nz_pki_next_certificate(bio, out, err);

	if (status == NZ_END)
		return nz_fail(err, NZ_MALFORMED, "the PEM text holds no certificate");
	return status;
}

enum nz_status nz_pki_read_key(struct nz_bytes pem, EVP_PKEY **out, struct nz_error *err)
{
	BIO *bio NZ_CLEANUP(nz_pki_free_bio) = NULL;

	NZ_TRY(nz_pki_open_pem(pem, &bio, err));
	nz_openssl_begin();

	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	if (key == NULL)
		return nz_fail(err, nz_openssl_failed(NZ_MALFORMED),
		               "the PEM text holds no readable private key");
	*out = key;
	return NZ_OK;
}

enum nz_status nz_pki_platform_id(struct nz_bytes root_pem, char out[65], struct nz_error *err)
{
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;
	uint8_t digest[NZ_SHA256_BYTES];
	uint8_t *spki = NULL;

	NZ_TRY(nz_pki_read_certificate(root_pem, &cert, err));

	const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

	if (len <= 0)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "a public key cannot be encoded");

	const enum nz_status status = nz_openssl_sha256(nz_bytes_of(spki, (size_t)len), digest);

	OPENSSL_free(spki);
	if (status != NZ_OK)
		return nz_fail(err, status, "SHA-256 failed");
	nz_hex_encode(nz_bytes_of(digest, sizeof(digest)), out);
	return NZ_OK;
}

enum nz_status nz_pki_pem_to_der(struct nz_bytes pem, struct nz_buffer *der, struct nz_error *err)
{
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;
	uint8_t *encoded = NULL;

	NZ_TRY(nz_pki_read_certificate(pem, &cert, err));

	const int len = i2d_X509(cert, &encoded);

	if (len <= 0)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO),
		               "a certificate cannot be encoded");

	const enum nz_status status = nz_buffer_append(der, encoded, (size_t)len);

	OPENSSL_free(encoded);
	if (status != NZ_OK)
		return nz_fail(err, status, "no room for a certificate of %d bytes", len);
	return NZ_OK;
}

enum nz_status nz_pki_expiry(struct nz_bytes pem, int64_t *not_after, struct nz_error *err)
{
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;
	struct tm utc = {0};

	NZ_TRY(nz_pki_read_certificate(pem, &cert, err));
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &utc) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_MALFORMED),
		               "the certificate's notAfter cannot be read");
	*not_after = (int64_t)timegm(&utc);
	return NZ_OK;
}

enum nz_status nz_pki_signing_seed(struct nz_bytes key_pem, struct nz_secret *seed,
                                   struct nz_error *err)
{
	EVP_PKEY *key NZ_CLEANUP(nz_pki_free_key) = NULL;
	NZ_SECRET(raw);
	size_t len = sizeof(raw.bytes);

	NZ_TRY(nz_pki_read_key(key_pem, &key, err));
	if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
		return nz_fail(err, NZ_UNSUPPORTED, "the key is not an Ed25519 key");
	if (EVP_PKEY_get_raw_private_key(key, raw.bytes, &len) != 1 || len != sizeof(raw.bytes))
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "the key has no raw form");
	*seed = raw;
	return NZ_OK;
}
