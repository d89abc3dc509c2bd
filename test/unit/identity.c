/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids, labelled signatures, node documents and their chains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unhex.h"
#include "identity_help.h"

static void ids(void **state)
{
	(void)state;
	/* The public reference's test node A. */
	uint8_t key[32];
	char id[NZ_NODE_ID_CHARS];

	unhex_exact("2b86817013a3f50c8081f4908c799efc451ec19d06404e9d9ba6d43d857733ee", key, 32);
	assert_int_equal(nz_node_id(crypto, key, id), NZ_OK);
	assert_string_equal(id, "nzid:node:8be38e92a0d5fbe7849018e360a9040a");
	assert_true(nz_node_id_is_fingerprint(nz_bytes_str(id)));
	assert_false(nz_node_id_is_fingerprint(nz_bytes_of(id, 41)));
	id[12] = 'A';
	assert_false(nz_node_id_is_fingerprint(nz_bytes_str(id)));
	assert_true(nz_node_id_is_acceptable(nz_bytes_str(id)));
	assert_true(nz_node_id_is_acceptable(nz_bytes_str("discovery.37d1585a")));
	assert_false(nz_node_id_is_fingerprint(nz_bytes_str("discovery.37d1585a")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("a\nb")));
	assert_false(nz_node_id_is_acceptable(nz_bytes_of("a\0b", 3)));
	assert_false(nz_node_id_is_acceptable(nz_bytes_str("\xff")));
}

static void labels_separate_messages(void **state)
{
	(void)state;
	struct nz_hash digests[2] = {{{1}}, {{2}}};
	uint8_t signature[64];

	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "label", digests, 2, signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "label", digests, 2,
	                                    signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "labem", digests, 2,
	                                    signature),
	                 NZ_UNVERIFIED);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "label", digests, 1,
	                                    signature),
	                 NZ_UNVERIFIED);
	/* What is signed: label, one zero byte, the digests. */
	uint8_t message[5 + 1 + 64] = "label";
	memcpy(message + 6, digests, 64);
	assert_int_equal(crypto->ed25519_verify(keys.ed25519_public,
	                                        nz_bytes_of(message, sizeof message), signature),
	                 NZ_OK);
	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "", digests, 1, signature),
	                 NZ_INVALID);
	assert_int_equal(nz_labelled_sign(crypto, keys.signer, "x", digests, 5, signature),
	                 NZ_INVALID);
}

static void digest_leaves_a_member_out(void **state)
{
	(void)state;
	struct nz_hash got;
	uint8_t expected[32];
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_parse(nz_bytes_str("{\"b\":1,\"signature\":\"x\",\"a\":2}"),
	                               &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	assert_int_equal(nz_json_digest(crypto, nz_json_root(doc), "signature", &got), NZ_OK);
	assert_int_equal(crypto->sha256(nz_bytes_str("{\"a\":2,\"b\":1}"), expected), NZ_OK);
	assert_memory_equal(got.bytes, expected, 32);
	assert_int_equal(nz_json_count(nz_json_root(doc)), 3);
}

static void document_of(const struct nz_node_keys *of, struct nz_buffer *text,
                        struct nz_json_doc **doc)
{
	assert_int_equal(nz_node_document_make(crypto, of, text, NULL), NZ_OK);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(text), &nz_json_packet_limits, doc, NULL),
	                 NZ_OK);
}

static void a_document_proves_a_node(void **state)
{
	(void)state;
	struct nz_node node;
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	document_of(&keys, &text, &doc);
	assert_true(text.len < 512);
	assert_int_equal(nz_node_document_check(crypto, nz_json_root(doc), &node, NULL), NZ_OK);
	assert_string_equal(node.node_id, keys.node_id);
	assert_memory_equal(node.ed25519, keys.ed25519_public, 32);
	assert_memory_equal(node.x25519, keys.x25519_public, 32);
	assert_int_equal(node.seq, 0);
}

static void rotations_keep_the_id(void **state)
{
	(void)state;
	NZ_NODE_KEYS(rotated);
	struct nz_node node;
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);

	rotate(3, &rotated);
	document_of(&rotated, &text, &doc);
	assert_int_equal(nz_node_document_check(crypto, nz_json_root(doc), &node, NULL), NZ_OK);
	assert_string_equal(node.node_id, keys.node_id);
	assert_int_equal(node.seq, 3);
	assert_memory_equal(node.ed25519, rotated.ed25519_public, 32);
	assert_memory_not_equal(node.ed25519, keys.ed25519_public, 32);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(nz_rotation_link_check(crypto, rotated.node_id,
		                                        &rotated.rotations[i], NULL),
		                 NZ_OK);
	assert_int_equal(nz_rotation_link_check(crypto, "nzid:node:another",
	                                        &rotated.rotations[0], NULL),
	                 NZ_UNVERIFIED);
}

