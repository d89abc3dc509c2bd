/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that were made here: every way in which one can be wrong, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <nz/packet.h>

#define NOW INT64_C(1738249200)
#define BODY "{\"z\":[1,2.5,{\"b\":null}],\"a\":\"\xc3\xa9\"}"
#define BODY_JCS "{\"a\":\"\xc3\xa9\",\"z\":[1,2.5,{\"b\":null}]}"

static const struct nz_crypto *crypto;
static struct nz_node_keys alice, bob;
static struct nz_peers *peers;
static unsigned verifications;

static void add_peer(const struct nz_node_keys *keys)
{
	struct nz_node node = {.seq = 0};

	memcpy(node.node_id, keys->node_id, sizeof node.node_id);
	memcpy(node.ed25519, keys->ed25519_public, 32);
	memcpy(node.x25519, keys->x25519_public, 32);
	assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
}

static struct nz_verify_options usual(void)
{
	return (struct nz_verify_options){.now = NOW, .resolver = nz_peers_resolver(peers)};
}

static void sign_as(const struct nz_node_keys *keys, const char *body, const char *nonce,
                    struct nz_buffer *out)
{
	const struct nz_sign_options options = {.timestamp = NOW, .nonce = nonce};

	assert_int_equal(nz_packet_sign_text(crypto, keys, nz_bytes_str(body), NULL, &options, out,
	                                     NULL),
	                 NZ_OK);
}

/* Verifies; the outcome is status and fault, and nothing comes out of a failure. */
static void expect(struct nz_bytes packet, const struct nz_verify_options *options,
                   enum nz_status status, enum nz_packet_fault fault)
{
	struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_error err = {0};
	const enum nz_status got = nz_packet_verify(crypto, packet, options, &verified, &err);

	if (got != status || (got != NZ_OK && err.code != (int)fault))
		fail_msg("%s, code %d: %s", nz_status_name(got), err.code, err.message);
	assert_true((verified != NULL) == (status == NZ_OK));
	if (status != NZ_OK)
		assert_true(err.message[0] != '\0');
}

static void what_is_signed_verifies(void **state)
{
	(void)state;
	struct nz_verify_options options = usual();
	struct nz_verified_packet *verified = NULL;
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, NULL, &packet);
	assert_int_equal(packet.ptr[packet.len - 1], '}');
	options.strict = true;
	assert_int_equal(nz_packet_verify(crypto, nz_buffer_bytes(&packet), &options, &verified,
	                                  NULL),
	                 NZ_OK);
	const struct nz_bytes text = nz_verified_packet_body_text(verified);
	assert_int_equal(text.len, strlen(BODY_JCS));
	assert_memory_equal(text.ptr, BODY_JCS, text.len);
	assert_true(nz_json_number(nz_json_at(
			    nz_json_get(nz_verified_packet_body(verified), "z"), 1)) == 2.5);
	assert_true(nz_bytes_equal(nz_verified_packet_node_id(verified),
	                           nz_bytes_str(alice.node_id)));
	assert_int_equal(nz_verified_packet_timestamp(verified), NOW);
	assert_int_equal(nz_verified_packet_body_form(verified), NZ_BODY_JCS);
	assert_int_equal(nz_verified_packet_digest_form(verified), NZ_DIGEST_HEX);
	nz_verified_packet_free(&verified);
	nz_verified_packet_free(&verified);
}

