/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordered scans, three ways:
 *
 * - by rowid, where the key is the rowid: SQLite's own order, and a scan begins at any key at once;
 * - natively, where the key columns are integers and text whose order in an index is that of the key
 *   bytes. That holds as long as no key column has a value of another class (a marked value). The scan
 *   goes ahead in that hope; at the first such row it has given nothing wrong yet, because marked
 *   values come after all others in key order, and goes on sorted from where it is;
 * - sorted, by SQLite's external sorter over encoded keys or, in tables without a key, records.
 *
 * A native scan never begins in the middle by a condition: a marked value may lie before that place in
 * SQLite's order and after it in key order. It reads from the start and drops what comes before.
 */
#include <stdlib.h>

#include "sqlite/functions.h"
#include "sqlite/layout.h"

enum scan_mode { BY_ROWID, NATIVE, SORTED };

struct nz_scan {
	sqlite3 *db;
	sqlite3_stmt *stmt;
	char *schema_name;
	const struct nz_table *table;
	struct table_layout layout;
	enum scan_mode mode;
	struct nz_value *values;
	struct nz_buffer record, key;
	uint8_t integer_key[9];
	struct nz_buffer from; /* rows before this key are dropped … */
	bool after;            /* … and those at it too */
	bool dropping;
	uint64_t skip; /* rows still to be dropped, in tables without a key */
	size_t record_max_bytes;
	/* Of sorted scans. */
	struct shape row, row_key;
	struct nz_table key_table; /* the key columns alone; borrows their names */
};

bool nz_sqlite_scan_seeks(const struct nz_table *table)
{
	return table->key_count == 1 && table->columns[table->key[0]].kind == NZ_KIND_INT &&
	       sqlite3_stricmp(table->columns[table->key[0]].type, "INTEGER") == 0;
}

void nz_sqlite_scan_free(struct nz_scan **scan)
{
	struct nz_scan *s = *scan;

	if (s == NULL)
		return;
	nz_sqlite_finalize(&s->stmt);
	free(s->schema_name);
	free(s->values);
	free(s->key_table.columns);
	free(s->key_table.key);
	nz_buffer_clear(&s->record);
	nz_buffer_clear(&s->key);
	nz_buffer_clear(&s->from);
	nz_buffer_clear(&s->row.bytes);
	nz_buffer_clear(&s->row_key.bytes);
	free(s);
	*scan = NULL;
}

/* True when an index on the key columns is in key order, but for marked values. */
static bool is_native(const struct nz_scan *s, bool utf8)
{
	const struct nz_table *table = s->table;

	for (size_t i = 0; i < table->key_count; i++) {
		const enum nz_kind kind = table->columns[table->key[i]].kind;

		if (kind != NZ_KIND_INT && !(kind == NZ_KIND_TEXT && utf8))
			return false;
	}
	return table->key_count > 0;
}

static enum nz_status append_from(const struct nz_scan *s, struct nz_buffer *sql)
{
	NZ_TRY(nz_buffer_append_str(sql, " FROM "));
	NZ_TRY(append_table_name(sql, s->schema_name, s->table->name));
	return nz_buffer_append_str(sql, " AS t");
}

static bool selects_rowid(const struct nz_scan *s)
{
	return !s->layout.key_is_rowid && s->layout.rowid_name != NULL;
}

/* SELECT every column, and the rowid where it is none of them, in the order of the key columns. */
static enum nz_status plain_sql(const struct nz_scan *s, bool seek, struct nz_buffer *sql)
{
	const struct nz_table *table = s->table;

	NZ_TRY(nz_buffer_append_str(sql, "SELECT "));
	for (size_t i = 0; i < table->column_count; i++) {
		if (i > 0)
			NZ_TRY(nz_buffer_append_byte(sql, ','));
		NZ_TRY(append_column(sql, table->columns[i].name));
	}
	if (selects_rowid(s)) {
		NZ_TRY(nz_buffer_append_str(sql, ",t."));
		NZ_TRY(nz_buffer_append_str(sql, s->layout.rowid_name));
	}
	NZ_TRY(append_from(s, sql));
	if (seek) {
		NZ_TRY(nz_buffer_append_str(sql, " WHERE "));
		NZ_TRY(append_column(sql, table->columns[table->key[0]].name));
		NZ_TRY(nz_buffer_append_str(sql, " >= ?1"));
	}
	NZ_TRY(nz_buffer_append_str(sql, " ORDER BY "));
	for (size_t i = 0; i < table->key_count; i++) {
		if (i > 0)
			NZ_TRY(nz_buffer_append_byte(sql, ','));
		NZ_TRY(append_column(sql, table->columns[table->key[i]].name));
		if (s->mode == NATIVE)
			NZ_TRY(nz_buffer_append_str(sql, " COLLATE BINARY"));
	}
	return NZ_OK;
}

