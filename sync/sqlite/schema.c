/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataset's schema: which tables there are, their columns and keys. ddl.c has the statements.
 *
 * With a filter, views are left out with their triggers: what they read may be left out.
 */
#include <stdlib.h>

#include "sqlite/ddl.h"
#include "sqlite/layout.h"
#include "sqlite/names.h"

struct listing {
	struct listed *items;
	size_t count;
};

static void clear_listing(struct listing *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}
#define LISTING(name) struct listing name NZ_CLEANUP(clear_listing) = {0}

/* Grows an array of *count items to hold one more, zeroed. */
static void *add_item(void *items, size_t *count, size_t size)
{
	char *grown;

	/* Powers of two; the first eight at once. */
	if (*count >= 8 && (*count & (*count - 1)) != 0)
		grown = items;
	else if (*count != 0 && *count < 8)
		grown = items;
	else
		grown = realloc(items, (*count == 0 ? 8 : *count * 2) * size);
	if (grown == NULL)
		return NULL;
	memset(grown + *count * size, 0, size);
	++*count;
	return grown;
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Everything that PRAGMA table_list knows in the main database, sorted by name. */
static enum nz_status list_tables(sqlite3 *db, struct listing *list, struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(
		db, "SELECT name, type FROM pragma_table_list WHERE schema = 'main'", &stmt, err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		struct listed *items = add_item(list->items, &list->count, sizeof(*list->items));
		const char *type = (const char *)sqlite3_column_text(stmt, 1);
		struct listed *item;

		if (items == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		list->items = items;
		item = &items[list->count - 1];
		NZ_TRY(take_text(stmt, 0, &item->name, err));
		item->table = type != NULL && strcmp(type, "table") == 0;
		item->view = type != NULL && strcmp(type, "view") == 0;
	}
	if (status != NZ_END)
		return status;
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(*list->items), compare_listed);
	return NZ_OK;
}

static bool is_named(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (sqlite3_stricmp(names[i], name) == 0)
			return true;
	return false;
}

/* A name in a filter that names nothing is a mistake that could publish too much. */
static enum nz_status check_names(const char *const *names, size_t count,
                                  const struct listing *list, struct nz_error *err)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < list->count && sqlite3_stricmp(names[i], list->items[at].name) != 0)
			at++;
		if (at == list->count)
			return nz_fail(err, NZ_NOT_FOUND, "there is no table %s", names[i]);
	}
	return NZ_OK;
}

static bool is_wanted(const struct listed *item, const struct nz_sqlite_filter *filter)
{
	if (!item->table || is_internal(item->name) || is_ours(item->name))
		return false;
	if (filter == NULL)
		return true;
	if (filter->table_count > 0 && !is_named(filter->tables, filter->table_count, item->name))
		return false;
	return !is_named(filter->exclude, filter->exclude_count, item->name);
}

static enum nz_status read_column(sqlite3_stmt *stmt, struct nz_table *table, struct nz_error *err)
{
	struct nz_column *columns =
		add_item(table->columns, &table->column_count, sizeof(*table->columns));
	struct nz_column *column;

	if (columns == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	table->columns = columns;
	column = &columns[table->column_count - 1];
	NZ_TRY(take_text(stmt, 0, &column->name, err));
	NZ_TRY(take_text(stmt, 1, &column->type, err));
	column->nullable = sqlite3_column_int(stmt, 2) == 0;
	column->kind = nz_kind_of_sqlite_type(column->type, &column->scale);
	column->as_text = nz_type_is_numeric_text(column->type);
	return NZ_OK;
}

/* place[i]: where column i stands in the primary key, from 1; 0: it does not. */
static enum nz_status set_key(struct nz_table *table, const int *place,
                              const struct table_layout *layout, struct nz_error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		if (place[i] == 0)
			continue;
		n++;
		if (layout->key_is_rowid || layout->without_rowid)
			table->columns[i].nullable = false;
		if (table->columns[i].nullable)
			return NZ_OK; /* the whole record is the key */
	}
	if (n == 0)
		return NZ_OK;
	table->key = calloc(n, sizeof(*table->key));
	if (table->key == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	for (size_t i = 0; i < table->column_count; i++)
		if (place[i] > 0 && (size_t)place[i] <= n)
			table->key[place[i] - 1] = i;
	table->key_count = n;
	return NZ_OK;
}

static enum nz_status read_columns(sqlite3 *db, sqlite3_stmt *stmt, struct nz_table *table,
                                   struct nz_error *err)
{
	int place[NZ_SCHEMA_MAX_COLUMNS];
	struct table_layout layout;
	enum nz_status status;

