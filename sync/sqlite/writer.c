/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows written and removed, value for value.
 *
 * SQLite converts a value that its column's affinity wants otherwise. A value that was read from a
 * table with the same declaration has been through that and stays as it is; but a file whose schema
 * was edited, or a peer that lies, can hold others. So a row with a value that its column may convert
 * is read back, and refused when it is not what was sent.
 */
#include <stdlib.h>

#include "sqlite/layout.h"

enum affinity { AFFINITY_NONE, AFFINITY_TEXT, AFFINITY_REAL, AFFINITY_NUMBER };

struct nz_sqlite_writer {
	sqlite3 *db;
	const struct nz_table *table;
	char *schema_name;
	struct table_layout layout;
	sqlite3_stmt *insert, *remove, *look; /* the last two prepared when first needed */
	enum affinity *affinities;
	struct nz_value *values, *stored;
	struct nz_buffer scratch, again;
};

void nz_sqlite_writer_free(struct nz_sqlite_writer **writer)
{
	struct nz_sqlite_writer *w = *writer;

	if (w == NULL)
		return;
	nz_sqlite_finalize(&w->insert);
	nz_sqlite_finalize(&w->remove);
	nz_sqlite_finalize(&w->look);
	free(w->schema_name);
	free(w->affinities);
	free(w->values);
	free(w->stored);
	nz_buffer_clear(&w->scratch);
	nz_buffer_clear(&w->again);
	free(w);
	*writer = NULL;
}

static enum nz_status append_names(struct nz_buffer *sql, const struct nz_table *table,
                                   const char *before)
{
	for (size_t i = 0; i < table->column_count; i++) {
		NZ_TRY(nz_buffer_append_str(sql, i > 0 ? "," : ""));
		NZ_TRY(nz_buffer_append_str(sql, before));
		NZ_TRY(nz_sqlite_quote(sql, table->columns[i].name));
	}
	return NZ_OK;
}

static enum nz_status prepare_insert(struct nz_sqlite_writer *w, struct nz_error *err)
{
	NZ_BUFFER(sql);

	NZ_TRY(nz_buffer_append_str(&sql, "INSERT OR ABORT INTO "));
	NZ_TRY(append_table_name(&sql, w->schema_name, w->table->name));
	NZ_TRY(nz_buffer_append_byte(&sql, '('));
	NZ_TRY(append_names(&sql, w->table, ""));
	NZ_TRY(nz_buffer_append_str(&sql, ") VALUES("));
	for (size_t i = 0; i < w->table->column_count; i++)
		NZ_TRY(nz_buffer_append_str(&sql, i > 0 ? ",?" : "?"));
	NZ_TRY(nz_buffer_append_byte(&sql, ')'));
	return prepare_buffer(w->db, &sql, &w->insert, err);
}

/*
 * The one row: by rowid, or by its key. Equal under the key's own comparison (which finds it by index),
 * and then in bytes and class too, which a collation or a number's other class might blur.
 */
static enum nz_status append_where(const struct nz_sqlite_writer *w, struct nz_buffer *sql)
{
	const struct nz_table *table = w->table;

	NZ_TRY(nz_buffer_append_str(sql, " WHERE "));
	if (!w->layout.without_rowid) {
		if (w->layout.rowid_name != NULL)
			return nz_buffer_appendf(sql, "t.%s = ?1", w->layout.rowid_name);
		NZ_TRY(append_column(sql, table->columns[table->key[0]].name));
		return nz_buffer_append_str(sql, " = ?1");
	}
	for (size_t i = 0; i < table->key_count; i++) {
		const char *name = table->columns[table->key[i]].name;

		NZ_TRY(nz_buffer_append_str(sql, i > 0 ? " AND " : ""));
		NZ_TRY(append_column(sql, name));
		NZ_TRY(nz_buffer_appendf(sql, " = ?%zu AND ", i + 1));
		NZ_TRY(append_column(sql, name));
		NZ_TRY(nz_buffer_appendf(sql, " COLLATE BINARY = ?%zu AND typeof(", i + 1));
		NZ_TRY(append_column(sql, name));
		NZ_TRY(nz_buffer_appendf(sql, ") = typeof(?%zu)", i + 1));
	}
	return NZ_OK;
}

static enum nz_status prepare_remove(struct nz_sqlite_writer *w, struct nz_error *err)
{
	NZ_BUFFER(sql);

	if (w->remove != NULL)
		return NZ_OK;
	NZ_TRY(nz_buffer_append_str(&sql, "DELETE FROM "));
	NZ_TRY(append_table_name(&sql, w->schema_name, w->table->name));
	NZ_TRY(nz_buffer_append_str(&sql, " AS t"));
	NZ_TRY(append_where(w, &sql));
	return prepare_buffer(w->db, &sql, &w->remove, err);
}

