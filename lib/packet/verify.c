/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification, in one order: shape, time, body hash, sender's key, signature, replay. What a
 * stranger can cause is cheap and leaves no trace; only a packet that is right in everything else
 * reaches the replay guard, so that nobody without a key can fill it.
 *
 * The body that a caller gets is parsed from the very bytes that were hashed. Two parsers that
 * disagree about the sender's bytes (duplicates, odd numbers) therefore cannot be played off against
 * each other: nobody sees the sender's bytes again, unless they are those bytes.
 */
#include "internal.h"

#include <stdlib.h>

#include <nz/clock.h>

#include "../json/source.h"

struct nz_verified_packet {
	struct nz_buffer body_text; /* the bytes that were hashed */
	struct nz_json_doc *body;
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	int64_t timestamp;
	enum nz_body_form body_form;
	enum nz_digest_form digest_form;
};

void nz_verified_packet_free(struct nz_verified_packet **packet)
{
	if (*packet == NULL)
		return;
	nz_json_free(&(*packet)->body);
	nz_buffer_clear(&(*packet)->body_text);
	free(*packet);
	*packet = NULL;
}

const struct nz_json *nz_verified_packet_body(const struct nz_verified_packet *packet)
{
	return nz_json_root(packet->body);
}

struct nz_bytes nz_verified_packet_body_text(const struct nz_verified_packet *packet)
{
	return nz_buffer_bytes(&packet->body_text);
}

struct nz_bytes nz_verified_packet_node_id(const struct nz_verified_packet *packet)
{
	return nz_bytes_str(packet->node_id);
}

int64_t nz_verified_packet_timestamp(const struct nz_verified_packet *packet)
{
	return packet->timestamp;
}

enum nz_body_form nz_verified_packet_body_form(const struct nz_verified_packet *packet)
{
	return packet->body_form;
}

enum nz_digest_form nz_verified_packet_digest_form(const struct nz_verified_packet *packet)
{
	return packet->digest_form;
}

static enum nz_status check_time(const struct nz_packet_parts *parts,
                                 const struct nz_verify_options *options, int64_t now,
                                 struct nz_error *err)
{
	const int64_t window = options->window_s != 0 ? options->window_s : NZ_PACKET_WINDOW_S;
	const int64_t delta = parts->timestamp - now;

	if (delta > window || delta < -window)
		return nz_fail_code(err, NZ_EXPIRED, NZ_PACKET_FAULT_TIME,
		                    "the packet is %lld s %s this clock; %lld s are allowed",
		                    (long long)(delta < 0 ? -delta : delta),
		                    delta < 0 ? "behind" : "ahead of", (long long)window);
	return NZ_OK;
}

/* True where the hash of text is the one claimed. */
static enum nz_status hash_matches(const struct nz_crypto *crypto, const struct nz_buffer *text,
                                   struct nz_bytes claimed, bool *matches)
{
	uint8_t hash[NZ_SHA256_BYTES];
	char hex[2 * NZ_SHA256_BYTES + 1];

	NZ_TRY(crypto->sha256(nz_buffer_bytes(text), hash));
	nz_hex_encode(nz_bytes_of(hash, sizeof hash), hex);
	*matches = nz_bytes_equal(claimed, nz_bytes_of(hex, sizeof hex - 1));
	return NZ_OK;
}

/* Finds the form of the body that was hashed, and keeps its bytes, of which there are about room. */
static enum nz_status check_body(const struct nz_crypto *crypto,
                                 const struct nz_packet_parts *parts, size_t room, bool strict,
                                 struct nz_verified_packet *packet, struct nz_error *err)
{
	bool matches = false;

	NZ_TRY(nz_buffer_reserve(&packet->body_text, room));
	NZ_TRY(nz_json_canonical(parts->body, &packet->body_text));
	NZ_TRY(hash_matches(crypto, &packet->body_text, parts->body_hash, &matches));
	packet->body_form = NZ_BODY_JCS;
	if (!matches && !strict) {
		nz_buffer_reset(&packet->body_text);
		NZ_TRY(nz_json_stringify(parts->body, &packet->body_text));
		NZ_TRY(hash_matches(crypto, &packet->body_text, parts->body_hash, &matches));
		packet->body_form = NZ_BODY_AS_SENT;
	}
	if (!matches)
		return nz_fail_code(err, NZ_MISMATCH, NZ_PACKET_FAULT_BODY_HASH,
		                    strict ? "body_hash is not the hash of the body's canonical form"
		                           : "body_hash is the hash of no form of the body");
	return NZ_OK;
}

/* The hex form first, which the public reference signs; then the raw digest. */
static enum nz_status verify_either(const struct nz_crypto *crypto, const uint8_t key[32],
                                    const struct nz_auth_digest *digest,
                                    const struct nz_packet_parts *parts, bool strict,
                                    enum nz_digest_form *form)
{
	enum nz_status status = crypto->ed25519_verify(
		key, nz_bytes_of(digest->hex, sizeof digest->hex - 1), parts->signature);

