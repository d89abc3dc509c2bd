/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, columns, and the smallest tables: values, failures, receipts. */
#include "state/sqlite/rows.h"

#include <stdlib.h>

/* Rows that a log keeps. */
#define LOG_MAX_ROWS "100000"
#define LIST_MAX 100000

enum nz_status state_begin(struct state_sqlite *s, struct nz_error *err)
{
	return nz_sqlite_begin(s->db, "BEGIN IMMEDIATE", err);
}

enum nz_status state_begin_read(struct state_sqlite *s, struct nz_error *err)
{
	return nz_sqlite_begin(s->db, "BEGIN", err);
}

enum nz_status state_end(struct state_sqlite *s, enum nz_status status, struct nz_error *err)
{
	if (status == NZ_OK)
		status = nz_sqlite_exec(s->db, "COMMIT", err);
	/* A failed COMMIT may leave the transaction open; a rollback may find that SQLite did it.
	 */
	if (status != NZ_OK && sqlite3_get_autocommit(s->db) == 0) {
		(void)sqlite3_step(s->rollback);
		(void)sqlite3_reset(s->rollback);
	}
	return status;
}

/* Failures of a bind (no memory, too big) show at the step: the value is NULL, all are NOT NULL. */
void state_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	(void)sqlite3_bind_text64(stmt, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
}

void state_bind_bytes(sqlite3_stmt *stmt, int at, const void *bytes, size_t len)
{
	/* A NULL pointer would bind NULL, and there is a difference to no bytes. */
	if (len == 0)
		(void)sqlite3_bind_zeroblob(stmt, at, 0);
	else
		(void)sqlite3_bind_blob64(stmt, at, bytes, len, SQLITE_STATIC);
}

struct nz_bytes state_column(sqlite3_stmt *stmt, int at)
{
	const void *ptr = sqlite3_column_blob(stmt, at);
	const int len = sqlite3_column_bytes(stmt, at);

	return nz_bytes_of(ptr, ptr != NULL && len > 0 ? (size_t)len : 0);
}

enum nz_status state_column_exact(sqlite3_stmt *stmt, int at, void *out, size_t len,
                                  struct nz_error *err)
{
	const struct nz_bytes bytes = state_column(stmt, at);

	if (bytes.len != len)
		return nz_fail(err, NZ_DATABASE,
		               "the platform's state is damaged: %s has %zu bytes",
		               sqlite3_column_name(stmt, at), bytes.len);
	memcpy(out, bytes.ptr, len);
	return NZ_OK;
}

enum nz_status state_column_text(sqlite3_stmt *stmt, int at, char *out, size_t size,
                                 struct nz_error *err)
{
	const struct nz_bytes bytes = state_column(stmt, at);

	if (bytes.len >= size)
		return nz_fail(err, NZ_DATABASE,
		               "the platform's state is damaged: %s has %zu bytes",
		               sqlite3_column_name(stmt, at), bytes.len);
	if (bytes.len > 0)
		memcpy(out, bytes.ptr, bytes.len);
	out[bytes.len] = '\0';
	return NZ_OK;
}

/* A list under way, freed unless it is taken. */
struct list {
	char **items;
	size_t count;
};

static void list_clear(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static enum nz_status list_push(struct list *list, struct nz_bytes text, struct nz_error *err)
{
	/* Full at 0, 1, 2, 4, 8, …: then it doubles. */
	if ((list->count & (list->count - 1)) == 0) {
		const size_t cap = list->count > 0 ? 2 * list->count : 1;
		char **items = realloc(list->items, cap * sizeof *items);

		if (items == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a list");
		list->items = items;
	}
	if (list->count == LIST_MAX)
		return nz_fail(err, NZ_LIMIT, "a list of over %d items", LIST_MAX);
	list->items[list->count] = nz_strdup_bytes(text);
	if (list->items[list->count] == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a list");
	list->count++;
	return NZ_OK;
}

enum nz_status state_list(struct state_sqlite *s, sqlite3_stmt *stmt, char ***out, size_t *count,
                          struct nz_error *err)
{
	struct list list NZ_CLEANUP(list_clear) = {0};
	enum nz_status status;

	while ((status = nz_sqlite_step(s->db, stmt, err)) == NZ_OK)
		NZ_TRY(list_push(&list, state_column(stmt, 0), err));
	if (status != NZ_END)
		return status;
	*out = list.items;
	*count = list.count;
	list = (struct list){0};
	return NZ_OK;
}

enum nz_status state_dataset_id(struct state_sqlite *s, const char *name, int64_t *id,
                                struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "SELECT id FROM dataset WHERE name = ?", &stmt, err));
	state_bind_text(stmt, 1, name);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "no dataset '%s'", name);
	NZ_TRY(status);
	*id = sqlite3_column_int64(stmt, 0);
	return NZ_OK;
}

