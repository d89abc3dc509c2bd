/* SPDX-License-Identifier: Apache-2.0 */
/* packets.json: sections 1.1 to 1.5 of doc/protocol.md. */
#include "published.h"

#define ALICE_FIRST 0x01
#define BOB_FIRST 0x41
#define ROTATED_FIRST 0x81
#define IV_FIRST 0xc1
#define AT INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

static void put_node(struct nz_json_doc *doc, struct nz_json *nodes, const char *name,
                     const struct nz_node_keys *keys)
{
	struct nz_json *node = put_object(doc, nodes, name);

	nz_json_set_hex(doc, node, "ed25519_private", nz_bytes_of(keys->ed25519_private.bytes, 32));
	nz_json_set_hex(doc, node, "ed25519_public", nz_bytes_of(keys->ed25519_public, 32));
	nz_json_set_hex(doc, node, "x25519_private", nz_bytes_of(keys->x25519_private.bytes, 32));
	nz_json_set_hex(doc, node, "x25519_public", nz_bytes_of(keys->x25519_public, 32));
	nz_json_set_str(doc, node, "node_id", keys->node_id);
}

/* ---- JSON ---- */

static const char *const read_texts[] = {
	"{\"b\":1,\"a\":[true,null,\"x\"]}",
	"{\"\xf0\x9f\x98\x80\":1,\"\xef\xac\xb3\":2,\"\\u20ac\":3,\"\\r\":4}",
	"[1e3,1.50,-0,-0.0,1E21,1e-7,0.000001,4.50,2e-3,1e-400]",
	"[9007199254740991,9007199254740992,18446744073709551616,18446744073709552000]",
	"[5.684341886080802e-14,123456789012345680000,333333333.33333329]",
	"\"\\u0000\\u001f\\\"\\/\\\\\\uD83D\\uDE00\\u007f\xef\xbf\xbf\"",
};
static const struct {
	const char *text, *why;
} refused[] = {
	{"9007199254740993", "an integer literal that a double cannot hold"},
	{"1e400", "a number past the doubles"},
	{"{\"a\":1,\"\\u0061\":2}", "one name twice"},
	{"\"\\ud800\"", "a lone surrogate"},
	{"[1] []", "something after the value"},
	{"[01]", "a leading zero"},
	{"[1,]", "a comma without a value"},
	{"'a'", "not JSON"},
};

static enum nz_status put_json(struct nz_json_doc *doc, struct nz_json *root)
{
	struct nz_json *json = put_object(doc, root, "json");
	struct nz_json *canonical = put_array(doc, json, "canonical");
	struct nz_json *not_read = put_array(doc, json, "refused");

	for (size_t i = 0; i < sizeof read_texts / sizeof read_texts[0]; i++) {
		struct nz_json *item = push_object(doc, canonical);
		NZ_JSON_DOC(parsed);

		NZ_TRY(nz_json_parse(nz_bytes_str(read_texts[i]), NULL, &parsed, NULL));
		nz_json_set_str(doc, item, "text", read_texts[i]);
		NZ_TRY(put_canonical(doc, item, "jcs", nz_json_root(parsed)));
	}
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct nz_json *item = push_object(doc, not_read);
		NZ_JSON_DOC(parsed);

		if (nz_json_parse(nz_bytes_str(refused[i].text), NULL, &parsed, NULL) !=
		    NZ_MALFORMED)
			return NZ_INVALID;
		nz_json_set_str(doc, item, "text", refused[i].text);
		nz_json_set_str(doc, item, "why", refused[i].why);
	}
	return nz_json_failed(doc);
}

/* ---- signed packets ---- */

static const struct {
	const char *name, *body, *nonce;
	int64_t timestamp;
} to_sign[] = {
	{"empty body", "{}", "000102030405060708090a0b0c0d0e0f", AT},
	{"names out of order",
         "{\"zeta\": 1, \"Alpha\": [3, 2, 1], \"alpha\": {\"b\": null, \"a\": true}}",
         "ffffffffffffffffffffffffffffffff", AT + 1},
	{"numbers and text",
         "{\"n\": [1.0, -0.0, 1e21, 0.1, 5.684341886080802e-14], \"t\": \"\\u20ac \\u0007 "
         "\\ud83d\\ude00\"}",
         "n", 1},
};

