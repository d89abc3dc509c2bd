/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors made by running the public reference implementation: what it signed and sealed is read
 * here, what it would have made is made here, and of the odd packets it was given, each is accepted
 * or refused as doc/interop.md says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/packet.h>

#include "../testdata.h"
#include "../unhex.h"

#define VECTORS "nz-reference-interop/vectors.json"

static const struct nz_crypto *crypto;
static struct nz_json_doc *doc;
static struct nz_peers *peers;
static struct nz_node_keys nodes[2]; /* A and B */

static const char *text_of(const struct nz_json *object, const char *name, struct nz_buffer *scratch)
{
	struct nz_bytes text = nz_json_string(nz_json_get(object, name));

	nz_buffer_reset(scratch);
	assert_int_equal(nz_buffer_append(scratch, text.ptr, text.len), NZ_OK);
	return nz_buffer_cstr(scratch);
}

static void hex_member(const struct nz_json *object, const char *name, uint8_t *out, size_t len)
{
	assert_int_equal(nz_json_get_hex(object, name, out, len, NULL), NZ_OK);
}

static struct nz_bytes string_member(const struct nz_json *object, const char *name)
{
	assert_true(nz_json_is(nz_json_get(object, name), NZ_JSON_STRING));
	return nz_json_string(nz_json_get(object, name));
}

static int64_t int_member(const struct nz_json *object, const char *name)
{
	return (int64_t)nz_json_number(nz_json_get(object, name));
}

static void assert_same(struct nz_bytes got, struct nz_bytes expected)
{
	assert_int_equal(got.len, expected.len);
	assert_memory_equal(got.ptr, expected.ptr, expected.len);
}

static struct nz_node_keys *node_named(const struct nz_json *vector, const char *member)
{
	return &nodes[string_member(vector, member).ptr[0] == 'A' ? 0 : 1];
}

static void load_node(const char *name, struct nz_node_keys *keys)
{
	const struct nz_json *json = nz_json_get(nz_json_get(nz_json_root(doc), "nodes"), name);
	struct nz_node node = {.seq = 0};
	char id[NZ_NODE_ID_CHARS];
	NZ_BUFFER(scratch);

	hex_member(json, "ed25519_seed_hex", keys->ed25519_private.bytes, 32);
	assert_int_equal(nz_node_keys_set_signer(crypto, keys), NZ_OK);
	hex_member(json, "ed25519_public_hex", keys->ed25519_public, 32);
	hex_member(json, "x25519_private_hex", keys->x25519_private.bytes, 32);
	hex_member(json, "x25519_public_hex", keys->x25519_public, 32);
	memcpy(keys->first_key, keys->ed25519_public, 32);
	assert_int_equal(nz_node_id(crypto, keys->ed25519_public, id), NZ_OK);
	assert_string_equal(id, text_of(json, "node_id", &scratch));
	memcpy(keys->node_id, id, sizeof id);
	memcpy(node.node_id, id, sizeof id);
	memcpy(node.ed25519, keys->ed25519_public, 32);
	memcpy(node.x25519, keys->x25519_public, 32);
	assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
}

static void load(void)
{
	const struct nz_json_limits limits = {(size_t)16 << 20, 64, 10000};
	struct nz_error err;
	NZ_BUFFER(text);

	if (doc != NULL)
		return;
	testdata_read(VECTORS, &text);
	if (nz_json_parse(nz_buffer_bytes(&text), &limits, &doc, &err) != NZ_OK)
		fail_msg("%s", err.message);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	load_node("A", &nodes[0]);
	load_node("B", &nodes[1]);
}

static const struct nz_json *list(const char *name, size_t expected)
{
	const struct nz_json *array = nz_json_get(nz_json_root(doc), name);

	assert_int_equal(nz_json_count(array), expected);
	return array;
}

static struct nz_verify_options options_at(int64_t now)
{
	return (struct nz_verify_options){.now = now, .resolver = nz_peers_resolver(peers)};
}

