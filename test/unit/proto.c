/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and the two messages of the handshake: shapes, signatures, what a client refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/handshake.h"

#define NOW 1700000000

/* A platform made once, and an answer of it. */
static struct {
	struct nz_pki_pair root, other_root, signing, tls;
	struct nz_secret seed;
	struct nz_signer *signer; /* of seed */
	struct nz_buffer signing_der, tls_der;
	struct nz_open_answer answer;
	struct nz_hash h1;
} p;

static const struct nz_crypto *crypto;

static int make_platform(void **unused)
{
	const char *const hosts[] = {"localhost"};

	(void)unused;
	crypto = nz_crypto_default();
	assert_int_equal(nz_pki_make_root("test", NOW, 3650, &p.root, NULL), NZ_OK);
	assert_int_equal(nz_pki_make_root("test", NOW, 3650, &p.other_root, NULL), NZ_OK);
	assert_int_equal(nz_pki_make_leaf(&p.root, NZ_PKI_SIGNING, NULL, 0, NOW, 90, &p.signing,
	                                  NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_make_leaf(&p.root, NZ_PKI_TLS, hosts, 1, NOW, 90, &p.tls, NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_signing_seed(nz_buffer_bytes(&p.signing.key_pem), &p.seed, NULL),
	                 NZ_OK);
	assert_int_equal(crypto->signer_new(&p.seed, &p.signer), NZ_OK);
	assert_int_equal(nz_pki_pem_to_der(nz_buffer_bytes(&p.signing.certificate_pem),
	                                   &p.signing_der, NULL),
	                 NZ_OK);
	assert_int_equal(nz_pki_pem_to_der(nz_buffer_bytes(&p.tls.certificate_pem), &p.tls_der,
	                                   NULL),
	                 NZ_OK);
	p.answer = (struct nz_open_answer){
		.session_id = "000102030405060708090a0b0c0d0e0f",
		.x25519 = {1, 2, 3},
		.nonce = {4, 5, 6},
		.expires_in = 900,
		.rekey_in = 870,
		.statement = {.name = "shop",
		              .lineage = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		              .epoch = 3,
		              .encoding = NZ_ENCODING_TEXT,
		              .merkle_root = {{7}},
		              .records = 10,
		              .batches = 2,
		              .bytes = 300,
		              .position = "p",
		              .issued_at = NOW - 5,
		              .expires_at = NOW + 600},
	};
	assert_int_equal(nz_pki_platform_id(nz_buffer_bytes(&p.root.certificate_pem),
	                                    p.answer.statement.platform, NULL),
	                 NZ_OK);
	return 0;
}

static int free_platform(void **unused)
{
	(void)unused;
	crypto->signer_free(&p.signer);
	nz_pki_pair_clear(&p.root);
	nz_pki_pair_clear(&p.other_root);
	nz_pki_pair_clear(&p.signing);
	nz_pki_pair_clear(&p.tls);
	nz_buffer_clear(&p.signing_der);
	nz_buffer_clear(&p.tls_der);
	return 0;
}

/* Makes `answer` (its statement signed here) with the given chain, and checks it. */
static enum nz_status make_and_check(const struct nz_open_answer *answer,
                                     const struct nz_buffer *der, const struct nz_pki_pair *root,
                                     int64_t now, struct nz_open_answer *read)
{
	const struct nz_bytes chain = nz_buffer_bytes(der);
	struct nz_open_answer signed_answer = *answer;
	struct nz_hash made, checked;
	NZ_BUFFER(text);

	assert_int_equal(nz_statement_sign(crypto, p.signer, &signed_answer.statement), NZ_OK);
	assert_int_equal(nz_open_answer_make(crypto, p.signer, &chain, 1, &signed_answer, &p.h1,
	                                     &text, &made, NULL),
	                 NZ_OK);
	const enum nz_status status = nz_open_answer_check(
		crypto, nz_buffer_bytes(&text), nz_buffer_bytes(&root->certificate_pem), now, &p.h1,
		read, &checked, NULL);
	if (status == NZ_OK)
		assert_memory_equal(&made, &checked, sizeof made);
	return status;
}

static void answer_there_and_back(void **unused)
{
	struct nz_open_answer read;
	uint8_t key[NZ_ED25519_PUBLIC_BYTES];

	(void)unused;
	assert_int_equal(make_and_check(&p.answer, &p.signing_der, &p.root, NOW, &read), NZ_OK);
	assert_string_equal(read.session_id, p.answer.session_id);
	assert_memory_equal(read.x25519, p.answer.x25519, 32);
	assert_memory_equal(read.nonce, p.answer.nonce, 12);
	assert_string_equal(read.statement.platform, p.answer.statement.platform);
	assert_string_equal(read.statement.name, "shop");
	assert_string_equal(read.statement.position, "p");
	assert_int_equal(read.statement.epoch, 3);
	assert_int_equal(read.statement.records, 10);
	assert_memory_equal(&read.statement.merkle_root, &p.answer.statement.merkle_root, 32);
	assert_int_equal(read.expires_in, 900);
	assert_int_equal(read.rekey_in, 870);
	assert_int_equal(crypto->ed25519_public(&p.seed, key), NZ_OK);
	assert_memory_equal(read.signing_key, key, sizeof key);
}

static void wrong_certificates(void **unused)
{
	struct nz_open_answer read = {.expires_in = 77};

	(void)unused;
	assert_int_equal(make_and_check(&p.answer, &p.tls_der, &p.root, NOW, &read), NZ_UNVERIFIED);
	assert_int_equal(make_and_check(&p.answer, &p.signing_der, &p.other_root, NOW, &read),
	                 NZ_UNVERIFIED);
	/* Past the leaf's life. The statement is past its own, too, but nobody is to know yet. */
	assert_int_equal(make_and_check(&p.answer, &p.signing_der, &p.root, NOW + 91 * 86400, &read),
	                 NZ_UNVERIFIED);
	assert_int_equal(read.expires_in, 77); /* untouched */
}

static void wrong_times(void **unused)
{
	struct nz_open_answer answer = p.answer, read;

	(void)unused;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW + 600, &read), NZ_OK);
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW + 601, &read),
	                 NZ_EXPIRED);
	answer.statement.issued_at = NOW + 300;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read), NZ_OK);
	answer.statement.issued_at = NOW + 301;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read), NZ_EXPIRED);
}