/* The bytes that are emitted, with everything fixed (Ed25519 is deterministic). */
static void the_form_of_a_packet(void **state)
{
	(void)state;
	NZ_BUFFER(packet);
	NZ_BUFFER(expected);
	NZ_JSON_DOC(doc);

	sign_as(&alice, BODY, "n\"1", &packet);
	assert_int_equal(nz_json_parse(nz_buffer_bytes(&packet), &nz_json_packet_limits, &doc, NULL),
	                 NZ_OK);
	const struct nz_json *auth = nz_json_get(nz_json_root(doc), "auth");
	const struct nz_bytes text = nz_json_string(nz_json_get(auth, "signature"));
	const struct nz_bytes hash = nz_json_string(nz_json_get(auth, "body_hash"));
	assert_int_equal(nz_buffer_appendf(&expected,
	                                   "{\"auth\":{\"node_id\":\"%s\",\"timestamp\":1738249200,"
	                                   "\"nonce\":\"n\\\"1\",\"body_hash\":\"%.*s\","
	                                   "\"signature\":\"%.*s\"},\"body\":" BODY_JCS "}",
	                                   alice.node_id, (int)hash.len, (const char *)hash.ptr,
	                                   (int)text.len, (const char *)text.ptr),
	                 NZ_OK);
	assert_int_equal(packet.len, expected.len);
	assert_memory_equal(packet.ptr, expected.ptr, packet.len);
}

static void fresh_nonces_are_128_bits_of_hex(void **state)
{
	(void)state;
	char seen[8][33];

	for (int i = 0; i < 8; i++) {
		uint8_t raw[16];
		NZ_BUFFER(packet);
		NZ_JSON_DOC(doc);

		sign_as(&alice, "{}", NULL, &packet);
		assert_int_equal(nz_json_parse(nz_buffer_bytes(&packet), &nz_json_packet_limits,
		                               &doc, NULL),
		                 NZ_OK);
		const struct nz_json *auth = nz_json_get(nz_json_root(doc), "auth");
		assert_int_equal(nz_json_get_hex(auth, "nonce", raw, sizeof raw, NULL), NZ_OK);
		nz_hex_encode(nz_bytes_of(raw, sizeof raw), seen[i]);
		for (int before = 0; before < i; before++)
			assert_string_not_equal(seen[before], seen[i]);
	}
}

static void nothing_bad_is_signed(void **state)
{
	(void)state;
	static const char *const bad[] = {"[]",          "1",  "",       "{\"a\":1,\"a\":2}",
	                                  "{\"a\":1e999}", "{", "{} {}", "{\"a\":\"\\ud800\"}",
	                                  "{\"a\":9007199254740993}"};
	char long_nonce[130] = "";
	NZ_BUFFER(out);

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(nz_packet_sign_text(crypto, &alice, nz_bytes_str(bad[i]), NULL,
		                                     NULL, &out, NULL),
		                 NZ_MALFORMED);
	memset(long_nonce, 'x', 129);
	const struct nz_sign_options options[] = {{.timestamp = -1},
	                                          {.timestamp = INT64_C(1) << 53},
	                                          {.nonce = ""},
	                                          {.nonce = long_nonce},
	                                          {.nonce = "\xff"}};
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		assert_int_equal(nz_packet_sign_text(crypto, &alice, nz_bytes_str("{}"), NULL,
		                                     &options[i], &out, NULL),
		                 NZ_INVALID);
	const struct nz_json_limits tiny = {.bytes = 200};
	assert_int_equal(nz_packet_sign_text(crypto, &alice, nz_bytes_str("{}"), &tiny, NULL, &out,
	                                     NULL),
	                 NZ_LIMIT);
	assert_int_equal(out.len, 0);
}

/* Depth is that of the packet: what is signed at the limit can also be verified. */
static void depth_is_of_the_whole_packet(void **state)
{
	(void)state;
	const struct nz_verify_options options = usual();

	for (int depth = 62; depth <= 64; depth++) {
		NZ_BUFFER(body);
		NZ_BUFFER(packet);

		for (int i = 0; i < depth; i++)
			assert_int_equal(nz_buffer_append_str(&body, "{\"a\":"), NZ_OK);
		assert_int_equal(nz_buffer_append_str(&body, "1"), NZ_OK);
		for (int i = 0; i < depth; i++)
			assert_int_equal(nz_buffer_append_byte(&body, '}'), NZ_OK);
		const struct nz_sign_options at = {.timestamp = NOW};
		const enum nz_status status = nz_packet_sign_text(
			crypto, &alice, nz_buffer_bytes(&body), NULL, &at, &packet, NULL);
		assert_int_equal(status, depth < 64 ? NZ_OK : NZ_LIMIT);
		if (status == NZ_OK)
			expect(nz_buffer_bytes(&packet), &options, NZ_OK, NZ_PACKET_FAULT_NONE);
	}
}

