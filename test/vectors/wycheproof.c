/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wycheproof (C2SP, testvectors_v1) through the default adapter: every test of every file is
 * looked at. It is either run, or shown to have a key, nonce, tag, point or signature of a size
 * that the adapter's interface has no room for; those are counted and the counts are fixed here.
 */
#include "../crypto_help.h"

#include <stdio.h>
#include <stdlib.h>

#include <nz/json.h>

#define FILE_MAX_BYTES (1024 * 1024)
#define TEXT_MAX_BYTES 4096

/* What became of a file's tests. */
struct tally {
	size_t run, other_size;
};

struct bytes {
	uint8_t ptr[TEXT_MAX_BYTES];
	size_t len;
};

/* The parsed file; skips the test where it is not there. */
static struct nz_json_doc *load(const char *name)
{
	const char *root = getenv("NZ_SOURCE_ROOT"), *data = getenv("NZ_TESTDATA");
	char path[4096];
	static char text[FILE_MAX_BYTES + 1];
	const struct nz_json_limits limits = {FILE_MAX_BYTES, 16, 10000};
	struct nz_json_doc *doc = NULL;
	struct nz_error err = {0};

	if (data != NULL)
		(void)snprintf(path, sizeof(path), "%s/wycheproof/%s", data, name);
	else
		(void)snprintf(path, sizeof(path), "%s/../shared/testdata/wycheproof/%s",
		               root != NULL ? root : ".", name);

	FILE *file = fopen(path, "rb");

	if (file == NULL) {
		print_message("skipped: no %s\n", path);
		skip();
	}

	const size_t len = fread(text, 1, sizeof(text), file);

	assert_true(len > 0 && len <= FILE_MAX_BYTES && feof(file));
	(void)fclose(file);
	if (nz_json_parse(nz_bytes_of(text, len), &limits, &doc, &err) != NZ_OK)
		fail_msg("%s: %s", path, err.message);
	return doc;
}

static void get_bytes(const struct nz_json *test, const char *name, struct bytes *out)
{
	struct nz_bytes text = {0};

	assert_int_equal(nz_json_get_string(test, name, &text, NULL), NZ_OK);
	out->len = text.len / 2;
	assert_true(text.len % 2 == 0 && out->len <= sizeof(out->ptr));
	assert_int_equal(nz_hex_decode(text, out->ptr, out->len), NZ_OK);
}

static int64_t get_int(const struct nz_json *object, const char *name)
{
	int64_t value = 0;

	assert_int_equal(nz_json_get_int(object, name, 0, INT32_MAX, &value, NULL), NZ_OK);
	return value;
}

static bool result_is(const struct nz_json *test, const char *result)
{
	struct nz_bytes text = {0};

	assert_int_equal(nz_json_get_string(test, "result", &text, NULL), NZ_OK);
	return nz_bytes_equal(text, nz_bytes_str(result));
}

static bool has_flag(const struct nz_json *test, const char *flag)
{
	const struct nz_json *flags = nz_json_get(test, "flags");

	for (size_t i = 0; i < nz_json_count(flags); i++) {
		if (nz_bytes_equal(nz_json_string(nz_json_at(flags, i)), nz_bytes_str(flag)))
			return true;
	}
	return false;
}

typedef void test_runner(const struct nz_json *group, const struct nz_json *test,
                         struct tally *tally, const void *context);

/* Runs every test of every group; the file's own count says whether any was missed. */
static struct tally for_each_test(const char *file, test_runner *run, const void *context)
{
	NZ_JSON_DOC(doc);
	struct tally tally = {0};

	doc = load(file);

	const struct nz_json *groups = nz_json_get(nz_json_root(doc), "testGroups");

	for (size_t g = 0; g < nz_json_count(groups); g++) {
		const struct nz_json *group = nz_json_at(groups, g);
		const struct nz_json *tests = nz_json_get(group, "tests");

		for (size_t t = 0; t < nz_json_count(tests); t++)
			run(group, nz_json_at(tests, t), &tally, context);
	}
	assert_int_equal(tally.run + tally.other_size, get_int(nz_json_root(doc), "numberOfTests"));
	print_message("%s: %zu run, %zu of sizes that the interface does not have\n", file,
	              tally.run, tally.other_size);
	return tally;
}

/* No exceptions: on this file the strict rule and the stated results agree everywhere. */
static void run_ed25519(const struct nz_json *group, const struct nz_json *test,
                        struct tally *tally, const void *context)
{
	(void)context;
	struct bytes public_key, message, signature;

	get_bytes(nz_json_get(group, "publicKey"), "pk", &public_key);
	get_bytes(test, "msg", &message);
	get_bytes(test, "sig", &signature);
	assert_int_equal(public_key.len, NZ_ED25519_PUBLIC_BYTES);
	if (signature.len != NZ_ED25519_SIGNATURE_BYTES) {
		assert_true(result_is(test, "invalid"));
		tally->other_size++;
		return;
	}

	const enum nz_status status = crypto->ed25519_verify(
		public_key.ptr, nz_bytes_of(message.ptr, message.len), signature.ptr);

	if (status != (result_is(test, "valid") ? NZ_OK : NZ_UNVERIFIED))
		fail_msg("tcId %d: %s", (int)get_int(test, "tcId"), nz_status_name(status));
	tally->run++;
}

static void ed25519(void **state)
{
	(void)state;
	const struct tally tally = for_each_test("ed25519_test.json", run_ed25519, NULL);

	assert_int_equal(tally.other_size, 12);
}

