/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite keeps a table, and small helpers for building SQL about it. */
#include "sqlite/internal.h"

enum nz_status prepare_buffer(sqlite3 *db, struct nz_buffer *sql, sqlite3_stmt **out,
                              struct nz_error *err)
{
	const char *text = nz_buffer_cstr(sql);

	if (text == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a statement");
	return nz_sqlite_prepare(db, text, out, err);
}

enum nz_status append_table_name(struct nz_buffer *sql, const char *schema_name, const char *table)
{
	NZ_TRY(nz_sqlite_quote(sql, schema_name));
	NZ_TRY(nz_buffer_append_byte(sql, '.'));
	return nz_sqlite_quote(sql, table);
}

enum nz_status append_column(struct nz_buffer *sql, const char *name)
{
	NZ_TRY(nz_buffer_append_str(sql, "t."));
	return nz_sqlite_quote(sql, name);
}

enum nz_status take_value(sqlite3_value *value, struct nz_value *out)
{
	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		out->class_ = NZ_VALUE_INTEGER;
		out->integer = sqlite3_value_int64(value);
		return NZ_OK;
	case SQLITE_FLOAT:
		out->class_ = NZ_VALUE_REAL;
		out->real = sqlite3_value_double(value);
		return NZ_OK;
	case SQLITE_TEXT:
		out->class_ = NZ_VALUE_TEXT;
		out->bytes.ptr = sqlite3_value_text(value);
		break;
	case SQLITE_BLOB:
		out->class_ = NZ_VALUE_BLOB;
		out->bytes.ptr = sqlite3_value_blob(value);
		break;
	default:
		out->class_ = NZ_VALUE_NULL;
		return NZ_OK;
	}
	out->bytes.len = (size_t)sqlite3_value_bytes(value);
	return out->bytes.ptr == NULL && out->bytes.len > 0 ? NZ_NO_MEMORY : NZ_OK;
}

bool is_ours(const char *name)
{
	return sqlite3_strnicmp(name, "_nz_", 4) == 0;
}

bool is_internal(const char *name)
{
	return sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}

static enum nz_status bind_name(sqlite3 *db, sqlite3_stmt *stmt, int at, const char *name,
                                struct nz_error *err)
{
	if (sqlite3_bind_text(stmt, at, name, -1, SQLITE_STATIC) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	return NZ_OK;
}

/* Runs a question about (table, schema) and gives the first column of its first row. */
static enum nz_status ask(sqlite3 *db, const char *sql, const char *schema_name, const char *table,
                          int64_t *out, struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(db, sql, &stmt, err));
	NZ_TRY(bind_name(db, stmt, 1, table, err));
	NZ_TRY(bind_name(db, stmt, 2, schema_name, err));
	status = nz_sqlite_step(db, stmt, err);
	if (status == NZ_OK)
		*out = sqlite3_column_int64(stmt, 0);
	return status;
}

enum nz_status table_layout(sqlite3 *db, const char *schema_name, const char *table,
                            struct table_layout *out, struct nz_error *err)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	struct table_layout layout = {0};
	int64_t without_rowid, key_columns, key_indexes, hidden;
	enum nz_status status;

	status = ask(db,
	             "SELECT wr FROM pragma_table_list(?1) WHERE schema = ?2 COLLATE NOCASE AND "
	             "type IN ('table', 'shadow')",
	             schema_name, table, &without_rowid, err);
	if (status == NZ_END)
		return nz_fail(err, NZ_NOT_FOUND, "there is no table %s", table);
	NZ_TRY(status);
	NZ_TRY(ask(db, "SELECT count(*) FROM pragma_table_xinfo(?1, ?2) WHERE pk > 0", schema_name,
	           table, &key_columns, err));
	NZ_TRY(ask(db, "SELECT count(*) FROM pragma_index_list(?1, ?2) WHERE origin = 'pk'",
	           schema_name, table, &key_indexes, err));
	NZ_TRY(ask(db,
	           "SELECT total(DISTINCT CASE lower(name) WHEN 'rowid' THEN 1 WHEN '_rowid_' THEN 2 "
	           "WHEN 'oid' THEN 4 END) FROM pragma_table_xinfo(?1, ?2)",
	           schema_name, table, &hidden, err));
	layout.without_rowid = without_rowid != 0;
	layout.key_is_rowid = without_rowid == 0 && key_columns == 1 && key_indexes == 0;
	for (size_t i = 0; i < 3 && without_rowid == 0 && layout.rowid_name == NULL; i++)
		if ((hidden & (1 << i)) == 0)
			layout.rowid_name = names[i];
	*out = layout;
	return NZ_OK;
}