static void wrong_platform_or_lifetimes(void **unused)
{
	struct nz_open_answer answer = p.answer, read;

	(void)unused;
	answer.statement.platform[0] = answer.statement.platform[0] == 'a' ? 'b' : 'a';
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read),
	                 NZ_UNVERIFIED);
	answer = p.answer;
	answer.expires_in = 901;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read),
	                 NZ_MALFORMED);
	answer.expires_in = 900;
	answer.rekey_in = 871;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read),
	                 NZ_MALFORMED);
	answer.expires_in = 2;
	answer.rekey_in = 3;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read),
	                 NZ_MALFORMED);
	answer.rekey_in = 1;
	assert_int_equal(make_and_check(&answer, &p.signing_der, &p.root, NOW, &read), NZ_OK);
}

static void good_answer(struct nz_buffer *text)
{
	const struct nz_bytes chain = nz_buffer_bytes(&p.signing_der);
	struct nz_open_answer answer = p.answer;
	struct nz_hash h2;

	assert_int_equal(nz_statement_sign(crypto, p.signer, &answer.statement), NZ_OK);
	assert_int_equal(nz_open_answer_make(crypto, p.signer, &chain, 1, &answer, &p.h1, text, &h2,
	                                     NULL),
	                 NZ_OK);
}

static enum nz_status check_text(struct nz_bytes text, const struct nz_hash *h1)
{
	struct nz_open_answer read;
	struct nz_hash h2;

	return nz_open_answer_check(crypto, text, nz_buffer_bytes(&p.root.certificate_pem), NOW, h1,
	                            &read, &h2, NULL);
}

