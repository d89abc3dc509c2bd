/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest against its statement: the right one passes, every lie is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/manifest.h"

#define ENTRIES 6 /* a: 3, b (whole records): 2, c: empty */

static size_t key_column[] = {0};
static char *ddl[] = {(char *)"CREATE TABLE x(id INTEGER)"};
static struct nz_column columns[] = {
    {.name = (char *)"id", .type = (char *)"INTEGER", .kind = NZ_KIND_INT},
    {.name = (char *)"x", .type = (char *)"TEXT", .kind = NZ_KIND_TEXT},
};
static struct nz_table tables[] = {
    {.name = (char *)"a",
     .columns = columns,
     .column_count = 2,
     .key = key_column,
     .key_count = 1,
     .ddl = ddl,
     .ddl_count = 1},
    {.name = (char *)"b", .columns = columns, .column_count = 2, .ddl = ddl, .ddl_count = 1},
    {.name = (char *)"c",
     .columns = columns,
     .column_count = 2,
     .key = key_column,
     .key_count = 1,
     .ddl = ddl,
     .ddl_count = 1},
};
static const struct nz_schema schema = {
    .engine = (char *)"sqlite", .tables = tables, .table_count = 3};

/* The right manifest and its statement, made afresh for each test. */
struct fixture {
	struct nz_batch batch[ENTRIES + 1];
	size_t count;
	struct nz_statement statement;
	uint64_t seen, ordinal_sum;
	enum nz_status sink_fails;
};

static const struct nz_crypto *crypto(void)
{
	return nz_crypto_default();
}

static void state_it(struct fixture *f)
{
	struct nz_dataset_root root NZ_CLEANUP(nz_dataset_root_clear) = {.crypto = NULL};

	assert_int_equal(nz_dataset_root_init(&root, crypto(), &schema), NZ_OK);
	for (size_t i = 0; i < f->count; i++)
		assert_int_equal(nz_dataset_root_add(&root, &f->batch[i]), NZ_OK);
	assert_int_equal(nz_dataset_root_get(&root, &f->statement.merkle_root), NZ_OK);
	assert_int_equal(nz_schema_hash(crypto(), &schema, &f->statement.schema_sha256), NZ_OK);
	f->statement.records = (int64_t)root.records;
	f->statement.batches = (int64_t)root.batches;
	f->statement.bytes = (int64_t)root.bytes;
}

static int set_up(void **state)
{
	static const char *const keys[ENTRIES] = {"\x01"
						  "1",
						  "\x01"
						  "2",
						  "\x01"
						  "3",
						  "\x02one",
						  "\x02one",
						  ""};
	static const size_t table[ENTRIES] = {0, 0, 0, 1, 1, 2};
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	for (size_t i = 0; i < ENTRIES; i++) {
		const bool empty = i == ENTRIES - 1;

		f->batch[i] = (struct nz_batch){.position = i,
						.table = table[i],
						.count = empty ? 0 : 10 + (uint32_t)i,
						.bytes = empty ? 0 : 100 + i,
						.first_key = nz_bytes_str(keys[i])};
		memset(&f->batch[i].root, (int)i + 1, sizeof f->batch[i].root);
		if (empty)
			assert_int_equal(crypto()->sha256(nz_bytes_str(""), f->batch[i].root.bytes),
					 NZ_OK);
	}
	f->count = ENTRIES;
	state_it(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static enum nz_status see(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct fixture *f = context;

	(void)err;
	assert_int_equal(batch->position, f->seen);
	f->seen++;
	f->ordinal_sum += batch->ordinal;
	return f->seen == 3 ? f->sink_fails : NZ_OK;
}

static void push_entries(struct nz_json_doc *doc, struct nz_json *object, const struct fixture *f,
			 size_t from, size_t to)
{
	struct nz_json *entries = nz_json_make_array(doc);

	for (size_t i = from; i < to; i++)
		nz_json_push(doc, entries, nz_batch_to_json(&schema, &f->batch[i], doc));
	nz_json_set(doc, object, "entries", entries);
	nz_json_set_int(doc, object, "from", (int64_t)from);
	assert_int_equal(nz_json_failed(doc), NZ_OK);
}

/* The whole manifest in two parts: the first failure on the way. */
static enum nz_status check(struct fixture *f, struct nz_error *err)
{
	NZ_MANIFEST(m);
	NZ_JSON_DOC(doc);

	f->seen = f->ordinal_sum = 0;
	nz_manifest_init(&m, crypto(), &f->statement, 1 << 20);
	assert_int_equal(nz_json_new(&doc), NZ_OK);
	NZ_TRY(nz_manifest_schema(&m, nz_schema_to_json(&schema, doc, true), err));
	const size_t middle = f->count / 2;
	for (size_t part = 0; part < 2; part++) {
		struct nz_json *object = nz_json_make_object(doc);

		push_entries(doc, object, f, part == 0 ? 0 : middle, part == 0 ? middle : f->count);
		NZ_TRY(nz_manifest_part(&m, object, see, f, err));
	}
	return nz_manifest_finish(&m, err);
}

static void expect(struct fixture *f, enum nz_status status, const char *message)
{
	struct nz_error err = {0};

	assert_int_equal(check(f, &err), status);
	if (strstr(err.message, message) == NULL)
		fail_msg("'%s' does not say '%s'", err.message, message);
}

static void the_right_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check(f, NULL), NZ_OK);
	assert_int_equal(f->seen, ENTRIES);
	assert_int_equal(f->ordinal_sum,
			 10 + (10 + 11) + 13); /* of a: 0, 10, 21; of b: 0, 13; of c: 0 */
}

