/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of the new manifest and those that are at hand. */
#ifndef NZ_REPLICA_SQLITE_PAIR_H
#define NZ_REPLICA_SQLITE_PAIR_H

#include "replica/sqlite/handle.h"

/* Pairs wanted batches with those in `old`; their state becomes `state`. */
enum nz_status nz_sqr_pair_old(struct nz_sqr *r, int state, struct nz_error *err) NZ_MUST_USE;
/* Pairs wanted batches with staged ones, and forgets those that the source no longer has. */
enum nz_status nz_sqr_pair_staged(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