static void session_key(void **state)
{
	(void)state;
	load();
	const struct nz_json *ecdh = nz_json_get(nz_json_root(doc), "ecdh");
	uint8_t expected[32], shared[32];
	struct nz_secret key;

	hex_member(ecdh, "session_key_hex", expected, 32);
	hex_member(ecdh, "shared_secret_hex", shared, 32);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(crypto->x25519_shared(&nodes[i].x25519_private,
		                                       nodes[1 - i].x25519_public, &key),
		                 NZ_OK);
		assert_memory_equal(key.bytes, shared, 32);
		assert_int_equal(nz_session_key(crypto, &nodes[i].x25519_private,
		                                nodes[1 - i].x25519_public, &key),
		                 NZ_OK);
		assert_memory_equal(key.bytes, expected, 32);
	}
}

/* canonical_auth, the signed bytes and the signature, from the packet alone. */
static void check_signed_bytes(const struct nz_json *vector, const struct nz_json *packet)
{
	NZ_JSON_DOC(copy);
	NZ_BUFFER(canonical);
	uint8_t digest[32], message[64], signature[64], made[64];
	char hex[65];

	assert_int_equal(nz_json_new(&copy), NZ_OK);
	struct nz_json *auth = nz_json_copy(copy, nz_json_get(packet, "auth"));
	nz_json_remove(auth, "signature");
	assert_int_equal(nz_json_canonical(auth, &canonical), NZ_OK);
	assert_same(nz_buffer_bytes(&canonical), string_member(vector, "canonical_auth"));
	assert_int_equal(crypto->sha256(nz_buffer_bytes(&canonical), digest), NZ_OK);
	nz_hex_encode(nz_bytes_of(digest, 32), hex);
	assert_same(nz_bytes_str(hex), string_member(vector, "auth_hash_hex"));
	hex_member(vector, "signed_message_hex", message, 64);
	assert_memory_equal(message, hex, 64);
	hex_member(vector, "signature_hex", signature, 64);
	assert_int_equal(crypto->sign(node_named(vector, "sender")->signer,
	                              nz_bytes_of(message, 64), made),
	                 NZ_OK);
	assert_memory_equal(made, signature, 64);
}

static void their_packets_verify(void **state)
{
	(void)state;
	load();
	const struct nz_json *vectors = list("vectors", 10);
	int accepted = 0;

	for (size_t i = 0; i < nz_json_count(vectors); i++) {
		const struct nz_json *vector = nz_json_at(vectors, i);
		const struct nz_bytes packet = string_member(vector, "packet_json");
		const struct nz_bytes hashed = string_member(vector, "hashed_body_utf8");
		const bool is_jcs = nz_json_bool(nz_json_get(vector, "jcs_equals_hashed"));
		struct nz_verify_options options = options_at(int_member(vector, "timestamp"));
		struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
		NZ_JSON_DOC(parsed);

		assert_int_equal(nz_json_parse(packet, &nz_json_packet_limits, &parsed, NULL),
		                 NZ_OK);
		check_signed_bytes(vector, nz_json_root(parsed));
		if (hashed.ptr[0] != '{') { /* a body is an object */
			struct nz_error err;

			assert_int_equal(
				nz_packet_verify(crypto, packet, &options, &verified, &err),
				NZ_MALFORMED);
			assert_int_equal(err.code, NZ_PACKET_FAULT_SHAPE);
			continue;
		}
		assert_int_equal(nz_packet_verify(crypto, packet, &options, &verified, NULL), NZ_OK);
		accepted++;
		assert_int_equal(nz_verified_packet_body_form(verified),
		                 is_jcs ? NZ_BODY_JCS : NZ_BODY_AS_SENT);
		assert_int_equal(nz_verified_packet_digest_form(verified), NZ_DIGEST_HEX);
		assert_same(nz_verified_packet_body_text(verified), hashed);
		assert_same(nz_verified_packet_node_id(verified),
		            nz_bytes_str(node_named(vector, "sender")->node_id));
		options.strict = true;
		nz_verified_packet_free(&verified);
		assert_int_equal(nz_packet_verify(crypto, packet, &options, &verified, NULL),
		                 is_jcs ? NZ_OK : NZ_MISMATCH);
	}
	assert_int_equal(accepted, 9);
}