/* nz_fields(?shape,120,nz_fields(?shape,0,NULL,…),…) over the columns of a table. */
static enum nz_status append_fields(struct nz_buffer *sql, const char *shape,
                                    const struct nz_table *table)
{
	const size_t calls = (table->column_count + FUNCTION_FIELDS - 1) / FUNCTION_FIELDS;

	for (size_t call = calls; call-- > 0;)
		NZ_TRY(nz_buffer_appendf(sql, "nz_fields(%s,%zu,", shape, call * FUNCTION_FIELDS));
	NZ_TRY(nz_buffer_append_str(sql, "NULL"));
	for (size_t i = 0; i < table->column_count; i++) {
		NZ_TRY(nz_buffer_append_byte(sql, ','));
		NZ_TRY(append_column(sql, table->columns[i].name));
		if ((i + 1) % FUNCTION_FIELDS == 0 || i + 1 == table->column_count)
			NZ_TRY(nz_buffer_append_byte(sql, ')'));
	}
	return NZ_OK;
}

static enum nz_status sorted_sql(const struct nz_scan *s, struct nz_buffer *sql)
{
	NZ_TRY(nz_buffer_append_str(sql, "SELECT "));
	NZ_TRY(append_fields(sql, "?1", s->table));
	if (s->table->key_count > 0) {
		NZ_TRY(nz_buffer_append_str(sql, ",nz_key(?2,"));
		NZ_TRY(append_fields(sql, "?2", &s->key_table));
		NZ_TRY(nz_buffer_append_byte(sql, ')'));
	}
	if (s->layout.rowid_name != NULL) {
		NZ_TRY(nz_buffer_append_str(sql, ",t."));
		NZ_TRY(nz_buffer_append_str(sql, s->layout.rowid_name));
	}
	NZ_TRY(append_from(s, sql));
	return nz_buffer_append_str(sql, s->table->key_count > 0 ? " ORDER BY 2" : " ORDER BY 1");
}

/* A table of the key columns alone, to make keys from their fields. */
static enum nz_status make_key_table(struct nz_scan *s)
{
	const size_t n = s->table->key_count;
	struct nz_table *key = &s->key_table;

	if (n == 0 || key->columns != NULL)
		return NZ_OK;
	key->columns = calloc(n, sizeof(*key->columns));
	key->key = calloc(n, sizeof(*key->key));
	if (key->columns == NULL || key->key == NULL)
		return NZ_NO_MEMORY;
	key->column_count = n;
	key->key_count = n;
	for (size_t i = 0; i < n; i++) {
		key->columns[i] = s->table->columns[s->table->key[i]];
		key->key[i] = i;
	}
	return NZ_OK;
}

static enum nz_status begin_sorted(struct nz_scan *s, struct nz_error *err)
{
	NZ_BUFFER(sql);

	s->mode = SORTED;
	NZ_TRY(make_key_table(s));
	NZ_TRY(register_functions(s->db, err));
	NZ_TRY(sorted_sql(s, &sql));
	NZ_TRY(prepare_buffer(s->db, &sql, &s->stmt, err));
	s->row = (struct shape){.table = s->table, .bytes = {.max = s->record_max_bytes}};
	s->row_key = (struct shape){.table = &s->key_table};
	if (sqlite3_bind_pointer(s->stmt, 1, &s->row, SHAPE_POINTER, NULL) != SQLITE_OK ||
	    (s->table->key_count > 0 &&
	     sqlite3_bind_pointer(s->stmt, 2, &s->row_key, SHAPE_POINTER, NULL) != SQLITE_OK))
		return nz_sqlite_fail(s->db, err, "SQLite");
	return NZ_OK;
}

static enum nz_status begin_plain(struct nz_scan *s, struct nz_bytes from, struct nz_error *err)
{
	const bool seek = s->mode == BY_ROWID && from.len == 9 && from.ptr[0] == 0x01;
	uint64_t bits = 0;
	NZ_BUFFER(sql);

