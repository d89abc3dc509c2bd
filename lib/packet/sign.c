/* SPDX-License-Identifier: Apache-2.0 */
/* Signed packets, made; and the digests that signing and verifying share. */
#include "internal.h"

#include <nz/clock.h>

#define NONCE_BYTES 16
#define INT_MAX_JSON ((INT64_C(1) << 53) - 1)
/* All of a packet but its body, in the common case: one allocation. */
#define AUTH_ROOM_BYTES 512
/* A body, in the common case. */
#define BODY_ROOM_BYTES 1024

enum nz_status nz_packet_auth_digest(const struct nz_crypto *crypto, const struct nz_json *node_id,
                                     const struct nz_json *nonce, int64_t timestamp,
                                     struct nz_bytes body_hash, struct nz_buffer *scratch,
                                     struct nz_auth_digest *out)
{
	/* JCS by hand: the four names are in order, and an integer prints as itself. */
	nz_buffer_reset(scratch);
	NZ_TRY(nz_buffer_reserve(scratch, AUTH_ROOM_BYTES));
	NZ_TRY(nz_buffer_append_str(scratch, "{\"body_hash\":\""));
	NZ_TRY(nz_buffer_append(scratch, body_hash.ptr, body_hash.len));
	NZ_TRY(nz_buffer_append_str(scratch, "\",\"node_id\":"));
	NZ_TRY(nz_json_canonical(node_id, scratch));
	NZ_TRY(nz_buffer_append_str(scratch, ",\"nonce\":"));
	NZ_TRY(nz_json_canonical(nonce, scratch));
	NZ_TRY(nz_buffer_appendf(scratch, ",\"timestamp\":%lld}", (long long)timestamp));
	NZ_TRY(crypto->sha256(nz_buffer_bytes(scratch), out->raw));
	nz_hex_encode(nz_bytes_of(out->raw, sizeof out->raw), out->hex);
	return NZ_OK;
}

/* What goes into auth. */
struct auth {
	const struct nz_json *node_id;
	const struct nz_json *nonce;
	int64_t timestamp;
	char body_hash[2 * NZ_SHA256_BYTES + 1];
	char signature[NZ_BASE64_CHARS(NZ_ED25519_SIGNATURE_BYTES) + 1];
};

static enum nz_status sign_auth(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                struct nz_buffer *scratch, struct auth *auth)
{
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
	struct nz_auth_digest digest;

	NZ_TRY(nz_packet_auth_digest(crypto, auth->node_id, auth->nonce, auth->timestamp,
	                             nz_bytes_of(auth->body_hash, sizeof auth->body_hash - 1),
	                             scratch, &digest));
	NZ_TRY(crypto->sign(keys->signer, nz_bytes_of(digest.hex, sizeof digest.hex - 1),
	                    signature));
	nz_base64_encode(nz_bytes_of(signature, sizeof signature), auth->signature);
	return NZ_OK;
}

static enum nz_status emit(const struct auth *auth, struct nz_bytes body, struct nz_buffer *out)
{
	NZ_TRY(nz_buffer_reserve(out, body.len + AUTH_ROOM_BYTES));
	NZ_TRY(nz_buffer_append_str(out, "{\"auth\":{\"node_id\":"));
	NZ_TRY(nz_json_canonical(auth->node_id, out));
	NZ_TRY(nz_buffer_appendf(out, ",\"timestamp\":%lld,\"nonce\":",
	                         (long long)auth->timestamp));
	NZ_TRY(nz_json_canonical(auth->nonce, out));
	NZ_TRY(nz_buffer_append_str(out, ",\"body_hash\":\""));
	NZ_TRY(nz_buffer_append(out, auth->body_hash, sizeof auth->body_hash - 1));
	NZ_TRY(nz_buffer_append_str(out, "\",\"signature\":\""));
	NZ_TRY(nz_buffer_append(out, auth->signature, sizeof auth->signature - 1));
	NZ_TRY(nz_buffer_append_str(out, "\"},\"body\":"));
	NZ_TRY(nz_buffer_append(out, body.ptr, body.len));
	return nz_buffer_append_byte(out, '}');
}

