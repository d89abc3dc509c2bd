/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema as JSON:
 *   {"engine": "sqlite", "tables": [{"columns": [{"kind": "decimal", "name": "price",
 *   "nullable": true, "type": "DECIMAL(10,2)"}], "ddl": ["CREATE TABLE …"], "key": ["id"],
 *   "name": "shop"}], "ddl": […], "order": […], "sequences": [{"name": "shop", "value": "7"}]}
 * ddl and order of the schema are absent where they are empty. A decimal's scale is in its type.
 */
#include "record/internal.h"

static const char *const kind_names[] = {
	[NZ_KIND_INT] = "int",         [NZ_KIND_TEXT] = "text",     [NZ_KIND_BYTES] = "bytes",
	[NZ_KIND_BOOL] = "bool",       [NZ_KIND_FLOAT8] = "float8", [NZ_KIND_DECIMAL] = "decimal",
	[NZ_KIND_NUMERIC] = "numeric",
};

bool kind_parse(struct nz_bytes text, enum nz_kind *out)
{
	for (int kind = NZ_KIND_INT; kind <= NZ_KIND_NUMERIC; kind++) {
		if (nz_bytes_equal(text, nz_bytes_str(kind_names[kind]))) {
			*out = (enum nz_kind)kind;
			return true;
		}
	}
	return false;
}

static struct nz_json *texts_to_json(char *const *texts, size_t count, struct nz_json_doc *doc)
{
	struct nz_json *array = nz_json_make_array(doc);

	for (size_t i = 0; i < count; i++)
		nz_json_push(doc, array, nz_json_make_string(doc, nz_bytes_str(texts[i])));
	return array;
}

static struct nz_json *column_to_json(const struct nz_column *column, struct nz_json_doc *doc)
{
	struct nz_json *json = nz_json_make_object(doc);

	nz_json_set_str(doc, json, "name", column->name);
	nz_json_set_str(doc, json, "type", column->type);
	nz_json_set(doc, json, "nullable", nz_json_make_bool(doc, column->nullable));
	nz_json_set_str(doc, json, "kind", kind_names[column->kind]);
	return json;
}

static struct nz_json *table_to_json(const struct nz_table *table, struct nz_json_doc *doc)
{
	struct nz_json *json = nz_json_make_object(doc);
	struct nz_json *columns = nz_json_make_array(doc);
	struct nz_json *key = nz_json_make_array(doc);

	for (size_t i = 0; i < table->column_count; i++)
		nz_json_push(doc, columns, column_to_json(&table->columns[i], doc));
	for (size_t i = 0; i < table->key_count; i++) {
		const char *name = table->columns[table->key[i]].name;

		nz_json_push(doc, key, nz_json_make_string(doc, nz_bytes_str(name)));
	}
	nz_json_set_str(doc, json, "name", table->name);
	nz_json_set(doc, json, "columns", columns);
	nz_json_set(doc, json, "key", key);
	nz_json_set(doc, json, "ddl", texts_to_json(table->ddl, table->ddl_count, doc));
	return json;
}

static struct nz_json *sequences_to_json(const struct nz_schema *schema, struct nz_json_doc *doc)
{
	struct nz_json *array = nz_json_make_array(doc);

	for (size_t i = 0; i < schema->sequence_count; i++) {
		struct nz_json *json = nz_json_make_object(doc);

		nz_json_set_str(doc, json, "name", schema->sequences[i].name);
		nz_json_set_str(doc, json, "value", schema->sequences[i].value);
		nz_json_push(doc, array, json);
	}
	return array;
}

struct nz_json *nz_schema_to_json(const struct nz_schema *schema, struct nz_json_doc *doc,
                                  bool sequences)
{
	struct nz_json *json = nz_json_make_object(doc);
	struct nz_json *tables = nz_json_make_array(doc);

	for (size_t i = 0; i < schema->table_count; i++)
		nz_json_push(doc, tables, table_to_json(&schema->tables[i], doc));
	nz_json_set_str(doc, json, "engine", schema->engine);
	nz_json_set(doc, json, "tables", tables);
	if (schema->ddl_count > 0)
		nz_json_set(doc, json, "ddl", texts_to_json(schema->ddl, schema->ddl_count, doc));
	if (schema->order_count > 0) {
		struct nz_json *order = nz_json_make_array(doc);

		for (size_t i = 0; i < schema->order_count; i++)
			nz_json_push(doc, order, nz_json_make_number(doc, schema->order[i]));
		nz_json_set(doc, json, "order", order);
	}
	if (sequences)
		nz_json_set(doc, json, "sequences", sequences_to_json(schema, doc));
	return nz_json_failed(doc) == NZ_OK ? json : NULL;
}

