/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the old replica for the new one. */
#ifndef NZ_REPLICA_SQLITE_REUSE_H
#define NZ_REPLICA_SQLITE_REUSE_H

#include "replica/sqlite/handle.h"

/* Copies into the new replica what the old one has of it already. */
enum nz_status nz_sqr_reuse(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
