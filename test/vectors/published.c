/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of doc/vectors still say what the library does, and the library takes back what they hold:
 * packets verify and open, documents and statements check, records come apart, proofs prove.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/request.h"
#include "proto/statement.h"
#include "published.h"
#include "record/record.h"

static struct nz_json_doc *files[PUBLISHED_COUNT];

static void read_file(const char *name, struct nz_json_doc **out)
{
	const char *root = getenv("NZ_SOURCE_ROOT");
	char path[4096], block[4096];
	struct nz_error err = {0};
	NZ_BUFFER(text);
	size_t got;

	snprintf(path, sizeof path, "%s/doc/vectors/%s", root != NULL ? root : ".", name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s cannot be read", path);
	while ((got = fread(block, 1, sizeof block, file)) > 0)
		assert_int_equal(nz_buffer_append(&text, block, got), NZ_OK);
	fclose(file);
	if (nz_json_parse(nz_buffer_bytes(&text), NULL, out, &err) != NZ_OK)
		fail_msg("%s: %s", path, err.message);
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < PUBLISHED_COUNT; i++)
		read_file(published_files[i].file, &files[i]);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < PUBLISHED_COUNT; i++)
		nz_json_free(&files[i]);
	return 0;
}

static const struct nz_json *file_at(size_t i, const char *member)
{
	const struct nz_json *value = nz_json_get(nz_json_root(files[i]), member);

	assert_non_null(value);
	return value;
}

static struct nz_bytes text_of(const struct nz_json *object, const char *name)
{
	struct nz_bytes out = {0};

	assert_int_equal(nz_json_get_string(object, name, &out, NULL), NZ_OK);
	return out;
}

static void hex_of(const struct nz_json *object, const char *name, uint8_t *out, size_t len)
{
	assert_int_equal(nz_json_get_hex(object, name, out, len, NULL), NZ_OK);
}

static void assert_same(struct nz_bytes a, struct nz_bytes b)
{
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.ptr, b.ptr, a.len);
}

static void the_files_are_what_the_library_makes(void **state)
{
	(void)state;
	for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
		struct nz_json *made = NULL;
		NZ_JSON_DOC(doc);
		NZ_BUFFER(now);
		NZ_BUFFER(then);

		assert_int_equal(nz_json_new(&doc), NZ_OK);
		assert_int_equal(published_files[i].make(doc, &made), NZ_OK);
		assert_int_equal(nz_json_canonical(made, &now), NZ_OK);
		assert_int_equal(nz_json_canonical(nz_json_root(files[i]), &then), NZ_OK);
		if (!nz_bytes_equal(nz_buffer_bytes(&now), nz_buffer_bytes(&then)))
			fail_msg("doc/vectors/%s is not what the library makes",
			         published_files[i].file);
	}
}

/* ---- packets.json ---- */

static void add_peer(struct nz_peers *peers, const char *name)
{
	const struct nz_json *json = nz_json_get(file_at(0, "nodes"), name);
	struct nz_node node = {.seq = 0};
	const struct nz_bytes id = text_of(json, "node_id");

	memcpy(node.node_id, id.ptr, id.len);
	hex_of(json, "ed25519_public", node.ed25519, sizeof node.ed25519);
	hex_of(json, "x25519_public", node.x25519, sizeof node.x25519);
	assert_int_equal(nz_peers_add(peers, nz_crypto_default(), &node, NULL), NZ_OK);
}

static enum nz_status verify(const struct nz_json *item, const struct nz_peers *peers, bool strict,
                             struct nz_verified_packet **out)
{
	struct nz_verify_options options = {
		.strict = strict, .resolver = nz_peers_resolver(peers), .now = 1767225600};
	int64_t timestamp;

	if (nz_json_get(item, "timestamp") != NULL) {
		assert_int_equal(nz_json_get_int(item, "timestamp", 1, INT64_MAX, &timestamp, NULL),
		                 NZ_OK);
		options.now = timestamp;
	}
	return nz_packet_verify(nz_crypto_default(), text_of(item, "packet"), &options, out, NULL);
}

