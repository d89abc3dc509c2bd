/* SPDX-License-Identifier: Apache-2.0 */
/* From the new manifest to staged batches. */
#ifndef NZ_REPLICA_SQLITE_STAGING_H
#define NZ_REPLICA_SQLITE_STAGING_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_begin_sync(struct nz_replica *replica, const struct nz_statement *statement,
                                 const struct nz_schema *schema, struct nz_error *err);
enum nz_status nz_sqr_manifest_add(struct nz_replica *replica, const struct nz_batch *batch,
                                   struct nz_error *err);
enum nz_status nz_sqr_next_wanted(struct nz_replica *replica, uint64_t from, uint64_t *positions,
                                  size_t max, size_t *count, struct nz_error *err);
enum nz_status nz_sqr_entry(struct nz_replica *replica, uint64_t position, struct nz_batch *out,
                            struct nz_error *err);
enum nz_status nz_sqr_stage(struct nz_replica *replica, const struct nz_batch *batch,
                            const struct nz_bytes *records, size_t count, struct nz_error *err);
enum nz_status nz_sqr_discard(struct nz_replica *replica, struct nz_error *err);
/* Ends what begin began; staging stays. */
void nz_sqr_end_sync(struct nz_sqr *r);
/* The staging towards another place is made anew (a replica too damaged to be amended). */
enum nz_status nz_sqr_turn_to_rebuild(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Commits what is staged so far. */
enum nz_status nz_sqr_staging_commit(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;

#endif