/* Byte for byte where the reference's order is JCS; else the canonical body and its hash. */
static void our_packets_are_theirs(void **state)
{
	(void)state;
	load();
	const struct nz_json *vectors = list("vectors", 10);
	int equal = 0;

	for (size_t i = 0; i < nz_json_count(vectors); i++) {
		const struct nz_json *vector = nz_json_at(vectors, i);
		const struct nz_bytes hashed = string_member(vector, "hashed_body_utf8");
		NZ_BUFFER(nonce);
		NZ_BUFFER(packet);
		NZ_JSON_DOC(made);
		const struct nz_sign_options options = {
			.timestamp = int_member(vector, "timestamp"),
			.nonce = text_of(vector, "nonce", &nonce),
		};
		const enum nz_status status =
			nz_packet_sign_text(crypto, node_named(vector, "sender"), hashed, NULL,
		                            &options, &packet, NULL);

		if (hashed.ptr[0] != '{') {
			assert_int_equal(status, NZ_MALFORMED);
			continue;
		}
		assert_int_equal(status, NZ_OK);
		if (nz_json_bool(nz_json_get(vector, "jcs_equals_hashed"))) {
			assert_same(nz_buffer_bytes(&packet), string_member(vector, "packet_json"));
			equal++;
			continue;
		}
		assert_int_equal(nz_json_parse(nz_buffer_bytes(&packet), &nz_json_packet_limits,
		                               &made, NULL),
		                 NZ_OK);
		assert_same(nz_json_string(nz_json_get(nz_json_get(nz_json_root(made), "auth"),
		                                       "body_hash")),
		            string_member(vector, "jcs_body_hash"));
		const struct nz_bytes jcs = string_member(vector, "jcs_body");
		assert_true(packet.len > jcs.len + 1);
		assert_same(nz_bytes_of(packet.ptr + packet.len - 1 - jcs.len, jcs.len), jcs);
	}
	assert_int_equal(equal, 2);
}

static void integers_that_a_double_cannot_hold_are_not_signed(void **state)
{
	(void)state;
	load();
	const struct nz_json *vector = nz_json_at(list("vectors", 10), 5);
	struct nz_error err;
	NZ_BUFFER(packet);

	assert_int_equal(nz_packet_sign_text(crypto, &nodes[0],
	                                     string_member(vector, "source_json"), NULL, NULL,
	                                     &packet, &err),
	                 NZ_MALFORMED);
	assert_int_equal(err.code, NZ_PACKET_FAULT_JSON);
	assert_int_equal(packet.len, 0);
}

/* Their ciphertext, made again under their iv. */
static void check_seal(const struct nz_json *sealed, struct nz_bytes plaintext)
{
	struct nz_aead *aead = NULL;
	struct nz_secret key;
	uint8_t iv[12], tag[16];
	NZ_BUFFER(data);
	NZ_BUFFER(expected);

	assert_int_equal(nz_session_key(crypto, &nodes[0].x25519_private, nodes[1].x25519_public,
	                                &key),
	                 NZ_OK);
	hex_member(sealed, "iv_hex", iv, sizeof iv);
	hex_member(sealed, "tag_hex", tag, sizeof tag);
	assert_int_equal(nz_buffer_reserve(&data, plaintext.len + 16), NZ_OK);
	assert_int_equal(nz_buffer_append(&data, plaintext.ptr, plaintext.len), NZ_OK);
	assert_int_equal(crypto->aead_new(NZ_CIPHER_AES_256_GCM, &key, &aead), NZ_OK);
	const struct nz_aead_item item = {.data = data.ptr, .len = data.len};
	assert_int_equal(crypto->seal(aead, iv, &item), NZ_OK);
	crypto->aead_free(&aead);
	assert_int_equal(nz_buffer_reserve(&expected, plaintext.len + 1), NZ_OK);
	hex_member(sealed, "ciphertext_hex", expected.ptr, plaintext.len);
	assert_memory_equal(data.ptr, expected.ptr, plaintext.len);
	assert_memory_equal(data.ptr + plaintext.len, tag, 16);
}