/* What is signed, step by step, of a packet that was made. */
static enum nz_status put_steps(struct nz_json_doc *doc, struct nz_json *item,
                                const struct nz_json *auth)
{
	static const char *const names[] = {"timestamp", "nonce", "body_hash"};
	char hex[2 * NZ_SHA256_BYTES + 1];
	struct nz_hash digest;
	NZ_JSON_DOC(copy);

	NZ_TRY(nz_json_new(&copy));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		nz_json_set(doc, item, names[i], nz_json_copy(doc, nz_json_get(auth, names[i])));
	struct nz_json *unsigned_auth = nz_json_copy(copy, auth);
	NZ_TRY(nz_json_failed(copy));
	nz_json_remove(unsigned_auth, "signature");
	NZ_TRY(put_canonical(doc, item, "canonical_auth", unsigned_auth));
	NZ_TRY(nz_json_digest(nz_crypto_default(), unsigned_auth, NULL, &digest));
	nz_hex_encode(nz_bytes_of(digest.bytes, sizeof digest.bytes), hex);
	nz_json_set_str(doc, item, "auth_hash", hex);
	nz_json_set_hex(doc, item, "signed_bytes", nz_bytes_str(hex));
	nz_json_set(doc, item, "signature", nz_json_copy(doc, nz_json_get(auth, "signature")));
	return nz_json_failed(doc);
}

static enum nz_status put_signed(struct nz_json_doc *doc, struct nz_json *root,
                                 const struct nz_node_keys *alice, struct nz_buffer *first)
{
	struct nz_json *list = put_array(doc, root, "signed");

	for (size_t i = 0; i < sizeof to_sign / sizeof to_sign[0]; i++) {
		const struct nz_sign_options options = {.timestamp = to_sign[i].timestamp,
		                                        .nonce = to_sign[i].nonce};
		struct nz_json *item = push_object(doc, list);
		NZ_BUFFER(packet);
		NZ_JSON_DOC(parsed);

		NZ_TRY(nz_packet_sign_text(nz_crypto_default(), alice,
		                           nz_bytes_str(to_sign[i].body), NULL, &options, &packet,
		                           NULL));
		NZ_TRY(nz_json_parse(nz_buffer_bytes(&packet), NULL, &parsed, NULL));
		const struct nz_json *made = nz_json_root(parsed);
		nz_json_set_str(doc, item, "name", to_sign[i].name);
		nz_json_set_str(doc, item, "sender", "alice");
		nz_json_set_str(doc, item, "body", to_sign[i].body);
		NZ_TRY(put_canonical(doc, item, "canonical_body", nz_json_get(made, "body")));
		NZ_TRY(put_steps(doc, item, nz_json_get(made, "auth")));
		put_text(doc, item, "packet", &packet);
		if (i == 0)
			NZ_TRY(nz_buffer_append(first, packet.ptr, packet.len));
	}
	return nz_json_failed(doc);
}

