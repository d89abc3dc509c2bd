/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out what was noted, in the caller's transaction. Every removal comes before the first
 * insertion, so that values under a unique index can change places.
 */
#include "replica/sqlite/apply.h"
#include "replica/sqlite/sql.h"
#include "replica/sqlite/staged.h"

enum nz_status nz_sqr_op_delete(sqlite3_stmt *stmt, sqlite3 *work, size_t table,
                                const struct nz_row *row, struct nz_error *err)
{
	/* Rows without a rowid are found by their record; rowid 0 may be either. */
	const struct nz_bytes record = row->rowid == 0 ? row->record : nz_bytes_of(NULL, 0);

	(void)sqlite3_bind_int64(stmt, 1, (int64_t)table);
	(void)sqlite3_bind_int64(stmt, 2, row->rowid);
	nz_sqr_bind_bytes(stmt, 3, record);
	return nz_sqlite_run(work, stmt, err);
}

enum nz_status nz_sqr_explain_insert(const struct nz_table *table, struct nz_bytes record,
                                     enum nz_status status, struct nz_error *err)
{
	NZ_BUFFER(key);
	NZ_BUFFER(words);

	if (nz_record_key(table, record, &key) != NZ_OK ||
	    nz_record_key_describe(table, nz_buffer_bytes(&key), &words) != NZ_OK)
		return status;
	const char *text = nz_buffer_cstr(&words);
	return text == NULL ? status : nz_error_prefix(err, status, "table %s, row %s", table->name, text);
}

/* The table that is being written: operations come table by table. */
struct target {
	sqlite3 *db;
	const struct nz_schema *schema;
	size_t table;
	struct nz_sqlite_writer *writer;
	uint64_t changed;
};

static void target_clear(struct target *t)
{
	nz_sqlite_writer_free(&t->writer);
}

static enum nz_status target_table(struct target *t, sqlite3_stmt *op, struct nz_error *err)
{
	uint64_t table = 0;

	NZ_TRY(nz_sqr_column_count(op, 0, t->schema->table_count - 1, &table, err));
	if (t->writer != NULL && t->table == table)
		return NZ_OK;
	nz_sqlite_writer_free(&t->writer);
	t->table = (size_t)table;
	return nz_sqlite_writer_new(t->db, "main", &t->schema->tables[table], &t->writer, err);
}

static enum nz_status put(struct target *t, struct nz_bytes record, struct nz_error *err)
{
	const enum nz_status status = nz_sqlite_writer_insert(t->writer, record, err);

	if (status != NZ_OK)
		return nz_sqr_explain_insert(&t->schema->tables[t->table], record, status, err);
	t->changed++;
	return NZ_OK;
}

static enum nz_status put_staged(struct nz_sqr *r, struct target *t, int64_t id,
                                 struct nz_sqr_staged *staged, struct nz_error *err)
{
	struct nz_bytes record;
	enum nz_status status;

	NZ_TRY(nz_sqr_staged_open(staged, r, id, err));
	while ((status = nz_sqr_staged_next(staged, r->record_max_bytes, &record, err)) == NZ_OK)
		NZ_TRY(put(t, record, err));
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status apply_deletes(struct nz_sqr *r, struct target *t, struct nz_error *err)
{
	NZ_STMT(ops);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT tab, row, record FROM op_delete ORDER BY id", &ops,
	                         err));
	while ((status = nz_sqlite_step(r->work, ops, err)) == NZ_OK) {
		NZ_TRY(target_table(t, ops, err));
		NZ_TRY(nz_sqlite_writer_delete(t->writer, sqlite3_column_int64(ops, 1),
		                               nz_sqr_column_bytes(ops, 2), err));
		t->changed++;
	}
	return status == NZ_END ? NZ_OK : status;
}

static enum nz_status apply_inserts(struct nz_sqr *r, struct target *t, struct nz_error *err)
{
	struct nz_sqr_staged staged NZ_CLEANUP(nz_sqr_staged_clear) = {0};
	NZ_STMT(ops);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(r->work, "SELECT tab, staged, record FROM op_insert ORDER BY id",
	                         &ops, err));
	while ((status = nz_sqlite_step(r->work, ops, err)) == NZ_OK) {
		NZ_TRY(target_table(t, ops, err));
		if (sqlite3_column_type(ops, 1) != SQLITE_NULL)
			NZ_TRY(put_staged(r, t, sqlite3_column_int64(ops, 1), &staged, err));
		else
			NZ_TRY(put(t, nz_sqr_column_bytes(ops, 2), err));
	}
	return status == NZ_END ? NZ_OK : status;
}

enum nz_status nz_sqr_apply(struct nz_sqr *r, sqlite3 *db, const struct nz_schema *schema,
                            uint64_t *changed, struct nz_error *err)
{
	struct target target NZ_CLEANUP(target_clear) = {.db = db, .schema = schema};

	if (schema->table_count > 0) {
		NZ_TRY(apply_deletes(r, &target, err));
		NZ_TRY(apply_inserts(r, &target, err));
	}
	*changed = target.changed;
	return NZ_OK;
}