static enum nz_status prepare_look(struct nz_sqlite_writer *w, struct nz_error *err)
{
	NZ_BUFFER(sql);

	if (w->look != NULL)
		return NZ_OK;
	NZ_TRY(nz_buffer_append_str(&sql, "SELECT "));
	NZ_TRY(append_names(&sql, w->table, "t."));
	NZ_TRY(nz_buffer_append_str(&sql, " FROM "));
	NZ_TRY(append_table_name(&sql, w->schema_name, w->table->name));
	NZ_TRY(nz_buffer_append_str(&sql, " AS t"));
	NZ_TRY(append_where(w, &sql));
	return prepare_buffer(w->db, &sql, &w->look, err);
}

/* SQLite's rules for the affinity of a declared type (datatype3, section 3.1). */
static enum affinity affinity_of(const char *type)
{
	uint8_t scale;

	if (nz_type_is_numeric_text(type))
		return AFFINITY_TEXT;
	if (sqlite3_stricmp(type, "ANY") == 0)
		return AFFINITY_NUMBER; /* none in a STRICT table: then looking back costs time alone */
	if (sqlite3_strlike("%INT%", type, 0) == 0)
		return AFFINITY_NUMBER;
	if (sqlite3_strlike("%CHAR%", type, 0) == 0 || sqlite3_strlike("%CLOB%", type, 0) == 0 ||
	    sqlite3_strlike("%TEXT%", type, 0) == 0)
		return AFFINITY_TEXT;
	switch (nz_kind_of_sqlite_type(type, &scale)) {
	case NZ_KIND_BYTES:
		return AFFINITY_NONE;
	case NZ_KIND_FLOAT8:
		return AFFINITY_REAL;
	default:
		return AFFINITY_NUMBER;
	}
}

static enum nz_status prepare_writer(struct nz_sqlite_writer *w, struct nz_error *err)
{
	const size_t n = w->table->column_count;

	w->affinities = calloc(n, sizeof(*w->affinities));
	w->values = calloc(n, sizeof(*w->values));
	w->stored = calloc(n, sizeof(*w->stored));
	if (w->schema_name == NULL || w->affinities == NULL || w->values == NULL ||
	    w->stored == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a writer");
	for (size_t i = 0; i < n; i++)
		w->affinities[i] = affinity_of(w->table->columns[i].type);
	NZ_TRY(table_layout(w->db, w->schema_name, w->table->name, &w->layout, err));
	if (!w->layout.without_rowid && w->layout.rowid_name == NULL &&
	    (!w->layout.key_is_rowid || w->table->key_count != 1))
		return nz_fail(err, NZ_UNSUPPORTED, "its rows cannot be addressed");
	if (w->layout.without_rowid && w->table->key_count == 0)
		return nz_fail(err, NZ_UNSUPPORTED, "it has a key here and none in the dataset");
	return prepare_insert(w, err);
}

enum nz_status nz_sqlite_writer_new(sqlite3 *db, const char *schema_name,
                                    const struct nz_table *table, struct nz_sqlite_writer **out,
                                    struct nz_error *err)
{
	struct nz_sqlite_writer *writer NZ_CLEANUP(nz_sqlite_writer_free) =
		calloc(1, sizeof(*writer));
	enum nz_status status;