	NZ_TRY(plain_sql(s, seek, &sql));
	NZ_TRY(prepare_buffer(s->db, &sql, &s->stmt, err));
	if (!seek)
		return NZ_OK;
	for (size_t i = 1; i < 9; i++)
		bits = bits << 8 | from.ptr[i];
	if (sqlite3_bind_int64(s->stmt, 1, (int64_t)(bits ^ UINT64_C(1) << 63)) != SQLITE_OK)
		return nz_sqlite_fail(s->db, err, "SQLite");
	return NZ_OK;
}

static enum nz_status choose_mode(struct nz_scan *s, struct nz_error *err)
{
	NZ_STMT(stmt);
	const size_t columns = s->table->column_count + (selects_rowid(s) ? 1 : 0);
	bool utf8;

	NZ_TRY(nz_sqlite_prepare(s->db, "PRAGMA encoding", &stmt, err));
	NZ_TRY(nz_sqlite_step(s->db, stmt, err));
	utf8 = sqlite3_column_bytes(stmt, 0) == 5; /* "UTF-8", against "UTF-16le" */
	s->mode = SORTED;
	if (s->layout.key_is_rowid && s->table->key_count == 1)
		s->mode = BY_ROWID;
	else if (is_native(s, utf8) &&
	         columns <= (size_t)sqlite3_limit(s->db, SQLITE_LIMIT_COLUMN, -1))
		s->mode = NATIVE;
	return NZ_OK;
}

static enum nz_status prepare_scan(struct nz_scan *s, const struct nz_scan_from *from,
                                   struct nz_error *err)
{
	const struct nz_bytes key = from != NULL ? from->key : nz_bytes_of(NULL, 0);

	NZ_TRY(table_layout(s->db, s->schema_name, s->table->name, &s->layout, err));
	NZ_TRY(choose_mode(s, err));
	if (s->table->key_count == 0) {
		s->skip = from != NULL ? from->ordinal : 0;
	} else {
		NZ_TRY(nz_buffer_append(&s->from, key.ptr, key.len));
		s->dropping = key.len > 0;
	}
	if (s->mode == SORTED)
		return begin_sorted(s, err);
	return begin_plain(s, key, err);
}

enum nz_status nz_sqlite_scan(sqlite3 *db, const char *schema_name, const struct nz_table *table,
                              const struct nz_scan_from *from, size_t record_max_bytes,
                              struct nz_scan **out, struct nz_error *err)
{
	struct nz_scan *scan NZ_CLEANUP(nz_sqlite_scan_free) = calloc(1, sizeof(*scan));
	enum nz_status status;

