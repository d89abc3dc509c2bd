/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of packets: exactly these members, of exactly these types. Nothing here is
 * cryptography, and nothing that passes is to be believed.
 */
#include "internal.h"

#define INT_MAX_JSON ((INT64_C(1) << 53) - 1)
#define HASH_CHARS ((size_t)2 * NZ_SHA256_BYTES)

enum nz_status nz_packet_fail_as(struct nz_error *err, enum nz_packet_fault fault,
                                 enum nz_status status)
{
	if (err != NULL) {
		err->status = status;
		err->code = (int)fault;
	}
	return status;
}

/* NZ_TRY for what can only be wrong with the shape. */
#define TRY_SHAPE(expr)                                                                      \
	do {                                                                                 \
		const enum nz_status shape_status_ = (expr);                                 \
		if (shape_status_ != NZ_OK)                                                  \
			return nz_packet_fail_as(err, NZ_PACKET_FAULT_SHAPE, shape_status_); \
	} while (0)

struct nz_json_limits nz_packet_limits(const struct nz_json_limits *limits)
{
	struct nz_json_limits used = nz_json_packet_limits;

	if (limits != NULL && limits->bytes != 0)
		used.bytes = limits->bytes;
	if (limits != NULL && limits->depth != 0)
		used.depth = limits->depth;
	if (limits != NULL && limits->members != 0)
		used.members = limits->members;
	if (used.bytes > NZ_PACKET_MAX_BYTES)
		used.bytes = NZ_PACKET_MAX_BYTES;
	return used;
}

enum nz_status nz_packet_parse(struct nz_bytes text, const struct nz_json_limits *limits,
                               struct nz_json_doc **out, struct nz_error *err)
{
	const struct nz_json_limits used = nz_packet_limits(limits);
	const enum nz_status status = nz_json_parse(text, &used, out, err);

	if (status == NZ_MALFORMED || status == NZ_LIMIT)
		return nz_packet_fail_as(err, NZ_PACKET_FAULT_JSON, status);
	return status;
}

const char *nz_packet_cipher_name(enum nz_cipher cipher)
{
	return cipher == NZ_CIPHER_AES_256_GCM ? "aes-256-gcm" : "chacha20-poly1305";
}

bool nz_packet_looks_rewritten(const struct nz_json *root)
{
	return nz_json_get(root, "ciphertext") != NULL && nz_json_get(root, "iv") == NULL &&
	       (nz_json_get(root, "tag") != NULL || nz_json_get(root, "nonce") != NULL);
}

bool nz_packet_looks_sealed(const struct nz_json *root)
{
	return nz_json_is(root, NZ_JSON_OBJECT) && nz_json_get(root, "auth") == NULL &&
	       (nz_json_get(root, "ciphertext") != NULL || nz_json_get(root, "cipher") != NULL);
}

bool nz_packet_nonce_acceptable(struct nz_bytes nonce)
{
	size_t chars = 0;

	if (!nz_utf8_valid(nonce))
		return false;
	for (size_t i = 0; i < nonce.len; i++)
		chars += (nonce.ptr[i] & 0xc0) != 0x80;
	return chars >= 1 && chars <= NZ_PACKET_NONCE_MAX_CHARS;
}

