/* SPDX-License-Identifier: Apache-2.0 */
/* Peers from static configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity_help.h"

static void resolve_is(struct nz_peers *peers, const char *id, enum nz_status expected)
{
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	struct nz_node node;

	assert_int_equal(resolver.resolve(resolver.context, nz_bytes_str(id), &node, NULL),
	                 expected);
	if (expected == NZ_OK)
		assert_string_equal(node.node_id, id);
}

static void peers_are_found(void **state)
{
	(void)state;
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;

	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	for (int i = 0; i < 100; i++) {
		struct nz_node node = {.seq = 0};

		memcpy(node.ed25519, keys.ed25519_public, 32);
		snprintf(node.node_id, sizeof node.node_id, "peer-%d", i * 37 % 100);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
		memcpy(node.x25519, keys.x25519_public, 32);
		assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_MALFORMED);
	}
	for (int i = 0; i < 100; i++) {
		char id[32];

		snprintf(id, sizeof id, "peer-%d", i);
		resolve_is(peers, id, NZ_OK);
	}
	resolve_is(peers, "peer-", NZ_UNKNOWN);
	resolve_is(peers, "peer-100", NZ_UNKNOWN);
	resolve_is(peers, "", NZ_UNKNOWN);

	/* The identity point would verify anything. */
	struct nz_node weak = {.node_id = "weak", .ed25519 = {1}};
	assert_int_equal(nz_peers_add(peers, crypto, &weak, NULL), NZ_MALFORMED);
}

static enum nz_status add_text(const char *text)
{
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;

	write_file(path, text, 0644);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	return nz_peers_add_path(peers, crypto, path, NULL);
}

#define PLAIN                                                       \
	"{\"node_id\":\"discovery.37d1585a\",\"ed25519public\":"    \
	"\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}"

static void peer_files(void **state)
{
	(void)state;
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;
	NZ_BUFFER(document);
	NZ_BUFFER(array);
	char other[128];

	assert_int_equal(nz_node_document_make(crypto, &keys, &document, NULL), NZ_OK);
	assert_int_equal(add_text(nz_buffer_cstr(&document)), NZ_OK);
	assert_int_equal(add_text("[" PLAIN "]"), NZ_OK);
	assert_int_equal(add_text("[" PLAIN "," PLAIN "]"), NZ_OK);
	assert_int_equal(add_text("[]"), NZ_OK);
	assert_int_equal(nz_buffer_appendf(&array, "[" PLAIN ",%s]", nz_buffer_cstr(&document)),
	                 NZ_OK);
	assert_int_equal(add_text(nz_buffer_cstr(&array)), NZ_OK);

	/* A document that lost its signature is not believed; nor is anything half right. */
	assert_int_equal(add_text(PLAIN), NZ_MALFORMED);
	assert_int_equal(add_text("[{\"node_id\":\"x\"}]"), NZ_MALFORMED);
	assert_int_equal(add_text("[1]"), NZ_MALFORMED);
	assert_int_equal(add_text("{"), NZ_MALFORMED);
	assert_int_equal(add_text(""), NZ_MALFORMED);
	document.ptr[strstr((const char *)document.ptr, "x25519public") + 16 -
	             (const char *)document.ptr] ^= 1;
	assert_int_not_equal(add_text(nz_buffer_cstr(&document)), NZ_OK);
	save();
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	assert_int_equal(nz_peers_add_path(peers, crypto, path, NULL), NZ_MALFORMED);

	/* A folder: its *.json and nothing else. */
	snprintf(other, sizeof other, "%s/readme.txt", folder);
	write_file(path, "[" PLAIN "]", 0644);
	write_file(other, "not json", 0644);
	assert_int_equal(nz_peers_add_path(peers, crypto, folder, NULL), NZ_OK);
	resolve_is(peers, "discovery.37d1585a", NZ_OK);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(nz_peers_add_path(peers, crypto, "/nonexistent", NULL), NZ_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(peers_are_found),
		TEST(peer_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
