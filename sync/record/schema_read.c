/* SPDX-License-Identifier: Apache-2.0 */
/* A schema from JSON. Whoever sent it may lie: everything is checked before anything uses it. */
#include <stdlib.h>

#include "record/internal.h"

#define SEQUENCE_DIGITS 20 /* a sign and 19 digits */

/* What is read so far, against NZ_SCHEMA_MAX_BYTES. */
struct reader {
	size_t bytes;
	struct nz_error *err;
};

static enum nz_status copy_text(struct reader *r, struct nz_bytes text, char **out)
{
	if (text.len > NZ_SCHEMA_MAX_BYTES - r->bytes)
		return nz_fail(r->err, NZ_LIMIT, "schema is over %zu bytes", NZ_SCHEMA_MAX_BYTES);
	if (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)
		return nz_fail(r->err, NZ_MALFORMED, "schema: a NUL in a name or statement");
	*out = nz_strdup_bytes(text);
	if (*out == NULL)
		return nz_fail(r->err, NZ_NO_MEMORY, "no memory for a schema");
	r->bytes += text.len;
	return NZ_OK;
}

static enum nz_status copy_member(struct reader *r, const struct nz_json *object, const char *name,
                                  char **out)
{
	struct nz_bytes text;

	NZ_TRY(nz_json_get_string(object, name, &text, r->err));
	return copy_text(r, text, out);
}

/* Zeroed memory for count items (and for one where there are none). */
static void *new_array(struct reader *r, size_t count, size_t size)
{
	void *array = calloc(count > 0 ? count : 1, size);

	if (array == NULL)
		(void)nz_fail(r->err, NZ_NO_MEMORY, "no memory for a schema");
	return array;
}

static enum nz_status read_texts(struct reader *r, const struct nz_json *array, char ***texts,
                                 size_t *count)
{
	const size_t n = nz_json_count(array);

	if (n > NZ_SCHEMA_MAX_BYTES / 8)
		return nz_fail(r->err, NZ_LIMIT, "schema has too many statements");
	*texts = new_array(r, n, sizeof(char *));
	if (*texts == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		const struct nz_json *item = nz_json_at(array, i);

		if (!nz_json_is(item, NZ_JSON_STRING))
			return nz_fail(r->err, NZ_MALFORMED, "schema: a statement is not a string");
		NZ_TRY(copy_text(r, nz_json_string(item), &(*texts)[i]));
		*count = i + 1;
	}
	return NZ_OK;
}