static void an_answer_is_to_one_request(void **unused)
{
	const struct nz_hash other = {{1}};
	NZ_BUFFER(text);

	(void)unused;
	good_answer(&text);
	assert_int_equal(check_text(nz_buffer_bytes(&text), &p.h1), NZ_OK);
	assert_int_equal(check_text(nz_buffer_bytes(&text), &other), NZ_UNVERIFIED);
}

/* No byte of an answer can be changed: all is signed, or is the signature, or is the syntax. */
static void every_byte_counts(void **unused)
{
	NZ_BUFFER(text);

	(void)unused;
	good_answer(&text);
	for (size_t i = 0; i < text.len; i++) {
		const uint8_t was = text.ptr[i];

		text.ptr[i] = was == '1' ? '2' : '1';
		const enum nz_status status = check_text(nz_buffer_bytes(&text), &p.h1);
		assert_true(status == NZ_MALFORMED || status == NZ_UNVERIFIED);
		assert_true(check_text(nz_bytes_of(text.ptr, i), &p.h1) == NZ_MALFORMED);
		text.ptr[i] = was;
	}
}

/* Every member: missing, null, of another type; and one too many. */
static void answer_shape(void **unused)
{
	NZ_BUFFER(text);
	NZ_JSON_DOC(good);

	(void)unused;
	good_answer(&text);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &good, NULL),
	                 NZ_OK);
	const size_t count = nz_json_count(nz_json_root(good));
	assert_int_equal(count, 8);
	for (size_t i = 0; i <= 4 * count; i++) {
		char name[64] = "unknown";
		NZ_JSON_DOC(doc);
		NZ_BUFFER(bad);

		assert_int_equal(nz_json_new(&doc), NZ_OK);
		struct nz_json *json = nz_json_copy(doc, nz_json_root(good));
		if (i < 4 * count) {
			const struct nz_bytes member = nz_json_name_at(nz_json_root(good), i / 4);

			memcpy(name, member.ptr, member.len);
			name[member.len] = '\0';
		}
		if (i < 4 * count && i % 4 == 0)
			nz_json_remove(json, name);
		else if (i % 4 == 1)
			nz_json_set(doc, json, name, nz_json_make_null(doc));
		else if (i % 4 == 2)
			nz_json_set(doc, json, name, nz_json_make_bool(doc, true));
		else
			nz_json_set_str(doc, json, name, "");
		assert_int_equal(nz_json_canonical(json, &bad), NZ_OK);
		assert_int_equal(check_text(nz_buffer_bytes(&bad), &p.h1), NZ_MALFORMED);
	}
}

static void statement_shape(void **unused)
{
	struct nz_statement statement = p.answer.statement, read = {.epoch = 77};
	NZ_JSON_DOC(doc);

	(void)unused;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	assert_int_equal(nz_statement_sign(crypto, p.signer, &statement), NZ_OK);
	struct nz_json *good = nz_statement_to_json(&statement, doc);
	assert_non_null(good);
	const size_t count = nz_json_count(good);
	assert_int_equal(count, 14);
	for (size_t i = 0; i < count; i++) {
		const struct nz_bytes member = nz_json_name_at(good, i);
		char name[64] = "";

		memcpy(name, member.ptr, member.len);
		struct nz_json *json = nz_json_copy(doc, good);
		nz_json_remove(json, name);
		assert_int_equal(nz_statement_from_json(json, &read, NULL), NZ_MALFORMED);
		json = nz_json_copy(doc, good);
		nz_json_set(doc, json, name, nz_json_make_array(doc));
		assert_int_equal(nz_statement_from_json(json, &read, NULL), NZ_MALFORMED);
		json = nz_json_copy(doc, good);
		nz_json_set_int(doc, json, name, -1);
		assert_int_equal(nz_statement_from_json(json, &read, NULL), NZ_MALFORMED);
	}
	nz_json_set_int(doc, good, "more", 1);
	assert_int_equal(nz_statement_from_json(good, &read, NULL), NZ_MALFORMED);
	nz_json_remove(good, "more");
	nz_json_set_str(doc, good, "encoding", "pg-copy-other");
	assert_int_equal(nz_statement_from_json(good, &read, NULL), NZ_MALFORMED);
	nz_json_set_str(doc, good, "encoding", NZ_ENCODING_BINARY);
	nz_json_set_str(doc, good, "position", "a\nb");
	assert_int_equal(nz_statement_from_json(good, &read, NULL), NZ_MALFORMED);
	nz_json_set_str(doc, good, "position", "");
	nz_json_set_int(doc, good, "epoch", 0);
	assert_int_equal(nz_statement_from_json(good, &read, NULL), NZ_MALFORMED);
	assert_int_equal(read.epoch, 77); /* untouched by all of them */
	nz_json_set_int(doc, good, "epoch", 1);
	assert_int_equal(nz_statement_from_json(good, &read, NULL), NZ_OK);
}

