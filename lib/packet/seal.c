/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed packets. Version 01 authenticates nothing of the header (there is no associated data), so
 * what the header says is checked against what is inside: the sender against the signed node_id, the
 * receiver against this node, the cipher by using the one that is named.
 */
#include "internal.h"

#include <stdlib.h>

struct nz_sealer {
	const struct nz_crypto *crypto;
	struct nz_aead *aead;
	enum nz_cipher cipher;
	uint64_t sealed; /* packets so far */
};

enum nz_status nz_session_key(const struct nz_crypto *crypto, const struct nz_secret *our_private,
                              const uint8_t their_public[NZ_X25519_BYTES], struct nz_secret *out)
{
	static const uint8_t salt[NZ_SHA256_BYTES]; /* RFC 5869 section 2.2: zeros when not given */
	NZ_SECRET(shared);
	NZ_SECRET(prk);
	NZ_SECRET(key);

	NZ_TRY(crypto->x25519_shared(our_private, their_public, &shared));
	NZ_TRY(nz_hkdf_extract(crypto, nz_bytes_of(salt, sizeof salt),
	                       nz_bytes_of(shared.bytes, sizeof shared.bytes), &prk));
	NZ_TRY(nz_hkdf_expand(crypto, &prk, nz_bytes_str("nz-session"), &key));
	*out = key;
	return NZ_OK;
}

enum nz_status nz_sealer_new(const struct nz_crypto *crypto, enum nz_cipher cipher,
                             const struct nz_secret *session_key, struct nz_sealer **out)
{
	struct nz_sealer *sealer = calloc(1, sizeof *sealer);

	if (sealer == NULL)
		return NZ_NO_MEMORY;
	sealer->crypto = crypto;
	sealer->cipher = cipher;
	const enum nz_status status = crypto->aead_new(cipher, session_key, &sealer->aead);
	if (status != NZ_OK) {
		free(sealer);
		return status;
	}
	*out = sealer;
	return NZ_OK;
}

void nz_sealer_free(struct nz_sealer **sealer)
{
	if (*sealer == NULL)
		return;
	(*sealer)->crypto->aead_free(&(*sealer)->aead);
	free(*sealer);
	*sealer = NULL;
}

static enum nz_status append_json_string(struct nz_buffer *out, const char *text)
{
	NZ_JSON_DOC(doc);
	NZ_TRY(nz_json_new(&doc));
	const struct nz_json *value = nz_json_make_string(doc, nz_bytes_str(text));

	NZ_TRY(nz_json_failed(doc));
	return nz_json_canonical(value, out);
}

static enum nz_status emit(const struct nz_sealer *sealer, const char *sender, const char *receiver,
                           const uint8_t iv[NZ_AEAD_NONCE_BYTES], struct nz_bytes ciphertext,
                           struct nz_buffer *out)
{
	NZ_TRY(nz_buffer_appendf(out, "{\"version\":\"%s\",\"cipher\":\"%s\",\"sendernodeid\":",
	                         NZ_PACKET_VERSION, nz_packet_cipher_name(sealer->cipher)));
	NZ_TRY(append_json_string(out, sender));
	NZ_TRY(nz_buffer_append_str(out, ",\"receivernodeid\":"));
	NZ_TRY(append_json_string(out, receiver));
	NZ_TRY(nz_buffer_append_str(out, ",\"iv\":\""));
	NZ_TRY(nz_base64_append(out, nz_bytes_of(iv, NZ_AEAD_NONCE_BYTES)));
	NZ_TRY(nz_buffer_append_str(out, "\",\"ciphertext\":\""));
	NZ_TRY(nz_base64_append(out, ciphertext));
	return nz_buffer_append_str(out, "\"}");
}

enum nz_status nz_packet_seal(struct nz_sealer *sealer, const char *sender, const char *receiver,
                              struct nz_bytes signed_packet, struct nz_buffer *out,
                              struct nz_error *err)
{
	const struct nz_json_limits widest = {.bytes = NZ_PACKET_MAX_BYTES};
	char claimed[NZ_NODE_ID_MAX_BYTES + 1];
	uint8_t iv[NZ_AEAD_NONCE_BYTES];
	NZ_BUFFER(text);
	const size_t before = out->len;