	if (scan == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a scan");
	scan->db = db;
	scan->table = table;
	scan->schema_name = nz_strdup_bytes(nz_bytes_str(schema_name));
	scan->values = calloc(table->column_count, sizeof(*scan->values));
	scan->record_max_bytes = record_max_bytes != 0 ? record_max_bytes : NZ_RECORD_MAX_BYTES;
	scan->record.max = scan->record_max_bytes;
	if (scan->schema_name == NULL || scan->values == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a scan");
	status = prepare_scan(scan, from, err);
	if (status != NZ_OK)
		return nz_error_prefix(err, status, "table %s", table->name);
	*out = scan;
	scan = NULL;
	return NZ_OK;
}

/* True when a key has no marked part. */
static bool is_plain_key(const struct nz_table *table, struct nz_bytes key)
{
	const uint8_t *at = key.ptr, *const end = key.ptr + key.len;

	for (size_t i = 0; i < table->key_count; i++) {
		if (at >= end || *at == 0x03)
			return false;
		if (*at == 0x01) {
			at += 9;
			continue;
		}
		at = memchr(at, 0, (size_t)(end - at));
		if (at == NULL)
			return false;
		at++;
	}
	return true;
}

static enum nz_status too_long(const struct nz_scan *s, struct nz_error *err)
{
	return nz_fail(err, NZ_LIMIT, "table %s: a record is over %zu bytes", s->table->name,
	               s->record_max_bytes);
}

/* What nz_record_key gives for an integer, without a look at the record. */
static struct nz_bytes rowid_key(struct nz_scan *s, int64_t rowid)
{
	const uint64_t bits = (uint64_t)rowid ^ UINT64_C(1) << 63;

	s->integer_key[0] = 0x01;
	for (int i = 0; i < 8; i++)
		s->integer_key[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
	return nz_bytes_of(s->integer_key, sizeof(s->integer_key));
}

static enum nz_status read_plain(struct nz_scan *s, struct nz_row *out, struct nz_error *err)
{
	const struct nz_table *table = s->table;
	const int columns = (int)table->column_count;
	enum nz_status status;

	for (int i = 0; i < columns; i++)
		NZ_TRY(take_value(sqlite3_column_value(s->stmt, i), &s->values[i]));
	nz_buffer_reset(&s->record);
	status = nz_record_encode(table, s->values, &s->record);
	if (status == NZ_LIMIT)
		return too_long(s, err);
	NZ_TRY(status);
	out->record = nz_buffer_bytes(&s->record);
	if (s->mode == BY_ROWID) {
		out->rowid = s->values[table->key[0]].integer;
		out->key = rowid_key(s, out->rowid);
		return NZ_OK;
	}
	nz_buffer_reset(&s->key);
	status = nz_record_key(table, out->record, &s->key);
	if (status == NZ_MALFORMED)
		return nz_fail(err, NZ_MALFORMED, "table %s: NULL in a key column", table->name);
	NZ_TRY(status);
	out->key = nz_buffer_bytes(&s->key);
	out->rowid = selects_rowid(s) ? sqlite3_column_int64(s->stmt, columns) : 0;
	return NZ_OK;
}

static enum nz_status read_sorted(struct nz_scan *s, struct nz_row *out)
{
	const int rowid = s->table->key_count > 0 ? 2 : 1;
	const void *record = sqlite3_column_blob(s->stmt, 0);
	const size_t len = (size_t)sqlite3_column_bytes(s->stmt, 0);

	if (record == NULL && len > 0)
		return NZ_NO_MEMORY;
	out->record = nz_bytes_of(record, len);
	if (s->table->key_count > 0) {
		out->key = nz_bytes_of(sqlite3_column_blob(s->stmt, 1),
		                       (size_t)sqlite3_column_bytes(s->stmt, 1));
	} else {
		nz_buffer_reset(&s->key);
		NZ_TRY(nz_record_key(s->table, out->record, &s->key));
		out->key = nz_buffer_bytes(&s->key);
	}
	out->rowid = s->layout.rowid_name != NULL ? sqlite3_column_int64(s->stmt, rowid) : 0;
	return NZ_OK;
}

/* A step that failed: the cause may be one of ours, behind SQLite's code. */
static enum nz_status step_failed(struct nz_scan *s, struct nz_error *err)
{
	const enum nz_status status = nz_sqlite_fail(s->db, err, s->table->name);

	if (s->row.status == NZ_LIMIT || status == NZ_LIMIT)
		return too_long(s, err);
	if (s->row_key.status == NZ_MALFORMED)
		return nz_fail(err, NZ_MALFORMED, "table %s: NULL in a key column", s->table->name);
	return nz_error_prefix(err, status, "table");
}

/* A marked key in a native scan: goes on sorted, after the last row that was given. */
static enum nz_status fall_back(struct nz_scan *s, struct nz_error *err)
{
	nz_sqlite_finalize(&s->stmt);
	s->dropping = s->from.len > 0;
	return begin_sorted(s, err);
}

static bool is_dropped(struct nz_scan *s, struct nz_bytes key)
{
	int order;

	if (s->skip > 0) {
		s->skip--;
		return true;
	}
	if (!s->dropping)
		return false;
	order = nz_bytes_compare(key, nz_buffer_bytes(&s->from));
	if (order < 0 || (order == 0 && s->after))
		return true;
	s->dropping = false;
	return false;
}

enum nz_status nz_sqlite_scan_next(struct nz_scan *s, struct nz_row *out, struct nz_error *err)
{
	struct nz_row row = {0};

	for (;;) {
		const int rc = sqlite3_step(s->stmt);

		if (rc == SQLITE_DONE)
			return NZ_END;
		if (rc != SQLITE_ROW)
			return step_failed(s, err);
		NZ_TRY(s->mode == SORTED ? read_sorted(s, &row) : read_plain(s, &row, err));
		if (s->mode == NATIVE && !is_plain_key(s->table, row.key)) {
			NZ_TRY(fall_back(s, err));
			continue;
		}
		if (is_dropped(s, row.key))
			continue;
		if (s->mode == NATIVE) {
			/* Where to go on from, should a marked key come. */
			nz_buffer_reset(&s->from);
			NZ_TRY(nz_buffer_append(&s->from, row.key.ptr, row.key.len));
			s->after = true;
		}
		*out = row;
		return NZ_OK;
	}
}
