/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of single rows. */
#ifndef NZ_REPLICA_SQLITE_REPAIR_H
#define NZ_REPLICA_SQLITE_REPAIR_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_repair_begin(struct nz_replica *replica, struct nz_error *err);
enum nz_status nz_sqr_repair_remove(struct nz_replica *replica, size_t table, int64_t rowid,
                                    struct nz_bytes record, struct nz_error *err);
enum nz_status nz_sqr_repair_put(struct nz_replica *replica, size_t table, struct nz_bytes record,
                                 struct nz_error *err);
enum nz_status nz_sqr_repair_end(struct nz_replica *replica, bool commit, struct nz_error *err);

#endif
