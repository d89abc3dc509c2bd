/* SPDX-License-Identifier: Apache-2.0 */
/* Whether anybody wrote. */
#ifndef NZ_REPLICA_SQLITE_SIGHT_H
#define NZ_REPLICA_SQLITE_SIGHT_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_unchanged(struct nz_replica *replica, bool *out, struct nz_error *err);
enum nz_status nz_sqr_mark_verified(struct nz_replica *replica, struct nz_error *err);
/* Looks at the replica now; waits for file times to settle when `wait`. */
enum nz_status nz_sqr_look(struct nz_sqr *r, bool wait, struct nz_sqr_sight *out,
                           struct nz_error *err) NZ_MUST_USE;
/* True when the file is as it was at `then`, bit for bit as far as the system can tell. */
enum nz_status nz_sqr_same_file(struct nz_sqr *r, const struct nz_sqr_sight *then, bool *out,
                                struct nz_error *err) NZ_MUST_USE;
/* True when the sight is the one that was stored as verified. */
enum nz_status nz_sqr_sight_verified(struct nz_sqr *r, const struct nz_sqr_sight *sight, bool *out,
                                     struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_data_version(struct nz_sqr *r, int64_t *out, struct nz_error *err) NZ_MUST_USE;
/*
 * After a commit of ours: folds the WAL in where no reader prevents it, and stores what is there as
 * verified, unless somebody else committed since `data_version`.
 */
enum nz_status nz_sqr_settle(struct nz_sqr *r, int64_t data_version, struct nz_error *err)
	NZ_MUST_USE;

#endif