enum nz_status state_get(struct nz_state *state, const char *name, struct nz_buffer *out,
                         struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db, "SELECT value FROM value WHERE name = ?", &stmt, err));
	state_bind_text(stmt, 1, name);
	const enum nz_status status = nz_sqlite_step(s->db, stmt, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "the state has no '%s'", name);
	NZ_TRY(status);
	const struct nz_bytes value = state_column(stmt, 0);
	return nz_buffer_append(out, value.ptr, value.len);
}

enum nz_status state_put(struct nz_state *state, const char *name, struct nz_bytes value,
                         struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO value (name, value) VALUES (?, ?)"
	                         " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	                         &stmt, err));
	state_bind_text(stmt, 1, name);
	state_bind_bytes(stmt, 2, value.ptr, value.len);
	return nz_sqlite_run(s->db, stmt, err);
}

static enum nz_status put_each(struct nz_state *state, const struct nz_state_value *values,
                               size_t count, struct nz_error *err)
{
	for (size_t i = 0; i < count; i++)
		NZ_TRY(state_put(state, values[i].name, values[i].value, err));
	return NZ_OK;
}

enum nz_status state_put_all(struct nz_state *state, const struct nz_state_value *values,
                             size_t count, struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	NZ_TRY(state_begin(s, err));
	return state_end(s, put_each(state, values, count, err), err);
}

static enum nz_status add_failure(struct state_sqlite *s, const struct nz_failure *f,
                                  struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO failure (incident, at, code, node_id, dataset, peer,"
	                         " detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
	                         &stmt, err));
	state_bind_text(stmt, 1, f->incident);
	sqlite3_bind_int64(stmt, 2, f->at);
	sqlite3_bind_int(stmt, 3, f->code);
	state_bind_text(stmt, 4, f->node_id);
	state_bind_text(stmt, 5, f->dataset);
	state_bind_text(stmt, 6, f->peer);
	state_bind_text(stmt, 7, f->detail);
	NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	return nz_sqlite_exec(s->db,
	                      "DELETE FROM failure WHERE id <="
	                      " (SELECT max(id) FROM failure) - " LOG_MAX_ROWS,
	                      err);
}

enum nz_status state_failure_add(struct nz_state *state, const struct nz_failure *failure,
                                 struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	NZ_TRY(state_begin(s, err));
	return state_end(s, add_failure(s, failure, err), err);
}

static enum nz_status add_receipt(struct state_sqlite *s, const char *node_id, const char *dataset,
                                  int64_t epoch, int64_t records, int64_t at, struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(s->db,
	                         "INSERT INTO receipt (node_id, dataset, epoch, records, at)"
	                         " VALUES (?, ?, ?, ?, ?)",
	                         &stmt, err));
	state_bind_text(stmt, 1, node_id);
	state_bind_text(stmt, 2, dataset);
	sqlite3_bind_int64(stmt, 3, epoch);
	sqlite3_bind_int64(stmt, 4, records);
	sqlite3_bind_int64(stmt, 5, at);
	NZ_TRY(nz_sqlite_run(s->db, stmt, err));
	return nz_sqlite_exec(s->db,
	                      "DELETE FROM receipt WHERE id <="
	                      " (SELECT max(id) FROM receipt) - " LOG_MAX_ROWS,
	                      err);
}

enum nz_status state_receipt_add(struct nz_state *state, const char *node_id, const char *dataset,
                                 int64_t epoch, int64_t records, int64_t at, struct nz_error *err)
{
	struct state_sqlite *s = state_of(state);

	NZ_TRY(state_begin(s, err));
	return state_end(s, add_receipt(s, node_id, dataset, epoch, records, at, err), err);
}