static void nonces_are_counted_in_code_points(void **state)
{
	(void)state;
	const struct nz_verify_options options = usual();
	NZ_BUFFER(nonce);
	NZ_BUFFER(packet);

	for (int i = 0; i < 128; i++) /* U+1F680: four bytes, two UTF-16 units */
		assert_int_equal(nz_buffer_append_str(&nonce, "\xf0\x9f\x9a\x80"), NZ_OK);
	sign_as(&alice, "{}", nz_buffer_cstr(&nonce), &packet);
	expect(nz_buffer_bytes(&packet), &options, NZ_OK, NZ_PACKET_FAULT_NONE);
}

/* A packet with one thing replaced in its text. */
static void with(const char *from, const char *to, const struct nz_verify_options *options,
                 enum nz_status status, enum nz_packet_fault fault)
{
	NZ_BUFFER(packet);
	NZ_BUFFER(changed);

	sign_as(&alice, BODY, "nonce", &packet);
	const char *text = nz_buffer_cstr(&packet);
	const char *at = strstr(text, from);
	assert_non_null(at);
	assert_int_equal(nz_buffer_appendf(&changed, "%.*s%s%s", (int)(at - text), text, to,
	                                   at + strlen(from)),
	                 NZ_OK);
	expect(nz_buffer_bytes(&changed), options, status, fault);
}

