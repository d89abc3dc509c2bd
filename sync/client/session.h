/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with a platform: opened by a signed packet, its answer checked before anything of it is
 * used, its keys bound to the one connection it lives on. Counts its own age from sending the open
 * and depends on no notice. One thread at a time.
 */
#ifndef NZ_CLIENT_SESSION_H
#define NZ_CLIENT_SESSION_H

#include "client/client.h"
#include "client/http.h"
#include "proto/block.h"
#include "proto/handshake.h"
#include "proto/request.h"

struct nz_client_session {
	const struct nz_client *client;
	struct nz_https *http;
	struct nz_session_keys keys;
	struct nz_block_cipher *cipher;
	struct nz_open_answer answer; /* checked */
	struct nz_buffer certificate; /* the JSON array of base64 DER, with a NUL */
	int64_t opened_ms;	      /* monotonic: when the open was sent */
	bool rekey_noticed;
};

/*
 * Opens a session. checkpoint: what the replica holds, or NULL; continues: the id of the session
 * before, or NULL. The answer is checked whole: chain, signatures, validity, platform, dataset's
 * name, encoding. NZ_REFUSED with 1001 for an answer that is not to be believed, 1002, 1004, 1012,
 * 2001, 2002; NZ_BUSY (1005, 3xxx), NZ_NETWORK with code 1007; NZ_CANCELLED.
 */
enum nz_status nz_client_session_open(const struct nz_client *client,
				      const struct nz_statement *checkpoint, const char *continues,
				      struct nz_client_session **out,
				      struct nz_error *err) NZ_MUST_USE;
/* Ends it on both sides, or at least on this one; keys are wiped. */
void nz_client_session_close(struct nz_client_session **session);
/* Closes the connection without a word: after a failure. */
void nz_client_session_drop(struct nz_client_session **session);
#define NZ_SESSION(name) struct nz_client_session *name NZ_CLEANUP(nz_client_session_drop) = NULL

/* Time to open the next one: its rekey time has come, or the platform said so. */
bool nz_client_session_rekey_due(const struct nz_client_session *session);
/* Its keys are dead. */
bool nz_client_session_expired(const struct nz_client_session *session);

/*
 * Sends a request and reads its stream of blocks to the end. target: after the session's own path,
 * such as "/blocks". A failure of the events comes back unchanged. Otherwise NZ_UNVERIFIED,
 * NZ_MALFORMED and NZ_LIMIT with code 1008: a block that failed, and the session with it;
 * NZ_NETWORK: cut; NZ_NETWORK with 1007: expired or unknown; an error of the API as in
 * nz_client_session_open.
 */
enum nz_status nz_client_session_stream(struct nz_client_session *session, enum nz_stream_kind kind,
					const char *method, const char *target,
					struct nz_bytes body, const struct nz_block_events *events,
					struct nz_error *err) NZ_MUST_USE;
/* Tells the platform what was verified; its signed receipt is checked and appended to out. */
enum nz_status nz_client_session_receipt(struct nz_client_session *session, struct nz_buffer *out,
					 struct nz_error *err) NZ_MUST_USE;

/*
 * Reports a failed sync on a connection of its own (`sync.failure`): code 1003 or 1008, at
 * the batch of that position (-1: none). incident
 * gets the platform's incident id, "" where it gave none.
 */
enum nz_status nz_client_session_report(const struct nz_client *client, const char *session_id,
					int code, int64_t position, char incident[40],
					struct nz_error *err) NZ_MUST_USE;

/* An answer of the platform that is no success, as a status and a message. */
enum nz_status nz_client_session_refusal(const struct nz_http_answer *answer, struct nz_error *err);

#endif