/* The forms that the public reference makes, or that its document may be read to ask for. */
static enum nz_status put_lenient(struct nz_json_doc *doc, struct nz_json *list,
                                  const struct nz_node_keys *alice, const char *body, bool raw)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	char hex[2 * NZ_SHA256_BYTES + 1];
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES], body_hash[NZ_SHA256_BYTES];
	struct nz_hash digest;
	NZ_JSON_DOC(made);
	NZ_JSON_DOC(parsed);
	NZ_BUFFER(text);

	NZ_TRY(nz_json_new(&made));
	NZ_TRY(nz_json_parse(nz_bytes_str(body), NULL, &parsed, NULL));
	NZ_TRY(nz_json_stringify(nz_json_root(parsed), &text));
	NZ_TRY(crypto->sha256(nz_buffer_bytes(&text), body_hash));
	struct nz_json *packet = nz_json_make_object(made);
	struct nz_json *auth = put_object(made, packet, "auth");
	nz_json_set_str(made, auth, "node_id", alice->node_id);
	nz_json_set_int(made, auth, "timestamp", AT);
	nz_json_set_str(made, auth, "nonce", "00112233445566778899aabbccddeeff");
	nz_json_set_hex(made, auth, "body_hash", nz_bytes_of(body_hash, sizeof body_hash));
	NZ_TRY(nz_json_digest(crypto, auth, NULL, &digest));
	nz_hex_encode(nz_bytes_of(digest.bytes, sizeof digest.bytes), hex);
	NZ_TRY(crypto->sign(alice->signer,
	                    raw ? nz_bytes_of(digest.bytes, sizeof digest.bytes)
	                        : nz_bytes_str(hex),
	                    signature));
	nz_json_set_base64(made, auth, "signature", nz_bytes_of(signature, sizeof signature));
	nz_json_set(made, packet, "body", nz_json_copy(made, nz_json_root(parsed)));
	NZ_TRY(nz_json_failed(made));
	nz_buffer_reset(&text);
	NZ_TRY(nz_json_stringify(packet, &text));

	struct nz_json *item = push_object(doc, list);
	nz_json_set_str(doc, item, "sender", "alice");
	nz_json_set_str(doc, item, "body_form", raw ? "jcs" : "as-sent");
	nz_json_set_str(doc, item, "digest_form", raw ? "raw" : "hex");
	put_text(doc, item, "packet", &text);
	return nz_json_failed(doc);
}

/* ---- sealed packets ---- */

static enum nz_status put_session(struct nz_json_doc *doc, struct nz_json *root,
                                  const struct nz_node_keys *alice, const struct nz_node_keys *bob,
                                  struct nz_secret *key)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_json *session = put_object(doc, root, "session");
	NZ_SECRET(shared);

	NZ_TRY(crypto->x25519_shared(&alice->x25519_private, bob->x25519_public, &shared));
	NZ_TRY(nz_session_key(crypto, &bob->x25519_private, alice->x25519_public, key));
	nz_json_set_hex(doc, session, "shared_secret", nz_bytes_of(shared.bytes, 32));
	nz_json_set_hex(doc, session, "session_key", nz_bytes_of(key->bytes, 32));
	return nz_json_failed(doc);
}

static enum nz_status put_sealed(struct nz_json_doc *doc, struct nz_json *root,
                                 const struct nz_node_keys *alice, const struct nz_node_keys *bob,
                                 const struct nz_secret *key, const struct nz_buffer *packet)
{
	static const struct {
		enum nz_cipher cipher;
		const char *name;
	} ciphers[] = {{NZ_CIPHER_AES_256_GCM, "aes-256-gcm"},
	               {NZ_CIPHER_CHACHA20_POLY1305, "chacha20-poly1305"}};
	struct nz_json *list = put_array(doc, root, "sealed");

	for (size_t i = 0; i < 2; i++) {
		struct nz_sealer *sealer NZ_CLEANUP(nz_sealer_free) = NULL;
		struct nz_json *item = push_object(doc, list);
		uint8_t iv[NZ_AEAD_NONCE_BYTES];
		NZ_BUFFER(sealed);

		NZ_TRY(published_crypto(IV_FIRST)->random(iv, sizeof iv));
		NZ_TRY(nz_sealer_new(published_crypto(IV_FIRST), ciphers[i].cipher, key, &sealer));
		NZ_TRY(nz_packet_seal(sealer, alice->node_id, bob->node_id,
		                      nz_buffer_bytes(packet), &sealed, NULL));
		nz_json_set_str(doc, item, "sender", "alice");
		nz_json_set_str(doc, item, "receiver", "bob");
		nz_json_set_str(doc, item, "cipher", ciphers[i].name);
		nz_json_set_hex(doc, item, "iv", nz_bytes_of(iv, sizeof iv));
		put_text(doc, item, "plaintext", packet);
		put_text(doc, item, "packet", &sealed);
	}
	return nz_json_failed(doc);
}

/* ---- identity ---- */

