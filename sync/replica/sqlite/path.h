/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a replica: where they are, who holds them, and whether they reached the disk. */
#ifndef NZ_REPLICA_SQLITE_PATH_H
#define NZ_REPLICA_SQLITE_PATH_H

#include "replica/sqlite/handle.h"

enum nz_status nz_sqr_paths(struct nz_sqr *r, const char *uri, struct nz_error *err) NZ_MUST_USE;
/* Removes a database file with its journal, WAL and shared memory. Missing ones are fine. */
void nz_sqr_unlink_database(const char *path);
/*
 * Removes what stands under these names and is no regular file of this user alone: in a folder where
 * others may write, somebody else's file would be believed, or a link followed. NZ_REFUSED where it
 * cannot be removed.
 */
enum nz_status nz_sqr_remove_foreign(const char *path, struct nz_error *err) NZ_MUST_USE;
enum nz_status nz_sqr_lock(struct nz_sqr *r, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_unlock(struct nz_sqr *r);
enum nz_status nz_sqr_fsync_path(const char *path, struct nz_error *err) NZ_MUST_USE;
void nz_sqr_boot_id(char out[40]);

#endif