	*form = NZ_DIGEST_HEX;
	if (status == NZ_UNVERIFIED && !strict) {
		status = crypto->ed25519_verify(key, nz_bytes_of(digest->raw, sizeof digest->raw),
		                                parts->signature);
		*form = NZ_DIGEST_RAW;
	}
	return status;
}

static enum nz_status find_sender(const struct nz_verify_options *options,
                                  const struct nz_packet_parts *parts, struct nz_node *node,
                                  struct nz_error *err)
{
	if (options->resolver.resolve == NULL)
		return nz_fail(err, NZ_UNKNOWN, "no peers are configured");
	return options->resolver.resolve(options->resolver.context, parts->node_id, node, err);
}

static enum nz_status check_signature(const struct nz_crypto *crypto,
                                      const struct nz_packet_parts *parts,
                                      const struct nz_verify_options *options,
                                      enum nz_digest_form *form, struct nz_error *err)
{
	/* Nobody's: RFC 8032's first test key. */
	static const uint8_t dummy_key[NZ_ED25519_PUBLIC_BYTES] = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
		0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	struct nz_auth_digest digest;
	struct nz_node node;
	NZ_BUFFER(scratch);

	NZ_TRY(nz_packet_auth_digest(crypto, parts->node_id_value, parts->nonce_value,
	                             parts->timestamp, parts->body_hash, &scratch, &digest));
	enum nz_status status = find_sender(options, parts, &node, err);
	if (status == NZ_UNKNOWN) {
		/* The same work as for a wrong signature: time does not tell which ids are known. */
		const enum nz_status ignored =
			verify_either(crypto, dummy_key, &digest, parts, options->strict, form);
		(void)ignored;
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_SENDER, NZ_UNKNOWN);
	}
	NZ_TRY(status);
	status = verify_either(crypto, node.ed25519, &digest, parts, options->strict, form);
	if (status == NZ_UNVERIFIED)
		return nz_fail_code(err, NZ_UNVERIFIED, NZ_PACKET_FAULT_SIGNATURE,
		                    "the signature does not verify");
	return status;
}

static enum nz_status check_replay(const struct nz_packet_parts *parts,
                                   const struct nz_verify_options *options, int64_t now,
                                   struct nz_error *err)
{
	if (options->replay == NULL)
		return NZ_OK;

	const enum nz_status status = nz_replay_check(options->replay, parts->node_id, parts->nonce,
	                                              parts->timestamp, now, err);
	if (status == NZ_REPLAYED || status == NZ_LIMIT)
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_REPLAY, status);
	if (status == NZ_EXPIRED)
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_TIME, status);
	return status;
}

/*
 * The body, parsed from the bytes that were hashed; they are JSON that this library printed. Where
 * the sender's text of it is the same bytes, that has been done: *doc becomes the packet's.
 */
static enum nz_status parse_hashed_body(struct nz_json_doc **doc, struct nz_bytes text,
                                        struct nz_json *body, const struct nz_json_limits *limits,
                                        struct nz_verified_packet *packet, struct nz_error *err)
{
	const struct nz_bytes sent = nz_json_source(*doc, text, body);

	if (nz_bytes_equal(sent, nz_buffer_bytes(&packet->body_text))) {
		nz_json_set_root(*doc, body);
		packet->body = *doc;
		*doc = NULL; /* handed over */
		return NZ_OK;
	}

	/* Canonical numbers may be longer than the sender's (1e20), so the bound is the text itself. */
	const struct nz_json_limits own = {
		.bytes = packet->body_text.len,
		.depth = limits->depth,
		.members = limits->members,
	};
	const enum nz_status status =
		nz_json_parse(nz_buffer_bytes(&packet->body_text), &own, &packet->body, err);

	if (status == NZ_MALFORMED || status == NZ_LIMIT)
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_JSON, status);
	return status;
}

enum nz_status nz_packet_verify(const struct nz_crypto *crypto, struct nz_bytes packet,
                                const struct nz_verify_options *options,
                                struct nz_verified_packet **out, struct nz_error *err)
{
	const struct nz_json_limits limits = nz_packet_limits(&options->limits);
	const int64_t now = options->now != 0 ? options->now : nz_clock_unix();
	struct nz_verified_packet *made NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_packet_parts parts;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_packet_parse(packet, &limits, &doc, err));
	NZ_TRY(nz_packet_read_signed(nz_json_root(doc), &parts, err));
	NZ_TRY(check_time(&parts, options, now, err));
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	NZ_TRY(check_body(crypto, &parts, packet.len, options->strict, made, err));
	NZ_TRY(check_signature(crypto, &parts, options, &made->digest_form, err));
	memcpy(made->node_id, parts.node_id.ptr, parts.node_id.len);
	made->timestamp = parts.timestamp;
	NZ_TRY(parse_hashed_body(&doc, packet, parts.body, &limits, made, err));
	/* Last of all, so that whatever was recorded is also released. */
	NZ_TRY(check_replay(&parts, options, now, err));
	*out = made;
	made = NULL; /* handed over */
	return NZ_OK;
}