static enum nz_status put_identity(struct nz_json_doc *doc, struct nz_json *root,
                                   struct nz_json *nodes, const struct nz_node_keys *alice)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	NZ_NODE_KEYS(next);
	NZ_JSON_DOC(parsed);
	NZ_JSON_DOC(link_doc);
	NZ_BUFFER(document);
	struct nz_hash digest;

	NZ_TRY(nz_rotation_make(published_crypto(ROTATED_FIRST), alice, AT + 86400, &next, NULL));
	put_node(doc, nodes, "alice, rotated", &next);
	const struct nz_rotation_link *link = &next.rotations[0];

	struct nz_json *rotation = put_object(doc, root, "rotation");
	NZ_TRY(nz_json_new(&link_doc));
	struct nz_json *link_json = nz_rotation_link_write(link_doc, link);
	NZ_TRY(nz_json_failed(link_doc));
	nz_json_remove(link_json, "signature_previous");
	nz_json_remove(link_json, "signature_new");
	nz_json_set_str(link_doc, link_json, "node_id", alice->node_id);
	NZ_TRY(put_canonical(doc, rotation, "link", link_json));
	NZ_TRY(nz_rotation_link_digest(crypto, alice->node_id, link, &digest));
	NZ_TRY(put_message(doc, rotation, "signed_bytes", "nz-key-rotation-v1", &digest, 1));
	nz_json_set_base64(doc, rotation, "signature_previous",
	                   nz_bytes_of(link->signature_previous, sizeof link->signature_previous));
	nz_json_set_base64(doc, rotation, "signature_new",
	                   nz_bytes_of(link->signature_new, sizeof link->signature_new));

	struct nz_json *item = put_object(doc, root, "document");
	NZ_TRY(nz_node_document_make(crypto, &next, &document, NULL));
	NZ_TRY(nz_json_parse(nz_buffer_bytes(&document), NULL, &parsed, NULL));
	NZ_TRY(nz_json_digest(crypto, nz_json_root(parsed), "signature", &digest));
	NZ_TRY(put_message(doc, item, "signed_bytes", "nz-node-document-v1", &digest, 1));
	put_text(doc, item, "document", &document);
	return nz_json_failed(doc);
}

static enum nz_status put_replay_key(struct nz_json_doc *doc, struct nz_json *root,
                                     const struct nz_node_keys *alice)
{
	struct nz_json *item = put_object(doc, root, "replay_key");
	struct nz_hash key;

	NZ_TRY(nz_replay_key(nz_crypto_default(), nz_bytes_str(alice->node_id),
	                     nz_bytes_str(to_sign[0].nonce), &key));
	nz_json_set_str(doc, item, "node_id", alice->node_id);
	nz_json_set_str(doc, item, "nonce", to_sign[0].nonce);
	put_hash(doc, item, "key", &key);
	return nz_json_failed(doc);
}

enum nz_status published_packets(struct nz_json_doc *doc, struct nz_json **out)
{
	NZ_NODE_KEYS(alice);
	NZ_NODE_KEYS(bob);
	NZ_SECRET(key);
	NZ_BUFFER(first);

	NZ_TRY(published_node(ALICE_FIRST, &alice));
	NZ_TRY(published_node(BOB_FIRST, &bob));
	struct nz_json *root = nz_json_make_object(doc);
	nz_json_set_str(doc, root, "about",
	                "Section 1 of doc/protocol.md. The keys are for tests alone; bytes are hex "
	                "unless the protocol says base64.");
	NZ_TRY(put_json(doc, root));
	struct nz_json *nodes = put_object(doc, root, "nodes");
	put_node(doc, nodes, "alice", &alice);
	put_node(doc, nodes, "bob", &bob);
	NZ_TRY(put_signed(doc, root, &alice, &first));
	struct nz_json *lenient = put_array(doc, root, "accepted_unless_strict");
	NZ_TRY(put_lenient(doc, lenient, &alice, "{\"b\":{\"z\":1,\"y\":2},\"10\":1,\"9\":2}", false));
	NZ_TRY(put_lenient(doc, lenient, &alice, "{\"a\":1}", true));
	NZ_TRY(put_replay_key(doc, root, &alice));
	NZ_TRY(put_session(doc, root, &alice, &bob, &key));
	NZ_TRY(put_sealed(doc, root, &alice, &bob, &key, &first));
	NZ_TRY(put_identity(doc, root, nodes, &alice));
	*out = root;
	return nz_json_failed(doc);
}
