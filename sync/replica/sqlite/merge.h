/* SPDX-License-Identifier: Apache-2.0 */
/* What has to change in the replica. */
#ifndef NZ_REPLICA_SQLITE_MERGE_H
#define NZ_REPLICA_SQLITE_MERGE_H

#include "replica/sqlite/handle.h"

/* Compares the replica's rows with the plan and notes in the work file what has to change. */
enum nz_status nz_sqr_merge(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
/* Notes the removal from db of every row of the batches in `old` that are not taken. */
enum nz_status nz_sqr_merge_untaken(struct nz_sqr *r, sqlite3 *db, struct nz_error *err) NZ_MUST_USE;

#endif
