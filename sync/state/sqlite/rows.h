/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, columns, and the smallest tables: values, failures, receipts. */
#ifndef NZ_STATE_SQLITE_ROWS_H
#define NZ_STATE_SQLITE_ROWS_H

#include "state/sqlite/handle.h"

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

enum nz_status state_get(struct nz_state *state, const char *name, struct nz_buffer *out,
                         struct nz_error *err);
enum nz_status state_put(struct nz_state *state, const char *name, struct nz_bytes value,
                         struct nz_error *err);
enum nz_status state_put_all(struct nz_state *state, const struct nz_state_value *values,
                             size_t count, struct nz_error *err);
enum nz_status state_failure_add(struct nz_state *state, const struct nz_failure *failure,
                                 struct nz_error *err);
enum nz_status state_receipt_add(struct nz_state *state, const char *node_id, const char *dataset,
                                 int64_t epoch, int64_t records, int64_t at,
                                 struct nz_error *err);

#endif
