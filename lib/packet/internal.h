/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lib/packet share; not exported. */
#ifndef NZ_PACKET_INTERNAL_H
#define NZ_PACKET_INTERNAL_H

#include <nz/packet.h>

#pragma GCC visibility push(hidden)

/* A signed packet's parts, of the right shape and nothing more. All borrowed but the signature. */
struct nz_packet_parts {
	const struct nz_json *node_id_value;
	const struct nz_json *nonce_value;
	struct nz_json *body;
	struct nz_bytes node_id;
	struct nz_bytes nonce;
	struct nz_bytes body_hash; /* 64 hex digits */
	int64_t timestamp;
	uint8_t signature[NZ_ED25519_SIGNATURE_BYTES];
};

/* Sets err->code to fault, keeping the message; returns status. */
enum nz_status nz_packet_fail_as(struct nz_error *err, enum nz_packet_fault fault,
                                 enum nz_status status);
/* limits with each zero replaced by its default, and bytes capped at NZ_PACKET_MAX_BYTES. */
struct nz_json_limits nz_packet_limits(const struct nz_json_limits *limits);
/* Parses within limits; a failure has code NZ_PACKET_FAULT_JSON. */
enum nz_status nz_packet_parse(struct nz_bytes text, const struct nz_json_limits *limits,
                               struct nz_json_doc **out, struct nz_error *err) NZ_MUST_USE;
/* Faults: SHAPE, and for a sealed packet VERSION or REWRITE where it is of those. */
enum nz_status nz_packet_read_signed(const struct nz_json *root, struct nz_packet_parts *out,
                                     struct nz_error *err) NZ_MUST_USE;

/* A sealed packet's parts. ids and texts are borrowed. */
struct nz_sealed_parts {
	struct nz_bytes sender;
	struct nz_bytes receiver;
	enum nz_cipher cipher;
	uint8_t iv[NZ_AEAD_NONCE_BYTES];
	struct nz_bytes ciphertext; /* base64 */
};
/* Faults: VERSION, REWRITE, CIPHER, SHAPE. */
enum nz_status nz_packet_read_sealed(const struct nz_json *root, struct nz_sealed_parts *out,
                                     struct nz_error *err) NZ_MUST_USE;
/* True where the object is meant as a sealed packet, of whatever version. */
bool nz_packet_looks_sealed(const struct nz_json *root);
/* True where it is in the reference's later format. */
bool nz_packet_looks_rewritten(const struct nz_json *root);
const char *nz_packet_cipher_name(enum nz_cipher cipher);

/* True for 1 to NZ_PACKET_NONCE_MAX_CHARS code points of valid UTF-8. */
bool nz_packet_nonce_acceptable(struct nz_bytes nonce);

/* The signed bytes: the digest, and the 64 characters of its hex. */
struct nz_auth_digest {
	uint8_t raw[NZ_SHA256_BYTES];
	char hex[2 * NZ_SHA256_BYTES + 1];
};
/* SHA-256 of JCS of the four members that are signed. node_id and nonce: JSON strings. */
enum nz_status nz_packet_auth_digest(const struct nz_crypto *crypto, const struct nz_json *node_id,
                                     const struct nz_json *nonce, int64_t timestamp,
                                     struct nz_bytes body_hash, struct nz_buffer *scratch,
                                     struct nz_auth_digest *out) NZ_MUST_USE;

#pragma GCC visibility pop

#endif
