/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates and reading them back. What was made is looked at through OpenSSL, as a
 * browser or a TLS library would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <nz/pki.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)

static struct nz_pki_pair root;
static const char *const hosts[] = {"sync.example.org", "*.example.net", "192.0.2.7",
                                    "2001:db8::1"};

static struct nz_bytes pem_of(const struct nz_pki_pair *pair)
{
	return nz_buffer_bytes(&pair->certificate_pem);
}

static X509 *x509_of(const struct nz_pki_pair *pair)
{
	BIO *bio = BIO_new_mem_buf(pair->certificate_pem.ptr, (int)pair->certificate_pem.len);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

static void make_leaf(enum nz_pki_purpose purpose, struct nz_pki_pair *leaf)
{
	struct nz_error err = {0};

	if (nz_pki_make_leaf(&root, purpose, hosts, purpose == NZ_PKI_TLS ? 4 : 0, NOW, 90, leaf,
	                     &err) != NZ_OK)
		fail_msg("%s", err.message);
}

static int make_root(void **state)
{
	(void)state;
	return nz_pki_make_root("Example platform", NOW, NZ_PKI_ROOT_DAYS, &root, NULL) == NZ_OK
	               ? 0
	               : -1;
}

static int clear_root(void **state)
{
	(void)state;
	nz_pki_pair_clear(&root);
	return root.key_pem.ptr == NULL && root.certificate_pem.ptr == NULL ? 0 : -1;
}

/* 128 random bits, so two are never the same, and RFC 5280's 20 bytes are not passed. */
static void check_serial(const X509 *cert, const X509 *other)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

	assert_true(ASN1_STRING_type((const ASN1_STRING *)serial) == V_ASN1_INTEGER);
	assert_in_range(ASN1_STRING_length((const ASN1_STRING *)serial), 12, 16);
	assert_int_not_equal(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(other)), 0);
}

static bool extension_is_critical(const X509 *cert, int nid)
{
	const int at = X509_get_ext_by_NID(cert, nid, -1);

	assert_true(at >= 0);
	return X509_EXTENSION_get_critical(X509_get_ext(cert, at)) == 1;
}

static void a_root_is_a_self_signed_p256_authority(void **state)
{
	(void)state;
	X509 *cert = x509_of(&root);
	char name[64];

	assert_int_equal(X509_check_ca(cert), 1);
	assert_true((X509_get_extension_flags(cert) & EXFLAG_SS) != 0);
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
	assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_true(extension_is_critical(cert, NID_basic_constraints));
	assert_true(extension_is_critical(cert, NID_key_usage));
	assert_non_null(X509_get0_subject_key_id(cert));
	assert_int_equal(EVP_PKEY_get_id(X509_get0_pubkey(cert)), EVP_PKEY_EC);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(cert)), 256);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
	                                      sizeof(name)) > 0);
	assert_string_equal(name, "Example platform");
	X509_free(cert);
}

static void a_tls_leaf_serves_its_hosts(void **state)
{
	(void)state;
	struct nz_pki_pair leaf = {0};

	make_leaf(NZ_PKI_TLS, &leaf);

	X509 *cert = x509_of(&leaf), *issuer = x509_of(&root);

	assert_int_equal(X509_verify(cert, X509_get0_pubkey(issuer)), 1);
	assert_int_equal(X509_check_issued(issuer, cert), X509_V_OK);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0), 0);
	assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_check_host(cert, "sync.example.org", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "a.example.net", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(cert, "example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "2001:db8::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert, "192.0.2.8", 0), 0);
	assert_int_equal(EVP_PKEY_get_id(X509_get0_pubkey(cert)), EVP_PKEY_EC);
	assert_non_null(X509_get0_subject_key_id(cert));
	assert_non_null(X509_get0_authority_key_id(cert));
	check_serial(cert, issuer);
	X509_free(cert);
	X509_free(issuer);
	nz_pki_pair_clear(&leaf);
}