static void statement_signature(void **unused)
{
	struct nz_statement statement = p.answer.statement, other;
	struct nz_hash one, two;
	uint8_t key[NZ_ED25519_PUBLIC_BYTES];

	(void)unused;
	assert_int_equal(crypto->ed25519_public(&p.seed, key), NZ_OK);
	assert_int_equal(nz_statement_sign(crypto, p.signer, &statement), NZ_OK);
	assert_int_equal(nz_statement_verify(crypto, key, &statement), NZ_OK);
	other = statement;
	other.epoch++;
	assert_int_equal(nz_statement_verify(crypto, key, &other), NZ_UNVERIFIED);
	other = statement;
	other.merkle_root.bytes[31] ^= 1;
	assert_int_equal(nz_statement_verify(crypto, key, &other), NZ_UNVERIFIED);
	other = statement;
	other.expires_at++;
	assert_int_equal(nz_statement_verify(crypto, key, &other), NZ_UNVERIFIED);
	other = statement;
	other.signature[0] ^= 1;
	assert_int_equal(nz_statement_verify(crypto, key, &other), NZ_UNVERIFIED);
	assert_int_equal(nz_statement_hash(crypto, &statement, &one), NZ_OK);
	assert_int_equal(nz_statement_hash(crypto, &other, &two), NZ_OK);
	assert_memory_not_equal(&one, &two, sizeof one);
}

static void dataset_names(void **unused)
{
	static const char *const good[] = {"a", "0", "shop", "a_b.c-d", "9.9"};
	static const char *const bad[] = {"",  "A",   ".a", "-a", "_a", "a b",
	                                  "ä", "a/b", "a\n"};
	char longest[NZ_DATASET_NAME_MAX_BYTES + 2];

	(void)unused;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(nz_dataset_name_valid(nz_bytes_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(nz_dataset_name_valid(nz_bytes_str(bad[i])));
	memset(longest, 'a', sizeof longest);
	assert_true(nz_dataset_name_valid(nz_bytes_of(longest, NZ_DATASET_NAME_MAX_BYTES)));
	assert_false(nz_dataset_name_valid(nz_bytes_of(longest, NZ_DATASET_NAME_MAX_BYTES + 1)));
	assert_false(nz_dataset_name_valid(nz_bytes_of("a\0b", 3)));
}

static enum nz_status read_open(const char *text, struct nz_open_request *out)
{
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_parse(nz_bytes_str(text), &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	return nz_open_request_from_json(nz_json_root(doc), out, NULL);
}

#define PLATFORM "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OPEN(checkpoint, epoch, continues)                                                         \
	"{\"action\":\"sync.open\",\"payload\":{\"checkpoint\":" checkpoint                        \
	",\"continues\":" continues ",\"dataset\":\"shop\",\"epoch\":" epoch                       \
	",\"platform\":\"" PLATFORM "\",\"x25519\":\"" KEY "\"}}"

static void open_there_and_back(void **unused)
{
	static const char *const texts[] = {
		OPEN("null", "null", "null"),
		OPEN("\"" PLATFORM "\"", "12", "\"000102030405060708090a0b0c0d0e0f\""),
	};

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct nz_open_request request;
		NZ_JSON_DOC(doc);
		NZ_BUFFER(text);

		assert_int_equal(read_open(texts[i], &request), NZ_OK);
		assert_int_equal(request.has_checkpoint, i == 1);
		assert_int_equal(request.has_epoch, i == 1);
		assert_int_equal(request.has_continues, i == 1);
		assert_string_equal(request.platform, PLATFORM);
		assert_int_equal(nz_json_new(&doc), NZ_OK);
		assert_int_equal(nz_json_canonical(nz_open_request_to_json(&request, doc), &text),
		                 NZ_OK);
		assert_string_equal(nz_buffer_cstr(&text), texts[i]);
	}
}

static void open_refuses(void **unused)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"action\":\"sync.open\"}",
		"{\"action\":\"sync.open\",\"payload\":{}}",
		OPEN("1", "null", "null"),
		OPEN("\"00\"", "null", "null"),
		OPEN("null", "0", "null"),
		OPEN("null", "\"1\"", "null"),
		OPEN("null", "null", "\"short\""),
		OPEN("null", "null", "\"000102030405060708090A0B0C0D0E0F\""),
		OPEN("null", "null", "null,\"more\":1"),
	};
	struct nz_open_request request = {.epoch = 77};

	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(read_open(bad[i], &request), NZ_MALFORMED);
	assert_int_equal(read_open("{\"action\":\"sync.shut\",\"payload\":{}}", &request),
	                 NZ_UNSUPPORTED);
	assert_int_equal(request.epoch, 77);
}

