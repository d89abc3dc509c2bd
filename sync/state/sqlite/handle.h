/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's state in a SQLite file in a folder of its own: the handle. */
#ifndef NZ_STATE_SQLITE_HANDLE_H
#define NZ_STATE_SQLITE_HANDLE_H

#include "sqlite/sqlite.h"
#include "state/state.h"

/* An index entry that waits to be written; its key lies in the build's `keys`. */
struct state_entry {
	struct nz_batch batch;
	size_t key_offset;
};

/* The index being written, while lock_fd is not -1. */
struct state_build {
	int lock_fd;
	int64_t dataset, id;
	struct state_entry *entries;
	size_t count;
	struct nz_buffer keys;
};

struct state_sqlite {
	struct nz_state base;
	sqlite3 *db;
	sqlite3_stmt *rollback; /* prepared ahead: it has to work when there is no memory */
	char *folder;
	struct state_build build;
};

static inline struct state_sqlite *state_of(struct nz_state *state)
{
	return (struct state_sqlite *)state;
}

#endif