static enum nz_status read_column(struct reader *r, const struct nz_json *json, bool sqlite,
                                  struct nz_column *out)
{
	static const char *const members[] = {"name", "type", "nullable", "kind", NULL};
	const struct nz_json *nullable = nz_json_get(json, "nullable");
	struct nz_bytes kind;

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(r->err, NZ_MALFORMED, "schema: a column is not an object");
	NZ_TRY(nz_json_only_members(json, members, r->err));
	NZ_TRY(copy_member(r, json, "name", &out->name));
	NZ_TRY(copy_member(r, json, "type", &out->type));
	NZ_TRY(nz_json_get_string(json, "kind", &kind, r->err));
	if (!nz_json_is(nullable, NZ_JSON_BOOL))
		return nz_fail(r->err, NZ_MALFORMED, "schema: nullable is not a boolean");
	out->nullable = nz_json_bool(nullable);
	if (!kind_parse(kind, &out->kind))
		return nz_fail(r->err, NZ_MALFORMED, "schema: column %s has an unknown kind",
		               out->name);
	const enum nz_kind own = nz_kind_of_sqlite_type(out->type, &out->scale);
	if (!sqlite && out->kind != NZ_KIND_DECIMAL)
		return NZ_OK;
	/* The replica works the kind out of the type: another one would give it other roots. */
	if (own != out->kind)
		return nz_fail(r->err, NZ_MALFORMED, "schema: column %s has not the kind of its type",
		               out->name);
	out->as_text = nz_type_is_numeric_text(out->type);
	return NZ_OK;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static enum nz_status check_unique_columns(struct reader *r, const struct nz_table *table)
{
	const char **names;
	enum nz_status status = NZ_OK;

	names = new_array(r, table->column_count, sizeof(char *));
	if (names == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < table->column_count; i++)
		names[i] = table->columns[i].name;
	qsort(names, table->column_count, sizeof(char *), compare_names);
	for (size_t i = 1; i < table->column_count && status == NZ_OK; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			status = nz_fail(r->err, NZ_MALFORMED, "schema: table %s has two columns %s",
			                 table->name, names[i]);
	free(names);
	return status;
}

static enum nz_status read_key(struct reader *r, const struct nz_json *array,
                               struct nz_table *table)
{
	const size_t n = nz_json_count(array);

	if (n > table->column_count)
		return nz_fail(r->err, NZ_MALFORMED, "schema: table %s has too long a key",
		               table->name);
	table->key = new_array(r, n, sizeof(size_t));
	if (table->key == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		const struct nz_json *item = nz_json_at(array, i);
		size_t column = 0;

		while (nz_json_is(item, NZ_JSON_STRING) && column < table->column_count &&
		       !nz_bytes_equal(nz_json_string(item),
		                       nz_bytes_str(table->columns[column].name)))
			column++;
		if (!nz_json_is(item, NZ_JSON_STRING) || column == table->column_count)
			return nz_fail(r->err, NZ_MALFORMED,
			               "schema: a key column of table %s is not one of its columns",
			               table->name);
		for (size_t j = 0; j < i; j++)
			if (table->key[j] == column)
				return nz_fail(r->err, NZ_MALFORMED,
				               "schema: a key column of table %s is there twice",
				               table->name);
		if (table->columns[column].nullable)
			return nz_fail(r->err, NZ_MALFORMED,
			               "schema: a key column of table %s can be NULL", table->name);
		table->key[i] = column;
	}
	table->key_count = n;
	return NZ_OK;
}

static enum nz_status read_table(struct reader *r, const struct nz_json *json, bool sqlite,
                                 struct nz_table *out)
{
	static const char *const members[] = {"name", "columns", "key", "ddl", NULL};
	struct nz_json *columns, *key, *ddl;
	size_t n;

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(r->err, NZ_MALFORMED, "schema: a table is not an object");
	NZ_TRY(nz_json_only_members(json, members, r->err));
	NZ_TRY(copy_member(r, json, "name", &out->name));
	NZ_TRY(nz_json_get_array(json, "columns", &columns, r->err));
	NZ_TRY(nz_json_get_array(json, "key", &key, r->err));
	NZ_TRY(nz_json_get_array(json, "ddl", &ddl, r->err));
	n = nz_json_count(columns);
	if (n > NZ_SCHEMA_MAX_COLUMNS)
		return nz_fail(r->err, NZ_LIMIT, "schema: table %s has over %d columns", out->name,
		               NZ_SCHEMA_MAX_COLUMNS);
	if (n == 0 || out->name[0] == 0)
		return nz_fail(r->err, NZ_MALFORMED, "schema: a table without name or columns");
	out->columns = new_array(r, n, sizeof(struct nz_column));
	if (out->columns == NULL)
		return NZ_NO_MEMORY;
	out->column_count = n;
	for (size_t i = 0; i < n; i++)
		NZ_TRY(read_column(r, nz_json_at(columns, i), sqlite, &out->columns[i]));
	NZ_TRY(check_unique_columns(r, out));
	NZ_TRY(read_key(r, key, out));
	return read_texts(r, ddl, &out->ddl, &out->ddl_count);
}

static enum nz_status read_tables(struct reader *r, const struct nz_json *array,
                                  struct nz_schema *out)
{
	const size_t n = nz_json_count(array);
	const bool sqlite = strcmp(out->engine, "sqlite") == 0;

	if (n > NZ_SCHEMA_MAX_TABLES)
		return nz_fail(r->err, NZ_LIMIT, "schema has over %d tables", NZ_SCHEMA_MAX_TABLES);
	out->tables = new_array(r, n, sizeof(struct nz_table));
	if (out->tables == NULL)
		return NZ_NO_MEMORY;
	out->table_count = n;
	for (size_t i = 0; i < n; i++) {
		NZ_TRY(read_table(r, nz_json_at(array, i), sqlite, &out->tables[i]));
		if (i > 0 && strcmp(out->tables[i - 1].name, out->tables[i].name) >= 0)
			return nz_fail(r->err, NZ_MALFORMED, "schema: tables are out of order at %s",
			               out->tables[i].name);
	}
	return NZ_OK;
}

/* A permutation of all statements, and not the identity, which has no order member. */
static enum nz_status read_order(struct reader *r, const struct nz_json *array,
                                 struct nz_schema *out)
{
	const size_t n = nz_json_count(array);
	size_t statements = out->ddl_count, in_place = 0;
	bool *seen;
	bool good = true;

	for (size_t i = 0; i < out->table_count; i++)
		statements += out->tables[i].ddl_count;
	if (n != statements)
		return nz_fail(r->err, NZ_MALFORMED, "schema: order has %zu of %zu statements", n,
		               statements);
	out->order = new_array(r, n, sizeof(uint32_t));
	if (out->order == NULL)
		return NZ_NO_MEMORY;
	out->order_count = n;
	seen = new_array(r, n, sizeof(bool));
	if (seen == NULL)
		return NZ_NO_MEMORY;
	for (size_t i = 0; i < n && good; i++) {
		const struct nz_json *item = nz_json_at(array, i);
		const double number = nz_json_is(item, NZ_JSON_NUMBER) ? nz_json_number(item) : -1;

		good = number >= 0 && number < (double)n &&
		       (double)(uint32_t)number == number && !seen[(uint32_t)number];
		if (!good)
			break;
		out->order[i] = (uint32_t)number;
		seen[out->order[i]] = true;
		in_place += out->order[i] == i;
	}
	free(seen);
	if (!good || in_place == n)
		return nz_fail(r->err, NZ_MALFORMED, "schema: order is not a permutation");
	return NZ_OK;
}

static bool is_decimal(const char *text)
{
	size_t i = text[0] == '-';
	const size_t first = i;

	while (text[i] >= '0' && text[i] <= '9')
		i++;
	return i > first && text[i] == 0 && i <= SEQUENCE_DIGITS;
}

static enum nz_status read_sequences(struct reader *r, const struct nz_json *array,
                                     struct nz_schema *out)
{
	static const char *const members[] = {"name", "value", NULL};
	const size_t n = nz_json_count(array);

	if (n > NZ_SCHEMA_MAX_TABLES)
		return nz_fail(r->err, NZ_LIMIT, "schema has over %d sequences",
		               NZ_SCHEMA_MAX_TABLES);
	out->sequences = new_array(r, n, sizeof(struct nz_sequence));
	if (out->sequences == NULL)
		return NZ_NO_MEMORY;
	out->sequence_count = n;
	for (size_t i = 0; i < n; i++) {
		const struct nz_json *item = nz_json_at(array, i);

		if (!nz_json_is(item, NZ_JSON_OBJECT))
			return nz_fail(r->err, NZ_MALFORMED, "schema: a sequence is not an object");
		NZ_TRY(nz_json_only_members(item, members, r->err));
		NZ_TRY(copy_member(r, item, "name", &out->sequences[i].name));
		NZ_TRY(copy_member(r, item, "value", &out->sequences[i].value));
		if (!is_decimal(out->sequences[i].value))
			return nz_fail(r->err, NZ_MALFORMED, "schema: sequence %s has no number",
			               out->sequences[i].name);
	}
	return NZ_OK;
}

static enum nz_status read_schema(struct reader *r, const struct nz_json *json,
                                  struct nz_schema *out)
{
	static const char *const members[] = {"engine", "tables", "ddl", "order", "sequences", NULL};
	struct nz_json *tables, *array;

	if (!nz_json_is(json, NZ_JSON_OBJECT))
		return nz_fail(r->err, NZ_MALFORMED, "schema is not an object");
	NZ_TRY(nz_json_only_members(json, members, r->err));
	NZ_TRY(copy_member(r, json, "engine", &out->engine));
	if (strcmp(out->engine, "sqlite") != 0 && strcmp(out->engine, "postgresql") != 0)
		return nz_fail(r->err, NZ_UNSUPPORTED, "schema of an unknown engine");
	NZ_TRY(nz_json_get_array(json, "tables", &tables, r->err));
	NZ_TRY(read_tables(r, tables, out));
	if (nz_json_get(json, "ddl") != NULL) {
		NZ_TRY(nz_json_get_array(json, "ddl", &array, r->err));
		NZ_TRY(read_texts(r, array, &out->ddl, &out->ddl_count));
		if (out->ddl_count == 0)
			return nz_fail(r->err, NZ_MALFORMED, "schema: ddl is there, but empty");
	}
	if (nz_json_get(json, "order") != NULL) {
		NZ_TRY(nz_json_get_array(json, "order", &array, r->err));
		NZ_TRY(read_order(r, array, out));
	}
	if (nz_json_get(json, "sequences") == NULL)
		return NZ_OK;
	NZ_TRY(nz_json_get_array(json, "sequences", &array, r->err));
	return read_sequences(r, array, out);
}

enum nz_status nz_schema_from_json(const struct nz_json *json, struct nz_schema **out,
                                   struct nz_error *err)
{
	NZ_SCHEMA(schema);
	struct reader reader = {.err = err};

	schema = new_array(&reader, 1, sizeof(*schema));
	if (schema == NULL)
		return NZ_NO_MEMORY;
	NZ_TRY(read_schema(&reader, json, schema));
	*out = schema;
	schema = NULL;
	return NZ_OK;
}
