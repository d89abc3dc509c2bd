/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sync asks a platform for, checked as it arrives: the manifest against the signed root, and
 * batches against the manifest. A batch goes on only when its count, bytes, order, first key and
 * root are the entry's; nothing of a batch that fails is seen by anybody.
 */
#ifndef NZ_CLIENT_FETCH_H
#define NZ_CLIENT_FETCH_H

#include "client/manifest.h"
#include "client/session.h"
#include "client/writer.h"

/* What begins when the schema is proven: before the first entry goes to the sink. */
typedef enum nz_status (*nz_fetch_begin)(void *context, const struct nz_schema *schema,
					 struct nz_error *err);
/*
 * Fetches the manifest of the session's statement and gives the schema to the caller. begin and
 * sink see entries before the root is proven: undo on failure. NZ_MISMATCH with code 1003;
 * otherwise as nz_client_session_stream. *local is true when begin or sink failed.
 */
enum nz_status nz_fetch_manifest(struct nz_client_session *session, nz_fetch_begin begin,
				 nz_batch_sink sink, void *context, struct nz_schema **schema,
				 bool *local, struct nz_error *err) NZ_MUST_USE;

/* Batches to ask for in one request, ascending; what a run of them may weigh is the caller's. */
struct nz_fetch_run {
	struct nz_batch *entries; /* first_key points into keys */
	struct nz_bytes *bounds;  /* the first key after each; empty where its table ends */
	size_t count;
	struct nz_buffer keys;
};
void nz_fetch_run_clear(struct nz_fetch_run *run);

struct nz_fetch {
	const struct nz_crypto *crypto;
	const struct nz_schema *schema;
	struct nz_writer *writer;
	/* Told about each batch begun and each run of records. May be NULL. */
	void (*progress)(void *context, const struct nz_batch *entry, uint64_t records,
			 uint64_t bytes);
	void *context;
	bool (*stopped)(void *context); /* between batches; may be NULL */
	void *stopped_context;
};
/* How a run ended, beside its status. */
struct nz_fetch_outcome {
	size_t done; /* batches handed to the writer */
	bool moved;  /* the source has: ask for the manifest again */
	bool rekey;  /* stopped between two batches, because the session is to be renewed */
	bool local;  /* the failure is the writer's or the replica's */
};
/*
 * Asks for a run and hands each verified batch to the writer. NZ_OK with fewer than asked when
 * moved or rekey is set. NZ_MISMATCH with code 1003; otherwise as nz_client_session_stream. After a
 * failure, and after rekey or moved, the session is to be dropped.
 */
enum nz_status nz_fetch_batches(struct nz_client_session *session, const struct nz_fetch *fetch,
				const struct nz_fetch_run *run, struct nz_fetch_outcome *outcome,
				struct nz_error *err) NZ_MUST_USE;

#endif
