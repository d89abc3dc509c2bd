/* SPDX-License-Identifier: Apache-2.0 */
/* Making the platform's root and its two kinds of leaves. */
#include "internal.h"
#include "pki_internal.h"

#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#define DAY_S INT64_C(86400)
#define BACKDATE_S INT64_C(3600)
#define SERIAL_BYTES 16
#define HOSTS_MAX 64
#define COMMON_NAME_MAX 64
#define ROOT_DAYS_MAX 36525
/* 9999-12-31T23:59:59Z, where RFC 5280's times end. */
#define TIME_MAX_S INT64_C(253402300799)

void nz_pki_pair_clear(struct nz_pki_pair *pair)
{
	nz_buffer_clear(&pair->key_pem);
	nz_buffer_clear(&pair->certificate_pem);
}

static bool set_serial(X509 *cert)
{
	uint8_t bytes[SERIAL_BYTES];

	if (nz_openssl_random(bytes, sizeof(bytes)) != NZ_OK)
		return false;

	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	const bool set =
		number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

	BN_free(number);
	return set;
}

/* value in the notation of x509v3_config(5); only constants come here. */
static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);

	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	const bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return added;
}

/* A certificate with everything but its extensions and signature. */
static X509 *new_certificate(const char *common_name, EVP_PKEY *key, int64_t not_before,
                             int64_t not_after)
{
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = X509_new();

	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
	    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)not_before) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)not_after) == NULL ||
	    X509_set_pubkey(cert, key) != 1 ||
	    X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, MBSTRING_UTF8,
	                               (const unsigned char *)common_name, -1, -1, 0) != 1)
		return NULL;

	X509 *made = cert;

	cert = NULL;
	return made;
}

static enum nz_status append_bio(BIO *bio, struct nz_buffer *out)
{
	char *text = NULL;
	const long len = BIO_get_mem_data(bio, &text);

	/* Its own NUL, so that the PEM can be used as text. */
	if (len <= 0 || nz_buffer_append(out, text, (size_t)len) != NZ_OK ||
	    nz_buffer_cstr(out) == NULL)
		return NZ_NO_MEMORY;
	return NZ_OK;
}

/* OpenSSL wipes the memory of a BIO as it grows and when it is freed. */
static enum nz_status write_pair(X509 *cert, EVP_PKEY *key, struct nz_pki_pair *out,
                                 struct nz_error *err)
{
	struct nz_pki_pair pair NZ_CLEANUP(nz_pki_pair_clear) = {0};
	BIO *key_bio NZ_CLEANUP(nz_pki_free_bio) = BIO_new(BIO_s_mem());
	BIO *cert_bio NZ_CLEANUP(nz_pki_free_bio) = BIO_new(BIO_s_mem());

	if (key_bio == NULL || cert_bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(cert_bio, cert) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO),
		               "a key or certificate cannot be written");
	if (append_bio(key_bio, &pair.key_pem) != NZ_OK ||
	    append_bio(cert_bio, &pair.certificate_pem) != NZ_OK)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a key and its certificate");
	*out = pair;
	pair = (struct nz_pki_pair){0};
	return NZ_OK;
}

enum nz_status nz_pki_make_root(const char *common_name, int64_t now, unsigned days,
                                struct nz_pki_pair *out, struct nz_error *err)
{
	const struct nz_bytes name = nz_bytes_str(common_name);

	if (name.len == 0 || name.len > COMMON_NAME_MAX || !nz_utf8_valid(name))
		return nz_fail(err, NZ_INVALID, "a root's name is 1 to %d bytes of UTF-8",
		               COMMON_NAME_MAX);
	if (days == 0 || days > ROOT_DAYS_MAX)
		return nz_fail(err, NZ_LIMIT, "a root lives 1 to %d days", ROOT_DAYS_MAX);
	if (now < BACKDATE_S || now > TIME_MAX_S - days * DAY_S)
		return nz_fail(err, NZ_INVALID, "the time is out of range");

	EVP_PKEY *key NZ_CLEANUP(nz_pki_free_key) = EVP_EC_gen("P-256");
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;

	if (key != NULL)
		cert = new_certificate(common_name, key, now - BACKDATE_S,
		                       now - BACKDATE_S + days * DAY_S);
	if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
	    !add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") ||
	    !add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_extension(cert, cert, NID_subject_key_identifier, "hash") ||
	    X509_sign(cert, key, EVP_sha256()) == 0)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "a root cannot be made");
	return write_pair(cert, key, out, err);
}

