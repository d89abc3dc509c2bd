/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes that know each other, and what the tests of packets do again and again. After <cmocka.h>. */
#ifndef NZ_TEST_PACKET_HELP_H
#define NZ_TEST_PACKET_HELP_H

#include <nz/packet.h>

#define NOW INT64_C(1738249200)
#define BODY "{\"z\":[1,2.5,{\"b\":null}],\"a\":\"\xc3\xa9\"}"
#define BODY_JCS "{\"a\":\"\xc3\xa9\",\"z\":[1,2.5,{\"b\":null}]}"

static const struct nz_crypto *crypto;
static struct nz_node_keys alice, bob;
static struct nz_peers *peers;

static inline void add_peer(const struct nz_node_keys *keys)
{
	struct nz_node node = {.seq = 0};

	memcpy(node.node_id, keys->node_id, sizeof node.node_id);
	memcpy(node.ed25519, keys->ed25519_public, 32);
	memcpy(node.x25519, keys->x25519_public, 32);
	assert_int_equal(nz_peers_add(peers, crypto, &node, NULL), NZ_OK);
}

static inline struct nz_verify_options usual(void)
{
	return (struct nz_verify_options){.now = NOW, .resolver = nz_peers_resolver(peers)};
}

static inline void sign_as(const struct nz_node_keys *keys, const char *body, const char *nonce,
                    struct nz_buffer *out)
{
	const struct nz_sign_options options = {.timestamp = NOW, .nonce = nonce};

	assert_int_equal(nz_packet_sign_text(crypto, keys, nz_bytes_str(body), NULL, &options, out,
	                                     NULL),
	                 NZ_OK);
}

/* Verifies; the outcome is status and fault, and nothing comes out of a failure. */
static inline void expect(struct nz_bytes packet, const struct nz_verify_options *options,
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

static inline void seal_for(const struct nz_node_keys *from, const struct nz_node_keys *to,
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
	(void)state;
	nz_peers_free(&peers);
	nz_node_keys_clear(&alice);
	nz_node_keys_clear(&bob);
	return 0;
}

#endif
