/* SPDX-License-Identifier: Apache-2.0 */
/* The builds of a dataset's index: who may write one, and what of them has to go. */
#ifndef NZ_STATE_SQLITE_BUILDS_H
#define NZ_STATE_SQLITE_BUILDS_H

#include "state/sqlite/handle.h"

/* Removes builds of a dataset that are not its current one, some rows a transaction. */
enum nz_status state_drop_builds(struct state_sqlite *s, int64_t dataset,
                                 struct nz_error *err) NZ_MUST_USE;
/* The lock that a dataset's one builder holds. NZ_BUSY. It dies with the process. */
enum nz_status state_lock_builder(struct state_sqlite *s, const char *dataset, int *fd,
                                  struct nz_error *err) NZ_MUST_USE;
void state_unlock_builder(int *fd);

#endif
