/* SPDX-License-Identifier: Apache-2.0 */
/* Packets from signing to explaining, and the replay guards, while memory or crypto calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <nz/packet.h>

#include "alloc.h"
#include "kept.h"

#define NOW INT64_C(1738249200)
#define BODY "{\"action\":\"x\",\"payload\":{\"list\":[1,2,3],\"text\":\"\\u00e9\"}}"

static struct nz_node_keys alice, bob;
static struct nz_peers *peers;
static struct nz_buffer signed_packet, sealed_packet;
static char folder[FAULT_FOLDER_CHARS];
static char replay_path[64], replay_marker[64], replay_new[64];

static void add_peer(const struct nz_node_keys *keys)
{
	struct nz_node node = {{0}};

	memcpy(node.node_id, keys->node_id, sizeof(node.node_id));
	memcpy(node.ed25519, keys->ed25519_public, sizeof(node.ed25519));
	memcpy(node.x25519, keys->x25519_public, sizeof(node.x25519));
	assert_int_equal(nz_peers_add(peers, nz_crypto_default(), &node, NULL), NZ_OK);
}

static struct nz_verify_options options(struct nz_replay *replay)
{
	return (struct nz_verify_options){
		.now = NOW,
		.resolver = nz_peers_resolver(peers),
		.replay = replay,
	};
}

static enum nz_status sign(struct nz_error *err)
{
	const struct nz_sign_options at = {.timestamp = NOW};
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	const enum nz_status status =
		FAULTY(nz_packet_sign_text(fault_crypto(), &alice, nz_bytes_str(BODY), NULL, &at,
	                                   &out, err));

	check_kept(&out, status);
	return status;
}

static enum nz_status verify(struct nz_error *err)
{
	const struct nz_verify_options how = options(NULL);
	struct nz_verified_packet *packet = NULL;
	const enum nz_status status = FAULTY(nz_packet_verify(
		fault_crypto(), nz_buffer_bytes(&signed_packet), &how, &packet, err));

	if (status != NZ_OK) {
		assert_null(packet);
		return status;
	}
	assert_non_null(nz_json_get(nz_verified_packet_body(packet), "payload"));
	nz_verified_packet_free(&packet);
	return status;
}

static enum nz_status digest(struct nz_error *err)
{
	struct nz_hash hash = {{0x55}};
	const struct nz_hash before = hash;
	char sender[NZ_NODE_ID_MAX_BYTES + 1] = KEPT;
	const struct nz_bytes packet = nz_buffer_bytes(&signed_packet);
	enum nz_status status =
		FAULTY(nz_packet_digest(fault_crypto(), packet, NULL, &hash, err));

	if (status != NZ_OK) {
		assert_memory_equal(&hash, &before, sizeof(hash));
		return status;
	}
	status = FAULTY(nz_packet_claimed_sender(packet, NULL, sender, err));
	assert_string_equal(sender, status == NZ_OK ? alice.node_id : KEPT);
	return status;
}

static enum nz_status seal(struct nz_error *err)
{
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	NZ_SECRET(key);
	struct nz_sealer *sealer = NULL;
	enum nz_status status = FAULTY(nz_session_key(fault_crypto(), &alice.x25519_private,
	                                              bob.x25519_public, &key));

	if (status == NZ_OK)
		status = FAULTY(
			nz_sealer_new(fault_crypto(), NZ_CIPHER_AES_256_GCM, &key, &sealer));
	if (status == NZ_OK)
		status = FAULTY(nz_packet_seal(sealer, alice.node_id, bob.node_id,
		                               nz_buffer_bytes(&signed_packet), &out, err));
	else
		assert_null(sealer);
	check_kept(&out, status);
	nz_sealer_free(&sealer);
	return status;
}

static enum nz_status open_sealed(struct nz_error *err)
{
	const struct nz_resolver resolver = nz_peers_resolver(peers);
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	const enum nz_status status =
		FAULTY(nz_packet_open(fault_crypto(), nz_buffer_bytes(&sealed_packet), NULL, &bob,
	                              &resolver, &out, err));

	check_kept(&out, status);
	if (status == NZ_OK)
		assert_memory_equal(out.ptr + sizeof(KEPT) - 1, signed_packet.ptr,
		                    signed_packet.len);
	return status;
}

/* An explanation under a fault may not blame the packet. */
static enum nz_status explain_text(struct nz_bytes text, const char *expected)
{
	const struct nz_verify_options how = options(NULL);
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	const enum nz_status status =
		FAULTY(nz_packet_explain(fault_crypto(), text, &how, &out));

	check_kept(&out, status);
	if (status == NZ_OK && strstr(nz_buffer_cstr(&out), expected) == NULL)
		fail_msg("explained as %s", nz_buffer_cstr(&out));
	return status;
}

static enum nz_status explain_signed(struct nz_error *err)
{
	(void)err;
	return explain_text(nz_buffer_bytes(&signed_packet),
	                    "nothing (the nonce was not looked up)");
}

static enum nz_status explain_sealed(struct nz_error *err)
{
	(void)err;
	return explain_text(nz_buffer_bytes(&sealed_packet), "nothing that shows without the key");
}

static enum nz_status explain_other(struct nz_error *err)
{
	(void)err;
	return explain_text(nz_bytes_str("[1, 2]"), "an array");
}

static enum nz_status explain_document(struct nz_error *err)
{
	NZ_BUFFER(document);

	(void)err;
	assert_int_equal(nz_node_document_make(nz_crypto_default(), &alice, &document, NULL),
	                 NZ_OK);
	return explain_text(nz_buffer_bytes(&document), "nothing\n");
}

/*
 * Some checks with nonces of their own, and then the last of them again: what a fault left
 * unrecorded may be recorded now or count as used, but what was accepted is never accepted twice.
 */
