/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite keeps a table, and small helpers for building SQL about it. */
#include "sqlite/layout.h"

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

static enum nz_status bind_name(sqlite3 *db, sqlite3_stmt *stmt, int at, const char *name,
                                struct nz_error *err)
{
	if (sqlite3_bind_text(stmt, at, name, -1, SQLITE_STATIC) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	return NZ_OK;
}

/* About table ?1 of database ?2; bits of hidden: which names of the rowid are columns'. */
static const char question[] =
	"SELECT"
	/* Of a table's name this gives the key of a WITHOUT ROWID table, and nothing of another. */
	" (SELECT count(*) FROM pragma_index_info(?1, ?2)),"
	" (SELECT count(*) FROM pragma_index_list(?1, ?2) WHERE origin = 'pk'),"
	" total(pk > 0), total(CASE lower(name) WHEN 'rowid' THEN 1 WHEN '_rowid_' THEN 2"
	" WHEN 'oid' THEN 4 END) FROM pragma_table_xinfo(?1, ?2)";

enum nz_status table_layout(sqlite3 *db, const char *schema_name, const char *table,
                            struct table_layout *out, struct nz_error *err)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	struct table_layout layout = {0};
	NZ_STMT(stmt);
	int hidden;

	/* Not PRAGMA table_list, which looks at every table there is. */
	if (sqlite3_table_column_metadata(db, schema_name, table, NULL, NULL, NULL, NULL, NULL,
	                                  NULL) != SQLITE_OK) {
		if (sqlite3_errcode(db) == SQLITE_ERROR)
			return nz_fail(err, NZ_NOT_FOUND, "there is no table %s", table);
		return nz_sqlite_fail(db, err, "SQLite");
	}
	NZ_TRY(nz_sqlite_prepare(db, question, &stmt, err));
	NZ_TRY(bind_name(db, stmt, 1, table, err));
	NZ_TRY(bind_name(db, stmt, 2, schema_name, err));
	NZ_TRY(nz_sqlite_step(db, stmt, err));
	layout.without_rowid = sqlite3_column_int(stmt, 0) > 0;
	layout.key_is_rowid = !layout.without_rowid && sqlite3_column_int(stmt, 1) == 0 &&
			      sqlite3_column_int(stmt, 2) == 1;
	hidden = sqlite3_column_int(stmt, 3);
	for (size_t i = 0; i < 3 && !layout.without_rowid && layout.rowid_name == NULL; i++)
		if ((hidden & (1 << i)) == 0)
			layout.rowid_name = names[i];
	*out = layout;
	return NZ_OK;
}
