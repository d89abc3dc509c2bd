/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a replica. */
#ifndef NZ_REPLICA_SQLITE_OPEN_H
#define NZ_REPLICA_SQLITE_OPEN_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_open(const char *uri, const struct nz_replica_options *options,
                           struct nz_replica **out, struct nz_error *err);
void nz_sqr_close(struct nz_replica **replica);

#endif
