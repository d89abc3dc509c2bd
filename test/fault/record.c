/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas, records, batches and roots while memory or crypto calls fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "alloc.h"
#include "kept.h"
#include "record/batch.h"
#include "record/record.h"

#define COLUMNS                                                                                  \
	"[{\"kind\":\"int\",\"name\":\"id\",\"nullable\":false,\"type\":\"INTEGER\"},"           \
	"{\"kind\":\"text\",\"name\":\"t\",\"nullable\":false,\"type\":\"TEXT\"},"                \
	"{\"kind\":\"bytes\",\"name\":\"b\",\"nullable\":true,\"type\":\"BLOB\"},"               \
	"{\"kind\":\"decimal\",\"name\":\"d\",\"nullable\":true,\"type\":\"DECIMAL(10,2)\"}]"
#define SCHEMA                                                                                   \
	"{\"ddl\":[\"CREATE VIEW v\"],\"engine\":\"sqlite\",\"order\":[2,0,1],"                  \
	"\"sequences\":[{\"name\":\"a\",\"value\":\"9\"}],\"tables\":["                          \
	"{\"columns\":" COLUMNS ",\"ddl\":[\"CREATE TABLE a\"],\"key\":[\"id\",\"t\"],\"name\":\"a\"}," \
	"{\"columns\":" COLUMNS ",\"ddl\":[\"CREATE TABLE b\"],\"key\":[],\"name\":\"b\"}]}"
#define RECORDS 100

static struct nz_schema *schema;
static struct nz_json_doc *schema_doc;
static struct nz_buffer long_text; /* needs escapes */

static void values_of(int64_t id, struct nz_value values[4])
{
	values[0] = (struct nz_value){.class_ = NZ_VALUE_INTEGER, .integer = id};
	values[1] = (struct nz_value){.class_ = NZ_VALUE_TEXT,
	                              .bytes = nz_buffer_bytes(&long_text)};
	values[2] = (struct nz_value){.class_ = NZ_VALUE_BLOB,
	                              .bytes = nz_buffer_bytes(&long_text)};
	values[3] = (struct nz_value){.class_ = NZ_VALUE_REAL, .real = 5.5};
}

static enum nz_status schema_read(struct nz_error *err)
{
	NZ_SCHEMA(read);
	const enum nz_status status =
		FAULTY(nz_schema_from_json(nz_json_root(schema_doc), &read, err));

	if (status != NZ_OK)
		assert_null(read);
	else
		assert_int_equal(read->table_count, 2);
	return status;
}

static enum nz_status schema_write(struct nz_error *err)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	(void)err;
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	fault_on();
	const struct nz_json *json = nz_schema_to_json(schema, doc, true);
	fault_off();
	if (json == NULL)
		return nz_json_failed(doc);
	assert_int_equal(nz_json_canonical(json, &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), SCHEMA);
	return NZ_OK;
}

static enum nz_status schema_hashes(struct nz_error *err)
{
	struct nz_hash hash = {{0}}, leaf = {{0}};
	static const struct nz_hash zero;
	enum nz_status status = FAULTY(nz_schema_hash(fault_crypto(), schema, &hash));

	(void)err;
	if (status != NZ_OK)
		assert_memory_equal(&hash, &zero, sizeof(hash));
	NZ_TRY(status);
	status = FAULTY(nz_schema_leaf(fault_crypto(), schema, &leaf));
	if (status != NZ_OK)
		assert_memory_equal(&leaf, &zero, sizeof(leaf));
	return status;
}

static enum nz_status encode(struct nz_error *err)
{
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	struct nz_value values[4];

	(void)err;
	values_of(1, values);
	const enum nz_status status = FAULTY(nz_record_encode(&schema->tables[0], values, &out));
	check_kept(&out, status);
	return status;
}

static enum nz_status decode(struct nz_error *err)
{
	NZ_BUFFER(record);
	NZ_BUFFER(scratch);
	struct nz_value values[4];

	values_of(1, values);
	assert_int_equal(nz_record_encode(&schema->tables[0], values, &record), NZ_OK);
	const enum nz_status status = FAULTY(nz_record_decode(
		&schema->tables[0], nz_buffer_bytes(&record), &scratch, values, err));
	if (status == NZ_OK)
		assert_true(nz_bytes_equal(values[2].bytes, nz_buffer_bytes(&long_text)));
	return status;
}

static enum nz_status key(struct nz_error *err)
{
	struct nz_buffer out NZ_CLEANUP(nz_buffer_clear) = kept();
	struct nz_buffer words NZ_CLEANUP(nz_buffer_clear) = kept();
	NZ_BUFFER(record);
	struct nz_value values[4];
	enum nz_status status;

	(void)err;
	values_of(1, values);
	for (size_t table = 0; table < 2; table++) {
		nz_buffer_reset(&record);
		out.len = words.len = sizeof(KEPT) - 1;
		assert_int_equal(nz_record_encode(&schema->tables[table], values, &record), NZ_OK);
		status = FAULTY(nz_record_key(&schema->tables[table], nz_buffer_bytes(&record),
		                              &out));
		check_kept(&out, status);
		NZ_TRY(status);
		status = FAULTY(nz_record_key_describe(
			&schema->tables[table], after_kept(&out), &words));
		check_kept(&words, status);
		NZ_TRY(status);
	}
	return NZ_OK;
}

