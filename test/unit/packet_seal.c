/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed packets, and what is said of texts of any kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet_help.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens),
		cmocka_unit_test(wrong_sealed_packets),
		cmocka_unit_test(ivs_of_16_bytes),
		cmocka_unit_test(what_is_inside_is_checked),
		cmocka_unit_test(only_the_signer_seals),
		cmocka_unit_test(a_zero_shared_secret_is_refused),
		cmocka_unit_test(explanations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
