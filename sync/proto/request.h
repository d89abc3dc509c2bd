/* SPDX-License-Identifier: Apache-2.0 */
/* Requests inside a session: their MAC, and their JSON bodies. */
#ifndef NZ_PROTO_REQUEST_H
#define NZ_PROTO_REQUEST_H

#include <nz/crypto.h>
#include <nz/json.h>

#define NZ_HEADER_TIMESTAMP "NZ-Timestamp"
#define NZ_HEADER_NONCE "NZ-Nonce"
#define NZ_HEADER_MAC "NZ-Mac"
#define NZ_HEADER_INCIDENT "NZ-Incident"
#define NZ_HEADER_REKEY "NZ-Rekey-Required"
#define NZ_CONTENT_BLOCKS "application/vnd.nz.sync-blocks"
#define NZ_REQUEST_WINDOW_S 300
#define NZ_REQUEST_MAX_BATCHES 100000 /* of one blocks request */

/*
 * base64 HMAC-SHA256 under the session's authentication key, with NUL, over seven lines joined by
 * LF: "nz-sync-v2 request", session id, method, request target as sent, timestamp, nonce, hex
 * SHA-256 of the body. NZ_MALFORMED for a field that holds CR or LF.
 */
#define NZ_REQUEST_MAC_CHARS 44
enum nz_status nz_request_mac(const struct nz_crypto *crypto,
                              const struct nz_secret *authentication, const char *session_id,
                              const char *method, const char *target, const char *timestamp,
                              const char *nonce, struct nz_bytes body,
                              char out[NZ_REQUEST_MAC_CHARS + 1]) NZ_MUST_USE;
/* Constant time; NZ_UNVERIFIED. */
enum nz_status nz_request_mac_check(const struct nz_crypto *crypto,
                                    const struct nz_secret *authentication, const char *session_id,
                                    const char *method, const char *target, const char *timestamp,
                                    const char *nonce, struct nz_bytes body,
                                    const char *mac) NZ_MUST_USE;

/*
 * A blocks request: {"manifest":true} or {"batches":[{"position","base"}]}, strictly ascending
 * positions, maybe none. A base (the root that the asker holds, or null) is an offer to take a
 * difference; whole batches with a null base always answer it, so it is checked for shape and not
 * kept. NZ_MALFORMED, NZ_LIMIT.
 */
struct nz_blocks_request {
	bool manifest;
	uint64_t *positions; /* owned */
	size_t count;
};
void nz_blocks_request_clear(struct nz_blocks_request *request);
enum nz_status nz_blocks_request_append(const struct nz_blocks_request *request,
                                        struct nz_buffer *out) NZ_MUST_USE;
enum nz_status nz_blocks_request_parse(struct nz_bytes body, struct nz_blocks_request *out,
                                       struct nz_error *err) NZ_MUST_USE;

/*
 * GET …/proof?batch=N: the leaf hashes of a batch; with &records=i,j,… (ascending, at most 1,000):
 * those records with their inclusion proofs. See doc/protocol.md.
 */
#define NZ_PROOF_MAX_RECORDS 1000
struct nz_proof_request {
	uint64_t batch;
	uint32_t records[NZ_PROOF_MAX_RECORDS];
	size_t count;
};
enum nz_status nz_proof_request_append(const struct nz_proof_request *request,
                                       struct nz_buffer *query) NZ_MUST_USE;
enum nz_status nz_proof_request_parse(struct nz_bytes query, struct nz_proof_request *out,
                                      struct nz_error *err) NZ_MUST_USE;

#endif