/* "acceptable" tests are of odd points: all compute, but for the all-zero results we refuse. */
static void run_x25519(const struct nz_json *group, const struct nz_json *test, struct tally *tally,
                       const void *context)
{
	static const uint8_t zero[NZ_X25519_BYTES];
	struct bytes private_key, peer, expected;
	struct nz_secret key, shared;

	(void)group;
	(void)context;
	get_bytes(test, "private", &private_key);
	get_bytes(test, "public", &peer);
	get_bytes(test, "shared", &expected);
	assert_int_equal(private_key.len, sizeof(key.bytes));
	assert_int_equal(peer.len, NZ_X25519_BYTES);
	assert_int_equal(expected.len, sizeof(shared.bytes));
	memcpy(key.bytes, private_key.ptr, sizeof(key.bytes));

	const enum nz_status status = crypto->x25519_shared(&key, peer.ptr, &shared);

	if (memcmp(expected.ptr, zero, sizeof(zero)) == 0) {
		assert_true(result_is(test, "acceptable") && has_flag(test, "ZeroSharedSecret"));
		assert_int_equal(status, NZ_UNVERIFIED);
	} else {
		assert_true(result_is(test, "valid") || result_is(test, "acceptable"));
		assert_false(has_flag(test, "ZeroSharedSecret"));
		if (status != NZ_OK || memcmp(shared.bytes, expected.ptr, expected.len) != 0)
			fail_msg("tcId %d: %s", (int)get_int(test, "tcId"), nz_status_name(status));
	}
	tally->run++;
}

static void x25519(void **state)
{
	(void)state;
	const struct tally tally = for_each_test("x25519_test.json", run_x25519, NULL);

	assert_int_equal(tally.other_size, 0);
}

static void run_sized_aead(const struct nz_json *test, const struct bytes *key_bytes,
                           const uint8_t *nonce, enum nz_cipher cipher)
{
	struct bytes aad, plain, sealed, tag;
	static uint8_t data[TEXT_MAX_BYTES + NZ_AEAD_TAG_BYTES];
	struct nz_secret key;
	struct nz_aead *aead = NULL;
	const bool valid = result_is(test, "valid");

	get_bytes(test, "aad", &aad);
	get_bytes(test, "msg", &plain);
	get_bytes(test, "ct", &sealed);
	get_bytes(test, "tag", &tag);
	assert_int_equal(tag.len, NZ_AEAD_TAG_BYTES);
	assert_int_equal(plain.len, sealed.len);
	memcpy(key.bytes, key_bytes->ptr, sizeof(key.bytes));
	assert_int_equal(crypto->aead_new(cipher, &key, &aead), NZ_OK);

	const struct nz_aead_item item = {aad.ptr, aad.len, data, sealed.len};

	memcpy(data, sealed.ptr, sealed.len);
	memcpy(data + sealed.len, tag.ptr, tag.len);

	const enum nz_status status = crypto->open(aead, nonce, &item);

	if (status != (valid ? NZ_OK : NZ_UNVERIFIED))
		fail_msg("tcId %d: %s", (int)get_int(test, "tcId"), nz_status_name(status));
	for (size_t i = 0; i < plain.len; i++)
		assert_int_equal(data[i], valid ? plain.ptr[i] : 0);

	memcpy(data, plain.ptr, plain.len);
	assert_int_equal(crypto->seal(aead, nonce, &item), NZ_OK);

	const bool same = memcmp(data, sealed.ptr, sealed.len) == 0 &&
	                  memcmp(data + sealed.len, tag.ptr, tag.len) == 0;

	assert_int_equal(same, valid);
	crypto->aead_free(&aead);
}

static void run_aead(const struct nz_json *group, const struct nz_json *test, struct tally *tally,
                     const void *context)
{
	struct bytes key, nonce;

	get_bytes(test, "key", &key);
	get_bytes(test, "iv", &nonce);
	assert_int_equal(8 * key.len, get_int(group, "keySize"));
	assert_int_equal(8 * nonce.len, get_int(group, "ivSize"));
	if (key.len != NZ_AEAD_KEY_BYTES || nonce.len != NZ_AEAD_NONCE_BYTES ||
	    get_int(group, "tagSize") != 8 * NZ_AEAD_TAG_BYTES) {
		tally->other_size++;
		return;
	}
	run_sized_aead(test, &key, nonce.ptr, *(const enum nz_cipher *)context);
	tally->run++;
}

static void aes_256_gcm(void **state)
{
	(void)state;
	const enum nz_cipher cipher = NZ_CIPHER_AES_256_GCM;
	const struct tally tally = for_each_test("aes_gcm_test.json", run_aead, &cipher);

	assert_int_equal(tally.run, 66);
	assert_int_equal(tally.other_size, 250);
}

static void chacha20_poly1305(void **state)
{
	(void)state;
	const enum nz_cipher cipher = NZ_CIPHER_CHACHA20_POLY1305;
	const struct tally tally = for_each_test("chacha20_poly1305_test.json", run_aead, &cipher);

	assert_int_equal(tally.run, 316);
	assert_int_equal(tally.other_size, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ed25519),
		cmocka_unit_test(x25519),
		cmocka_unit_test(aes_256_gcm),
		cmocka_unit_test(chacha20_poly1305),
	};

	return cmocka_run_group_tests_name("wycheproof", tests, choose_adapter, NULL);
}