static bool is_lower_hex(struct nz_bytes text, size_t chars)
{
	if (text.len != chars)
		return false;
	for (size_t i = 0; i < chars; i++) {
		const uint8_t c = text.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static enum nz_status check_version(const struct nz_json *root, struct nz_error *err)
{
	struct nz_bytes version;

	if (nz_json_get(root, "version") == NULL)
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE, "version is missing");
	TRY_SHAPE(nz_json_get_string(root, "version", &version, err));
	if (!nz_bytes_equal(version, nz_bytes_str(NZ_PACKET_VERSION)))
		return nz_fail_code(err, NZ_UNSUPPORTED, NZ_PACKET_FAULT_VERSION,
		                    "version is not " NZ_PACKET_VERSION);
	if (nz_packet_looks_rewritten(root))
		return nz_fail_code(err, NZ_UNSUPPORTED, NZ_PACKET_FAULT_REWRITE,
		                    "this is the reference's later format (nonce, tag, context), which "
		                    "is not " NZ_PACKET_VERSION " although it says so");
	return NZ_OK;
}

static enum nz_status read_auth(const struct nz_json *auth, struct nz_packet_parts *parts,
                                struct nz_error *err)
{
	static const char *const names[] = {"node_id",   "timestamp", "nonce",
	                                    "body_hash", "signature", NULL};

	NZ_TRY(nz_json_get_string(auth, "node_id", &parts->node_id, err));
	NZ_TRY(nz_json_get_int(auth, "timestamp", 1, INT_MAX_JSON, &parts->timestamp, err));
	NZ_TRY(nz_json_get_string(auth, "nonce", &parts->nonce, err));
	NZ_TRY(nz_json_get_string(auth, "body_hash", &parts->body_hash, err));
	NZ_TRY(nz_json_get_base64(auth, "signature", parts->signature, sizeof parts->signature,
	                          err));
	NZ_TRY(nz_json_only_members(auth, names, err));
	if (!nz_node_id_is_acceptable(parts->node_id))
		return nz_fail(err, NZ_MALFORMED,
		               "node_id is not 1 to %d bytes without control characters",
		               NZ_NODE_ID_MAX_BYTES);
	if (!nz_packet_nonce_acceptable(parts->nonce))
		return nz_fail(err, NZ_MALFORMED, "nonce is not 1 to %d characters",
		               NZ_PACKET_NONCE_MAX_CHARS);
	if (!is_lower_hex(parts->body_hash, HASH_CHARS))
		return nz_fail(err, NZ_MALFORMED, "body_hash is not %zu lower-case hex digits",
		               HASH_CHARS);
	parts->node_id_value = nz_json_get(auth, "node_id");
	parts->nonce_value = nz_json_get(auth, "nonce");
	return NZ_OK;
}

enum nz_status nz_packet_read_signed(const struct nz_json *root, struct nz_packet_parts *out,
                                     struct nz_error *err)
{
	static const char *const names[] = {"auth", "body", NULL};
	struct nz_packet_parts parts = {0};
	struct nz_json *auth = NULL;
	struct nz_json *body = NULL;

	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "a packet is a JSON object");
	if (nz_packet_looks_sealed(root)) {
		NZ_TRY(check_version(root, err));
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "this is a sealed packet: open it first");
	}
	TRY_SHAPE(nz_json_get_object(root, "auth", &auth, err));
	TRY_SHAPE(nz_json_get_object(root, "body", &body, err));
	TRY_SHAPE(nz_json_only_members(root, names, err));
	TRY_SHAPE(read_auth(auth, &parts, err));
	parts.body = body;
	*out = parts;
	return NZ_OK;
}

/* An id under the written specification's name or the reference's; both only where equal. */
static enum nz_status read_id(const struct nz_json *root, const char *name,
                              const char *reference_name, struct nz_bytes *out,
                              struct nz_error *err)
{
	const bool ours = nz_json_get(root, name) != NULL;
	const bool theirs = nz_json_get(root, reference_name) != NULL;
	struct nz_bytes id;
	struct nz_bytes other;

	NZ_TRY(nz_json_get_string(root, ours || !theirs ? name : reference_name, &id, err));
	if (ours && theirs) {
		NZ_TRY(nz_json_get_string(root, reference_name, &other, err));
		if (!nz_bytes_equal(id, other))
			return nz_fail(err, NZ_MALFORMED, "%s and %s differ", name, reference_name);
	}
	if (!nz_node_id_is_acceptable(id))
		return nz_fail(err, NZ_MALFORMED,
		               "%s is not 1 to %d bytes without control characters", name,
		               NZ_NODE_ID_MAX_BYTES);
	*out = id;
	return NZ_OK;
}