	NZ_TRY(table_layout(db, "main", table->name, &layout, err));
	if (sqlite3_reset(stmt) != SQLITE_OK ||
	    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC) != SQLITE_OK)
		return nz_sqlite_fail(db, err, "SQLite");
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		if (table->column_count == NZ_SCHEMA_MAX_COLUMNS)
			return nz_fail(err, NZ_LIMIT, "table %s has over %d columns", table->name,
			               NZ_SCHEMA_MAX_COLUMNS);
		NZ_TRY(read_column(stmt, table, err));
		place[table->column_count - 1] = sqlite3_column_int(stmt, 3);
	}
	if (status != NZ_END)
		return status;
	if (table->column_count == 0)
		return nz_fail(err, NZ_UNSUPPORTED, "table %s has no columns", table->name);
	NZ_TRY(set_key(table, place, &layout, err));
	if (!layout.without_rowid && !layout.key_is_rowid && layout.rowid_name == NULL)
		return nz_fail(err, NZ_UNSUPPORTED,
		               "table %s has columns named rowid, _rowid_ and oid and no INTEGER "
		               "PRIMARY KEY: its rows cannot be addressed", table->name);
	return NZ_OK;
}

static enum nz_status read_tables(sqlite3 *db, const struct listing *list,
                                  const struct nz_sqlite_filter *filter, struct nz_schema *schema,
                                  struct nz_error *err)
{
	NZ_STMT(stmt);

	NZ_TRY(nz_sqlite_prepare(db,
	                         "SELECT name, type, \"notnull\", pk FROM "
	                         "pragma_table_xinfo(?1, 'main') WHERE hidden = 0 ORDER BY cid",
	                         &stmt, err));
	for (size_t i = 0; i < list->count; i++) {
		struct nz_table *tables;
		enum nz_status status;

		if (!is_wanted(&list->items[i], filter))
			continue;
		if (schema->table_count == NZ_SCHEMA_MAX_TABLES)
			return nz_fail(err, NZ_LIMIT, "the database has over %d tables",
			               NZ_SCHEMA_MAX_TABLES);
		tables = add_item(schema->tables, &schema->table_count, sizeof(*schema->tables));
		if (tables == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		schema->tables = tables;
		tables += schema->table_count - 1;
		tables->name = nz_strdup_bytes(nz_bytes_str(list->items[i].name));
		if (tables->name == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		status = read_columns(db, stmt, tables, err);
		(void)sqlite3_reset(stmt);
		NZ_TRY(status);
	}
	return NZ_OK;
}

static enum nz_status read_sequences(sqlite3 *db, struct nz_schema *schema, struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(
		db, "SELECT name, CAST(CAST(seq AS INTEGER) AS TEXT) FROM sqlite_sequence ORDER BY rowid",
		&stmt, err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		const struct nz_bytes name = nz_bytes_of(sqlite3_column_text(stmt, 0),
		                                         (size_t)sqlite3_column_bytes(stmt, 0));
		struct nz_sequence *items;

		if (sqlite3_column_type(stmt, 0) != SQLITE_TEXT || name.ptr == NULL ||
		    nz_schema_find(schema, name) == NULL)
			continue;
		items = add_item(schema->sequences, &schema->sequence_count, sizeof(*items));
		if (items == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		schema->sequences = items;
		NZ_TRY(take_text(stmt, 0, &items[schema->sequence_count - 1].name, err));
		NZ_TRY(take_text(stmt, 1, &items[schema->sequence_count - 1].value, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

static int compare_name(const void *name, const void *item)
{
	const struct listed *listed = item;

	return strcmp(name, listed->name);
}

static bool is_listed(const struct listing *list, const char *name)
{
	return list->count > 0 && bsearch(name, list->items, list->count, sizeof(*list->items),
	                                  compare_name) != NULL;
}

enum nz_status nz_sqlite_schema(sqlite3 *db, const struct nz_sqlite_filter *filter,
                                struct nz_schema **out, struct nz_error *err)
{
	NZ_SCHEMA(schema);
	LISTING(list);
	const bool filtered =
		filter != NULL && (filter->table_count > 0 || filter->exclude_count > 0);

	schema = calloc(1, sizeof(*schema));
	if (schema == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	schema->engine = nz_strdup_bytes(nz_bytes_str("sqlite"));
	if (schema->engine == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	NZ_TRY(list_tables(db, &list, err));
	if (filtered) {
		NZ_TRY(check_names(filter->tables, filter->table_count, &list, err));
		NZ_TRY(check_names(filter->exclude, filter->exclude_count, &list, err));
	}
	NZ_TRY(read_tables(db, &list, filter, schema, err));
	NZ_TRY(read_statements(db, list.items, list.count, !filtered, schema, err));
	if (is_listed(&list, "sqlite_sequence"))
		NZ_TRY(read_sequences(db, schema, err));
	*out = schema;
	schema = NULL;
	return NZ_OK;
}

enum nz_status nz_sqlite_left_out(sqlite3 *db, struct nz_buffer *names, struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;
	bool first = true;

	NZ_TRY(nz_sqlite_prepare(db,
	                         "SELECT name FROM pragma_table_list WHERE schema = 'main' AND "
	                         "type = 'virtual' ORDER BY name",
	                         &stmt, err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		char *name NZ_CLEANUP(nz_free_str) = NULL;

		NZ_TRY(take_text(stmt, 0, &name, err));
		NZ_TRY(nz_buffer_append_str(names, first ? "" : ", "));
		NZ_TRY(nz_buffer_append_str(names, name));
		first = false;
	}
	return status == NZ_END ? NZ_OK : status;
}
