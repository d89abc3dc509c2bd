/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing chains that must be refused, each with one thing wrong, next to the ones that must not.
 * nz makes no such certificates, so they are forged here with OpenSSL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <nz/pki.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)
#define SIGNING_EKU "critical," NZ_PKI_SIGNING_EKU

/* A certificate as it will be: NULL leaves an extension out. */
struct plan {
	const char *key; /* "ED25519", "P-256", or "small" for an Ed25519 key of small order */
	const char *basic, *usage, *extended;
	int64_t begin, end;
	int unknown_critical; /* a critical extension that nobody knows */
};

static const struct plan good_leaf = {"ED25519",
                                      "critical,CA:FALSE",
                                      "critical,digitalSignature",
                                      SIGNING_EKU,
                                      NOW - DAY,
                                      NOW + DAY,
                                      0};
static const struct plan good_issuer = {
	"P-256", "critical,CA:TRUE", "critical,keyCertSign", NULL, NOW - DAY, NOW + DAY, 0};

struct forged {
	X509 *cert;
	EVP_PKEY *key;
	uint8_t *der;
	size_t der_len;
};

static struct nz_pki_pair root, twin; /* twin: another key under the same name */
static struct forged root_forged;

static EVP_PKEY *new_key(const char *type)
{
	static const uint8_t neutral[32] = {1};

	if (strcmp(type, "small") == 0)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, neutral, 32);
	return strcmp(type, "P-256") == 0 ? EVP_EC_gen("P-256")
	                                  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);

	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void add_unknown_critical(X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05", 2), 1);

	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);

	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
}

static void finish(struct forged *forged, EVP_PKEY *signer)
{
	const EVP_MD *md = EVP_PKEY_get_id(signer) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	assert_true(X509_sign(forged->cert, signer, md) > 0);

	const int len = i2d_X509(forged->cert, &forged->der);

	assert_true(len > 0);
	forged->der_len = (size_t)len;
}

static struct forged forge(const struct plan *plan, const struct forged *issuer)
{
	static long serial = 1000;
	struct forged forged = {X509_new(), new_key(plan->key), NULL, 0};
	char name[32];

	assert_non_null(forged.key);
	(void)snprintf(name, sizeof(name), "forged %ld", ++serial);
	assert_int_equal(X509_set_version(forged.cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(forged.cert), serial), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(forged.cert), plan->begin));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(forged.cert), plan->end));
	assert_int_equal(X509_set_pubkey(forged.cert, forged.key), 1);
	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(forged.cert),
	                                            NID_commonName, MBSTRING_UTF8,
	                                            (const unsigned char *)name, -1, -1, 0),
	                 1);
	assert_int_equal(X509_set_issuer_name(forged.cert, X509_get_subject_name(issuer->cert)), 1);
	add(forged.cert, issuer->cert, NID_basic_constraints, plan->basic);
	add(forged.cert, issuer->cert, NID_key_usage, plan->usage);
	add(forged.cert, issuer->cert, NID_ext_key_usage, plan->extended);
	add(forged.cert, issuer->cert, NID_subject_key_identifier, "hash");
	add(forged.cert, issuer->cert, NID_authority_key_identifier, "keyid:always");
	if (plan->unknown_critical)
		add_unknown_critical(forged.cert);
	finish(&forged, issuer->key);
	return forged;
}

static void forged_clear(struct forged *forged)
{
	X509_free(forged->cert);
	EVP_PKEY_free(forged->key);
	OPENSSL_free(forged->der);
	*forged = (struct forged){0};
}

static struct nz_bytes der_of(const struct forged *forged)
{
	return nz_bytes_of(forged->der, forged->der_len);
}

static struct forged load(const struct nz_pki_pair *pair)
{
	BIO *cert = BIO_new_mem_buf(pair->certificate_pem.ptr, (int)pair->certificate_pem.len);
	BIO *key = BIO_new_mem_buf(pair->key_pem.ptr, (int)pair->key_pem.len);
	struct forged loaded = {PEM_read_bio_X509(cert, NULL, NULL, NULL),
	                        PEM_read_bio_PrivateKey(key, NULL, NULL, NULL), NULL, 0};

