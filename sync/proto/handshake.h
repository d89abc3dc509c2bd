/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a session: the client's signed packet, the platform's signed answer, and the keys that
 * both derive from them. Ephemeral secrets go in and are wiped; nothing here touches a network.
 */
#ifndef NZ_PROTO_HANDSHAKE_H
#define NZ_PROTO_HANDSHAKE_H

#include <nz/packet.h>
#include <nz/pki.h>

#include "proto/statement.h"

#define NZ_EXPORTER_LABEL "EXPORTER-nz-sync-v2"
#define NZ_EXPORTER_BYTES 32
#define NZ_SESSION_ID_CHARS 32 /* hex of 16 random bytes */
#define NZ_SESSION_LIFETIME_S 900
#define NZ_SESSION_REKEY_S 870
#define NZ_ACTION_OPEN "sync.open"
#define NZ_ACTION_FAILURE "sync.failure"
#define NZ_HANDSHAKE_MAX_BYTES ((size_t)256 << 10)

/* The payload of `sync.open`, as the server reads it from a verified body. */
struct nz_open_request {
	char platform[65];
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	uint8_t x25519[NZ_X25519_BYTES];
	bool has_checkpoint;
	struct nz_hash checkpoint;
	bool has_epoch;
	int64_t epoch;
	bool has_continues;
	char continues[NZ_SESSION_ID_CHARS + 1];
};
/* {"action": "sync.open", "payload": {…}}: a body to sign. NULL on no memory. */
struct nz_json *nz_open_request_to_json(const struct nz_open_request *request,
                                        struct nz_json_doc *doc);
/*
 * All members must be there, those that do not apply as null, and no others. NZ_MALFORMED;
 * NZ_UNSUPPORTED for another action.
 */
enum nz_status nz_open_request_from_json(const struct nz_json *body, struct nz_open_request *out,
                                         struct nz_error *err) NZ_MUST_USE;

struct nz_open_answer {
	char session_id[NZ_SESSION_ID_CHARS + 1];
	uint8_t x25519[NZ_X25519_BYTES];
	uint8_t nonce[NZ_AEAD_NONCE_BYTES];
	struct nz_statement statement;
	int64_t expires_in, rekey_in; /* seconds */
	/* Set by nz_open_answer_check alone: who signed, for receipts of this session. */
	uint8_t signing_key[NZ_ED25519_PUBLIC_BYTES];
};
/*
 * The answer's JSON, signed over "nz-sync-v2 handshake" 0x00 ‖ H1 ‖ H2, appended; *h2 for the keys.
 * chain: DER, leaf first, 1 to 4 certificates. The statement must be signed already.
 */
enum nz_status nz_open_answer_make(const struct nz_crypto *crypto, const struct nz_signer *signer,
                                   const struct nz_bytes *chain, size_t chain_len,
                                   const struct nz_open_answer *answer, const struct nz_hash *h1,
                                   struct nz_buffer *out, struct nz_hash *h2,
                                   struct nz_error *err) NZ_MUST_USE;
/*
 * Reads and checks an answer: shape, chain to root_pem at time now, handshake signature, statement
 * signature, statement's platform and validity (expired: NZ_EXPIRED; issued over 300 s ahead too),
 * lifetimes within 900/870. An unknown member, in the answer or in its statement, is NZ_MALFORMED: a
 * version 2 client understands all that version 2 signs. Gives H2, and the signing key in *out.
 * NZ_MALFORMED, NZ_UNVERIFIED, NZ_EXPIRED.
 */
enum nz_status nz_open_answer_check(const struct nz_crypto *crypto, struct nz_bytes text,
                                    struct nz_bytes root_pem, int64_t now, const struct nz_hash *h1,
                                    struct nz_open_answer *out, struct nz_hash *h2,
                                    struct nz_error *err) NZ_MUST_USE;

struct nz_session_keys {
	struct nz_secret encryption;
	struct nz_secret authentication;
};
void nz_session_keys_clear(struct nz_session_keys *keys);
/*
 * T = SHA-256(H1 ‖ H2 ‖ exporter); PRK = HKDF-Extract("nezertronixpro/sync/v2", X25519(own, peer));
 * keys by HKDF-Expand(PRK, label ‖ T, 32). Wipes `own`, on failure too. NZ_UNVERIFIED for an all-zero shared secret.
 */
enum nz_status nz_session_keys_derive(const struct nz_crypto *crypto, struct nz_secret *own,
                                      const uint8_t peer[NZ_X25519_BYTES], const struct nz_hash *h1,
                                      const struct nz_hash *h2,
                                      const uint8_t exporter[NZ_EXPORTER_BYTES],
                                      struct nz_session_keys *out) NZ_MUST_USE;

#endif