struct sum {
	uint64_t records, batches;
	struct nz_dataset_root *root;
};

static enum nz_status add_up(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct sum *sum = context;

	(void)err;
	sum->records += batch->count;
	sum->batches++;
	return nz_dataset_root_add(sum->root, batch);
}

/* Both tables through the cutter into a root. */
static enum nz_status cut_all(struct nz_cutter *cutter, struct nz_error *err)
{
	NZ_BUFFER(record);
	NZ_BUFFER(bytes);
	struct nz_value values[4];

	for (size_t table = 0; table < 2; table++) {
		for (unsigned i = 0; i < RECORDS; i++) {
			values_of(100 + i, values);
			nz_buffer_reset(&record);
			nz_buffer_reset(&bytes);
			fault_off();
			assert_int_equal(nz_record_encode(&schema->tables[table], values, &record),
			                 NZ_OK);
			assert_int_equal(nz_record_key(&schema->tables[table],
			                               nz_buffer_bytes(&record), &bytes),
			                 NZ_OK);
			fault_on();
			NZ_TRY(nz_cutter_add(cutter, table, nz_buffer_bytes(&record),
			                     nz_buffer_bytes(&bytes), err));
		}
	}
	return nz_cutter_finish(cutter, err);
}

static enum nz_status dataset(struct nz_error *err)
{
	static struct nz_hash expected; /* of the first run, which is without a fault */
	static bool known;
	struct nz_dataset_root root NZ_CLEANUP(nz_dataset_root_clear) = {0};
	struct sum sum = {.root = &root};
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	struct nz_hash found;
	enum nz_status status = FAULTY(nz_dataset_root_init(&root, fault_crypto(), schema));

	if (status == NZ_OK)
		status = FAULTY(nz_cutter_new(fault_crypto(), schema, add_up, &sum, &cutter));
	if (status == NZ_OK)
		status = FAULTY(cut_all(cutter, err));
	if (status == NZ_OK)
		status = FAULTY(nz_dataset_root_get(&root, &found));
	if (status != NZ_OK)
		return status;
	assert_int_equal(sum.records, (size_t)2 * RECORDS);
	if (!known)
		expected = found;
	known = true;
	assert_memory_equal(&found, &expected, sizeof(found));
	return NZ_OK;
}

static enum nz_status entry_both_ways(struct nz_error *err)
{
	const struct nz_batch batch = {
		.table = 1, .count = 3, .bytes = 300, .first_key = nz_buffer_bytes(&long_text)};
	struct nz_buffer storage NZ_CLEANUP(nz_buffer_clear) = kept();
	struct nz_batch back = {.count = 99};
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	fault_on();
	const struct nz_json *json = nz_batch_to_json(schema, &batch, doc);
	fault_off();
	if (json == NULL)
		return nz_json_failed(doc);
	const enum nz_status status =
		FAULTY(nz_batch_from_json(schema, json, &storage, &back, err));
	check_kept(&storage, status);
	assert_int_equal(back.count, status == NZ_OK ? 3 : 99);
	return status;
}

static enum nz_status batch_root(struct nz_error *err)
{
	const struct nz_bytes records[] = {nz_bytes_str("a"), nz_bytes_str("b"), nz_bytes_str("c")};
	struct nz_hasher *hasher = NULL;
	struct nz_hash leaves[3], root = {{0}};
	static const struct nz_hash zero;

	(void)err;
	assert_int_equal(nz_crypto_default()->hasher_new(&hasher), NZ_OK);
	const enum nz_status status =
		FAULTY(nz_batch_root(fault_crypto(), hasher, records, 3, leaves, &root));
	assert_int_equal(memcmp(&root, &zero, sizeof(root)) == 0, status != NZ_OK);
	nz_crypto_default()->hasher_free(&hasher);
	return status;
}

static void schemas(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, schema_read);
	FAULT_EACH(FAULT_MALLOC, schema_write);
	FAULT_EACH(FAULT_MALLOC, schema_hashes);
	FAULT_EACH(FAULT_CRYPTO, schema_hashes);
}

static void records(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, encode);
	FAULT_EACH(FAULT_MALLOC, decode);
	FAULT_EACH(FAULT_MALLOC, key);
}

static void batches(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, entry_both_ways);
	FAULT_EACH(FAULT_CRYPTO, batch_root);
	FAULT_EACH(FAULT_MALLOC, dataset);
	FAULT_EACH(FAULT_CRYPTO, dataset);
}

static int start(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(nz_buffer_append_str(&long_text, "tab\tline\nback\\slash "), NZ_OK);
	assert_int_equal(nz_json_parse(nz_bytes_str(SCHEMA), NULL, &schema_doc, NULL), NZ_OK);
	assert_int_equal(nz_schema_from_json(nz_json_root(schema_doc), &schema, NULL), NZ_OK);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nz_schema_free(&schema);
	nz_json_free(&schema_doc);
	nz_buffer_clear(&long_text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemas),
		cmocka_unit_test(records),
		cmocka_unit_test(batches),
	};

	fault_install();
	return cmocka_run_group_tests(tests, start, stop);
}
