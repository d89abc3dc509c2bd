/* SPDX-License-Identifier: Apache-2.0 */
/* The bookkeeping inside the replica: checkpoint, manifest, sequences. */
#ifndef NZ_REPLICA_SQLITE_CHECKPOINT_H
#define NZ_REPLICA_SQLITE_CHECKPOINT_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_checkpoint(struct nz_replica *replica, struct nz_checkpoint *out,
                                 struct nz_error *err);
enum nz_status nz_sqr_restate(struct nz_replica *replica, const struct nz_statement *statement,
                              const char *certificate, int64_t now, struct nz_error *err);
/* Writes checkpoint and manifest into db, inside the caller's transaction. */
enum nz_status nz_sqr_checkpoint_write(struct nz_sqr *r, sqlite3 *db, const char *certificate,
                                       int64_t now, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_manifest_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
	NZ_MUST_USE;
/* Only statement, certificate and date of a checkpoint that stands in db. */
enum nz_status nz_sqr_checkpoint_date(sqlite3 *db, const struct nz_statement *statement,
                                      const char *certificate, int64_t now,
                                      struct nz_error *err) NZ_MUST_USE;
/* sqlite_sequence as the source has it; rows of other tables stay. */
enum nz_status nz_sqr_sequences_write(struct nz_sqr *r, sqlite3 *db, struct nz_error *err)
	NZ_MUST_USE;

#endif