struct issuer {
	X509 *cert;
	EVP_PKEY *key;
};

static void clear_issuer(struct issuer *issuer)
{
	X509_free(issuer->cert);
	EVP_PKEY_free(issuer->key);
}

/* Reads the root and refuses one that could not sign a leaf that anybody accepts now. */
static enum nz_status read_issuer(const struct nz_pki_pair *root, int64_t now,
                                  struct issuer *issuer, int64_t *not_after, struct nz_error *err)
{
	const struct nz_bytes pem = nz_buffer_bytes(&root->certificate_pem);
	time_t at = (time_t)now;

	NZ_TRY(nz_pki_read_certificate(pem, &issuer->cert, err));
	NZ_TRY(nz_pki_read_key(nz_buffer_bytes(&root->key_pem), &issuer->key, err));
	NZ_TRY(nz_pki_expiry(pem, not_after, err));
	if (X509_check_private_key(issuer->cert, issuer->key) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_MISMATCH),
		               "the root's key is not that of its certificate");
	if (X509_check_ca(issuer->cert) != 1)
		return nz_fail(err, NZ_REFUSED, "the root's certificate may not sign others");
	if (X509_cmp_time(X509_get0_notBefore(issuer->cert), &at) >= 0 || *not_after <= now)
		return nz_fail(err, nz_openssl_failed(NZ_EXPIRED),
		               "the root's certificate is not valid now");
	return NZ_OK;
}

static bool add_leaf_extensions(X509 *cert, X509 *issuer, enum nz_pki_purpose purpose)
{
	const char *usage =
		purpose == NZ_PKI_SIGNING ? "critical," NZ_PKI_SIGNING_EKU : "serverAuth";

	return add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, issuer, NID_ext_key_usage, usage) &&
	       add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
	       add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
}

static enum nz_status check_leaf_request(enum nz_pki_purpose purpose, size_t host_count,
                                         int64_t now, unsigned days, struct nz_error *err)
{
	if (purpose != NZ_PKI_TLS && purpose != NZ_PKI_SIGNING)
		return nz_fail(err, NZ_INVALID, "no such purpose");
	if (purpose == NZ_PKI_TLS ? host_count == 0 : host_count != 0)
		return nz_fail(err, NZ_INVALID, "a TLS certificate has hosts, a signing one none");
	if (host_count > HOSTS_MAX)
		return nz_fail(err, NZ_LIMIT, "more than %d hosts", HOSTS_MAX);
	if (days == 0 || days > NZ_PKI_LEAF_DAYS)
		return nz_fail(err, NZ_LIMIT, "a leaf lives 1 to %d days", NZ_PKI_LEAF_DAYS);
	if (now < BACKDATE_S || now > TIME_MAX_S - days * DAY_S)
		return nz_fail(err, NZ_INVALID, "the time is out of range");
	return NZ_OK;
}

enum nz_status nz_pki_make_leaf(const struct nz_pki_pair *root, enum nz_pki_purpose purpose,
                                const char *const *hosts, size_t host_count, int64_t now,
                                unsigned days, struct nz_pki_pair *out, struct nz_error *err)
{
	const bool signing = purpose == NZ_PKI_SIGNING;
	struct issuer issuer NZ_CLEANUP(clear_issuer) = {0};
	int64_t root_end = 0;

	NZ_TRY(check_leaf_request(purpose, host_count, now, days, err));
	NZ_TRY(read_issuer(root, now, &issuer, &root_end, err));

	const int64_t begin = now - BACKDATE_S, wanted = begin + days * DAY_S;
	const int64_t end = wanted < root_end ? wanted : root_end;
	EVP_PKEY *key NZ_CLEANUP(nz_pki_free_key) =
		signing ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
	X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;

	if (key != NULL)
		cert = new_certificate(signing ? "nz signing" : "nz tls", key, begin, end);
	if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(issuer.cert)) != 1 ||
	    !add_leaf_extensions(cert, issuer.cert, purpose))
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "a leaf cannot be made");
	if (!signing)
		NZ_TRY(nz_pki_add_hosts(cert, hosts, host_count, err));
	if (X509_sign(cert, issuer.key, EVP_sha256()) == 0)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "a leaf cannot be signed");
	return write_pair(cert, key, out, err);
}