/* Its seed, its certificate and what the check gives out are of one key. */
static void a_signing_leaf_signs(void **state)
{
	(void)state;
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_pki_pair leaf = {0};
	NZ_BUFFER(der);
	NZ_SECRET(seed);
	uint8_t checked[32], derived[32];

	make_leaf(NZ_PKI_SIGNING, &leaf);
	assert_int_equal(nz_pki_signing_seed(nz_buffer_bytes(&leaf.key_pem), &seed, NULL), NZ_OK);
	assert_int_equal(crypto->ed25519_public(&seed, derived), NZ_OK);
	assert_int_equal(nz_pki_pem_to_der(pem_of(&leaf), &der, NULL), NZ_OK);

	const struct nz_bytes chain[] = {nz_buffer_bytes(&der)};

	assert_int_equal(nz_pki_check_signing_chain(pem_of(&root), chain, 1, NOW, checked, NULL),
	                 NZ_OK);
	assert_memory_equal(checked, derived, sizeof(derived));

	X509 *cert = x509_of(&leaf);

	assert_true(extension_is_critical(cert, NID_ext_key_usage));
	assert_true(extension_is_critical(cert, NID_key_usage));
	assert_int_equal(X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0), 0);
	X509_free(cert);
	nz_pki_pair_clear(&leaf);
}

static void validity_begins_an_hour_ago(void **state)
{
	(void)state;
	struct nz_pki_pair leaf = {0}, late = {0};
	int64_t end = 0;

	assert_int_equal(nz_pki_expiry(pem_of(&root), &end, NULL), NZ_OK);
	assert_int_equal(end, NOW - HOUR + NZ_PKI_ROOT_DAYS * DAY);

	make_leaf(NZ_PKI_SIGNING, &leaf);
	assert_int_equal(nz_pki_expiry(pem_of(&leaf), &end, NULL), NZ_OK);
	assert_int_equal(end, NOW - HOUR + 90 * DAY);

	X509 *cert = x509_of(&leaf);
	struct tm begin = {0};

	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notBefore(cert), &begin), 1);
	assert_int_equal(timegm(&begin), NOW - HOUR);
	X509_free(cert);

	/* Never longer than the root. */
	assert_int_equal(nz_pki_make_leaf(&root, NZ_PKI_SIGNING, NULL, 0,
	                                  NOW + (NZ_PKI_ROOT_DAYS - 1) * DAY, 90, &late, NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_expiry(pem_of(&late), &end, NULL), NZ_OK);
	assert_int_equal(end, NOW - HOUR + NZ_PKI_ROOT_DAYS * DAY);
	nz_pki_pair_clear(&leaf);
	nz_pki_pair_clear(&late);
}

static void check_leaf_refused(const struct nz_pki_pair *issuer, enum nz_pki_purpose purpose,
                               const char *const *names, size_t count, int64_t now, unsigned days,
                               enum nz_status expected)
{
	struct nz_pki_pair leaf = {0};
	struct nz_error err = {0};

	assert_int_equal(nz_pki_make_leaf(issuer, purpose, names, count, now, days, &leaf, &err),
	                 expected);
	assert_int_equal(err.status, expected);
	assert_true(err.message[0] != '\0');
	assert_null(leaf.key_pem.ptr);
	assert_null(leaf.certificate_pem.ptr);
}

static void leaves_outside_the_limits_are_not_made(void **state)
{
	(void)state;
	const char *many[65];
	const int64_t root_begin = NOW - HOUR, root_end = root_begin + NZ_PKI_ROOT_DAYS * DAY;

	for (size_t i = 0; i < 65; i++)
		many[i] = "example.org";
	check_leaf_refused(&root, NZ_PKI_TLS, many, 65, NOW, 90, NZ_LIMIT);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 0, NOW, 90, NZ_INVALID);
	check_leaf_refused(&root, NZ_PKI_SIGNING, hosts, 1, NOW, 90, NZ_INVALID);
	check_leaf_refused(&root, (enum nz_pki_purpose)7, hosts, 1, NOW, 90, NZ_INVALID);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, NOW, 91, NZ_LIMIT);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, NOW, 0, NZ_LIMIT);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, 0, 90, NZ_INVALID);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, INT64_MAX, 90, NZ_INVALID);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, INT64_MIN, 90, NZ_INVALID);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, root_begin - 1, 90, NZ_EXPIRED);
	check_leaf_refused(&root, NZ_PKI_TLS, hosts, 1, root_end, 90, NZ_EXPIRED);
}