static void no_keys_from_a_zero_secret(void **unused)
{
	struct nz_session_keys keys = {{{9}}, {{9}}};
	const uint8_t zero_point[32] = {0}, exporter[32] = {0};
	const struct nz_hash h = {{0}};
	NZ_SECRET(zero);
	NZ_SECRET(own);

	(void)unused;
	own.bytes[0] = 8;
	assert_int_equal(nz_session_keys_derive(crypto, &own, zero_point, &h, &h, exporter, &keys),
	                 NZ_UNVERIFIED);
	assert_memory_equal(own.bytes, zero.bytes, 32); /* wiped all the same */
	assert_int_equal(keys.encryption.bytes[0], 9);
	nz_session_keys_clear(&keys);
	assert_memory_equal(keys.encryption.bytes, zero.bytes, 32);
}

/* Each of H1, H2 and the exporter goes into the keys. */
static void keys_depend_on_everything(void **unused)
{
	struct nz_session_keys keys[4] = {{{{0}}, {{0}}}};
	uint8_t exporter[32] = {1}, peer[32];
	struct nz_hash h1 = {{2}}, h2 = {{3}};

	(void)unused;
	for (int i = 0; i < 4; i++) {
		NZ_SECRET(own);

		own.bytes[5] = 8;
		assert_int_equal(crypto->x25519_public(&own, peer), NZ_OK);
		h1.bytes[0] = i == 1 ? 9 : 2;
		h2.bytes[0] = i == 2 ? 9 : 3;
		exporter[0] = i == 3 ? 9 : 1;
		assert_int_equal(nz_session_keys_derive(crypto, &own, peer, &h1, &h2, exporter,
		                                        &keys[i]),
		                 NZ_OK);
		assert_memory_not_equal(&keys[i].encryption, &keys[i].authentication, 32);
		for (int j = 0; j < i; j++) {
			assert_memory_not_equal(&keys[i].encryption, &keys[j].encryption, 32);
			assert_memory_not_equal(&keys[i].authentication, &keys[j].authentication,
			                        32);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_there_and_back),
		cmocka_unit_test(wrong_certificates),
		cmocka_unit_test(wrong_times),
		cmocka_unit_test(wrong_platform_or_lifetimes),
		cmocka_unit_test(an_answer_is_to_one_request),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(answer_shape),
		cmocka_unit_test(statement_shape),
		cmocka_unit_test(statement_signature),
		cmocka_unit_test(dataset_names),
		cmocka_unit_test(open_there_and_back),
		cmocka_unit_test(open_refuses),
		cmocka_unit_test(no_keys_from_a_zero_secret),
		cmocka_unit_test(keys_depend_on_everything),
	};

	return cmocka_run_group_tests(tests, make_platform, free_platform);
}
