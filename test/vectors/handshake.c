/* SPDX-License-Identifier: Apache-2.0 */
/* The published session of doc/vectors/handshake.json, by the code that the product uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <nz/packet.h>

#include "proto/block.h"
#include "proto/handshake.h"
#include "proto/request.h"

#define BLOCKS 6

static const struct nz_crypto *crypto;
static struct nz_json_doc *vectors;

static struct nz_bytes text_of(const char *name)
{
	struct nz_bytes text;

	assert_int_equal(nz_json_get_string(nz_json_root(vectors), name, &text, NULL), NZ_OK);
	return text;
}

static void hex_of(const char *name, uint8_t out[32])
{
	assert_int_equal(nz_json_get_hex(nz_json_root(vectors), name, out, 32, NULL), NZ_OK);
}

static void assert_hex(const char *name, const uint8_t value[32])
{
	uint8_t expected[32];

	hex_of(name, expected);
	assert_memory_equal(value, expected, 32);
}

static int read_vectors(void **unused)
{
	const char *root = getenv("NZ_SOURCE_ROOT");
	char path[4096];
	NZ_BUFFER(text);

	(void)unused;
	crypto = nz_crypto_default();
	(void)snprintf(path, sizeof path, "%s/doc/vectors/handshake.json", root != NULL ? root : ".");
	FILE *file = fopen(path, "rb");
	if (file == NULL || nz_buffer_reserve(&text, 65536) != NZ_OK)
		return -1;
	text.len = fread(text.ptr, 1, 65536, file);
	(void)fclose(file);
	return nz_json_parse(nz_buffer_bytes(&text), &nz_json_packet_limits, &vectors, NULL) ==
	                       NZ_OK
	               ? 0
	               : -1;
}

static int free_vectors(void **unused)
{
	(void)unused;
	nz_json_free(&vectors);
	return 0;
}

static void open_packet_verifies(void **unused)
{
	struct nz_peers *peers NZ_CLEANUP(nz_peers_free) = NULL;
	struct nz_verified_packet *packet NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_verify_options options = {.now = 1700000000, .strict = true};
	struct nz_open_request request;
	struct nz_node node = {.seq = 0};
	uint8_t client[32];
	struct nz_hash h1;

	(void)unused;
	hex_of("node_ed25519_public", node.ed25519);
	hex_of("client_x25519_public", client);
	hex_of("client_x25519_public", node.x25519);
	assert_int_equal(nz_node_id(crypto, node.ed25519, node.node_id), NZ_OK);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
	options.resolver = nz_peers_resolver(peers);
	assert_int_equal(nz_packet_verify(crypto, text_of("open_packet"), &options, &packet, NULL),
	                 NZ_OK);
	assert_int_equal(nz_open_request_from_json(nz_verified_packet_body(packet), &request, NULL),
	                 NZ_OK);
	assert_string_equal(request.dataset, "shop");
	assert_memory_equal(request.x25519, client, 32);
	assert_true(request.has_epoch && request.epoch == 11);
	assert_false(request.has_checkpoint || request.has_continues);
	assert_int_equal(nz_packet_digest(crypto, text_of("open_packet"), &nz_json_packet_limits,
	                                  &h1, NULL),
	                 NZ_OK);
	assert_hex("h1", h1.bytes);
}

static void answer_is_signed(void **unused)
{
	struct nz_hash digests[2];
	uint8_t key[32], signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_json *statement_json;
	struct nz_statement statement;
	NZ_JSON_DOC(doc);

	(void)unused;
	hex_of("h1", digests[0].bytes);
	hex_of("signing_ed25519_public", key);
	assert_int_equal(nz_json_parse(text_of("answer"), &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	const struct nz_json *answer = nz_json_root(doc);
	assert_int_equal(nz_json_digest(crypto, answer, "signature", &digests[1]), NZ_OK);
	assert_hex("h2", digests[1].bytes);
	assert_int_equal(nz_json_get_base64(answer, "signature", signature, sizeof signature, NULL),
	                 NZ_OK);
	assert_int_equal(nz_labelled_verify(crypto, key, NZ_LABEL_HANDSHAKE, digests, 2, signature),
	                 NZ_OK);
	assert_int_equal(nz_json_get_object(answer, "dataset", &statement_json, NULL), NZ_OK);
	assert_int_equal(nz_statement_from_json(statement_json, &statement, NULL), NZ_OK);
	assert_int_equal(nz_statement_verify(crypto, key, &statement), NZ_OK);
}

static void derive(const char *own_name, const char *peer_name)
{
	struct nz_session_keys keys NZ_CLEANUP(nz_session_keys_clear) = {{{0}}, {{0}}};
	uint8_t peer[32], exporter[32];
	struct nz_hash h1, h2;
	NZ_SECRET(own);
	NZ_SECRET(zero);

	hex_of(own_name, own.bytes);
	hex_of(peer_name, peer);
	hex_of("h1", h1.bytes);
	hex_of("h2", h2.bytes);
	hex_of("exporter", exporter);
	assert_int_equal(nz_session_keys_derive(crypto, &own, peer, &h1, &h2, exporter, &keys),
	                 NZ_OK);
	assert_hex("encryption_key", keys.encryption.bytes);
	assert_hex("authentication_key", keys.authentication.bytes);
	assert_memory_equal(own.bytes, zero.bytes, 32);
}

static void both_sides_derive_the_same(void **unused)
{
	(void)unused;
	derive("client_x25519_private", "server_x25519_public");
	derive("server_x25519_private", "client_x25519_public");
}

static void request_mac(void **unused)
{
	char mac[NZ_REQUEST_MAC_CHARS + 1];
	NZ_SECRET(key);

	(void)unused;
	hex_of("authentication_key", key.bytes);
	assert_int_equal(
		nz_request_mac(crypto, &key, "000102030405060708090a0b0c0d0e0f", "POST",
	                       "/v2/sync/sessions/000102030405060708090a0b0c0d0e0f/blocks",
	                       "1700000001", "101112131415161718191a1b1c1d1e1f",
	                       text_of("request_body"), mac),
		NZ_OK);
	assert_true(nz_bytes_equal(nz_bytes_str(mac), text_of("request_mac")));
}

static const struct nz_json *block_at(size_t i)
{
	return nz_json_at(nz_json_get(nz_json_root(vectors), "blocks"), i);
}

/* The blocks of the file as they travel. */
static void published_stream(struct nz_buffer *out)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		struct nz_bytes header, sealed;
		uint8_t bytes[600];

		assert_int_equal(nz_json_get_string(block_at(i), "header", &header, NULL), NZ_OK);
		assert_int_equal(nz_json_get_string(block_at(i), "sealed", &sealed, NULL), NZ_OK);
		assert_true(sealed.len / 2 <= sizeof bytes);
		assert_int_equal(nz_hex_decode(header, bytes, NZ_BLOCK_HEADER_BYTES), NZ_OK);
		assert_int_equal(nz_buffer_append(out, bytes, NZ_BLOCK_HEADER_BYTES), NZ_OK);
		assert_int_equal(nz_hex_decode(sealed, bytes, sealed.len / 2), NZ_OK);
		assert_int_equal(nz_buffer_append(out, bytes, sealed.len / 2), NZ_OK);
	}
}