static void hosts_are_dns_names_or_addresses(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"",
		".",
		"a..b",
		".example",
		"example.",
		"-a.b",
		"a-.b",
		"a_b",
		"a b",
		"*",
		"a.*.b",
		"*a.b",
		"*.",
		"a,DNS:evil",
		"a\nb",
		"\xc3\xa9.org",
		"2001:db8::g",
		"1.2.3.4/8",
		"http://a.b",
		"a123456789012345678901234567890123456789012345678901234567890123.org",
	};
	static const char *const accepted[] = {
		"localhost",
		"a-b.example",
		"1.example",
		"*.a.b",
		"::1",
		"127.0.0.1",
		"xn--9ca.org",
		"a12345678901234567890123456789012345678901234567890123456789012.org",
	};
	char long_name[255 + 1];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		check_leaf_refused(&root, NZ_PKI_TLS, &refused[i], 1, NOW, 90, NZ_INVALID);
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct nz_pki_pair leaf = {0};

		assert_int_equal(
			nz_pki_make_leaf(&root, NZ_PKI_TLS, &accepted[i], 1, NOW, 1, &leaf, NULL),
			NZ_OK);
		nz_pki_pair_clear(&leaf);
	}

	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = i % 2 == 0 ? 'a' : '.';
	long_name[255] = '\0'; /* 255 characters, the last an a */

	const char *const name = long_name;

	check_leaf_refused(&root, NZ_PKI_TLS, &name, 1, NOW, 90, NZ_INVALID);
}

static void roots_outside_the_limits_are_not_made(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t now;
		unsigned days;
		enum nz_status expected;
	} refused[] = {
		{"", NOW, 1, NZ_INVALID},
		{"12345678901234567890123456789012345678901234567890123456789012345", NOW, 1,
	         NZ_INVALID},
		{"\xff", NOW, 1, NZ_INVALID},
		{"a", NOW, 0, NZ_LIMIT},
		{"a", NOW, 36526, NZ_LIMIT},
		{"a", -1, 1, NZ_INVALID},
		{"a", INT64_MAX, 1, NZ_INVALID},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct nz_pki_pair pair = {0};

		assert_int_equal(nz_pki_make_root(refused[i].name, refused[i].now, refused[i].days,
		                                  &pair, NULL),
		                 refused[i].expected);
		assert_null(pair.key_pem.ptr);
	}
}

static void only_a_root_with_its_own_key_makes_leaves(void **state)
{
	(void)state;
	struct nz_pki_pair other = {0}, leaf = {0};

	assert_int_equal(nz_pki_make_root("Example platform", NOW, 30, &other, NULL), NZ_OK);

	const struct nz_pki_pair mixed = {other.key_pem, root.certificate_pem};
	const struct nz_pki_pair swapped = {root.certificate_pem, root.key_pem};
	const struct nz_pki_pair nothing = {0};

	check_leaf_refused(&mixed, NZ_PKI_TLS, hosts, 1, NOW, 30, NZ_MISMATCH);
	check_leaf_refused(&swapped, NZ_PKI_TLS, hosts, 1, NOW, 30, NZ_MALFORMED);
	check_leaf_refused(&nothing, NZ_PKI_TLS, hosts, 1, NOW, 30, NZ_MALFORMED);
	make_leaf(NZ_PKI_TLS, &leaf);
	check_leaf_refused(&leaf, NZ_PKI_TLS, hosts, 1, NOW, 30, NZ_REFUSED);
	nz_pki_pair_clear(&other);
	nz_pki_pair_clear(&leaf);
}

static void the_platform_id_hashes_the_public_key(void **state)
{
	(void)state;
	X509 *cert = x509_of(&root);
	uint8_t *spki = NULL, digest[32];
	const int len = i2d_PUBKEY(X509_get0_pubkey(cert), &spki);
	char expected[65], id[65];

	assert_true(len > 0);
	assert_int_equal(nz_crypto_default()->sha256(nz_bytes_of(spki, (size_t)len), digest),
	                 NZ_OK);
	nz_hex_encode(nz_bytes_of(digest, sizeof(digest)), expected);
	assert_int_equal(nz_pki_platform_id(pem_of(&root), id, NULL), NZ_OK);
	assert_string_equal(id, expected);
	OPENSSL_free(spki);
	X509_free(cert);
}

