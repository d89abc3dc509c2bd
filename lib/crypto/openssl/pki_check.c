/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a signing chain that a peer sent. OpenSSL builds and checks the path (RFC 5280 section
 * 6, strictly); what the certificate at its end is for is checked here, since OpenSSL has no
 * purpose of that name. Certificates of the peer that the path does not need count for nothing.
 */
#include "internal.h"
#include "pki_internal.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#define CHAIN_MAX 4
#define CERTIFICATE_MAX_BYTES (16 * 1024)
#define ROOTS_MAX 16
/* OpenSSL's level 2: 112 bits, so no SHA-1 and no short keys anywhere in the path. */
#define SECURITY_LEVEL 2

static void free_store(X509_STORE **store)
{
	X509_STORE_free(*store);
}

static void free_store_ctx(X509_STORE_CTX **ctx)
{
	X509_STORE_CTX_free(*ctx);
}

static void free_stack(STACK_OF(X509) **stack)
{
	sk_X509_pop_free(*stack, X509_free);
}

static void free_usage(EXTENDED_KEY_USAGE **usage)
{
	EXTENDED_KEY_USAGE_free(*usage);
}

static void free_object(ASN1_OBJECT **object)
{
	ASN1_OBJECT_free(*object);
}

static enum nz_status fill_store(struct nz_bytes root_pem, X509_STORE *store, struct nz_error *err)
{
	BIO *bio NZ_CLEANUP(nz_pki_free_bio) = NULL;
	size_t roots = 0;

	NZ_TRY(nz_pki_open_pem(root_pem, &bio, err));
	for (;; roots++) {
		X509 *cert NZ_CLEANUP(nz_pki_free_x509) = NULL;
		const enum nz_status status = nz_pki_next_certificate(bio, &cert, err);

		if (status == NZ_END)
			break;
		NZ_TRY(status);
		if (roots == ROOTS_MAX)
			return nz_fail(err, NZ_LIMIT, "more than %d root certificates", ROOTS_MAX);
		if (X509_STORE_add_cert(store, cert) != 1)
			return nz_fail(err, nz_openssl_failed(NZ_CRYPTO),
			               "a root certificate cannot be used");
	}
	if (roots == 0)
		return nz_fail(err, NZ_MALFORMED, "the PEM text holds no root certificate");
	return NZ_OK;
}

static enum nz_status read_chain(const struct nz_bytes *chain, size_t count, STACK_OF(X509) *out,
                                 struct nz_error *err)
{
	if (count == 0 || count > CHAIN_MAX)
		return nz_fail(err, NZ_UNVERIFIED, "a chain has 1 to %d certificates, not %zu",
		               CHAIN_MAX, count);
	for (size_t i = 0; i < count; i++) {
		const unsigned char *next = chain[i].ptr;

		if (chain[i].len == 0 || chain[i].len > CERTIFICATE_MAX_BYTES)
			return nz_fail(err, NZ_UNVERIFIED, "certificate %zu has %zu bytes", i,
			               chain[i].len);

		X509 *cert = d2i_X509(NULL, &next, (long)chain[i].len);

		if (cert == NULL || next != chain[i].ptr + chain[i].len) {
			X509_free(cert);
			return nz_fail(err, nz_openssl_failed(NZ_UNVERIFIED),
			               "certificate %zu is not DER", i);
		}
		if (sk_X509_push(out, cert) == 0) {
			X509_free(cert);
			return nz_fail(err, nz_openssl_failed(NZ_NO_MEMORY), "no memory");
		}
	}
	return NZ_OK;
}

/* Whether a critical extended key usage names ours and nothing else. */
static bool is_for_signing(X509 *cert)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *usage NZ_CLEANUP(free_usage) =
		X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);
	ASN1_OBJECT *wanted NZ_CLEANUP(free_object) = OBJ_txt2obj(NZ_PKI_SIGNING_EKU, 1);

	return usage != NULL && wanted != NULL && critical == 1 && sk_ASN1_OBJECT_num(usage) == 1 &&
	       OBJ_cmp(sk_ASN1_OBJECT_value(usage, 0), wanted) == 0;
}