static void wrong_shapes(void **state)
{
	(void)state;
	const struct nz_verify_options options = usual();
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"{\"auth\"", "{\"x\":1,\"auth\""},
		{"{\"auth\"", "{\"version\":\"nz-crypto-01\",\"auth\""},
		{"{\"node_id\"", "{\"x\":1,\"node_id\""},
		{"\"node_id\"", "\"nodeid\""},
		{"\"timestamp\":1738249200", "\"timestamp\":\"1738249200\""},
		{"\"timestamp\":1738249200", "\"timestamp\":1738249200.5"},
		{"\"timestamp\":1738249200", "\"timestamp\":0"},
		{"\"timestamp\":1738249200", "\"timestamp\":-5"},
		{"\"timestamp\":1738249200", "\"timestamp\":9007199254740992"},
		{"\"nonce\":\"nonce\"", "\"nonce\":\"\""},
		{"\"nonce\":\"nonce\"", "\"nonce\":1"},
		{"\"nonce\":\"nonce\",", ""},
		{"\"node_id\":\"nzid", "\"node_id\":\"\\u0000nzid"},
		{"\"node_id\":\"nzid", "\"node_id\":\"\\u001bnzid"},
		{"\"body_hash\":\"", "\"body_hash\":\"A"},
		{"\"signature\":\"", "\"signature\":\" "},
		{"\"signature\":\"", "\"signature\":\"AAAA"},
		{"==\"}", "\"}"},
		{"\"body\":{", "\"body\":null,\"boby\":{"},
		{"\"body\":{", "\"boby\":{"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		with(cases[i].from, cases[i].to, &options, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	expect(nz_bytes_str("[]"), &options, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	expect(nz_bytes_str("{}"), &options, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	expect(nz_bytes_str(""), &options, NZ_MALFORMED, NZ_PACKET_FAULT_JSON);
	with("\"body\":{", "\"body\":{\"a\":1,", &options, NZ_MALFORMED, NZ_PACKET_FAULT_JSON);
}

static void each_limit_has_its_error(void **state)
{
	(void)state;
	struct nz_verify_options options = usual();
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, NULL, &packet);
	options.limits = (struct nz_json_limits){.bytes = packet.len};
	expect(nz_buffer_bytes(&packet), &options, NZ_OK, NZ_PACKET_FAULT_NONE);
	options.limits.bytes--;
	expect(nz_buffer_bytes(&packet), &options, NZ_LIMIT, NZ_PACKET_FAULT_JSON);
	options.limits = (struct nz_json_limits){.depth = 3};
	expect(nz_buffer_bytes(&packet), &options, NZ_LIMIT, NZ_PACKET_FAULT_JSON);
	options.limits = (struct nz_json_limits){.members = 4};
	expect(nz_buffer_bytes(&packet), &options, NZ_LIMIT, NZ_PACKET_FAULT_JSON);
}

static void the_window_is_inclusive(void **state)
{
	(void)state;
	struct nz_verify_options options = usual();
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, NULL, &packet);
	for (int skew = 299; skew <= 301; skew++) {
		const enum nz_status status = skew <= 300 ? NZ_OK : NZ_EXPIRED;

		options.now = NOW + skew;
		expect(nz_buffer_bytes(&packet), &options, status, NZ_PACKET_FAULT_TIME);
		options.now = NOW - skew;
		expect(nz_buffer_bytes(&packet), &options, status, NZ_PACKET_FAULT_TIME);
	}
	options.window_s = 10;
	options.now = NOW + 10;
	expect(nz_buffer_bytes(&packet), &options, NZ_OK, NZ_PACKET_FAULT_NONE);
	options.now = NOW + 11;
	expect(nz_buffer_bytes(&packet), &options, NZ_EXPIRED, NZ_PACKET_FAULT_TIME);
}

static void a_changed_body_or_auth_is_found(void **state)
{
	(void)state;
	const struct nz_verify_options options = usual();

	with("2.5", "2.6", &options, NZ_MISMATCH, NZ_PACKET_FAULT_BODY_HASH);
	with("\"nonce\":\"nonce\"", "\"nonce\":\"nonse\"", &options, NZ_UNVERIFIED,
	     NZ_PACKET_FAULT_SIGNATURE);
	with("1738249200", "1738249201", &options, NZ_UNVERIFIED, NZ_PACKET_FAULT_SIGNATURE);
	with(alice.node_id, bob.node_id, &options, NZ_UNVERIFIED, NZ_PACKET_FAULT_SIGNATURE);
	with(alice.node_id, "nzid:node:00000000000000000000000000000000", &options, NZ_UNKNOWN,
	     NZ_PACKET_FAULT_SENDER);
	/* Spelled otherwise, and the same. */
	with("2.5", "25e-1", &options, NZ_OK, NZ_PACKET_FAULT_NONE);
	with("\"b\"", "\"\\u0062\"", &options, NZ_OK, NZ_PACKET_FAULT_NONE);
}

/* The order of checks: of two things wrong, the earlier is told. */
static void checks_have_one_order(void **state)
{
	(void)state;
	struct nz_verify_options late = usual();
	struct nz_verify_options nobody = {.now = NOW};

	late.now = NOW + 1000;
	with("\"nonce\":\"nonce\"", "\"nonce\":1", &late, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	with("2.5", "2.6", &late, NZ_EXPIRED, NZ_PACKET_FAULT_TIME);
	with("2.5", "2.6", &nobody, NZ_MISMATCH, NZ_PACKET_FAULT_BODY_HASH);
	with("\"nonce\":\"nonce\"", "\"nonce\":\"nonse\"", &nobody, NZ_UNKNOWN,
	     NZ_PACKET_FAULT_SENDER);
}

/* Counts what a sender costs, on an adapter that is the default one otherwise. */
static enum nz_status counting_verify(const uint8_t key[32], struct nz_bytes message,
                                      const uint8_t signature[64])
{
	verifications++;
	return nz_crypto_default()->ed25519_verify(key, message, signature);
}

static void an_unknown_sender_costs_what_a_wrong_signature_does(void **state)
{
	(void)state;
	struct nz_crypto counting = *nz_crypto_default();
	const struct nz_verify_options known = usual();
	const struct nz_verify_options unknown = {.now = NOW};

	counting.ed25519_verify = counting_verify;
	crypto = &counting;
	verifications = 0;
	with("\"nonce\":\"nonce\"", "\"nonce\":\"nonse\"", &known, NZ_UNVERIFIED,
	     NZ_PACKET_FAULT_SIGNATURE);
	assert_int_equal(verifications, 2);
	verifications = 0;
	with("\"nonce\":\"nonce\"", "\"nonce\":\"nonse\"", &unknown, NZ_UNKNOWN,
	     NZ_PACKET_FAULT_SENDER);
	crypto = nz_crypto_default();
	assert_int_equal(verifications, 2);
}

static void only_good_packets_reach_the_guard(void **state)
{
	(void)state;
	const struct nz_replay_limits limits = {.entries = 1};
	struct nz_verify_options options = usual();
	struct nz_replay *guard NZ_CLEANUP(nz_replay_free) = NULL;
	NZ_BUFFER(packet);
	NZ_BUFFER(other);

	assert_int_equal(nz_replay_memory(crypto, &limits, &guard, NULL), NZ_OK);
	options.replay = guard;
	with("1738249200", "1738249201", &options, NZ_UNVERIFIED, NZ_PACKET_FAULT_SIGNATURE);
	with("2.5", "2.6", &options, NZ_MISMATCH, NZ_PACKET_FAULT_BODY_HASH);
	sign_as(&alice, BODY, "one", &packet);
	sign_as(&alice, BODY, "two", &other);
	expect(nz_buffer_bytes(&packet), &options, NZ_OK, NZ_PACKET_FAULT_NONE);
	expect(nz_buffer_bytes(&packet), &options, NZ_REPLAYED, NZ_PACKET_FAULT_REPLAY);
	expect(nz_buffer_bytes(&other), &options, NZ_LIMIT, NZ_PACKET_FAULT_REPLAY);
}

static void seal_for(const struct nz_node_keys *from, const struct nz_node_keys *to,
                     enum nz_cipher cipher, struct nz_bytes packet, struct nz_buffer *out)
{
	struct nz_sealer *sealer NZ_CLEANUP(nz_sealer_free) = NULL;
	NZ_SECRET(key);

	assert_int_equal(nz_session_key(crypto, &from->x25519_private, to->x25519_public, &key),
	                 NZ_OK);
	assert_int_equal(nz_sealer_new(crypto, cipher, &key, &sealer), NZ_OK);
	assert_int_equal(nz_packet_seal(sealer, from->node_id, to->node_id, packet, out, NULL),
	                 NZ_OK);
}

static void expect_open(const char *sealed, enum nz_status status, enum nz_packet_fault fault)
{
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	struct nz_error err = {0};
	NZ_BUFFER(out);
	const enum nz_status got = nz_packet_open(crypto, nz_bytes_str(sealed), NULL, &bob,
	                                          &resolver, &out, &err);

	if (got != status || (got != NZ_OK && err.code != (int)fault))
		fail_msg("%s, code %d: %s", nz_status_name(got), err.code, err.message);
	assert_true((out.len > 0) == (status == NZ_OK));
}

static void what_is_sealed_opens(void **state)
{
	(void)state;
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, NULL, &packet);
	for (enum nz_cipher c = NZ_CIPHER_AES_256_GCM; c <= NZ_CIPHER_CHACHA20_POLY1305; c++) {
		NZ_BUFFER(sealed);
		NZ_BUFFER(opened);

		seal_for(&alice, &bob, c, nz_buffer_bytes(&packet), &sealed);
		assert_int_equal(nz_packet_open(crypto, nz_buffer_bytes(&sealed), NULL, &bob,
		                                &resolver, &opened, NULL),
		                 NZ_OK);
		assert_int_equal(opened.len, packet.len);
		assert_memory_equal(opened.ptr, packet.ptr, packet.len);
	}
}

/* A sealed packet with one thing replaced. */
static void sealed_with(enum nz_cipher cipher, const char *from, const char *to,
                        enum nz_status status, enum nz_packet_fault fault)
{
	NZ_BUFFER(packet);
	NZ_BUFFER(sealed);
	NZ_BUFFER(changed);

	sign_as(&alice, BODY, NULL, &packet);
	seal_for(&alice, &bob, cipher, nz_buffer_bytes(&packet), &sealed);
	const char *text = nz_buffer_cstr(&sealed);
	const char *at = strstr(text, from);
	assert_non_null(at);
	assert_int_equal(nz_buffer_appendf(&changed, "%.*s%s%s", (int)(at - text), text, to,
	                                   at + strlen(from)),
	                 NZ_OK);
	expect_open(nz_buffer_cstr(&changed), status, fault);
}

static void wrong_sealed_packets(void **state)
{
	(void)state;
	const enum nz_cipher aes = NZ_CIPHER_AES_256_GCM;
	NZ_BUFFER(both);

	sealed_with(aes, "{", "{", NZ_OK, NZ_PACKET_FAULT_NONE);
	sealed_with(aes, "crypto-01", "crypto-02", NZ_UNSUPPORTED, NZ_PACKET_FAULT_VERSION);
	sealed_with(aes, "\"version\":\"nz-crypto-01\",", "", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	sealed_with(aes, "aes-256-gcm", "aes-128-gcm", NZ_UNSUPPORTED, NZ_PACKET_FAULT_CIPHER);
	sealed_with(aes, "aes-256-gcm", "chacha20-poly1305", NZ_UNVERIFIED, NZ_PACKET_FAULT_TAG);
	sealed_with(aes, bob.node_id, alice.node_id, NZ_MALFORMED, NZ_PACKET_FAULT_RECEIVER);
	sealed_with(aes, alice.node_id, "nobody", NZ_UNKNOWN, NZ_PACKET_FAULT_SENDER);
	sealed_with(aes, "{", "{\"x\":1,", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	sealed_with(aes, "\"iv\":\"", "\"iv\":\"AAAA", NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	sealed_with(aes, "\"iv\":", "\"nonce\":\"AA==\",\"tag\":", NZ_UNSUPPORTED,
	            NZ_PACKET_FAULT_REWRITE);
	sealed_with(aes, "\"ciphertext\":\"", "\"ciphertext\":\"=", NZ_MALFORMED,
	            NZ_PACKET_FAULT_SHAPE);
	sealed_with(aes, "\"ciphertext\":\"", "\"ciphertext\":\"AAAA", NZ_UNVERIFIED,
	            NZ_PACKET_FAULT_TAG);
	/* The reference's names, alone, beside the same, and beside another. */
	sealed_with(aes, "sendernodeid", "sender_node_id", NZ_OK, NZ_PACKET_FAULT_NONE);
	assert_int_equal(nz_buffer_appendf(&both, "\"sender_node_id\":\"%s\",\"iv\"",
	                                   alice.node_id),
	                 NZ_OK);
	sealed_with(aes, "\"iv\"", nz_buffer_cstr(&both), NZ_OK, NZ_PACKET_FAULT_NONE);
	sealed_with(aes, "\"iv\"", "\"sender_node_id\":\"x\",\"iv\"", NZ_MALFORMED,
	            NZ_PACKET_FAULT_SHAPE);
}

/* Sealed by hand, to choose the iv and what is inside. */
static void seal_by_hand(enum nz_cipher cipher, const uint8_t *iv, size_t iv_len,
                         const char *inside, struct nz_buffer *out)
{
	struct nz_aead *aead = NULL;
	NZ_SECRET(key);
	NZ_BUFFER(data);

	assert_int_equal(nz_session_key(crypto, &alice.x25519_private, bob.x25519_public, &key),
	                 NZ_OK);
	assert_int_equal(crypto->aead_new(cipher, &key, &aead), NZ_OK);
	assert_int_equal(nz_buffer_append_str(&data, inside), NZ_OK);
	assert_int_equal(nz_buffer_reserve(&data, 16), NZ_OK);
	const struct nz_aead_item item = {.data = data.ptr, .len = data.len};
	assert_int_equal(crypto->seal(aead, iv + iv_len - 12, &item), NZ_OK);
	crypto->aead_free(&aead);
	data.len += 16;
	assert_int_equal(nz_buffer_appendf(out,
	                                   "{\"version\":\"nz-crypto-01\",\"cipher\":\"%s\","
	                                   "\"sendernodeid\":\"%s\",\"receivernodeid\":\"%s\","
	                                   "\"iv\":\"",
	                                   cipher == NZ_CIPHER_AES_256_GCM ? "aes-256-gcm"
	                                                                   : "chacha20-poly1305",
	                                   alice.node_id, bob.node_id),
	                 NZ_OK);
	assert_int_equal(nz_base64_append(out, nz_bytes_of(iv, iv_len)), NZ_OK);
	assert_int_equal(nz_buffer_append_str(out, "\",\"ciphertext\":\""), NZ_OK);
	assert_int_equal(nz_base64_append(out, nz_buffer_bytes(&data)), NZ_OK);
	assert_int_equal(nz_buffer_append_str(out, "\"}"), NZ_OK);
}

static void ivs_of_16_bytes(void **state)
{
	(void)state;
	uint8_t iv[16] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, NULL, &packet);
	for (int i = 0; i < 3; i++) {
		NZ_BUFFER(sealed);
		const bool counter_set = i == 1;
		const bool aes = i == 2;

		iv[3] = counter_set ? 1 : 0;
		seal_by_hand(aes ? NZ_CIPHER_AES_256_GCM : NZ_CIPHER_CHACHA20_POLY1305, iv, 16,
		             nz_buffer_cstr(&packet), &sealed);
		expect_open(nz_buffer_cstr(&sealed),
		            i == 0 ? NZ_OK : NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE);
	}
}

static void what_is_inside_is_checked(void **state)
{
	(void)state;
	const uint8_t iv[12] = {1};
	const struct {
		const char *inside;
		enum nz_packet_fault fault;
	} cases[] = {
		{"", NZ_PACKET_FAULT_JSON},
		{"not json", NZ_PACKET_FAULT_JSON},
		{"{\"auth\":{},\"body\":{}}", NZ_PACKET_FAULT_SHAPE},
		{"{\"a\":\"\xff\"}", NZ_PACKET_FAULT_JSON},
	};
	NZ_BUFFER(from_bob);
	NZ_BUFFER(sealed);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		NZ_BUFFER(text);

		seal_by_hand(NZ_CIPHER_AES_256_GCM, iv, 12, cases[i].inside, &text);
		expect_open(nz_buffer_cstr(&text), NZ_MALFORMED, cases[i].fault);
	}
	/* Alice reflects what Bob signed back to Bob. */
	sign_as(&bob, BODY, NULL, &from_bob);
	seal_by_hand(NZ_CIPHER_AES_256_GCM, iv, 12, nz_buffer_cstr(&from_bob), &sealed);
	expect_open(nz_buffer_cstr(&sealed), NZ_MALFORMED, NZ_PACKET_FAULT_RECEIVER);
}

static void only_the_signer_seals(void **state)
{
	(void)state;
	struct nz_sealer *sealer NZ_CLEANUP(nz_sealer_free) = NULL;
	struct nz_error err;
	NZ_SECRET(key);
	NZ_BUFFER(packet);
	NZ_BUFFER(out);

	sign_as(&bob, BODY, NULL, &packet);
	assert_int_equal(nz_sealer_new(crypto, NZ_CIPHER_AES_256_GCM, &key, &sealer), NZ_OK);
	assert_int_equal(nz_packet_seal(sealer, alice.node_id, bob.node_id,
	                                nz_buffer_bytes(&packet), &out, &err),
	                 NZ_MALFORMED);
	assert_int_equal(err.code, NZ_PACKET_FAULT_RECEIVER);
	assert_int_equal(nz_packet_seal(sealer, alice.node_id, bob.node_id, nz_bytes_str("{}"),
	                                &out, NULL),
	                 NZ_MALFORMED);
	assert_int_equal(out.len, 0);
}

static void a_zero_shared_secret_is_refused(void **state)
{
	(void)state;
	const uint8_t zero[32] = {0};
	struct nz_secret key;

	assert_int_equal(nz_session_key(crypto, &alice.x25519_private, zero, &key), NZ_UNVERIFIED);
}

static void digest_of_the_whole_packet(void **state)
{
	(void)state;
	struct nz_hash one, other;

	assert_int_equal(nz_packet_digest(crypto, nz_bytes_str("{\"b\":1.0,\"a\":2}"), NULL, &one,
	                                  NULL),
	                 NZ_OK);
	assert_int_equal(crypto->sha256(nz_bytes_str("{\"a\":2,\"b\":1}"), other.bytes), NZ_OK);
	assert_memory_equal(one.bytes, other.bytes, 32);
}

static void explain_says(const char *text, const char *first, const char *second)
{
	const struct nz_verify_options options = usual();
	NZ_BUFFER(out);

	assert_int_equal(nz_packet_explain(crypto, nz_bytes_str(text), &options, &out), NZ_OK);
	const char *said = nz_buffer_cstr(&out);
	if (strstr(said, first) == NULL || strstr(said, second) == NULL)
		fail_msg("neither '%s' nor '%s' may be missing from:\n%s", first, second, said);
	for (const char *c = said; *c != '\0'; c++)
		assert_true((unsigned char)*c >= 0x20 || *c == '\n');
}

static void explanations(void **state)
{
	(void)state;
	NZ_BUFFER(packet);
	NZ_BUFFER(sealed);

	sign_as(&alice, BODY, NULL, &packet);
	seal_for(&alice, &bob, NZ_CIPHER_AES_256_GCM, nz_buffer_bytes(&packet), &sealed);
	explain_says(nz_buffer_cstr(&packet), "a signed packet", "wrong       nothing");
	explain_says(nz_buffer_cstr(&sealed), "a sealed packet", "as in the written specification");
	explain_says("{\"version\":\"nz-crypto-01\",\"nonce\":\"\",\"tag\":\"\",\"ciphertext\":\"\"}",
	             "later format", "not nz-crypto-01 although it says so");
	explain_says("{\"auth\":{\"timestamp\":1738249100},\"body\":{\"b\":1,\"a\":2}}",
	             "100 s behind", "first differs from its canonical form at byte 2");
	explain_says("{\"auth\":{\"node_id\":\"\x7f\xc2\x9b\"},\"body\":{}}", "a signed packet",
	             "missing");
	explain_says("[1,", "no JSON", "ends too early");
	explain_says("[1]", "an array", "wrong");
	explain_says("{\"node_id\":\"x\",\"ed25519private\":\"topsecret\"}", "SECRET", "not shown");
	explain_says("{\"rotations\":[]}", "a node document", "wrong");
}

static int set_up(void **state)
{
	(void)state;
	crypto = nz_crypto_default();
	assert_int_equal(nz_node_keys_make(crypto, NOW, &alice, NULL), NZ_OK);
	assert_int_equal(nz_node_keys_make(crypto, NOW, &bob, NULL), NZ_OK);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	add_peer(&alice);
	add_peer(&bob);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	nz_peers_free(&peers);
	nz_node_keys_clear(&alice);
	nz_node_keys_clear(&bob);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_verifies),
		cmocka_unit_test(the_form_of_a_packet),
		cmocka_unit_test(fresh_nonces_are_128_bits_of_hex),
		cmocka_unit_test(nothing_bad_is_signed),
		cmocka_unit_test(depth_is_of_the_whole_packet),
		cmocka_unit_test(nonces_are_counted_in_code_points),
		cmocka_unit_test(wrong_shapes),
		cmocka_unit_test(each_limit_has_its_error),
		cmocka_unit_test(the_window_is_inclusive),
		cmocka_unit_test(a_changed_body_or_auth_is_found),
		cmocka_unit_test(checks_have_one_order),
		cmocka_unit_test(an_unknown_sender_costs_what_a_wrong_signature_does),
		cmocka_unit_test(only_good_packets_reach_the_guard),
		cmocka_unit_test(what_is_sealed_opens),
		cmocka_unit_test(wrong_sealed_packets),
		cmocka_unit_test(ivs_of_16_bytes),
		cmocka_unit_test(what_is_inside_is_checked),
		cmocka_unit_test(only_the_signer_seals),
		cmocka_unit_test(a_zero_shared_secret_is_refused),
		cmocka_unit_test(digest_of_the_whole_packet),
		cmocka_unit_test(explanations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