static void their_sealed_packets_open(void **state)
{
	(void)state;
	load();
	const struct nz_json *vectors = list("vectors", 10);
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	int opened = 0;

	for (size_t i = 0; i < nz_json_count(vectors); i++) {
		const struct nz_json *vector = nz_json_at(vectors, i);
		const struct nz_json *sealed = nz_json_get(vector, "encrypted");
		const struct nz_bytes plaintext = string_member(vector, "packet_json");
		uint8_t digest[32], expected[32];
		NZ_BUFFER(packet);

		assert_int_equal(int_member(sealed, "plaintext_len"), plaintext.len);
		assert_int_equal(crypto->sha256(plaintext, digest), NZ_OK);
		hex_member(sealed, "plaintext_sha256", expected, 32);
		assert_memory_equal(digest, expected, 32);
		check_seal(sealed, plaintext);
		const enum nz_status status =
			nz_packet_open(crypto, string_member(sealed, "packet_json"), NULL,
		                       node_named(vector, "receiver"), &resolver, &packet, NULL);
		if (string_member(vector, "hashed_body_utf8").ptr[0] != '{') {
			assert_int_equal(status, NZ_MALFORMED);
			continue;
		}
		assert_int_equal(status, NZ_OK);
		assert_same(nz_buffer_bytes(&packet), plaintext);
		opened++;
	}
	assert_int_equal(opened, 9);
}

/* What doc/interop.md decides where the vectors leave it open, with the fault. */
static const struct decision {
	const char *description;
	enum nz_status status;
	enum nz_packet_fault fault;
} decisions[] = {
	{"body keys reordered only", NZ_MISMATCH, NZ_PACKET_FAULT_BODY_HASH},
	{"extra signed auth field", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE},
	{"unknown top-level member", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE},
	{"signed over raw sha256 bytes instead of hex text", NZ_OK, NZ_PACKET_FAULT_NONE},
	{"body false, signed", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE},
};

static const struct decision *decision_of(struct nz_bytes description)
{
	for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++)
		if (nz_bytes_equal(description, nz_bytes_str(decisions[i].description)))
			return &decisions[i];
	fail_msg("no decision on '%.*s'", (int)description.len, (const char *)description.ptr);
	return NULL;
}

static void check_verify_case(const struct nz_json *item)
{
	const struct nz_json *opinion = nz_json_get(item, "strict_should_accept");
	const struct nz_bytes description = string_member(item, "description");
	const struct nz_bytes packet = string_member(item, "packet_json");
	const int64_t now = int_member(item, "now");
	struct nz_verify_options options = options_at(now != 0 ? now : 1);
	struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;
	struct nz_error err = {0};

	assert_int_equal(nz_replay_memory(crypto, NULL, &guard, NULL), NZ_OK);
	options.replay = guard;
	if (nz_json_bool(nz_json_get(item, "nonce_already_seen"))) {
		assert_int_equal(nz_packet_verify(crypto, packet, &options, &verified, NULL), NZ_OK);
		nz_verified_packet_free(&verified);
	}
	const enum nz_status status = nz_packet_verify(crypto, packet, &options, &verified, &err);
	if (nz_json_type(opinion) == NZ_JSON_NULL) {
		const struct decision *decision = decision_of(description);

		if (status != decision->status || err.code != (int)decision->fault)
			fail_msg("%s: %s, %s", decision->description, nz_status_name(status),
			         err.message);
	} else if ((status == NZ_OK) != nz_json_bool(opinion)) {
		fail_msg("%.*s: %s, %s", (int)description.len, (const char *)description.ptr,
		         nz_status_name(status), err.message);
	}
	assert_true((verified != NULL) == (status == NZ_OK));
	if (status != NZ_OK)
		assert_int_not_equal(err.code, NZ_PACKET_FAULT_NONE);
}

