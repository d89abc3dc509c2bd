/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the dataset's DDL. It comes signed from the platform, and still may do nothing but make
 * what a dataset has: SQLite's authorizer refuses the rest while a statement is compiled.
 *
 * Tables come first, so that rows can be loaded; indexes, views and triggers after the load, where
 * an index is built by one sort and no trigger can fire.
 */
#include <stdlib.h>
#include <string.h>

#include "replica/sqlite/ddl.h"
#include "replica/sqlite/sql.h"

struct statement {
	const char *sql;
	bool early; /* before the load */
};

static bool begins_with(const char *sql, const char *word)
{
	return sqlite3_strnicmp(sql, word, (int)strlen(word)) == 0;
}

/* Planner statistics are part of no table; their rows may be written at once. */
static bool is_statistics(const char *sql)
{
	return begins_with(sql, "ANALYZE") || begins_with(sql, "INSERT");
}

/* What may be written to: the catalogue, by what makes an object; statistics, by their statements. */
static bool is_catalogue(const char *table)
{
	return strcmp(table, "sqlite_master") == 0 || strcmp(table, "sqlite_schema") == 0 ||
	       strcmp(table, "sqlite_sequence") == 0 || strcmp(table, "sqlite_stat1") == 0;
}

static int may_make(const char *name)
{
	return begins_with(name, "_nz_") ? SQLITE_DENY : SQLITE_OK;
}

/* The statement that is being compiled. */
struct guarded {
	bool early;
	bool analyze; /* it reads the statistics that it has made */
	bool insert;  /* it writes literals */
};

static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
	const struct guarded *statement = context;

	(void)second;
	(void)trigger;
	if (database != NULL && strcmp(database, "main") != 0)
		return SQLITE_DENY;
	switch (action) {
	case SQLITE_SELECT: /* else a table could be made of a query, of any size and duration */
		return statement->analyze ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_FUNCTION:
		return statement->insert ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_READ:
		return SQLITE_OK;
	case SQLITE_CREATE_TABLE:
	case SQLITE_ANALYZE:
		return statement->early ? may_make(first != NULL ? first : "") : SQLITE_DENY;
	case SQLITE_CREATE_INDEX:
		return may_make(first != NULL ? first : "");
	case SQLITE_CREATE_VIEW:
	case SQLITE_CREATE_TRIGGER:
		return statement->early ? SQLITE_DENY : may_make(first != NULL ? first : "");
	case SQLITE_REINDEX: /* the filling of a new index */
		return SQLITE_OK;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		return first != NULL && is_catalogue(first) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static enum nz_status run_one(sqlite3 *db, const char *sql, bool early, struct nz_error *err)
{
	struct guarded guarded = {.early = early,
	                          .analyze = begins_with(sql, "ANALYZE"),
	                          .insert = begins_with(sql, "INSERT")};
	const char *tail = "";
	NZ_STMT(stmt);

	(void)sqlite3_set_authorizer(db, authorize, &guarded);
	const int code = sqlite3_prepare_v2(db, sql, -1, &stmt, &tail);
	if (code == SQLITE_AUTH)
		return nz_fail_code(err, NZ_REFUSED, code,
		                    "the dataset's schema has a statement that is not allowed: %.100s",
		                    sql);
	if (code != SQLITE_OK)
		return nz_error_prefix(err, nz_sqlite_fail(db, err, "schema"), "%.100s", sql);
	if (stmt == NULL || tail[strspn(tail, " \t\r\n;")] != '\0')
		return nz_fail(err, NZ_REFUSED, "the dataset's schema has more than a statement: %.100s",
		               sql);
	const enum nz_status status = nz_sqlite_step(db, stmt, err);
	if (status == NZ_END)
		return NZ_OK;
	if (status == NZ_OK)
		return nz_fail(err, NZ_REFUSED, "the dataset's schema asks for rows: %.100s", sql);
	return nz_error_prefix(err, status, "%.100s", sql);
}

static size_t statement_count(const struct nz_schema *schema)
{
	size_t count = schema->ddl_count;

	for (size_t i = 0; i < schema->table_count; i++)
		count += schema->tables[i].ddl_count;
	return count;
}

/* All statements by their numbers. */
static void number_statements(const struct nz_schema *schema, struct statement *out)
{
	for (size_t i = 0; i < schema->table_count; i++) {
		for (size_t k = 0; k < schema->tables[i].ddl_count; k++)
			*out++ = (struct statement){schema->tables[i].ddl[k], k == 0};
	}
	for (size_t i = 0; i < schema->ddl_count; i++)
		*out++ = (struct statement){schema->ddl[i], is_statistics(schema->ddl[i])};
}

static enum nz_status run_guarded(sqlite3 *db, const struct nz_schema *schema,
                                  const struct statement *all, size_t count, bool early,
                                  struct nz_error *err)
{
	for (size_t i = 0; i < count; i++) {
		const size_t number = schema->order_count == count ? schema->order[i] : i;

		if (number >= count || all[number].early != early)
			continue;
		const enum nz_status status = run_one(db, all[number].sql, early, err);
		(void)sqlite3_set_authorizer(db, NULL, NULL);
		NZ_TRY(status);
	}
	return NZ_OK;
}

static enum nz_status run(sqlite3 *db, const struct nz_schema *schema, bool early,
                          struct nz_error *err)
{
	const size_t count = statement_count(schema);
	struct statement *all = calloc(count + 1, sizeof(*all));

	if (all == NULL)
		return NZ_NO_MEMORY;
	number_statements(schema, all);
	const enum nz_status status = run_guarded(db, schema, all, count, early, err);
	free(all);
	return status;
}

/* Rows go by the names that the schema gives: those are tables of the dataset, and no others. */
static enum nz_status check_tables(sqlite3 *db, const struct nz_schema *schema,
                                   struct nz_error *err)
{
	for (size_t i = 0; i < schema->table_count; i++) {
		const char *name = schema->tables[i].name;
		bool there = false;

		if (begins_with(name, "_nz_") || begins_with(name, "sqlite_"))
			return nz_fail(err, NZ_REFUSED, "the dataset has a table named %s", name);
		NZ_TRY(nz_sqr_has_table(db, name, &there, err));
		if (!there)
			return nz_fail(err, NZ_REFUSED,
			               "the dataset's schema does not make its table %s", name);
	}
	return NZ_OK;
}

enum nz_status nz_sqr_ddl_tables(sqlite3 *db, const struct nz_schema *schema, struct nz_error *err)
{
	NZ_TRY(run(db, schema, true, err));
	return check_tables(db, schema, err);
}

enum nz_status nz_sqr_ddl_rest(sqlite3 *db, const struct nz_schema *schema, struct nz_error *err)
{
	return run(db, schema, false, err);
}
