/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client reads before anything is verified by a root: the schema (the first line) and M
 * blocks (a line each), or a statement. What is taken prints as it was read, and the client's own
 * check of a manifest comes to an end on it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "client/manifest.h"

static const struct nz_json_limits limits = {1 << 16, 32, 1000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void print(const struct nz_json *json, struct nz_buffer *out)
{
	require(nz_json_canonical(json, out) == NZ_OK);
}

/* A schema that was taken, printed and taken again is the same. */
static void check_schema(const struct nz_schema *schema)
{
	NZ_SCHEMA(again);
	NZ_JSON_DOC(first_doc);
	NZ_JSON_DOC(second_doc);
	NZ_BUFFER(first);
	NZ_BUFFER(second);

	require(nz_json_new(&first_doc) == NZ_OK && nz_json_new(&second_doc) == NZ_OK);
	const struct nz_json *json = nz_schema_to_json(schema, first_doc, true);
	require(json != NULL);
	print(json, &first);
	require(nz_schema_from_json(json, &again, NULL) == NZ_OK);
	print(nz_schema_to_json(again, second_doc, true), &second);
	require(nz_bytes_equal(nz_buffer_bytes(&first), nz_buffer_bytes(&second)));
}

static void check_entry(const struct nz_schema *schema, const struct nz_json *entry)
{
	struct nz_batch batch = {.position = 0};
	NZ_JSON_DOC(doc);
	NZ_BUFFER(key);
	NZ_BUFFER(read);
	NZ_BUFFER(printed);
	const enum nz_status status = nz_batch_from_json(schema, entry, &key, &batch, NULL);

	if (status != NZ_OK) {
		require(status == NZ_MALFORMED || status == NZ_LIMIT);
		return;
	}
	require(batch.table < schema->table_count);
	require(nz_json_new(&doc) == NZ_OK);
	print(entry, &read);
	print(nz_batch_to_json(schema, &batch, doc), &printed);
	require(nz_bytes_equal(nz_buffer_bytes(&read), nz_buffer_bytes(&printed)));
}

static enum nz_status take_entry(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	uint64_t *next = context;

	(void)err;
	require(batch->position == (*next)++);
	return NZ_OK;
}

/* An M block, by its entries and by the client. */
static enum nz_status check_part(struct nz_manifest *m, const struct nz_schema *schema,
                                 struct nz_bytes text, uint64_t *next)
{
	NZ_JSON_DOC(doc);

	if (nz_json_parse(text, &limits, &doc, NULL) != NZ_OK ||
	    !nz_json_is(nz_json_root(doc), NZ_JSON_OBJECT)) /* a reader would not give it */
		return NZ_MALFORMED;
	const struct nz_json *entries = nz_json_get(nz_json_root(doc), "entries");
	if (nz_json_is(entries, NZ_JSON_ARRAY))
		for (size_t i = 0; i < nz_json_count(entries); i++)
			check_entry(schema, nz_json_at(entries, i));
	return nz_manifest_part(m, nz_json_root(doc), take_entry, next, NULL);
}

/* The lines after the schema's, under a statement that is of this schema and of nothing else. */
static void check_manifest(const struct nz_schema *schema, const struct nz_json *json,
                           struct nz_bytes text)
{
	struct nz_statement statement = {.records = 2, .batches = 2, .bytes = 14};
	uint64_t next = 0;
	NZ_MANIFEST(manifest);
	enum nz_status status;

	require(nz_schema_hash(nz_crypto_default(), schema, &statement.schema_sha256) == NZ_OK);
	nz_manifest_init(&manifest, nz_crypto_default(), &statement, 1 << 20);
	status = nz_manifest_schema(&manifest, json, NULL);
	while (status == NZ_OK && text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		const size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;

		status = check_part(&manifest, schema, nz_bytes_of(text.ptr, len), &next);
		text.ptr += len + (end != NULL);
		text.len -= len + (end != NULL);
	}
	require(status == NZ_OK || status == NZ_MALFORMED || status == NZ_MISMATCH ||
	        status == NZ_LIMIT);
	/* Nobody finds a root of zeros. */
	if (status == NZ_OK)
		require(nz_manifest_finish(&manifest, NULL) == NZ_MISMATCH);
}

/* A statement that is taken prints as it was read: else its signature would be of something else. */
static void check_statement(const struct nz_json *json)
{
	struct nz_statement statement;
	NZ_JSON_DOC(doc);
	NZ_BUFFER(read);
	NZ_BUFFER(printed);

	if (nz_statement_from_json(json, &statement, NULL) != NZ_OK)
		return;
	require(nz_json_new(&doc) == NZ_OK);
	print(json, &read);
	print(nz_statement_to_json(&statement, doc), &printed);
	require(nz_bytes_equal(nz_buffer_bytes(&read), nz_buffer_bytes(&printed)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
	const size_t len = line != NULL ? (size_t)(line - data) : size;
	NZ_JSON_DOC(doc);
	NZ_SCHEMA(schema);

	if (nz_json_parse(nz_bytes_of(data, len), &limits, &doc, NULL) != NZ_OK)
		return 0;
	check_statement(nz_json_root(doc));
	const enum nz_status status = nz_schema_from_json(nz_json_root(doc), &schema, NULL);
	if (status != NZ_OK) {
		require(status == NZ_MALFORMED || status == NZ_LIMIT || status == NZ_UNSUPPORTED);
		return 0;
	}
	check_schema(schema);
	if (line != NULL)
		check_manifest(schema, nz_json_root(doc),
		               nz_bytes_of(line + 1, size - len - 1));
	return 0;
}
