/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform proves about single records: leaf hashes of a batch, records with their paths. */
#ifndef NZ_CLIENT_PROOF_H
#define NZ_CLIENT_PROOF_H

#include "client/session.h"

/*
 * The leaves of a batch of the session's manifest, checked up to the entry's root. *leaves is the
 * caller's to free: entry->count of them. NZ_BUSY when the source has moved; NZ_MISMATCH with code
 * 1003; otherwise as nz_client_session_stream.
 */
enum nz_status nz_client_proof_leaves(struct nz_client_session *session,
				      const struct nz_batch *entry, struct nz_hash **leaves,
				      struct nz_error *err) NZ_MUST_USE;

typedef enum nz_status (*nz_proof_sink)(void *context, uint32_t index, struct nz_bytes record,
					struct nz_error *err);
/*
 * Records of that batch by their indexes (ascending, at least one), each checked against its leaf
 * and by both of its proofs against the signed dataset root before sink sees it.
 */
enum nz_status nz_client_proof_records(struct nz_client_session *session,
				       const struct nz_schema *schema, const struct nz_batch *entry,
				       const struct nz_hash *leaves,
				       const struct nz_proof_request *request, nz_proof_sink sink,
				       void *context, struct nz_error *err) NZ_MUST_USE;

#endif