	assert_true(loaded.cert != NULL && loaded.key != NULL);
	loaded.der_len = (size_t)i2d_X509(loaded.cert, &loaded.der);
	BIO_free(cert);
	BIO_free(key);
	return loaded;
}

static void check_at(struct nz_bytes roots, const struct nz_bytes *chain, size_t count, int64_t now,
                     enum nz_status expected)
{
	uint8_t public_key[32], untouched[32];
	struct nz_error err = {0};

	memset(untouched, 0x5a, sizeof(untouched));
	memcpy(public_key, untouched, sizeof(untouched));

	const enum nz_status status =
		nz_pki_check_signing_chain(roots, chain, count, now, public_key, &err);

	if (status != expected)
		fail_msg("%s: %s", nz_status_name(status), err.message);
	if (status != NZ_OK) {
		assert_memory_equal(public_key, untouched, sizeof(untouched));
		assert_true(err.message[0] != '\0');
	}
	/* SSL_get_error() reads this queue. */
	assert_int_equal(ERR_peek_error(), 0);
}

static void check(const struct nz_bytes *chain, size_t count, enum nz_status expected)
{
	check_at(nz_buffer_bytes(&root.certificate_pem), chain, count, NOW, expected);
}

/* One leaf right under the root. */
static void check_plan(const struct plan *plan, enum nz_status expected)
{
	struct forged leaf = forge(plan, &root_forged);
	const struct nz_bytes chain[] = {der_of(&leaf)};

	check(chain, 1, expected);
	forged_clear(&leaf);
}

/* A good leaf under an intermediate. */
static void check_issuer(const struct plan *plan, enum nz_status expected)
{
	struct forged issuer = forge(plan, &root_forged);
	struct forged leaf = forge(&good_leaf, &issuer);
	const struct nz_bytes chain[] = {der_of(&leaf), der_of(&issuer)};

	check(chain, 2, expected);
	forged_clear(&leaf);
	forged_clear(&issuer);
}

static int make_roots(void **state)
{
	(void)state;
	if (nz_pki_make_root("Platform", NOW, 3650, &root, NULL) != NZ_OK ||
	    nz_pki_make_root("Platform", NOW, 3650, &twin, NULL) != NZ_OK)
		return -1;
	root_forged = load(&root);
	return 0;
}

static int clear_roots(void **state)
{
	(void)state;
	nz_pki_pair_clear(&root);
	nz_pki_pair_clear(&twin);
	forged_clear(&root_forged);
	return 0;
}

static void a_good_leaf_passes_with_its_key(void **state)
{
	(void)state;
	struct forged leaf = forge(&good_leaf, &root_forged);
	const struct nz_bytes chain[] = {der_of(&leaf)};
	uint8_t public_key[32], expected[32];
	size_t len = sizeof(expected);

	assert_int_equal(EVP_PKEY_get_raw_public_key(leaf.key, expected, &len), 1);
	assert_int_equal(nz_pki_check_signing_chain(nz_buffer_bytes(&root.certificate_pem), chain,
	                                            1, NOW, public_key, NULL),
	                 NZ_OK);
	assert_memory_equal(public_key, expected, sizeof(expected));
	check_issuer(&good_issuer, NZ_OK);
	forged_clear(&leaf);
}