static struct nz_block_cipher *new_cipher(void)
{
	static const uint8_t start[NZ_AEAD_NONCE_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
	struct nz_block_cipher *cipher = NULL;
	NZ_SECRET(key);

	hex_of("encryption_key", key.bytes);
	assert_int_equal(nz_block_cipher_new(crypto, &key, start, &cipher), NZ_OK);
	return cipher;
}

static void blocks_are_sealed(void **unused)
{
	struct nz_block_cipher *cipher = new_cipher();
	struct nz_block_writer w;
	NZ_BUFFER(expected);
	NZ_BUFFER(out);
	NZ_BUFFER(mac);

	(void)unused;
	published_stream(&expected);
	assert_int_equal(nz_buffer_append(&mac, text_of("request_mac").ptr,
	                                  text_of("request_mac").len),
	                 NZ_OK);
	nz_block_writer_init(&w, cipher, &out);
	assert_int_equal(nz_block_put_hello(&w, nz_buffer_cstr(&mac)), NZ_OK);
	for (size_t i = 1; i + 1 < BLOCKS; i++) {
		struct nz_bytes header, plaintext;
		uint8_t type;

		assert_int_equal(nz_json_get_string(block_at(i), "header", &header, NULL), NZ_OK);
		assert_int_equal(nz_hex_decode(nz_bytes_of(header.ptr, 2), &type, 1), NZ_OK);
		assert_int_equal(nz_json_get_string(block_at(i), "plaintext", &plaintext, NULL),
		                 NZ_OK);
		assert_int_equal(nz_block_put(&w, (enum nz_block_type)type, plaintext), NZ_OK);
	}
	assert_int_equal(nz_block_put_end(&w), NZ_OK);
	assert_int_equal(out.len, expected.len);
	assert_memory_equal(out.ptr, expected.ptr, out.len);
	nz_block_cipher_free(&cipher);
}

static enum nz_status count_object(void *context, enum nz_block_type type,
                                   const struct nz_json *object, struct nz_error *err)
{
	(void)type;
	(void)object;
	(void)err;
	++*(size_t *)context;
	return NZ_OK;
}

static enum nz_status check_record(void *context, enum nz_block_type type,
                                   const struct nz_bytes *plaintexts, size_t count,
                                   struct nz_error *err)
{
	(void)err;
	assert_int_equal(type, NZ_BLOCK_RECORD);
	assert_int_equal(count, 1);
	assert_true(nz_bytes_equal(plaintexts[0], nz_bytes_str("1\tFor Those About To Rock\t\\N")));
	++*(size_t *)context;
	return NZ_OK;
}

static void blocks_open(void **unused)
{
	size_t seen = 0;
	const struct nz_block_events events = {&seen, count_object, check_record};
	struct nz_block_cipher *cipher = new_cipher();
	struct nz_block_reader *reader = NULL;
	NZ_BUFFER(stream);
	NZ_BUFFER(mac);

	(void)unused;
	published_stream(&stream);
	assert_int_equal(nz_buffer_append(&mac, text_of("request_mac").ptr,
	                                  text_of("request_mac").len),
	                 NZ_OK);
	assert_int_equal(nz_block_reader_new(cipher, NZ_STREAM_BATCHES, nz_buffer_cstr(&mac),
	                                     NZ_BLOCK_MAX_BYTES, &events, &reader),
	                 NZ_OK);
	assert_int_equal(nz_block_reader_feed(reader, nz_buffer_bytes(&stream), NULL), NZ_OK);
	assert_int_equal(nz_block_reader_finish(reader, NULL), NZ_OK);
	assert_int_equal(seen, 4); /* N B R E */
	nz_block_reader_free(&reader);
	nz_block_cipher_free(&cipher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_packet_verifies),
		cmocka_unit_test(answer_is_signed),
		cmocka_unit_test(both_sides_derive_the_same),
		cmocka_unit_test(request_mac),
		cmocka_unit_test(blocks_are_sealed),
		cmocka_unit_test(blocks_open),
	};

	return cmocka_run_group_tests(tests, read_vectors, free_vectors);
}