	if (writer == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a writer");
	writer->db = db;
	writer->table = table;
	writer->schema_name = nz_strdup_bytes(nz_bytes_str(schema_name));
	status = prepare_writer(writer, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "table %s", table->name);
	*out = writer;
	writer = NULL;
	return NZ_OK;
}

/* The bytes stay where they are until the statement is reset. */
static int bind(sqlite3_stmt *stmt, int at, const struct nz_value *value)
{
	const char *bytes = value->bytes.len > 0 ? (const char *)value->bytes.ptr : "";

	switch (value->class_) {
	case NZ_VALUE_INTEGER:
		return sqlite3_bind_int64(stmt, at, value->integer);
	case NZ_VALUE_REAL:
		return sqlite3_bind_double(stmt, at, value->real);
	case NZ_VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, bytes, value->bytes.len, SQLITE_STATIC,
		                           SQLITE_UTF8);
	case NZ_VALUE_BLOB:
		return sqlite3_bind_blob64(stmt, at, bytes, value->bytes.len, SQLITE_STATIC);
	case NZ_VALUE_NULL:
		break;
	}
	return sqlite3_bind_null(stmt, at);
}

/*
 * True for every text that SQLite may take for a number, and for few others: digits, points, white
 * space, exponents, and signs at the start or after an exponent's letter. No date, for one.
 */
static bool is_like_number(struct nz_bytes text)
{
	uint8_t before = ' ';

	for (size_t i = 0; i < text.len; i++) {
		const uint8_t byte = text.ptr[i];
		const bool space = byte == ' ' || (byte >= '\t' && byte <= '\r');
		const bool exponent = byte == 'e' || byte == 'E';

		if ((byte == '-' || byte == '+') && before != ' ' && before != 'e')
			return false;
		if (!space && !exponent && byte != '-' && byte != '+' && byte != '.' &&
		    (byte < '0' || byte > '9'))
			return false;
		before = space ? ' ' : exponent ? 'e' : byte;
	}
	return text.len > 0;
}

static bool may_convert(enum affinity affinity, const struct nz_value *value)
{
	switch (value->class_) {
	case NZ_VALUE_INTEGER:
		return affinity == AFFINITY_TEXT || affinity == AFFINITY_REAL;
	case NZ_VALUE_REAL:
		return affinity == AFFINITY_TEXT ||
		       (affinity == AFFINITY_NUMBER && value->real >= -0x1p63 &&
		        value->real < 0x1p63 && (double)(int64_t)value->real == value->real);
	case NZ_VALUE_TEXT:
		return (affinity == AFFINITY_NUMBER || affinity == AFFINITY_REAL) &&
		       is_like_number(value->bytes);
	case NZ_VALUE_NULL:
	case NZ_VALUE_BLOB:
		break;
	}
	return false;
}

static enum nz_status bind_address(struct nz_sqlite_writer *w, sqlite3_stmt *stmt, int64_t rowid,
                                   struct nz_error *err)
{
	int rc = SQLITE_OK;

	if (!w->layout.without_rowid)
		rc = sqlite3_bind_int64(stmt, 1, rowid);
	for (size_t i = 0; w->layout.without_rowid && i < w->table->key_count && rc == SQLITE_OK; i++)
		rc = bind(stmt, (int)i + 1, &w->values[w->table->key[i]]);
	return rc == SQLITE_OK ? NZ_OK : nz_sqlite_fail(w->db, err, "SQLite");
}

/* Compares the row that was just written with the record. Its values are still in w->values. */
static enum nz_status look_back(struct nz_sqlite_writer *w, struct nz_bytes record,
                                struct nz_error *err)
{
	enum nz_status status;

	NZ_TRY(prepare_look(w, err));
	NZ_TRY(bind_address(w, w->look, sqlite3_last_insert_rowid(w->db), err));
	status = nz_sqlite_step(w->db, w->look, err);
	for (size_t i = 0; i < w->table->column_count && status == NZ_OK; i++)
		status = take_value(sqlite3_column_value(w->look, (int)i), &w->stored[i]);
	nz_buffer_reset(&w->again);
	if (status == NZ_OK)
		status = nz_record_encode(w->table, w->stored, &w->again);
	(void)sqlite3_reset(w->look);
	if (status == NZ_END ||
	    (status == NZ_OK && !nz_bytes_equal(nz_buffer_bytes(&w->again), record)))
		return nz_fail(err, NZ_UNSUPPORTED,
		               "table %s: a value whose storage class SQLite does not keep in its "
		               "column", w->table->name);
	return status;
}

enum nz_status nz_sqlite_writer_insert(struct nz_sqlite_writer *w, struct nz_bytes record,
                                       struct nz_error *err)
{
	bool look = false;
	int rc = SQLITE_OK;

	NZ_TRY(nz_record_decode(w->table, record, &w->scratch, w->values, err));
	for (size_t i = 0; i < w->table->column_count && rc == SQLITE_OK; i++) {
		rc = bind(w->insert, (int)i + 1, &w->values[i]);
		look = look || may_convert(w->affinities[i], &w->values[i]);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_step(w->insert);
	if (rc != SQLITE_DONE) {
		const enum nz_status status = nz_sqlite_fail(w->db, err, w->table->name);

		(void)sqlite3_reset(w->insert);
		return nz_error_prefix(err, status, "table");
	}
	(void)sqlite3_reset(w->insert);
	return look ? look_back(w, record, err) : NZ_OK;
}

enum nz_status nz_sqlite_writer_delete(struct nz_sqlite_writer *w, int64_t rowid,
                                       struct nz_bytes record, struct nz_error *err)
{
	enum nz_status status;

	NZ_TRY(prepare_remove(w, err));
	if (w->layout.without_rowid)
		NZ_TRY(nz_record_decode(w->table, record, &w->scratch, w->values, err));
	NZ_TRY(bind_address(w, w->remove, rowid, err));
	status = nz_sqlite_run(w->db, w->remove, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "table %s", w->table->name);
	if (sqlite3_changes64(w->db) != 1)
		return nz_fail(err, NZ_NOT_FOUND, "table %s: a row to be removed is not there",
		               w->table->name);
	return NZ_OK;
}
