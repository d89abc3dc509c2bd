/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch that differs, row by row: the platform's leaf hashes against the replica's, then only
 * the records whose leaves the replica lacks, each with its proofs up to the signed root.
 */
#ifndef NZ_CLIENT_COMPARE_H
#define NZ_CLIENT_COMPARE_H

#include "client/check_internal.h"
#include "client/session.h"

/*
 * Rows that differ go to the options' row callback and into result.differing; with repair, into its
 * spools too. NZ_BUSY when the platform's source has moved meanwhile; NZ_MISMATCH with code 1003
 * when the platform's answer contradicts its manifest; NZ_LIMIT with code 1003 past
 * NZ_CHECK_MAX_ROWS rows; otherwise as nz_client_session_stream.
 */
enum nz_status compare_batch(struct check *check, struct nz_client_session *session,
			     const struct check_difference *difference,
			     const struct check_repair *repair, struct nz_error *err) NZ_MUST_USE;

/* That failure of NZ_LIMIT. */
enum nz_status compare_too_many(struct nz_error *err);

#endif