static enum nz_status check_some(struct nz_replay *guard, unsigned checks, struct nz_error *err)
{
	enum nz_status status = NZ_OK;

	for (unsigned i = 0; i < checks; i++) {
		char node[16], nonce[16];

		(void)snprintf(node, sizeof(node), "node %u", i / 4);
		(void)snprintf(nonce, sizeof(nonce), "%u", i);
		status = FAULTY(nz_replay_check(guard, nz_bytes_str(node), nz_bytes_str(nonce),
		                                NOW, NOW, err));

		const enum nz_status again = nz_replay_check(
			guard, nz_bytes_str(node), nz_bytes_str(nonce), NOW, NOW, NULL);

		if (status == NZ_OK)
			assert_int_equal(again, NZ_REPLAYED);
		else
			assert_true(again == NZ_OK || again == NZ_REPLAYED);
		if (status != NZ_OK)
			break;
	}
	return status;
}

static enum nz_status replay_memory(struct nz_error *err)
{
	struct nz_replay *guard = NULL;
	enum nz_status status = FAULTY(nz_replay_memory(fault_crypto(), NULL, &guard, err));

	if (status == NZ_OK)
		status = check_some(guard, 40, err);
	else
		assert_null(guard);
	nz_replay_free(&guard);
	return status;
}

static void remove_replay_files(void)
{
	(void)unlink(replay_path);
	(void)unlink(replay_marker);
	(void)unlink(replay_new);
}

static enum nz_status replay_file(struct nz_error *err)
{
	struct nz_replay *guard = NULL;

	remove_replay_files();

	enum nz_status status =
		FAULTY(nz_replay_file(fault_crypto(), replay_path, NULL, &guard, err));

	if (status == NZ_OK)
		status = check_some(guard, 10, err);
	else
		assert_null(guard);
	nz_replay_free(&guard);
	return status;
}

/* The whole of a verification, whose last step records: a packet that fails can be sent again. */
static enum nz_status verify_and_record(struct nz_error *err)
{
	struct nz_replay *guard = NULL;
	struct nz_verified_packet *packet = NULL;

	assert_int_equal(nz_replay_memory(nz_crypto_default(), NULL, &guard, err), NZ_OK);

	const struct nz_verify_options how = options(guard);
	const struct nz_bytes text = nz_buffer_bytes(&signed_packet);
	const enum nz_status status =
		FAULTY(nz_packet_verify(fault_crypto(), text, &how, &packet, err));

	if (status != NZ_OK)
		assert_int_equal(nz_packet_verify(nz_crypto_default(), text, &how, &packet, NULL),
		                 NZ_OK);
	nz_verified_packet_free(&packet);
	nz_replay_free(&guard);
	return status;
}

static void all_sources(void **state)
{
	(void)state;
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH(source, sign);
		FAULT_EACH_OR(source, verify, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH(source, digest);
		FAULT_EACH_OR(source, seal, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH_OR(source, open_sealed, FAULT_BIT(NZ_UNVERIFIED));
		FAULT_EACH_OR(source, verify_and_record, FAULT_BIT(NZ_UNVERIFIED));
	}
}

static void explanations(void **state)
{
	(void)state;
	/* Not OpenSSL's memory: an explanation repeats its refusals. */
	FAULT_EACH(FAULT_MALLOC, explain_signed);
	FAULT_EACH(FAULT_CRYPTO, explain_signed);
	FAULT_EACH(FAULT_MALLOC, explain_document);
	FAULT_EACH(FAULT_CRYPTO, explain_document);
	FAULT_EACH(FAULT_MALLOC, explain_sealed);
	FAULT_EACH(FAULT_MALLOC, explain_other);
}

static void guards(void **state)
{
	(void)state;
	for (enum fault_source source = 0; source < FAULT_SOURCES; source++) {
		FAULT_EACH(source, replay_memory);
		FAULT_EACH(source, replay_file);
	}
}

static int start(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	const struct nz_sign_options at = {.timestamp = NOW};
	struct nz_sealer *sealer = NULL;
	NZ_SECRET(key);

	(void)state;
	fault_folder(folder);
	(void)snprintf(replay_path, sizeof(replay_path), "%s/replay", folder);
	(void)snprintf(replay_marker, sizeof(replay_marker), "%s/replay.exists", folder);
	(void)snprintf(replay_new, sizeof(replay_new), "%s/replay.new", folder);
	assert_int_equal(nz_node_keys_make(crypto, NOW, &alice, NULL), NZ_OK);
	assert_int_equal(nz_node_keys_make(crypto, NOW, &bob, NULL), NZ_OK);
	assert_int_equal(nz_peers_new(&peers), NZ_OK);
	add_peer(&alice);
	add_peer(&bob);
	assert_int_equal(nz_packet_sign_text(crypto, &alice, nz_bytes_str(BODY), NULL, &at,
	                                     &signed_packet, NULL),
	                 NZ_OK);
	assert_int_equal(nz_session_key(crypto, &alice.x25519_private, bob.x25519_public, &key),
	                 NZ_OK);
	assert_int_equal(nz_sealer_new(crypto, NZ_CIPHER_AES_256_GCM, &key, &sealer), NZ_OK);
	assert_int_equal(nz_packet_seal(sealer, alice.node_id, bob.node_id,
	                                nz_buffer_bytes(&signed_packet), &sealed_packet, NULL),
	                 NZ_OK);
	nz_sealer_free(&sealer);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nz_buffer_clear(&signed_packet);
	nz_buffer_clear(&sealed_packet);
	nz_peers_free(&peers);
	nz_node_keys_clear(&alice);
	nz_node_keys_clear(&bob);
	remove_replay_files();
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sources),
		cmocka_unit_test(explanations),
		cmocka_unit_test(guards),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