/* 12 bytes; for ChaCha20 also 16, of which the first four are a block counter that must be 0. */
static enum nz_status read_iv(const struct nz_json *root, enum nz_cipher cipher,
                              uint8_t out[NZ_AEAD_NONCE_BYTES], struct nz_error *err)
{
	static const uint8_t zero[4];
	uint8_t iv[sizeof zero + NZ_AEAD_NONCE_BYTES];
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(root, "iv", &text, err));
	if (nz_base64_decode_exact(text, out, NZ_AEAD_NONCE_BYTES) == NZ_OK)
		return NZ_OK;
	if (cipher == NZ_CIPHER_CHACHA20_POLY1305 &&
	    nz_base64_decode_exact(text, iv, sizeof iv) == NZ_OK &&
	    memcmp(iv, zero, sizeof zero) == 0) {
		memcpy(out, iv + sizeof zero, NZ_AEAD_NONCE_BYTES);
		return NZ_OK;
	}
	return nz_fail(err, NZ_MALFORMED, "iv is not the base64 of %d bytes", NZ_AEAD_NONCE_BYTES);
}

static enum nz_status read_cipher(const struct nz_json *root, enum nz_cipher *out,
                                  struct nz_error *err)
{
	struct nz_bytes name;

	TRY_SHAPE(nz_json_get_string(root, "cipher", &name, err));
	for (enum nz_cipher c = NZ_CIPHER_AES_256_GCM; c <= NZ_CIPHER_CHACHA20_POLY1305; c++) {
		if (nz_bytes_equal(name, nz_bytes_str(nz_packet_cipher_name(c)))) {
			*out = c;
			return NZ_OK;
		}
	}
	return nz_fail_code(err, NZ_UNSUPPORTED, NZ_PACKET_FAULT_CIPHER,
	                    "cipher is neither aes-256-gcm nor chacha20-poly1305");
}

enum nz_status nz_packet_read_sealed(const struct nz_json *root, struct nz_sealed_parts *out,
                                     struct nz_error *err)
{
	static const char *const names[] = {"version",        "cipher",           "sendernodeid",
	                                    "receivernodeid", "sender_node_id",   "receiver_node_id",
	                                    "iv",             "ciphertext",       NULL};
	struct nz_sealed_parts parts = {.cipher = NZ_CIPHER_AES_256_GCM};

	if (!nz_json_is(root, NZ_JSON_OBJECT))
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "a packet is a JSON object");
	if (nz_json_get(root, "auth") != NULL && nz_json_get(root, "ciphertext") == NULL)
		return nz_fail_code(err, NZ_MALFORMED, NZ_PACKET_FAULT_SHAPE,
		                    "this is a signed packet, not a sealed one");
	NZ_TRY(check_version(root, err));
	NZ_TRY(read_cipher(root, &parts.cipher, err));
	TRY_SHAPE(nz_json_only_members(root, names, err));
	TRY_SHAPE(read_id(root, "sendernodeid", "sender_node_id", &parts.sender, err));
	TRY_SHAPE(read_id(root, "receivernodeid", "receiver_node_id", &parts.receiver, err));
	TRY_SHAPE(read_iv(root, parts.cipher, parts.iv, err));
	TRY_SHAPE(nz_json_get_string(root, "ciphertext", &parts.ciphertext, err));
	*out = parts;
	return NZ_OK;
}

enum nz_status nz_packet_claimed_sender(struct nz_bytes packet, const struct nz_json_limits *limits,
                                        char out[NZ_NODE_ID_MAX_BYTES + 1], struct nz_error *err)
{
	struct nz_packet_parts parts;
	NZ_JSON_DOC(doc);

	NZ_TRY(nz_packet_parse(packet, limits, &doc, err));
	NZ_TRY(nz_packet_read_signed(nz_json_root(doc), &parts, err));
	memcpy(out, parts.node_id.ptr, parts.node_id.len);
	out[parts.node_id.len] = '\0';
	return NZ_OK;
}