/* The options, with what they leave open filled in. */
static enum nz_status settle(const struct nz_crypto *crypto, const struct nz_sign_options *options,
                             struct nz_json_doc *doc, struct auth *auth, struct nz_error *err)
{
	uint8_t random[NONCE_BYTES];
	char hex[2 * NONCE_BYTES + 1];
	const char *nonce = options != NULL ? options->nonce : NULL;

	auth->timestamp = options != NULL && options->timestamp != 0 ? options->timestamp
	                                                             : nz_clock_unix();
	if (auth->timestamp <= 0 || auth->timestamp > INT_MAX_JSON)
		return nz_fail(err, NZ_INVALID, "a timestamp is above 0 and below 2^53");
	if (nonce == NULL) {
		if (crypto->random(random, sizeof random) != NZ_OK)
			return nz_fail(err, NZ_CRYPTO, "no random bytes");
		nz_hex_encode(nz_bytes_of(random, sizeof random), hex);
		nonce = hex;
	}
	if (!nz_packet_nonce_acceptable(nz_bytes_str(nonce)))
		return nz_fail(err, NZ_INVALID, "a nonce has 1 to %d characters",
		               NZ_PACKET_NONCE_MAX_CHARS);
	auth->nonce = nz_json_make_string(doc, nz_bytes_str(nonce));
	return NZ_OK;
}

enum nz_status nz_packet_sign(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                              const struct nz_json *body, const struct nz_sign_options *options,
                              struct nz_buffer *out, struct nz_error *err)
{
	NZ_BUFFER(text);
	NZ_BUFFER(scratch);
	NZ_JSON_DOC(doc);
	struct auth auth = {0};
	uint8_t hash[NZ_SHA256_BYTES];
	const size_t before = out->len;

	if (!nz_json_is(body, NZ_JSON_OBJECT))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "a body is a JSON object");
	NZ_TRY(nz_json_new(&doc));
	NZ_TRY(settle(crypto, options, doc, &auth, err));
	auth.node_id = nz_json_make_string(doc, nz_bytes_str(keys->node_id));
	NZ_TRY(nz_json_failed(doc));

	NZ_TRY(nz_buffer_reserve(&text, BODY_ROOM_BYTES));
	NZ_TRY(nz_json_canonical(body, &text));
	if (text.len > NZ_PACKET_MAX_BYTES - 2 * (size_t)AUTH_ROOM_BYTES)
		return nz_fail_code(err, NZ_LIMIT, NZ_PACKET_FAULT_JSON, "the body is too long");
	NZ_TRY(crypto->sha256(nz_buffer_bytes(&text), hash));
	nz_hex_encode(nz_bytes_of(hash, sizeof hash), auth.body_hash);
	enum nz_status status = sign_auth(crypto, keys, &scratch, &auth);
	if (status == NZ_OK)
		status = emit(&auth, nz_buffer_bytes(&text), out);
	if (status != NZ_OK) {
		out->len = before;
		return nz_fail(err, status, "cannot sign the packet");
	}
	return NZ_OK;
}

enum nz_status nz_packet_sign_text(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                   struct nz_bytes body, const struct nz_json_limits *limits,
                                   const struct nz_sign_options *options, struct nz_buffer *out,
                                   struct nz_error *err)
{
	const struct nz_json_limits whole = nz_packet_limits(limits);
	const struct nz_json_limits inner = {
		.bytes = whole.bytes,
		.depth = whole.depth > 1 ? whole.depth - 1 : 1, /* the packet is a level of its own */
		.members = whole.members,
	};
	const size_t before = out->len;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_packet_parse(body, &inner, &doc, err));
	NZ_TRY(nz_packet_sign(crypto, keys, nz_json_root(doc), options, out, err));
	if (out->len - before > whole.bytes) {
		out->len = before;
		return nz_fail_code(err, NZ_LIMIT, NZ_PACKET_FAULT_JSON,
		                    "the packet is over %zu bytes", whole.bytes);
	}
	return NZ_OK;
}

enum nz_status nz_packet_digest(const struct nz_crypto *crypto, struct nz_bytes packet,
                                const struct nz_json_limits *limits, struct nz_hash *out,
                                struct nz_error *err)
{
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_packet_parse(packet, limits, &doc, err));
	return nz_json_digest(crypto, nz_json_root(doc), NULL, out);
}
