/* SPDX-License-Identifier: Apache-2.0 */
/* A sync under way: what lives through its attempts. Private to sync.c and sync_attempt.c. */
#ifndef NZ_CLIENT_SYNC_INTERNAL_H
#define NZ_CLIENT_SYNC_INTERNAL_H

#include "client/backoff.h"
#include "client/fetch.h"
#include "proto/error.h"

struct sync_run {
	const struct nz_client *client; /* own, but for who may stop it */
	struct nz_client own;
	const struct nz_client *caller;
	const char *uri;
	const struct nz_sync_options *options;
	struct nz_sync_result result;
	int64_t started_ms;

	struct nz_replica *replica;
	bool has_checkpoint;
	struct nz_checkpoint checkpoint;

	/* The session at hand, and the id of the last one, which the next continues. */
	struct nz_client_session *session;
	char continues[NZ_SESSION_ID_CHARS + 1];

	/* What is being staged towards, once planned: outlives sessions. */
	bool planned;
	struct nz_statement target;
	struct nz_buffer target_certificate;
	struct nz_schema *schema;
	struct nz_replica_plan plan;

	/* For the reactions to a failed attempt. */
	bool local;		 /* it is the replica's failure, not the platform's */
	bool again;		 /* nothing is wrong: open the next session */
	bool progress;		 /* a batch more was staged */
	int64_t failed_position; /* of the batch at which an attempt ended; -1: none */
	struct nz_backoff backoff;
	unsigned resyncs, renewals;

	struct nz_sync_progress shown;
	uint64_t records_done, bytes_done; /* of whole batches */
};

/* One session's worth of work, up to and with publishing. Sets local, again and progress. */
enum nz_status sync_attempt(struct sync_run *run, struct nz_error *err) NZ_MUST_USE;
/* Ends the session without a word and counts what it moved. */
void sync_drop_session(struct sync_run *run);
/* Forgets the plan: the next attempt asks for the manifest. */
void sync_forget_plan(struct sync_run *run);

#endif