/* The link's signed bytes, written out. */
static void the_form_of_a_link(void **state)
{
	(void)state;
	struct nz_rotation_link link = {.seq = 1, .at = NOW};
	struct nz_hash got;
	uint8_t expected[32];
	NZ_BUFFER(text);

	memset(link.previous, 1, 32);
	memset(link.ed25519, 2, 32);
	memset(link.x25519, 3, 32);
	assert_int_equal(nz_rotation_link_digest(crypto, "nzid:node:x", &link, &got), NZ_OK);
	assert_int_equal(
		nz_buffer_append_str(
			&text, "{\"at\":1738249200,"
			       "\"ed25519\":\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\","
			       "\"node_id\":\"nzid:node:x\","
			       "\"previous\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\","
			       "\"seq\":1,"
			       "\"x25519\":\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\"}"),
		NZ_OK);
	assert_int_equal(crypto->sha256(nz_buffer_bytes(&text), expected), NZ_OK);
	assert_memory_equal(got.bytes, expected, 32);
}

/* Signs a changed document again, so that only what was changed is wrong with it. */
static void sign_again(struct nz_json_doc *doc, const struct nz_node_keys *by)
{
	struct nz_hash digest;
	uint8_t signature[64];

	assert_int_equal(nz_json_digest(crypto, nz_json_root(doc), "signature", &digest), NZ_OK);
	assert_int_equal(nz_labelled_sign(crypto, by->signer, "nz-node-document-v1", &digest, 1,
	                                  signature),
	                 NZ_OK);
	nz_json_set_base64(doc, nz_json_root(doc), "signature", nz_bytes_of(signature, 64));
}

static enum nz_status check_document(const struct nz_json_doc *doc)
{
	struct nz_node node;

	return nz_node_document_check(crypto, nz_json_root(doc), &node, NULL);
}

static void wrong_documents(void **state)
{
	(void)state;
	static const char *const members[] = {"node_id", "first",     "ed25519public", "x25519public",
	                                      "seq",     "rotations", "signature"};
	NZ_NODE_KEYS(rotated);
	NZ_NODE_KEYS(other);
	NZ_BUFFER(text);

	rotate(2, &rotated);
	assert_int_equal(nz_node_keys_make(crypto, NOW, &other, NULL), NZ_OK);
	assert_int_equal(nz_node_document_make(crypto, &rotated, &text, NULL), NZ_OK);
	for (int i = 0; i < 12; i++) {
		NZ_JSON_DOC(doc);
		assert_int_equal(nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits,
		                               &doc, NULL),
		                 NZ_OK);
		struct nz_json *root = nz_json_root(doc);
		struct nz_json *links = nz_json_get(root, "rotations");
		enum nz_status expected = NZ_MALFORMED;

		if (i < 7) {
			nz_json_remove(root, members[i]);
		} else if (i == 7) { /* somebody else's id */
			nz_json_set_str(doc, root, "node_id", other.node_id);
			expected = NZ_UNVERIFIED;
		} else if (i == 8) { /* signed by another key */
			sign_again(doc, &keys);
			expected = NZ_UNVERIFIED;
		} else if (i == 9) { /* something rides along */
			nz_json_set_int(doc, root, "x", 1);
			sign_again(doc, &rotated);
		} else if (i == 10) { /* a link's date was changed */
			nz_json_set_int(doc, nz_json_at(links, 0), "at", 5);
			sign_again(doc, &rotated);
			expected = NZ_UNVERIFIED;
		} else { /* the first link is left out */
			struct nz_json *one = nz_json_make_array(doc);
			nz_json_push(doc, one, nz_json_at(links, 1));
			nz_json_set(doc, root, "rotations", one);
			nz_json_set_int(doc, root, "seq", 1);
			sign_again(doc, &rotated);
		}
		assert_int_equal(nz_json_failed(doc), NZ_OK);
		assert_int_equal(check_document(doc), expected);
	}
}

/* Keys own what they point at, and sign with what belongs to the private key alone. */
static void keys_move_and_are_completed(void **state)
{
	(void)state;
	static const struct nz_node_keys empty;
	const struct nz_hash digest = {{1}};
	uint8_t signature[64];
	NZ_NODE_KEYS(first);
	NZ_NODE_KEYS(second);

	first.ed25519_private = keys.ed25519_private;
	memset(first.ed25519_public, 7, 32); /* not its public key */
	assert_int_equal(nz_labelled_sign(crypto, first.signer, "x", &digest, 1, signature),
	                 NZ_INVALID);
	for (int i = 0; i < 2; i++)
		assert_int_equal(nz_node_keys_set_signer(crypto, &first), NZ_OK);
	nz_node_keys_move(&first, &second);
	assert_memory_equal(&first, &empty, sizeof first);
	assert_int_equal(nz_labelled_sign(crypto, second.signer, "x", &digest, 1, signature), NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, keys.ed25519_public, "x", &digest, 1, signature),
	                 NZ_OK);
}

static void there_is_a_last_rotation(void **state)
{
	(void)state;
	NZ_NODE_KEYS(full);
	struct nz_node_keys next;

	memcpy(full.node_id, keys.node_id, sizeof full.node_id);
	full.rotation_count = NZ_ROTATIONS_MAX;
	full.rotations = calloc(NZ_ROTATIONS_MAX, sizeof *full.rotations);
	assert_int_equal(nz_rotation_make(crypto, &full, NOW, &next, NULL), NZ_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids),
		TEST(labels_separate_messages),
		TEST(digest_leaves_a_member_out),
		TEST(a_document_proves_a_node),
		TEST(rotations_keep_the_id),
		TEST(the_form_of_a_link),
		TEST(wrong_documents),
		TEST(keys_move_and_are_completed),
		TEST(there_is_a_last_rotation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