static void verify_cases(void **state)
{
	(void)state;
	load();
	const struct nz_json *cases = list("verify_cases", 44);

	for (size_t i = 0; i < nz_json_count(cases); i++)
		check_verify_case(nz_json_at(cases, i));
}

/* The raw digest is for lenient readers alone. */
static void strict_refuses_the_raw_digest(void **state)
{
	(void)state;
	load();
	const struct nz_json *vector = nz_json_at(list("vectors", 10), 0); /* body {} */
	uint8_t signature[64], digest[32];
	char text[NZ_BASE64_CHARS(64) + 1];
	struct nz_verify_options options = options_at(int_member(vector, "timestamp"));
	struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
	NZ_JSON_DOC(packet);
	NZ_BUFFER(raw);

	hex_member(vector, "auth_hash_hex", digest, 32);
	assert_int_equal(crypto->sign(nodes[0].signer, nz_bytes_of(digest, 32), signature), NZ_OK);
	nz_base64_encode(nz_bytes_of(signature, 64), text);
	assert_int_equal(nz_json_parse(string_member(vector, "packet_json"),
	                               &nz_json_packet_limits, &packet, NULL),
	                 NZ_OK);
	nz_json_set_str(packet, nz_json_get(nz_json_root(packet), "auth"), "signature", text);
	assert_int_equal(nz_json_canonical(nz_json_root(packet), &raw), NZ_OK);
	assert_int_equal(
		nz_packet_verify(crypto, nz_buffer_bytes(&raw), &options, &verified, NULL), NZ_OK);
	assert_int_equal(nz_verified_packet_digest_form(verified), NZ_DIGEST_RAW);
	nz_verified_packet_free(&verified);
	options.strict = true;
	assert_int_equal(
		nz_packet_verify(crypto, nz_buffer_bytes(&raw), &options, &verified, NULL),
		NZ_UNVERIFIED);
}

static void decrypt_cases(void **state)
{
	(void)state;
	load();
	const struct nz_json *cases = list("decrypt_cases", 23);
	const struct nz_resolver resolver = nz_peers_resolver(peers);

	for (size_t i = 0; i < nz_json_count(cases); i++) {
		const struct nz_json *item = nz_json_at(cases, i);
		const struct nz_json *opinion = nz_json_get(item, "strict_should_accept");
		const struct nz_bytes description = string_member(item, "description");
		struct nz_error err = {0};
		NZ_BUFFER(packet);
		const enum nz_status status =
			nz_packet_open(crypto, string_member(item, "packet_json"), NULL, &nodes[1],
		                       &resolver, &packet, &err);

		assert_true(nz_json_is(opinion, NZ_JSON_BOOL));
		if ((status == NZ_OK) != nz_json_bool(opinion))
			fail_msg("%.*s: %s, %s", (int)description.len,
			         (const char *)description.ptr, nz_status_name(status), err.message);
		assert_true((packet.len > 0) == (status == NZ_OK));
		if (status != NZ_OK)
			assert_int_not_equal(err.code, NZ_PACKET_FAULT_NONE);
	}
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	nz_json_free(&doc);
	nz_peers_free(&peers);
	nz_node_keys_clear(&nodes[0]);
	nz_node_keys_clear(&nodes[1]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_key),
		cmocka_unit_test(their_packets_verify),
		cmocka_unit_test(our_packets_are_theirs),
		cmocka_unit_test(integers_that_a_double_cannot_hold_are_not_signed),
		cmocka_unit_test(their_sealed_packets_open),
		cmocka_unit_test(verify_cases),
		cmocka_unit_test(strict_refuses_the_raw_digest),
		cmocka_unit_test(decrypt_cases),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