static void any_entry_changed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ENTRIES - 1; i++) {
		const struct nz_batch right = f->batch[i];

		f->batch[i].root.bytes[31] ^= 1;
		expect(f, NZ_MISMATCH, "root is not the signed one");
		f->batch[i] = right;
		f->batch[i].count++;
		expect(f, NZ_MISMATCH, "records");
		f->batch[i] = right;
		f->batch[i].bytes++;
		expect(f, NZ_MISMATCH, "manifest");
		f->batch[i] = right;
	}
	f->batch[1].count--; /* sums that come out right again */
	f->batch[2].count++;
	expect(f, NZ_MISMATCH, "root is not the signed one");
}

static void order(void **state)
{
	struct fixture *f = *state;
	const struct nz_batch first = f->batch[0];

	f->batch[0] = f->batch[1];
	f->batch[1] = first;
	expect(f, NZ_MISMATCH, "do not ascend");
	f->batch[1] = f->batch[0]; /* the same key twice, in a table with keys */
	expect(f, NZ_MISMATCH, "do not ascend");
}

static void tables_out_of_order(void **state)
{
	struct fixture *f = *state;

	f->batch[3].table = 2;
	expect(f, NZ_MISMATCH, "table out of order");
	f->batch[3].table = 1;
	f->batch[0].table = 1;
	expect(f, NZ_MISMATCH, "table out of order");
	f->batch[0].table = 0;
	f->count--; /* c is left out, and the statement says so too */
	state_it(f);
	expect(f, NZ_MISMATCH, "leaves tables out");
}

static void empty_batches(void **state)
{
	struct fixture *f = *state;
	const struct nz_batch right = f->batch[1];

	f->batch[1].count = 0;
	expect(f, NZ_MALFORMED, "batch"); /* no records, and bytes */
	f->batch[1].bytes = 0;
	f->batch[1].first_key.len = 0;
	expect(f, NZ_MISMATCH, "empty batch");
	f->batch[1] = right;
	f->batch[6] = f->batch[5]; /* twice no records at all */
	f->batch[6].position = 6;
	f->count = 7;
	state_it(f);
	expect(f, NZ_MISMATCH, "empty batch");
}

static void sums(void **state)
{
	struct fixture *f = *state;

	f->statement.records++;
	expect(f, NZ_MISMATCH, "statement");
	f->statement.records--;
	f->statement.bytes--;
	expect(f, NZ_MISMATCH, "statement");
	f->statement.bytes++;
	f->statement.batches++;
	expect(f, NZ_MISMATCH, "statement");
	f->statement.batches -= 2;
	expect(f, NZ_MISMATCH, "one more than the statement counts");
	assert_int_equal(f->seen, ENTRIES - 1); /* and no entry past it was let through */
}

static void limits(void **state)
{
	struct fixture *f = *state;
	static uint8_t long_key[NZ_BATCH_FIRST_KEY_MAX_BYTES + 1] = {2};
	struct nz_error err = {0};

	f->batch[4].first_key = nz_bytes_of(long_key, sizeof long_key);
	memset(long_key + 1, 'z', sizeof long_key - 1);
	assert_int_not_equal(check(f, NULL), NZ_OK);
	f->batch[4].first_key = f->batch[3].first_key;
	f->batch[2].count = 1;
	f->batch[2].bytes = (1 << 20) + 1;
	assert_int_equal(check(f, &err), NZ_LIMIT);
	assert_int_equal(err.code, 0); /* a limit of this side's own */
	assert_non_null(strstr(err.message, "--record-limit"));
}

static void shapes(void **state)
{
	struct fixture *f = *state;
	static const char *const parts[] = {
	    "{}",
	    "{\"entries\":[]}",
	    "{\"entries\":[],\"from\":1}",
	    "{\"entries\":{},\"from\":0}",
	    "{\"entries\":[5],\"from\":0}",
	    "{\"entries\":[{}],\"from\":0}",
	    "{\"entries\":[],\"from\":0,\"more\":1}",
	};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		NZ_MANIFEST(m);
		NZ_JSON_DOC(doc);
		NZ_JSON_DOC(part);

		nz_manifest_init(&m, crypto(), &f->statement, 1 << 20);
		assert_int_equal(nz_json_new(&doc), NZ_OK);
		assert_int_equal(
		    nz_manifest_schema(&m, nz_schema_to_json(&schema, doc, false), NULL), NZ_OK);
		assert_int_equal(
		    nz_json_parse(nz_bytes_str(parts[i]), &nz_json_packet_limits, &part, NULL),
		    NZ_OK);
		assert_int_equal(nz_manifest_part(&m, nz_json_root(part), see, f, NULL),
				 NZ_MALFORMED);
	}
}

static void another_schema(void **state)
{
	struct fixture *f = *state;

	f->statement.schema_sha256.bytes[0] ^= 1;
	expect(f, NZ_MISMATCH, "schema");
	assert_int_equal(f->seen, 0);
}

static void nothing_came(void **state)
{
	struct fixture *f = *state;
	NZ_MANIFEST(m);

	nz_manifest_init(&m, crypto(), &f->statement, 1 << 20);
	assert_int_equal(nz_manifest_finish(&m, NULL), NZ_MALFORMED);
}

static void a_failing_sink(void **state)
{
	struct fixture *f = *state;

	f->sink_fails = NZ_IO;
	assert_int_equal(check(f, NULL), NZ_IO);
	assert_int_equal(f->seen, 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    CASE(the_right_one),  CASE(any_entry_changed),
	    CASE(order),	  CASE(tables_out_of_order),
	    CASE(empty_batches),  CASE(sums),
	    CASE(limits),	  CASE(shapes),
	    CASE(another_schema), CASE(nothing_came),
	    CASE(a_failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
