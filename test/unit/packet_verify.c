/* SPDX-License-Identifier: Apache-2.0 */
/* Signed packets, verified: every way in which one can be wrong, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet_help.h"

static unsigned verifications;

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

/* The order of members is the sender's, and so are the spaces: the body is the same. */
static void the_body_is_what_was_hashed(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after;
	} forms[] = {
		{"", ",\"body\":" BODY_JCS},
		{"\"body\":" BODY_JCS ",", ""},
		{"", ",\"body\":" BODY},
		{"", ",\"body\": {\"a\":\"\xc3\xa9\",\"z\":[1,2.5,{\"b\" :null}]} "},
	};
	const struct nz_verify_options options = usual();
	NZ_BUFFER(packet);

	sign_as(&alice, BODY, "nonce", &packet);
	const char *auth = strchr(nz_buffer_cstr(&packet) + 1, '{');
	const int auth_len = (int)(strchr(auth, '}') + 1 - auth);
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
		NZ_BUFFER(text);
		NZ_BUFFER(body);

		assert_int_equal(nz_buffer_appendf(&text, "{%s\"auth\":%.*s%s}", forms[i].before,
		                                   auth_len, auth, forms[i].after),
		                 NZ_OK);
		assert_int_equal(nz_packet_verify(crypto, nz_buffer_bytes(&text), &options,
		                                  &verified, NULL),
		                 NZ_OK);
		/* It is not borrowed from the caller's text. */
		nz_buffer_clear(&text);
		assert_int_equal(nz_json_stringify(nz_verified_packet_body(verified), &body),
		                 NZ_OK);
		assert_string_equal(nz_buffer_cstr(&body), BODY_JCS);
		assert_true(nz_bytes_equal(nz_verified_packet_body_text(verified),
		                           nz_bytes_str(BODY_JCS)));
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_is_what_was_hashed),
		cmocka_unit_test(wrong_shapes),
		cmocka_unit_test(each_limit_has_its_error),
		cmocka_unit_test(the_window_is_inclusive),
		cmocka_unit_test(a_changed_body_or_auth_is_found),
		cmocka_unit_test(checks_have_one_order),
		cmocka_unit_test(an_unknown_sender_costs_what_a_wrong_signature_does),
		cmocka_unit_test(only_good_packets_reach_the_guard),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