/* PEM is PKCS#8 and X.509, NUL-terminated behind the length. */
static void pairs_are_pem_text(void **state)
{
	(void)state;
	static const char key_begin[] = "-----BEGIN PRIVATE KEY-----\n";
	static const char cert_begin[] = "-----BEGIN CERTIFICATE-----\n";
	const char *key = (const char *)root.key_pem.ptr;
	const char *cert = (const char *)root.certificate_pem.ptr;

	assert_memory_equal(key, key_begin, sizeof(key_begin) - 1);
	assert_memory_equal(cert, cert_begin, sizeof(cert_begin) - 1);
	assert_int_equal(strlen(key), root.key_pem.len);
	assert_int_equal(strlen(cert), root.certificate_pem.len);
}

static void unreadable_pem_is_refused(void **state)
{
	(void)state;
	static uint8_t large[64 * 1024 + 1];
	static const char broken[] =
		"-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n";
	const struct {
		struct nz_bytes text;
		enum nz_status expected;
	} refused[] = {
		{nz_bytes_of(NULL, 0), NZ_MALFORMED},
		{nz_bytes_str("certificate"), NZ_MALFORMED},
		{nz_bytes_str(broken), NZ_MALFORMED},
		{nz_buffer_bytes(&root.key_pem), NZ_MALFORMED},
		{nz_bytes_of(large, sizeof(large)), NZ_LIMIT},
	};
	NZ_BUFFER(der);

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char id[65] = "untouched";
		int64_t end = 5;

		assert_int_equal(nz_pki_platform_id(refused[i].text, id, NULL),
		                 refused[i].expected);
		assert_int_equal(nz_pki_expiry(refused[i].text, &end, NULL), refused[i].expected);
		assert_int_equal(nz_pki_pem_to_der(refused[i].text, &der, NULL),
		                 refused[i].expected);
		assert_string_equal(id, "untouched");
		assert_int_equal(end, 5);
		assert_int_equal(der.len, 0);
	}

	/* A buffer's own maximum holds. */
	der.max = 100;
	assert_int_equal(nz_pki_pem_to_der(pem_of(&root), &der, NULL), NZ_LIMIT);
	assert_int_equal(der.len, 0);
}

/* An encrypted key would make OpenSSL ask the terminal for a passphrase. */
static void signing_seeds_come_from_plain_ed25519_keys_only(void **state)
{
	(void)state;
	struct nz_pki_pair leaf = {0};
	struct nz_secret seed = {{1}}, before = seed;
	char passphrase[] = "passphrase";

	make_leaf(NZ_PKI_SIGNING, &leaf);

	BIO *in = BIO_new_mem_buf(leaf.key_pem.ptr, (int)leaf.key_pem.len);
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	char *text = NULL;

	assert_non_null(key);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), NULL, 0, NULL,
	                                               passphrase),
	                 1);

	const long len = BIO_get_mem_data(out, &text);

	assert_true(len > 0);
	assert_int_equal(nz_pki_signing_seed(nz_bytes_of(text, (size_t)len), &seed, NULL),
	                 NZ_MALFORMED);
	assert_int_equal(nz_pki_signing_seed(nz_buffer_bytes(&root.key_pem), &seed, NULL),
	                 NZ_UNSUPPORTED);
	assert_int_equal(nz_pki_signing_seed(pem_of(&leaf), &seed, NULL), NZ_MALFORMED);
	assert_memory_equal(&seed, &before, sizeof(seed));
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
	nz_pki_pair_clear(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_is_a_self_signed_p256_authority),
		cmocka_unit_test(a_tls_leaf_serves_its_hosts),
		cmocka_unit_test(a_signing_leaf_signs),
		cmocka_unit_test(validity_begins_an_hour_ago),
		cmocka_unit_test(leaves_outside_the_limits_are_not_made),
		cmocka_unit_test(hosts_are_dns_names_or_addresses),
		cmocka_unit_test(roots_outside_the_limits_are_not_made),
		cmocka_unit_test(only_a_root_with_its_own_key_makes_leaves),
		cmocka_unit_test(the_platform_id_hashes_the_public_key),
		cmocka_unit_test(pairs_are_pem_text),
		cmocka_unit_test(unreadable_pem_is_refused),
		cmocka_unit_test(signing_seeds_come_from_plain_ed25519_keys_only),
	};

	return cmocka_run_group_tests_name("pki", tests, make_root, clear_root);
}
