/* SPDX-License-Identifier: Apache-2.0 */
/* Making an epoch visible. */
#ifndef NZ_REPLICA_SQLITE_PUBLISH_H
#define NZ_REPLICA_SQLITE_PUBLISH_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_publish(struct nz_replica *replica, const char *certificate, int64_t now,
                              uint64_t *changed, struct nz_error *err);

#endif
