/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's state in a SQLite file in a folder of its own. Private to this folder. */
#ifndef NZ_STATE_SQLITE_INTERNAL_H
#define NZ_STATE_SQLITE_INTERNAL_H

#include "sqlite/sqlite.h"
#include "state/state.h"

#define STATE_FILE "state.db"
#define STATE_BUSY_TIMEOUT_MS 10000
#define STATE_VERSION 1
#define STATE_APPLICATION_ID 0x6e7a7374 /* "nzst" */

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
	char *folder;
	struct state_build build;
};

static inline struct state_sqlite *state_of(struct nz_state *state)
{
	return (struct state_sqlite *)state;
}

/* FOLDER/NAME. NULL on no memory. */
char *state_path(const char *folder, const char *name);

/* A write transaction: NZ_TRY(state_begin(…)); return state_end(s, work(…), err); */
enum nz_status state_begin(struct state_sqlite *s, struct nz_error *err) NZ_MUST_USE;
/* A read transaction: everything up to state_end sees one state. */
enum nz_status state_begin_read(struct state_sqlite *s, struct nz_error *err) NZ_MUST_USE;
/* Commits when status is NZ_OK, rolls back otherwise; gives the status of the whole. */
enum nz_status state_end(struct state_sqlite *s, enum nz_status status,
                         struct nz_error *err) NZ_MUST_USE;

/* Binds with the text or bytes borrowed: they must outlive the step. From 1, as in SQLite. */
void state_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void state_bind_bytes(sqlite3_stmt *stmt, int at, const void *bytes, size_t len);
/* A column's bytes, borrowed until the next step. */
struct nz_bytes state_column(sqlite3_stmt *stmt, int at);
/* Exactly len bytes, else NZ_DATABASE. */
enum nz_status state_column_exact(sqlite3_stmt *stmt, int at, void *out, size_t len,
                                  struct nz_error *err) NZ_MUST_USE;
/* A short text into out[size], NUL included, else NZ_DATABASE. */
enum nz_status state_column_text(sqlite3_stmt *stmt, int at, char *out, size_t size,
                                 struct nz_error *err) NZ_MUST_USE;
/* The texts that a prepared statement gives, as an owned list. */
enum nz_status state_list(struct state_sqlite *s, sqlite3_stmt *stmt, char ***list, size_t *count,
                          struct nz_error *err) NZ_MUST_USE;
/* The dataset's row id. NZ_NOT_FOUND. */
enum nz_status state_dataset_id(struct state_sqlite *s, const char *name, int64_t *id,
                                struct nz_error *err) NZ_MUST_USE;
/* Removes builds of a dataset that are not its current one, some rows a transaction. */
enum nz_status state_drop_builds(struct state_sqlite *s, int64_t dataset,
                                 struct nz_error *err) NZ_MUST_USE;
/* The lock that a dataset's one builder holds. NZ_BUSY. It dies with the process. */
enum nz_status state_lock_builder(struct state_sqlite *s, const char *dataset, int *fd,
                                  struct nz_error *err) NZ_MUST_USE;
void state_unlock_builder(int *fd);

/* Opens a state file of any version up to ours, and brings it to ours. */
enum nz_status state_open_file(const char *path, sqlite3 **out, struct nz_error *err) NZ_MUST_USE;

enum nz_status state_get(struct nz_state *state, const char *name, struct nz_buffer *out,
                         struct nz_error *err);
enum nz_status state_put(struct nz_state *state, const char *name, struct nz_bytes value,
                         struct nz_error *err);
enum nz_status state_put_all(struct nz_state *state, const struct nz_state_value *values,
                             size_t count, struct nz_error *err);
enum nz_status state_dataset_add(struct nz_state *state, const struct nz_dataset *dataset,
                                 struct nz_error *err);
enum nz_status state_dataset_get(struct nz_state *state, const char *name, struct nz_dataset *out,
                                 struct nz_error *err);
enum nz_status state_dataset_list(struct nz_state *state, nz_dataset_visit visit, void *context,
                                  struct nz_error *err);
enum nz_status state_dataset_remove(struct nz_state *state, const char *name,
                                    struct nz_error *err);
enum nz_status state_index_begin(struct nz_state *state, const char *dataset,
                                 struct nz_error *err);
enum nz_status state_index_add(struct nz_state *state, const struct nz_batch *batch,
                               struct nz_error *err);
enum nz_status state_index_commit(struct nz_state *state, const struct nz_dataset *summary,
                                  int64_t *epoch, struct nz_error *err);
void state_index_abort(struct nz_state *state);
enum nz_status state_index_read(struct nz_state *state, const char *dataset, int64_t epoch,
                                uint64_t from, uint64_t limit, nz_batch_sink sink, void *context,
                                struct nz_error *err);
enum nz_status state_node_add(struct nz_state *state, const struct nz_pin *pin,
                              struct nz_error *err);
enum nz_status state_node_get(struct nz_state *state, const char *node_id, struct nz_pin *out,
                              struct nz_error *err);
enum nz_status state_node_list(struct nz_state *state, nz_pin_visit visit, void *context,
                               struct nz_error *err);
enum nz_status state_node_remove(struct nz_state *state, const char *node_id,
                                 struct nz_error *err);
enum nz_status state_failure_add(struct nz_state *state, const struct nz_failure *failure,
                                 struct nz_error *err);
enum nz_status state_receipt_add(struct nz_state *state, const char *node_id, const char *dataset,
                                 int64_t epoch, int64_t records, int64_t at,
                                 struct nz_error *err);
enum nz_status state_backup(struct nz_state *state, const char *file, struct nz_error *err);
enum nz_status state_restore(const char *location, const char *file, struct nz_error *err);

#endif