/* Whether an issuer's extended key usage, where it has one, leaves room for ours. */
static bool may_issue_signing(X509 *cert)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *usage NZ_CLEANUP(free_usage) =
		X509_get_ext_d2i(cert, NID_ext_key_usage, &critical, NULL);
	ASN1_OBJECT *wanted NZ_CLEANUP(free_object) = OBJ_txt2obj(NZ_PKI_SIGNING_EKU, 1);

	if (usage == NULL)
		return critical == -1; /* none at all, rather than one that cannot be read */
	for (int i = 0; wanted != NULL && i < sk_ASN1_OBJECT_num(usage); i++) {
		const ASN1_OBJECT *found = sk_ASN1_OBJECT_value(usage, i);

		if (OBJ_cmp(found, wanted) == 0 || OBJ_obj2nid(found) == NID_anyExtendedKeyUsage)
			return true;
	}
	return false;
}

/* The verdict, unless memory was what was missing. */
static enum nz_status untrusted(struct nz_error *err, const char *why)
{
	return nz_fail(err, nz_openssl_failed(NZ_UNVERIFIED), "%s", why);
}

static enum nz_status check_leaf(X509 *leaf, uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                 struct nz_error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	uint8_t raw[NZ_ED25519_PUBLIC_BYTES];
	size_t len = sizeof(raw);

	nz_openssl_begin();
	/* X509_check_ca overlooks an authority whose key usage does not let it sign. */
	if ((X509_get_extension_flags(leaf) & EXFLAG_CA) != 0 || X509_check_ca(leaf) != 0)
		return untrusted(err, "the signing certificate is an authority's");
	/* X509_get_key_usage allows everything where the extension is missing. */
	if ((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) == 0 ||
	    (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return untrusted(err, "the certificate lacks digitalSignature");
	if (!is_for_signing(leaf))
		return untrusted(err, "the certificate is not one for signing");
	if (key == NULL || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_public_key(key, raw, &len) != 1 || len != sizeof(raw) ||
	    !nz_ed25519_key_acceptable(nz_crypto_openssl(), raw))
		return untrusted(err, "the certificate's key is not an Ed25519 key");
	memcpy(public_key, raw, sizeof(raw));
	return NZ_OK;
}

static enum nz_status check_path(X509_STORE *store, STACK_OF(X509) *chain, int64_t now,
                                 struct nz_error *err)
{
	X509_STORE_CTX *ctx NZ_CLEANUP(free_store_ctx) = X509_STORE_CTX_new();

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_NO_MEMORY), "no memory");

	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX - 1);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) != 1)
		return nz_fail(err, nz_openssl_failed(NZ_CRYPTO), "X.509 checks cannot be set");

	if (X509_verify_cert(ctx) != 1) {
		const int code = X509_STORE_CTX_get_error(ctx);

		const enum nz_status status =
			code == X509_V_ERR_OUT_OF_MEM ? NZ_NO_MEMORY : NZ_UNVERIFIED;

		return nz_fail_code(err, nz_openssl_failed(status), code, "certificate %d: %s",
		                    X509_STORE_CTX_get_error_depth(ctx),
		                    X509_verify_cert_error_string(code));
	}

	const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(path); i++) {
		if (!may_issue_signing(sk_X509_value(path, i)))
			return nz_fail(err, nz_openssl_failed(NZ_UNVERIFIED),
			               "certificate %d may not issue signing ones", i);
	}
	return NZ_OK;
}

enum nz_status nz_pki_check_signing_chain(struct nz_bytes root_pem, const struct nz_bytes *chain,
                                          size_t chain_len, int64_t now,
                                          uint8_t public_key[NZ_ED25519_PUBLIC_BYTES],
                                          struct nz_error *err)
{
	X509_STORE *store NZ_CLEANUP(free_store) = X509_STORE_new();
	STACK_OF(X509) *certs NZ_CLEANUP(free_stack) = sk_X509_new_null();

	nz_openssl_begin();
	if (store == NULL || certs == NULL)
		return nz_fail(err, nz_openssl_failed(NZ_NO_MEMORY), "no memory");
	NZ_TRY(fill_store(root_pem, store, err));
	NZ_TRY(read_chain(chain, chain_len, certs, err));
	NZ_TRY(check_path(store, certs, now, err));
	return check_leaf(sk_X509_value(certs, 0), public_key, err);
}