	if (!nz_node_id_is_acceptable(nz_bytes_str(receiver)))
		return nz_fail(err, NZ_INVALID, "the receiver's id is not acceptable");
	NZ_TRY(nz_packet_claimed_sender(signed_packet, &widest, claimed, err));
	if (strcmp(claimed, sender) != 0)
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_RECEIVER,
		                    "the packet was signed by %s and cannot be sealed by %s", claimed,
		                    sender);
	/* Random nonces: past this count the odds of two alike are no longer negligible. */
	if (sealer->sealed >= NZ_PACKET_SEALS_PER_KEY)
		return nz_fail(err, NZ_LIMIT, "this key has sealed 2^31 packets: it is used up");
	NZ_TRY(sealer->crypto->random(iv, sizeof iv));
	sealer->sealed++;

	NZ_TRY(nz_buffer_reserve(&text, signed_packet.len + NZ_AEAD_TAG_BYTES));
	NZ_TRY(nz_buffer_append(&text, signed_packet.ptr, signed_packet.len));
	const struct nz_aead_item item = {.data = text.ptr, .len = text.len};
	NZ_TRY(sealer->crypto->seal(sealer->aead, iv, &item));
	text.len += NZ_AEAD_TAG_BYTES;
	const enum nz_status status =
		emit(sealer, sender, receiver, iv, nz_buffer_bytes(&text), out);
	if (status != NZ_OK) {
		out->len = before;
		return nz_fail(err, status, "cannot write the sealed packet");
	}
	return NZ_OK;
}

static enum nz_status open_aead(const struct nz_crypto *crypto, const struct nz_sealed_parts *parts,
                                const struct nz_secret *key, struct nz_buffer *text)
{
	struct nz_aead *aead = NULL;
	const struct nz_aead_item item = {.data = text->ptr, .len = text->len - NZ_AEAD_TAG_BYTES};

	NZ_TRY(crypto->aead_new(parts->cipher, key, &aead));
	const enum nz_status status = crypto->open(aead, parts->iv, &item);
	crypto->aead_free(&aead);
	text->len -= NZ_AEAD_TAG_BYTES;
	return status;
}

/* The key that the sender and this node share. */
static enum nz_status shared_key(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                 const struct nz_resolver *resolver, struct nz_bytes sender,
                                 struct nz_secret *out, struct nz_error *err)
{
	struct nz_node node;

	if (!nz_x25519_is_known(keys->x25519_public))
		return nz_fail(err, NZ_INVALID, "this node has no X25519 key to open with");
	enum nz_status status =
		resolver == NULL || resolver->resolve == NULL
			? nz_fail(err, NZ_UNKNOWN, "no peers are configured")
			: resolver->resolve(resolver->context, sender, &node, err);
	if (status == NZ_OK && !nz_x25519_is_known(node.x25519))
		status = nz_fail(err, NZ_UNKNOWN, "the sender's X25519 key is not known");
	if (status == NZ_UNKNOWN)
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_SENDER, status);
	NZ_TRY(status);
	return nz_session_key(crypto, &keys->x25519_private, node.x25519, out);
}

/* What came out is a signed packet of the sender that the header names. */
static enum nz_status check_inside(const struct nz_buffer *text, const struct nz_json_limits *limits,
                                   struct nz_bytes sender, struct nz_error *err)
{
	char claimed[NZ_NODE_ID_MAX_BYTES + 1];
	const enum nz_status status =
		nz_packet_claimed_sender(nz_buffer_bytes(text), limits, claimed, err);

	if (status != NZ_OK)
		return nz_error_prefix(err, status, "inside the sealed packet");
	if (!nz_bytes_equal(nz_bytes_str(claimed), sender))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_RECEIVER,
		                    "the sender inside is not the one outside");
	return NZ_OK;
}

enum nz_status nz_packet_open(const struct nz_crypto *crypto, struct nz_bytes sealed,
                              const struct nz_json_limits *limits, const struct nz_node_keys *keys,
                              const struct nz_resolver *resolver, struct nz_buffer *out,
                              struct nz_error *err)
{
	struct nz_sealed_parts parts;
	NZ_BUFFER(text);
	NZ_JSON_DOC(doc);
	NZ_SECRET(key);

	NZ_TRY(nz_packet_parse(sealed, limits, &doc, err));
	NZ_TRY(nz_packet_read_sealed(nz_json_root(doc), &parts, err));
	if (!nz_bytes_equal(parts.receiver, nz_bytes_str(keys->node_id)))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_RECEIVER,
		                    "the packet is not for %s", keys->node_id);
	enum nz_status status = nz_base64_decode(parts.ciphertext, &text);
	if (status == NZ_MALFORMED || (status == NZ_OK && text.len < NZ_AEAD_TAG_BYTES))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "ciphertext is not the base64 of at least %d bytes",
		                    NZ_AEAD_TAG_BYTES);
	NZ_TRY(status);
	status = shared_key(crypto, keys, resolver, parts.sender, &key, err);
	if (status == NZ_OK)
		status = open_aead(crypto, &parts, &key, &text);
	if (status == NZ_UNVERIFIED)
		return nz_fail_code(err, NZ_UNVERIFIED, NZ_PACKET_FAULT_TAG,
		                    "the packet cannot be opened");
	NZ_TRY(status);
	NZ_TRY(check_inside(&text, limits, parts.sender, err));
	return nz_buffer_append(out, text.ptr, text.len);
}
