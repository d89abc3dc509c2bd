/* SPDX-License-Identifier: Apache-2.0 */
/* Signed packets: their form, their limits, and what is not signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet_help.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_verifies),
		cmocka_unit_test(the_form_of_a_packet),
		cmocka_unit_test(fresh_nonces_are_128_bits_of_hex),
		cmocka_unit_test(nothing_bad_is_signed),
		cmocka_unit_test(depth_is_of_the_whole_packet),
		cmocka_unit_test(nonces_are_counted_in_code_points),
		cmocka_unit_test(digest_of_the_whole_packet),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