static void packets_verify_and_open(void **state)
{
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;
	const struct nz_json *list = file_at(0, "signed");
	const struct nz_json *lenient = file_at(0, "accepted_unless_strict");
	const struct nz_json *sealed = file_at(0, "sealed");
	NZ_NODE_KEYS(bob);

	(void)state;
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	add_peer(peers, "alice");
	assert_int_equal(published_node(0x41, &bob), NZ_OK);
	assert_true(nz_json_count(list) > 0 && nz_json_count(lenient) > 0);
	for (size_t i = 0; i < nz_json_count(list); i++) {
		struct nz_verified_packet *p NZ_CLEANUP(nz_verified_packet_free) = NULL;
		const struct nz_json *item = nz_json_at(list, i);

		assert_int_equal(verify(item, peers, true, &p), NZ_OK);
		assert_same(nz_verified_packet_body_text(p), text_of(item, "canonical_body"));
	}
	for (size_t i = 0; i < nz_json_count(lenient); i++) {
		struct nz_verified_packet *p NZ_CLEANUP(nz_verified_packet_free) = NULL;
		const struct nz_json *item = nz_json_at(lenient, i);

		assert_int_not_equal(verify(item, peers, true, &p), NZ_OK);
		assert_int_equal(verify(item, peers, false, &p), NZ_OK);
		assert_int_equal(nz_verified_packet_body_form(p) == NZ_BODY_JCS,
		                 nz_bytes_equal(text_of(item, "body_form"), nz_bytes_str("jcs")));
		assert_int_equal(nz_verified_packet_digest_form(p) == NZ_DIGEST_HEX,
		                 nz_bytes_equal(text_of(item, "digest_form"), nz_bytes_str("hex")));
	}
	assert_int_equal(nz_json_count(sealed), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct nz_resolver resolver = nz_peers_resolver(peers);
		const struct nz_json *item = nz_json_at(sealed, i);
		NZ_BUFFER(opened);

		assert_int_equal(nz_packet_open(nz_crypto_default(), text_of(item, "packet"), NULL,
		                                &bob, &resolver, &opened, NULL),
		                 NZ_OK);
		assert_same(nz_buffer_bytes(&opened), text_of(item, "plaintext"));
	}
}

static void the_node_document_checks(void **state)
{
	struct nz_node node;
	NZ_JSON_DOC(doc);

	(void)state;
	assert_int_equal(nz_json_parse(text_of(file_at(0, "document"), "document"), NULL, &doc, NULL),
	                 NZ_OK);
	assert_int_equal(nz_node_document_check(nz_crypto_default(), nz_json_root(doc), &node, NULL),
	                 NZ_OK);
	assert_int_equal(node.seq, 1);
}

/* ---- records.json ---- */

static void decode_and_encode(const struct nz_json *types, struct nz_bytes record)
{
	struct nz_column columns[3] = {{.nullable = false}};
	struct nz_table table = {.columns = columns, .column_count = nz_json_count(types)};
	char names[3][32];
	struct nz_value values[3];
	NZ_BUFFER(scratch);
	NZ_BUFFER(again);

	assert_true(table.column_count <= 3);
	for (size_t i = 0; i < table.column_count; i++) {
		const struct nz_bytes type = nz_json_string(nz_json_at(types, i));

		assert_true(type.len < sizeof names[0]);
		memcpy(names[i], type.ptr, type.len);
		names[i][type.len] = '\0';
		columns[i].nullable = true;
		columns[i].kind = nz_kind_of_sqlite_type(names[i], &columns[i].scale);
		columns[i].as_text = nz_type_is_numeric_text(names[i]);
	}
	assert_int_equal(nz_record_decode(&table, record, &scratch, values, NULL), NZ_OK);
	assert_int_equal(nz_record_encode(&table, values, &again), NZ_OK);
	assert_same(nz_buffer_bytes(&again), record);
}

