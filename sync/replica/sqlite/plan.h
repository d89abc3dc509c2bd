/* SPDX-License-Identifier: Apache-2.0 */
/* What is held. */
#ifndef NZ_REPLICA_SQLITE_PLAN_H
#define NZ_REPLICA_SQLITE_PLAN_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_plan(struct nz_replica *replica, struct nz_replica_plan *out,
                           struct nz_error *err);

#endif
