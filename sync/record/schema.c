/* SPDX-License-Identifier: Apache-2.0 */
/* A schema's life, look-up and hashes. */
#include <stdlib.h>

#include "record/schema.h"

#define LEAF_PREFIX 0x03

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; texts != NULL && i < count; i++)
		free(texts[i]);
	free(texts);
}

static void clear_table(struct nz_table *table)
{
	for (size_t i = 0; table->columns != NULL && i < table->column_count; i++) {
		free(table->columns[i].name);
		free(table->columns[i].type);
	}
	free(table->columns);
	free(table->key);
	free_texts(table->ddl, table->ddl_count);
	free(table->name);
}

void nz_schema_free(struct nz_schema **schema)
{
	struct nz_schema *s = *schema;

	if (s == NULL)
		return;
	for (size_t i = 0; s->tables != NULL && i < s->table_count; i++)
		clear_table(&s->tables[i]);
	free(s->tables);
	free_texts(s->ddl, s->ddl_count);
	free(s->order);
	for (size_t i = 0; s->sequences != NULL && i < s->sequence_count; i++) {
		free(s->sequences[i].name);
		free(s->sequences[i].value);
	}
	free(s->sequences);
	free(s->engine);
	free(s);
	*schema = NULL;
}

const struct nz_table *nz_schema_find(const struct nz_schema *schema, struct nz_bytes name)
{
	size_t low = 0, high = schema->table_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = nz_bytes_compare(nz_bytes_str(schema->tables[middle].name), name);

		if (order == 0)
			return &schema->tables[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

enum nz_status nz_schema_hash(const struct nz_crypto *crypto, const struct nz_schema *schema,
                              struct nz_hash *out)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);
	struct nz_json *json;

	NZ_TRY(nz_json_new(&doc));
	json = nz_schema_to_json(schema, doc, false);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(json, &text));
	return crypto->sha256(nz_buffer_bytes(&text), out->bytes);
}

static struct nz_json *leaf_table(const struct nz_table *table, struct nz_json_doc *doc)
{
	struct nz_json *json = nz_json_make_object(doc);
	struct nz_json *columns = nz_json_make_array(doc);
	struct nz_json *key = nz_json_make_array(doc);

	for (size_t i = 0; i < table->column_count; i++)
		nz_json_push(doc, columns,
		             nz_json_make_string(doc, nz_bytes_str(table->columns[i].name)));
	for (size_t i = 0; i < table->key_count; i++)
		nz_json_push(doc, key,
		             nz_json_make_string(
				     doc, nz_bytes_str(table->columns[table->key[i]].name)));
	nz_json_set(doc, json, "columns", columns);
	nz_json_set(doc, json, "key", key);
	nz_json_set_str(doc, json, "name", table->name);
	return json;
}

enum nz_status nz_schema_leaf(const struct nz_crypto *crypto, const struct nz_schema *schema,
                              struct nz_hash *out)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);
	struct nz_json *json, *tables;

	NZ_TRY(nz_json_new(&doc));
	json = nz_json_make_object(doc);
	tables = nz_json_make_array(doc);
	for (size_t i = 0; i < schema->table_count; i++)
		nz_json_push(doc, tables, leaf_table(&schema->tables[i], doc));
	nz_json_set(doc, json, "tables", tables);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_buffer_append_byte(&text, LEAF_PREFIX));
	NZ_TRY(nz_json_canonical(json, &text));
	return crypto->sha256(nz_buffer_bytes(&text), out->bytes);
}
