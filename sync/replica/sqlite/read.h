/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what was published, from one snapshot. */
#ifndef NZ_REPLICA_SQLITE_READ_H
#define NZ_REPLICA_SQLITE_READ_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_read_begin(struct nz_replica *replica, struct nz_error *err);
void nz_sqr_read_end(struct nz_replica *replica);
enum nz_status nz_sqr_schema(struct nz_replica *replica, struct nz_schema **out,
                             struct nz_error *err);
enum nz_status nz_sqr_batches(struct nz_replica *replica, uint64_t from, uint64_t limit,
                              nz_batch_sink sink, void *context, struct nz_error *err);
enum nz_status nz_sqr_scan(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
                           const struct nz_scan_from *from, struct nz_scan **out,
                           struct nz_error *err);
/* The checkpoint's schema, kept in the handle. NZ_NOT_FOUND without a checkpoint. */
enum nz_status nz_sqr_own_schema(struct nz_sqr *r, const struct nz_schema **out,
                                 struct nz_error *err) NZ_MUST_USE;

#endif
