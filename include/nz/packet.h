/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nz-crypto-01 packets: signed ({auth, body}), sealed (AEAD around a signed one), and back.
 * No network, no files. A body can be reached only through a struct nz_verified_packet, which only a
 * whole verification fills.
 */
#ifndef NZ_PACKET_H
#define NZ_PACKET_H

#include <nz/identity.h>
#include <nz/json.h>
#include <nz/labelled.h>
#include <nz/replay.h>

#define NZ_PACKET_VERSION "nz-crypto-01"
#define NZ_PACKET_WINDOW_S 300
#define NZ_PACKET_NONCE_MAX_CHARS 128 /* Unicode code points; at least 1 */
#define NZ_PACKET_MAX_BYTES ((size_t)64 << 20)
#define NZ_PACKET_SEALS_PER_KEY ((uint64_t)1 << 31)

/* What a packet failed on: err->code of the functions below. Never told to a peer. */
enum nz_packet_fault {
	NZ_PACKET_FAULT_NONE,
	NZ_PACKET_FAULT_JSON,       /* NZ_MALFORMED or NZ_LIMIT */
	NZ_PACKET_FAULT_SHAPE,      /* NZ_MALFORMED: members missing, unknown or of the wrong type */
	NZ_PACKET_FAULT_VERSION,    /* NZ_UNSUPPORTED */
	NZ_PACKET_FAULT_CIPHER,     /* NZ_UNSUPPORTED */
	NZ_PACKET_FAULT_REWRITE,    /* NZ_UNSUPPORTED: the reference's later format, by name */
	NZ_PACKET_FAULT_TIME,       /* NZ_EXPIRED */
	NZ_PACKET_FAULT_BODY_HASH,  /* NZ_MISMATCH */
	NZ_PACKET_FAULT_SENDER,     /* NZ_UNKNOWN */
	NZ_PACKET_FAULT_SIGNATURE,  /* NZ_UNVERIFIED */
	NZ_PACKET_FAULT_REPLAY,     /* NZ_REPLAYED or NZ_LIMIT */
	NZ_PACKET_FAULT_RECEIVER,   /* NZ_MALFORMED: not for this node, or inner and outer sender differ */
	NZ_PACKET_FAULT_TAG,        /* NZ_UNVERIFIED */
};

enum nz_body_form { NZ_BODY_JCS = 1, NZ_BODY_AS_SENT };
enum nz_digest_form { NZ_DIGEST_HEX = 1, NZ_DIGEST_RAW };

struct nz_sign_options {
	int64_t timestamp;      /* UNIX seconds; 0: now */
	const char *nonce;      /* NULL: 128 random bits as 32 hex digits */
};
/*
 * Appends the signed packet (compact JSON, body in canonical order). body: an object. NZ_INVALID
 * for options out of range; NZ_LIMIT over NZ_PACKET_MAX_BYTES.
 */
enum nz_status nz_packet_sign(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                              const struct nz_json *body, const struct nz_sign_options *options,
                              struct nz_buffer *out, struct nz_error *err) NZ_MUST_USE;
/* The same from JSON text. limits (NULL: nz_json_packet_limits) are those of the whole packet. */
enum nz_status nz_packet_sign_text(const struct nz_crypto *crypto, const struct nz_node_keys *keys,
                                   struct nz_bytes body, const struct nz_json_limits *limits,
                                   const struct nz_sign_options *options, struct nz_buffer *out,
                                   struct nz_error *err) NZ_MUST_USE;

struct nz_verify_options {
	struct nz_json_limits limits; /* zero: nz_json_packet_limits */
	int64_t now;                  /* UNIX seconds; 0: the clock */
	unsigned window_s;            /* 0: 300 */
	bool strict;                  /* JCS body and hex digest alone */
	struct nz_resolver resolver;
	struct nz_replay *replay;     /* NULL: nonces are neither checked nor recorded */
};

struct nz_verified_packet; /* opaque: exists only verified */
/*
 * Verifies in this order: shape, time, body hash, sender's key, signature, replay. *out is the
 * caller's: nz_verified_packet_free. Statuses with err->code: see enum nz_packet_fault.
 */
enum nz_status nz_packet_verify(const struct nz_crypto *crypto, struct nz_bytes packet,
                                const struct nz_verify_options *options,
                                struct nz_verified_packet **out, struct nz_error *err) NZ_MUST_USE;
void nz_verified_packet_free(struct nz_verified_packet **packet);
/* All borrowed from the packet. The body is parsed from the bytes that were hashed. */
const struct nz_json *nz_verified_packet_body(const struct nz_verified_packet *packet);
struct nz_bytes nz_verified_packet_body_text(const struct nz_verified_packet *packet);
struct nz_bytes nz_verified_packet_node_id(const struct nz_verified_packet *packet);
int64_t nz_verified_packet_timestamp(const struct nz_verified_packet *packet);
enum nz_body_form nz_verified_packet_body_form(const struct nz_verified_packet *packet);
enum nz_digest_form nz_verified_packet_digest_form(const struct nz_verified_packet *packet);
/* SHA-256(JCS(whole packet)): H1 of the handshake. */
enum nz_status nz_packet_digest(const struct nz_crypto *crypto, struct nz_bytes packet,
                                const struct nz_json_limits *limits, struct nz_hash *out,
                                struct nz_error *err) NZ_MUST_USE;
/* node_id of an unverified packet, for a log or a key look-up; believed by nobody. Shape-checked, copied to out. */
enum nz_status nz_packet_claimed_sender(struct nz_bytes packet, const struct nz_json_limits *limits,
                                        char out[NZ_NODE_ID_MAX_BYTES + 1],
                                        struct nz_error *err) NZ_MUST_USE;

/* HKDF-SHA256 over X25519, info "nz-session" (nz-crypto-01 section 5.3). NZ_UNVERIFIED for an all-zero shared secret. */
enum nz_status nz_session_key(const struct nz_crypto *crypto, const struct nz_secret *our_private,
                              const uint8_t their_public[NZ_X25519_BYTES],
                              struct nz_secret *out) NZ_MUST_USE;

/* A key that seals, with its count: refuses past NZ_PACKET_SEALS_PER_KEY. One thread at a time. */
struct nz_sealer;
enum nz_status nz_sealer_new(const struct nz_crypto *crypto, enum nz_cipher cipher,
                             const struct nz_secret *session_key, struct nz_sealer **out) NZ_MUST_USE;
void nz_sealer_free(struct nz_sealer **sealer);
/* Appends the sealed packet around a signed one. sender must be the inner auth.node_id (NZ_MALFORMED). */
enum nz_status nz_packet_seal(struct nz_sealer *sealer, const char *sender, const char *receiver,
                              struct nz_bytes signed_packet, struct nz_buffer *out,
                              struct nz_error *err) NZ_MUST_USE;
/* Appends the signed packet inside; verify it next. The sender's X25519 key comes from resolver. */
enum nz_status nz_packet_open(const struct nz_crypto *crypto, struct nz_bytes sealed,
                              const struct nz_json_limits *limits, const struct nz_node_keys *keys,
                              const struct nz_resolver *resolver, struct nz_buffer *out,
                              struct nz_error *err) NZ_MUST_USE;

/* What a text is and the first thing wrong with it, in words for an operator, appended to out. */
enum nz_status nz_packet_explain(const struct nz_crypto *crypto, struct nz_bytes text,
                                 const struct nz_verify_options *options, struct nz_buffer *out) NZ_MUST_USE;

#endif