static void a_tls_leaf_does_not_sign(void **state)
{
	(void)state;
	static const char *const hosts[] = {"example.org"};
	struct nz_pki_pair leaf = {0};
	NZ_BUFFER(der);

	assert_int_equal(nz_pki_make_leaf(&root, NZ_PKI_TLS, hosts, 1, NOW, 90, &leaf, NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_pem_to_der(nz_buffer_bytes(&leaf.certificate_pem), &der, NULL),
	                 NZ_OK);

	const struct nz_bytes chain[] = {nz_buffer_bytes(&der)};

	check(chain, 1, NZ_UNVERIFIED);
	nz_pki_pair_clear(&leaf);
}

static void other_usages_do_not_sign(void **state)
{
	(void)state;
	static const char *const extended[] = {
		NULL,
		NZ_PKI_SIGNING_EKU, /* not critical */
		"critical,serverAuth",
		"critical,anyExtendedKeyUsage",
		"critical,2.25.128110699318751115698655075447942159341",
		SIGNING_EKU ",serverAuth",
	};
	static const char *const usage[] = {NULL, "critical,nonRepudiation",
	                                    "critical,keyAgreement"};

	for (size_t i = 0; i < sizeof(extended) / sizeof(extended[0]); i++) {
		struct plan plan = good_leaf;

		plan.extended = extended[i];
		check_plan(&plan, NZ_UNVERIFIED);
	}
	for (size_t i = 0; i < sizeof(usage) / sizeof(usage[0]); i++) {
		struct plan plan = good_leaf;

		plan.usage = usage[i];
		check_plan(&plan, NZ_UNVERIFIED);
	}
}

static void an_authority_does_not_sign(void **state)
{
	(void)state;
	struct plan plan = good_leaf;

	plan.basic = "critical,CA:TRUE";
	check_plan(&plan, NZ_UNVERIFIED);
	plan.usage = "critical,digitalSignature,keyCertSign";
	check_plan(&plan, NZ_UNVERIFIED);

	const struct nz_bytes only_root[] = {der_of(&root_forged)};

	check(only_root, 1, NZ_UNVERIFIED);
}

static void other_keys_do_not_sign(void **state)
{
	(void)state;
	struct plan plan = good_leaf;

	plan.key = "P-256";
	check_plan(&plan, NZ_UNVERIFIED);
	plan.key = "small";
	check_plan(&plan, NZ_UNVERIFIED);
}

static void unknown_critical_extensions_are_refused(void **state)
{
	(void)state;
	struct plan plan = good_leaf;

	plan.unknown_critical = 1;
	check_plan(&plan, NZ_UNVERIFIED);
}

static void time_is_that_of_the_caller(void **state)
{
	(void)state;
	const struct nz_bytes roots = nz_buffer_bytes(&root.certificate_pem);
	struct plan plan = good_leaf;
	struct forged leaf = forge(&plan, &root_forged);
	const struct nz_bytes chain[] = {der_of(&leaf)};

	check_at(roots, chain, 1, NOW - DAY - 1, NZ_UNVERIFIED); /* not yet valid */
	check_at(roots, chain, 1, NOW - 1800, NZ_OK);
	check_at(roots, chain, 1, NOW + DAY - 1, NZ_OK);
	check_at(roots, chain, 1, NOW + DAY + 1, NZ_UNVERIFIED); /* expired */
	check_at(roots, chain, 1, NOW - 7200, NZ_UNVERIFIED);    /* before the root */
	check_at(roots, chain, 1, 0, NZ_UNVERIFIED);
	forged_clear(&leaf);

	/* A leaf that outlives its root. */
	plan.end = NOW + 4000 * DAY;
	leaf = forge(&plan, &root_forged);

	const struct nz_bytes longer[] = {der_of(&leaf)};

	check_at(roots, longer, 1, NOW + 3000 * DAY, NZ_OK);
	check_at(roots, longer, 1, NOW + 3900 * DAY, NZ_UNVERIFIED);
	forged_clear(&leaf);

	plan = good_issuer;
	plan.end = NOW - 1;
	check_issuer(&plan, NZ_UNVERIFIED);
}

static void another_root_is_refused(void **state)
{
	(void)state;
	struct forged leaf = forge(&good_leaf, &root_forged), other = load(&twin);
	const struct nz_bytes chain[] = {der_of(&leaf), der_of(&root_forged)};
	const struct nz_bytes twin_pem = nz_buffer_bytes(&twin.certificate_pem);

	check_at(twin_pem, chain, 1, NOW, NZ_UNVERIFIED);
	/* Nor does it help that the peer sends its root. */
	check_at(twin_pem, chain, 2, NOW, NZ_UNVERIFIED);

	/* Signed by the twin, with all names as they should be. */
	struct forged false_leaf = forge(&good_leaf, &other);
	const struct nz_bytes false_chain[] = {der_of(&false_leaf)};

	check(false_chain, 1, NZ_UNVERIFIED);
	check_at(twin_pem, false_chain, 1, NOW, NZ_OK);

	/* Both roots held in advance, as while a root is replaced. */
	NZ_BUFFER(both);

	assert_int_equal(
		nz_buffer_append(&both, twin.certificate_pem.ptr, twin.certificate_pem.len), NZ_OK);
	assert_int_equal(
		nz_buffer_append(&both, root.certificate_pem.ptr, root.certificate_pem.len), NZ_OK);
	check_at(nz_buffer_bytes(&both), chain, 1, NOW, NZ_OK);
	check_at(nz_buffer_bytes(&both), false_chain, 1, NOW, NZ_OK);
	forged_clear(&leaf);
	forged_clear(&false_leaf);
	forged_clear(&other);
}

/* Trust ends at a self-signed root, even where root_pem holds an intermediate. */
static void an_intermediate_is_no_root(void **state)
{
	(void)state;
	struct forged issuer = forge(&good_issuer, &root_forged);
	struct forged leaf = forge(&good_leaf, &issuer);
	const struct nz_bytes chain[] = {der_of(&leaf), der_of(&issuer)};
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	assert_int_equal(PEM_write_bio_X509(bio, issuer.cert), 1);

	const long len = BIO_get_mem_data(bio, &text);

	assert_true(len > 0);
	check_at(nz_bytes_of(text, (size_t)len), chain, 1, NOW, NZ_UNVERIFIED);
	check_at(nz_bytes_of(text, (size_t)len), chain, 2, NOW, NZ_UNVERIFIED);
	BIO_free(bio);
	forged_clear(&leaf);
	forged_clear(&issuer);
}

static void a_leaf_is_no_intermediate(void **state)
{
	(void)state;
	struct plan plan = good_leaf;

	check_issuer(&plan, NZ_UNVERIFIED);
	plan.usage = "critical,digitalSignature,keyCertSign";
	plan.basic = NULL;
	check_issuer(&plan, NZ_UNVERIFIED);
	plan = good_issuer;
	plan.basic = "critical,CA:FALSE";
	check_issuer(&plan, NZ_UNVERIFIED);
	plan = good_issuer;
	plan.usage = "critical,cRLSign";
	check_issuer(&plan, NZ_UNVERIFIED);
}

static void an_intermediate_for_something_else_is_refused(void **state)
{
	(void)state;
	struct plan plan = good_issuer;

	plan.extended = "serverAuth";
	check_issuer(&plan, NZ_UNVERIFIED);
	plan.extended = "serverAuth," NZ_PKI_SIGNING_EKU;
	check_issuer(&plan, NZ_OK);
	plan.extended = "anyExtendedKeyUsage";
	check_issuer(&plan, NZ_OK);
}

#define LONGEST 6

static void chains_have_at_most_four_certificates(void **state)
{
	(void)state;
	struct forged made[LONGEST];
	struct nz_bytes chain[LONGEST];

	for (size_t count = 1; count <= LONGEST; count++) {
		/* made[0] is under the root, made[count - 1] is the leaf. */
		for (size_t i = 0; i < count; i++)
			made[i] = forge(i + 1 == count ? &good_leaf : &good_issuer,
			                i == 0 ? &root_forged : &made[i - 1]);
		for (size_t i = 0; i < count; i++)
			chain[i] = der_of(&made[count - 1 - i]);
		check(chain, count, count <= 4 ? NZ_OK : NZ_UNVERIFIED);
		if (count > 1)
			check(chain, count - 1, NZ_UNVERIFIED); /* one is missing */
		for (size_t i = 0; i < count; i++)
			forged_clear(&made[i]);
	}
	check(chain, 0, NZ_UNVERIFIED);
}

/* A path length of 0 in the first intermediate leaves no room for a second. */
static void path_lengths_hold(void **state)
{
	(void)state;
	struct plan plan = good_issuer;

	plan.basic = "critical,CA:TRUE,pathlen:0";

	struct forged first = forge(&plan, &root_forged), second = forge(&good_issuer, &first);
	struct forged leaf = forge(&good_leaf, &second);
	const struct nz_bytes chain[] = {der_of(&leaf), der_of(&second), der_of(&first)};

	check(chain, 3, NZ_UNVERIFIED);
	forged_clear(&leaf);
	forged_clear(&second);
	forged_clear(&first);
}

static void certificates_are_der_and_nothing_more(void **state)
{
	(void)state;
	static uint8_t large[16 * 1024 + 1];
	struct forged leaf = forge(&good_leaf, &root_forged);
	uint8_t *copy = calloc(1, leaf.der_len + 1);
	struct nz_bytes chain[] = {nz_bytes_of(copy, leaf.der_len)};

	assert_non_null(copy);
	memcpy(copy, leaf.der, leaf.der_len);
	check(chain, 1, NZ_OK);
	chain[0].len = leaf.der_len + 1; /* a trailing byte */
	check(chain, 1, NZ_UNVERIFIED);
	for (size_t len = 0; len < leaf.der_len; len += 7) {
		chain[0].len = len;
		check(chain, 1, NZ_UNVERIFIED);
	}
	chain[0].len = leaf.der_len;
	for (size_t i = 0; i < leaf.der_len; i += 5) {
		copy[i] ^= 0x01;
		check(chain, 1, NZ_UNVERIFIED);
		copy[i] ^= 0x01;
	}
	check(chain, 1, NZ_OK);
	memcpy(large, leaf.der, leaf.der_len);
	chain[0] = nz_bytes_of(large, sizeof(large));
	check(chain, 1, NZ_UNVERIFIED);
	chain[0] = nz_bytes_of(NULL, 0);
	check(chain, 1, NZ_UNVERIFIED);
	free(copy);
	forged_clear(&leaf);
}

/* Broken roots are this side's fault, not the peer's. */
static void roots_must_be_readable(void **state)
{
	(void)state;
	struct forged leaf = forge(&good_leaf, &root_forged);
	const struct nz_bytes chain[] = {der_of(&leaf)};
	NZ_BUFFER(many);

	check_at(nz_bytes_of(NULL, 0), chain, 1, NOW, NZ_MALFORMED);
	check_at(nz_bytes_str("not a root"), chain, 1, NOW, NZ_MALFORMED);
	check_at(nz_buffer_bytes(&root.key_pem), chain, 1, NOW, NZ_MALFORMED);
	for (size_t i = 0; i < 17; i++)
		assert_int_equal(
			nz_buffer_append(&many, root.certificate_pem.ptr, root.certificate_pem.len),
			NZ_OK);
	check_at(nz_buffer_bytes(&many), chain, 1, NOW, NZ_LIMIT);
	forged_clear(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_leaf_passes_with_its_key),
		cmocka_unit_test(a_tls_leaf_does_not_sign),
		cmocka_unit_test(other_usages_do_not_sign),
		cmocka_unit_test(an_authority_does_not_sign),
		cmocka_unit_test(other_keys_do_not_sign),
		cmocka_unit_test(unknown_critical_extensions_are_refused),
		cmocka_unit_test(time_is_that_of_the_caller),
		cmocka_unit_test(another_root_is_refused),
		cmocka_unit_test(an_intermediate_is_no_root),
		cmocka_unit_test(a_leaf_is_no_intermediate),
		cmocka_unit_test(an_intermediate_for_something_else_is_refused),
		cmocka_unit_test(chains_have_at_most_four_certificates),
		cmocka_unit_test(path_lengths_hold),
		cmocka_unit_test(certificates_are_der_and_nothing_more),
		cmocka_unit_test(roots_must_be_readable),
	};

	return cmocka_run_group_tests_name("pki_chain", tests, make_roots, clear_roots);
}