static void records_come_apart(void **state)
{
	const struct nz_json *fields = file_at(1, "fields");
	const struct nz_json *records = file_at(1, "records");

	(void)state;
	assert_true(nz_json_count(fields) > 50 && nz_json_count(records) > 5);
	for (size_t i = 0; i < nz_json_count(fields); i++) {
		const struct nz_json *item = nz_json_at(fields, i);
		NZ_JSON_DOC(doc);

		assert_int_equal(nz_json_new(&doc), NZ_OK);
		struct nz_json *types = nz_json_make_array(doc);
		nz_json_push(doc, types, nz_json_copy(doc, nz_json_get(item, "declared")));
		decode_and_encode(types, text_of(item, "field"));
	}
	for (size_t i = 0; i < nz_json_count(records); i++) {
		const struct nz_json *item = nz_json_at(records, i);

		decode_and_encode(nz_json_get(item, "declared"), text_of(item, "record"));
	}
}

/* ---- batches.json ---- */

static void proofs_prove(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	const struct nz_json *list = file_at(2, "proofs");
	struct nz_hasher *hasher = NULL;

	(void)state;
	assert_int_equal(crypto->hasher_new(&hasher), NZ_OK);
	assert_true(nz_json_count(list) > 3);
	for (size_t i = 0; i < nz_json_count(list); i++) {
		const struct nz_json *item = nz_json_at(list, i);
		const struct nz_json *hashes = nz_json_get(item, "proof");
		struct nz_hash leaf, root, proof[NZ_MERKLE_MAX_PROOF];
		int64_t size, index;

		assert_int_equal(nz_json_get_int(item, "size", 1, 100, &size, NULL), NZ_OK);
		assert_int_equal(nz_json_get_int(item, "index", 0, size - 1, &index, NULL), NZ_OK);
		memset(leaf.bytes, (int)index + 1, sizeof leaf.bytes);
		hex_of(item, "root", root.bytes, sizeof root.bytes);
		for (size_t h = 0; h < nz_json_count(hashes); h++)
			assert_int_equal(nz_hex_decode(nz_json_string(nz_json_at(hashes, h)),
			                               proof[h].bytes, sizeof proof[h].bytes),
			                 NZ_OK);
		assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf, (uint64_t)index,
		                                           (uint64_t)size, proof,
		                                           nz_json_count(hashes), &root),
		                 NZ_OK);
		leaf.bytes[0] ^= 1;
		assert_int_equal(nz_merkle_check_inclusion(crypto, hasher, &leaf, (uint64_t)index,
		                                           (uint64_t)size, proof,
		                                           nz_json_count(hashes), &root),
		                 NZ_MISMATCH);
	}
	crypto->hasher_free(&hasher);
}

/* ---- statement.json ---- */

static void statement_and_receipt_verify(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	const struct nz_json *answer = file_at(3, "receipt_answer");
	uint8_t public_key[NZ_ED25519_PUBLIC_BYTES], signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_statement statement;
	struct nz_hash digest;

	(void)state;
	hex_of(file_at(3, "signer"), "ed25519_public", public_key, sizeof public_key);
	assert_int_equal(nz_statement_from_json(file_at(3, "statement"), &statement, NULL), NZ_OK);
	assert_int_equal(nz_statement_verify(crypto, public_key, &statement), NZ_OK);
	statement.epoch++;
	assert_int_equal(nz_statement_verify(crypto, public_key, &statement), NZ_UNVERIFIED);
	assert_int_equal(nz_json_get_base64(answer, "signature", signature, sizeof signature, NULL),
	                 NZ_OK);
	assert_int_equal(nz_json_digest(crypto, nz_json_get(answer, "receipt"), NULL, &digest), NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, public_key, NZ_LABEL_RECEIPT, &digest, 1,
	                                    signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, public_key, NZ_LABEL_DATASET, &digest, 1,
	                                    signature),
	                 NZ_UNVERIFIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_are_what_the_library_makes),
		cmocka_unit_test(packets_verify_and_open),
		cmocka_unit_test(the_node_document_checks),
		cmocka_unit_test(records_come_apart),
		cmocka_unit_test(proofs_prove),
		cmocka_unit_test(statement_and_receipt_verify),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
