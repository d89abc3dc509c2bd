/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of a schema, byte for byte as sqlite_schema has them, and their order.
 *
 * The order that is carried is the one in which they can be run: every CREATE TABLE first, as
 * sqlite_schema has them, then everything else (indexes, views, triggers) as sqlite_schema has it. A
 * replica made so lists the same statements in the same order as the source, for either class.
 *
 * Planner statistics (sqlite_stat1) travel as statements too, where ANALYZE made its table: without
 * them the replica would plan other queries than the source.
 */
#include <stdlib.h>

#include "sqlite/ddl.h"
#include "sqlite/names.h"

#define NO_TABLE SIZE_MAX

struct statement {
	char *sql;
	size_t table; /* whose it is, or NO_TABLE */
	bool makes_table;
	uint32_t number; /* in the schema's numbering */
};

struct statements {
	struct statement *items;
	size_t count, cap;
};

static void clear_statements(struct statements *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].sql);
	free(list->items);
}

static enum nz_status add(struct statements *list, sqlite3_stmt *stmt, int column, size_t table,
                          bool makes_table, struct nz_error *err)
{
	struct statement *item;

	if (list->count == list->cap) {
		const size_t cap = list->cap == 0 ? 64 : list->cap * 2;
		struct statement *grown = realloc(list->items, cap * sizeof(*grown));

		if (grown == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		list->items = grown;
		list->cap = cap;
	}
	item = &list->items[list->count];
	*item = (struct statement){.table = table, .makes_table = makes_table};
	NZ_TRY(take_text(stmt, column, &item->sql, err));
	list->count++;
	return NZ_OK;
}

/* Statements that write the statistics of the dataset's tables down again. */
static enum nz_status add_statistics(sqlite3 *db, const struct nz_schema *schema,
                                     struct statements *list, struct nz_error *err)
{
	NZ_STMT(make);
	NZ_STMT(rows);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(db, "SELECT 'ANALYZE sqlite_schema'", &make, err));
	NZ_TRY(nz_sqlite_step(db, make, err));
	NZ_TRY(add(list, make, 0, NO_TABLE, true, err));
	NZ_TRY(nz_sqlite_prepare(db,
	                         "SELECT 'INSERT INTO sqlite_stat1 VALUES(' || quote(tbl) || ',' || "
	                         "quote(idx) || ',' || quote(stat) || ')', tbl "
	                         "FROM sqlite_stat1 ORDER BY rowid",
	                         &rows, err));
	while ((status = nz_sqlite_step(db, rows, err)) == NZ_OK) {
		const struct nz_bytes table = nz_bytes_of(sqlite3_column_text(rows, 1),
		                                          (size_t)sqlite3_column_bytes(rows, 1));

		if (table.ptr != NULL && nz_schema_find(schema, table) != NULL)
			NZ_TRY(add(list, rows, 0, NO_TABLE, true, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

static bool is_view(const struct listed *listed, size_t count, const char *name)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = strcmp(listed[middle].name, name);

		if (order == 0)
			return listed[middle].view;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static enum nz_status read_all(sqlite3 *db, const struct listed *listed, size_t listed_count,
                               bool views, const struct nz_schema *schema, struct statements *list,
                               struct nz_error *err)
{
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqlite_prepare(db,
	                         "SELECT type, name, tbl_name, sql FROM main.sqlite_schema "
	                         "WHERE sql IS NOT NULL ORDER BY rowid",
	                         &stmt, err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK) {
		const char *type = (const char *)sqlite3_column_text(stmt, 0);
		const char *name = (const char *)sqlite3_column_text(stmt, 1);
		const char *owner = (const char *)sqlite3_column_text(stmt, 2);
		const struct nz_table *table;
		bool makes_table;

		if (type == NULL || name == NULL || owner == NULL)
			return nz_fail(err, NZ_DATABASE, "the schema of the database is damaged");
		makes_table = strcmp(type, "table") == 0;
		if (makes_table && sqlite3_stricmp(name, "sqlite_stat1") == 0) {
			NZ_TRY(add_statistics(db, schema, list, err));
			continue;
		}
		if (is_ours(name))
			continue;
		table = nz_schema_find(schema, nz_bytes_str(owner));
		if (table != NULL)
			NZ_TRY(add(list, stmt, 3, (size_t)(table - schema->tables), makes_table,
			           err));
		else if (views && !is_ours(owner) && is_view(listed, listed_count, owner))
			NZ_TRY(add(list, stmt, 3, NO_TABLE, false, err));
	}
	return status == NZ_END ? NZ_OK : status;
}

/* The list of an owner in the schema. */
static void owner_of(struct nz_schema *schema, size_t table, char ****ddl, size_t **count)
{
	*ddl = table == NO_TABLE ? &schema->ddl : &schema->tables[table].ddl;
	*count = table == NO_TABLE ? &schema->ddl_count : &schema->tables[table].ddl_count;
}

/* Room in every owner's list for what it has, and counts back at 0. */
static enum nz_status make_lists(const struct statements *list, struct nz_schema *schema,
                                 struct nz_error *err)
{
	char ***ddl;
	size_t *count;

	for (size_t i = 0; i < list->count; i++) {
		owner_of(schema, list->items[i].table, &ddl, &count);
		++*count;
	}
	for (size_t i = 0; i <= schema->table_count; i++) {
		owner_of(schema, i < schema->table_count ? i : NO_TABLE, &ddl, &count);
		if (*count > 0) {
			*ddl = calloc(*count, sizeof(**ddl));
			*count = 0;
			if (*ddl == NULL)
				return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
		}
	}
	return NZ_OK;
}

/* Moves every statement to its owner, the tables' own first, and numbers them. */
static enum nz_status give_all(struct statements *list, struct nz_schema *schema,
                               struct nz_error *err)
{
	uint32_t *first;
	char ***ddl;
	size_t *count;

	NZ_TRY(make_lists(list, schema, err));
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < list->count; i++) {
			struct statement *item = &list->items[i];

			if (item->makes_table != (pass == 0))
				continue;
			owner_of(schema, item->table, &ddl, &count);
			item->number = (uint32_t)*count;
			(*ddl)[(*count)++] = item->sql;
			item->sql = NULL;
		}
	}
	/* Numbers so far are places in a list; lists follow one another, the schema's own last. */
	first = calloc(schema->table_count + 1, sizeof(*first));
	if (first == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	for (size_t i = 0; i < schema->table_count; i++)
		first[i + 1] = first[i] + (uint32_t)schema->tables[i].ddl_count;
	for (size_t i = 0; i < list->count; i++) {
		const size_t table = list->items[i].table;

		list->items[i].number += first[table == NO_TABLE ? schema->table_count : table];
	}
	free(first);
	return NZ_OK;
}

static enum nz_status set_order(const struct statements *list, struct nz_schema *schema,
                                struct nz_error *err)
{
	bool natural = true;
	size_t n = 0;

	if (list->count == 0)
		return NZ_OK;
	schema->order = calloc(list->count, sizeof(*schema->order));
	if (schema->order == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for a schema");
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < list->count; i++) {
			if (list->items[i].makes_table != (pass == 0))
				continue;
			natural = natural && list->items[i].number == n;
			schema->order[n++] = list->items[i].number;
		}
	}
	if (natural) {
		free(schema->order);
		schema->order = NULL;
		n = 0;
	}
	schema->order_count = n;
	return NZ_OK;
}

enum nz_status read_statements(sqlite3 *db, const struct listed *listed, size_t listed_count,
                               bool views, struct nz_schema *schema, struct nz_error *err)
{
	struct statements list NZ_CLEANUP(clear_statements) = {0};

	NZ_TRY(read_all(db, listed, listed_count, views, schema, &list, err));
	NZ_TRY(give_all(&list, schema, err));
	return set_order(&list, schema, err);
}
