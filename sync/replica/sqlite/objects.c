/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the replica, and whose it is. Owners may put indexes, views and tables of their own
 * beside a dataset; changing its tables in place is fine (they stay), making the replica anew would
 * lose them. nz's own objects are known by _nz_object, and by the text of their DDL.
 */
#include <stdlib.h>
#include <string.h>

#include "replica/sqlite/objects.h"
#include "replica/sqlite/read.h"
#include "replica/sqlite/sql.h"

struct texts {
	char **items;
	size_t count;
};

static void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct texts){0};
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum nz_status texts_read(sqlite3 *db, struct texts *out, struct nz_error *err)
{
	struct texts texts NZ_CLEANUP(texts_clear) = {0};
	int64_t room = 0;
	enum nz_status status;
	NZ_STMT(stmt);

	NZ_TRY(nz_sqr_integer(db, "SELECT count(*) FROM main.sqlite_master WHERE sql IS NOT NULL", 0,
	                      &room, err));
	texts.items = calloc((size_t)room + 1, sizeof(*texts.items));
	if (texts.items == NULL)
		return NZ_NO_MEMORY;
	NZ_TRY(nz_sqlite_prepare(db, "SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL", &stmt,
	                         err));
	while ((status = nz_sqlite_step(db, stmt, err)) == NZ_OK && texts.count < (size_t)room) {
		char *text = nz_strdup_bytes(nz_sqr_column_bytes(stmt, 0));

		if (text == NULL)
			return nz_fail(err, NZ_NO_MEMORY, "cannot take the replica's schema");
		texts.items[texts.count++] = text;
	}
	if (status != NZ_END)
		return status == NZ_OK ? NZ_BUSY : status;
	qsort(texts.items, texts.count, sizeof(*texts.items), compare_texts);
	*out = texts;
	texts = (struct texts){0};
	return NZ_OK;
}

static bool texts_have(const struct texts *texts, const char *text)
{
	return bsearch(&text, texts->items, texts->count, sizeof(*texts->items), compare_texts) != NULL;
}

static enum nz_status check_table(sqlite3 *db, const struct nz_table *table,
                                  const struct texts *texts, struct nz_error *err)
{
	bool there = false;

	for (size_t i = 0; i < table->ddl_count; i++) {
		if (texts_have(texts, table->ddl[i]))
			continue;
		NZ_TRY(nz_sqr_has_table(db, table->name, &there, err));
		if (!there)
			return nz_fail(err, NZ_MISMATCH, "table %s is missing", table->name);
		if (i == 0)
			return nz_fail(err, NZ_MISMATCH, "table %s was altered", table->name);
		return nz_fail(err, NZ_MISMATCH, "table %s: missing or altered: %.100s", table->name,
		               table->ddl[i]);
	}
	return NZ_OK;
}

enum nz_status nz_sqr_schema_check(struct nz_replica *replica, struct nz_error *err)
{
	struct nz_sqr *r = nz_sqr_of(replica);
	struct texts texts NZ_CLEANUP(texts_clear) = {0};
	const struct nz_schema *schema = NULL;

	NZ_TRY(nz_sqr_own_schema(r, &schema, err));
	NZ_TRY(texts_read(r->db, &texts, err));
	for (size_t i = 0; i < schema->table_count; i++)
		NZ_TRY(check_table(r->db, &schema->tables[i], &texts, err));
	for (size_t i = 0; i < schema->ddl_count; i++) {
		/* Planner statistics are the owner's to renew. */
		if (sqlite3_strnicmp(schema->ddl[i], "CREATE", 6) == 0 &&
		    !texts_have(&texts, schema->ddl[i]))
			return nz_fail(err, NZ_MISMATCH, "missing or altered: %.100s",
			               schema->ddl[i]);
	}
	return NZ_OK;
}

enum nz_status nz_sqr_objects_foreign(struct nz_sqr *r, struct nz_error *err)
{
	bool known = false;
	NZ_BUFFER(names);
	NZ_STMT(stmt);
	enum nz_status status;

	NZ_TRY(nz_sqr_has_table(r->db, "_nz_object", &known, err));
	NZ_TRY(nz_sqlite_prepare(
		r->db,
		known ? "SELECT type, name FROM main.sqlite_master m WHERE name NOT LIKE"
			" 'sqlite^_%' ESCAPE '^' AND name NOT LIKE '^_nz^_%' ESCAPE '^' AND NOT EXISTS"
			" (SELECT 1 FROM main._nz_object o WHERE o.type = m.type AND o.name = m.name)"
			" LIMIT 6"
		      : "SELECT type, name FROM main.sqlite_master WHERE name NOT LIKE"
			" 'sqlite^_%' ESCAPE '^' AND name NOT LIKE '^_nz^_%' ESCAPE '^' LIMIT 6",
		&stmt, err));
	for (int i = 0; (status = nz_sqlite_step(r->db, stmt, err)) == NZ_OK; i++) {
		if (i < 5)
			NZ_TRY(nz_buffer_appendf(&names, "%s%s %.60s", i > 0 ? ", " : "",
			                         (const char *)sqlite3_column_text(stmt, 0),
			                         (const char *)sqlite3_column_text(stmt, 1)));
		else
			NZ_TRY(nz_buffer_append_str(&names, ", …"));
	}
	if (status != NZ_END)
		return status;
	if (names.len == 0)
		return NZ_OK;
	const char *text = nz_buffer_cstr(&names);
	return nz_fail(err, NZ_REFUSED,
	               "%s has to be made anew and holds what is not the dataset's: %s. Move it to "
	               "another database, or sync to a new path",
	               r->path, text != NULL ? text : "");
}
