/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a platform's checked statement may follow the checkpoint that the replica holds: no lower
 * epoch (rollback), no second root for one epoch (equivocation), no other lineage unasked.
 * Signature and validity (freeze) were judged when the session was opened.
 */
#ifndef NZ_CLIENT_TRUST_H
#define NZ_CLIENT_TRUST_H

#include "replica/replica.h"

/*
 * NZ_REFUSED with code 1001 and a message that says which; NZ_OK. checkpoint may be NULL. On
 * equivocation both statements, with the certificates that signed them, are saved beside the
 * replica as evidence: PATH.equivocation-EPOCH.json, never overwriting one.
 */
enum nz_status nz_trust_statement(const struct nz_checkpoint *checkpoint,
				  const struct nz_statement *statement, const char *certificate,
				  bool accept_lineage, const char *replica_uri,
				  struct nz_error *err) NZ_MUST_USE;

#endif
