/* SPDX-License-Identifier: Apache-2.0 */
/* Where batches end, their roots and entries, the dataset root: against a plain reading of the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "record/batch.h"
#include "record/record.h"

static size_t first_column[] = {0};
static struct nz_column columns[2] = {
	{.name = (char *)"id", .type = (char *)"INTEGER", .kind = NZ_KIND_INT},
	{.name = (char *)"x", .type = (char *)"TEXT", .kind = NZ_KIND_TEXT},
};
static struct nz_table tables[3] = {
	{.name = (char *)"a", .columns = columns, .column_count = 2, .key = first_column,
         .key_count = 1},
	{.name = (char *)"b", .columns = columns, .column_count = 2},
	{.name = (char *)"c", .columns = columns, .column_count = 2, .key = first_column,
         .key_count = 1},
};
static const struct nz_schema schema = {.engine = (char *)"sqlite", .tables = tables,
                                        .table_count = 3};

/* Batches as they were given, with their first keys kept. */
struct seen {
	struct nz_batch batch[4000];
	size_t count;
	struct nz_buffer keys;
	size_t key_at[4000];
};
static struct seen seen;

static enum nz_status see(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	(void)context;
	(void)err;
	assert_true(seen.count < 4000);
	assert_int_equal(batch->position, seen.count);
	seen.key_at[seen.count] = seen.keys.len;
	seen.batch[seen.count++] = *batch;
	return nz_buffer_append(&seen.keys, batch->first_key.ptr, batch->first_key.len);
}

static int reset(void **state)
{
	(void)state;
	nz_buffer_clear(&seen.keys);
	seen.count = 0;
	return 0;
}

static struct nz_cutter *new_cutter(void)
{
	struct nz_cutter *cutter = NULL;

	assert_int_equal(nz_cutter_new(nz_crypto_default(), &schema, see, NULL, &cutter), NZ_OK);
	return cutter;
}

static enum nz_status add(struct nz_cutter *cutter, size_t table, struct nz_bytes record)
{
	NZ_BUFFER(key);

	assert_int_equal(nz_record_key(&tables[table], record, &key), NZ_OK);
	return nz_cutter_add(cutter, table, record, nz_buffer_bytes(&key), NULL);
}

static struct nz_bytes make_record(struct nz_buffer *out, unsigned id, size_t len)
{
	nz_buffer_reset(out);
	assert_int_equal(nz_buffer_appendf(out, "%u\t", id), NZ_OK);
	while (out->len < len)
		assert_int_equal(nz_buffer_append_byte(out, (uint8_t)('a' + (id + out->len) % 26)), NZ_OK);
	return nz_buffer_bytes(out);
}

static struct nz_hash leaf_of(struct nz_bytes record)
{
	NZ_BUFFER(bytes);
	struct nz_hash leaf;

	assert_int_equal(nz_buffer_append_byte(&bytes, 0), NZ_OK);
	assert_int_equal(nz_buffer_append(&bytes, record.ptr, record.len), NZ_OK);
	assert_int_equal(nz_crypto_default()->sha256(nz_buffer_bytes(&bytes), leaf.bytes), NZ_OK);
	return leaf;
}

/* RFC 9162 2.1.1, word for word. */
static struct nz_hash tree_of(const struct nz_hash *leaves, size_t n)
{
	uint8_t node[65] = {1};
	struct nz_hash left, right;
	size_t k = 1;

	if (n == 0) {
		assert_int_equal(nz_crypto_default()->sha256(nz_bytes_of(NULL, 0), left.bytes), NZ_OK);
		return left;
	}
	if (n == 1)
		return leaves[0];
	while (k * 2 < n)
		k *= 2;
	left = tree_of(leaves, k);
	right = tree_of(leaves + k, n - k);
	memcpy(node + 1, left.bytes, 32);
	memcpy(node + 33, right.bytes, 32);
	assert_int_equal(nz_crypto_default()->sha256(nz_bytes_of(node, 65), left.bytes), NZ_OK);
	return left;
}

/* The rule of batch ends, with nothing but arithmetic. */
static bool ends_after(const struct nz_hash *leaf, size_t len)
{
	const double first = leaf->bytes[0] * 16777216.0 + leaf->bytes[1] * 65536.0 +
	                     leaf->bytes[2] * 256.0 + leaf->bytes[3];
	double cut = 4096.0 * (double)len;

	if (cut < 2097152)
		cut = 2097152;
	if (cut > 4294967295.0)
		cut = 4294967295.0;
	return first < cut;
}

#define RECORDS 30000
static void check_against_rules(size_t (*length)(unsigned))
{
	static struct nz_hash leaves[RECORDS];
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	size_t batch_from = 0, batch_bytes = 0, batches = 0;
	NZ_BUFFER(room);

	for (unsigned i = 0; i < RECORDS; i++) {
		const struct nz_bytes record = make_record(&room, i, length(i));

		leaves[i] = leaf_of(record);
		assert_int_equal(add(cutter, 0, record), NZ_OK);
	}
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	for (unsigned i = 0; i < RECORDS; i++) {
		const size_t len = make_record(&room, i, length(i)).len;
		const size_t next = i + 1 < RECORDS ? make_record(&room, i + 1, length(i + 1)).len : 0;
		bool end;

		batch_bytes += len;
		end = ends_after(&leaves[i], len) || i + 1 == RECORDS || i + 1 - batch_from == 10000 ||
		      batch_bytes + next > 4u << 20;
		assert_int_equal(nz_batch_ends_after(&leaves[i], len), ends_after(&leaves[i], len));
		if (!end)
			continue;
		const struct nz_batch *batch = &seen.batch[batches++];
		const struct nz_hash root = tree_of(leaves + batch_from, i + 1 - batch_from);

		assert_int_equal(batch->table, 0);
		assert_int_equal(batch->ordinal, batch_from);
		assert_int_equal(batch->count, i + 1 - batch_from);
		assert_int_equal(batch->bytes, batch_bytes);
		assert_memory_equal(&batch->root, &root, sizeof(root));
		assert_int_equal(batch->first_key.len, 9);
		batch_from = i + 1;
		batch_bytes = 0;
	}
	assert_int_equal(seen.count, batches + 2); /* and the two empty tables */
	assert_true(batches > 3);
}

static size_t short_records(unsigned i)
{
	return 8 + i % 40;
}
static void cuts_by_content(void **state)
{
	(void)state;
	check_against_rules(short_records);
}

static size_t mixed_records(unsigned i)
{
	return i % 5000 == 7 ? 100000 + i : i % 100 == 3 ? 3000 : 20;
}
static void cuts_by_size(void **state)
{
	(void)state;
	check_against_rules(mixed_records);
}

/* Records of 1 MiB and more end a batch each: the cap of the rule is below all but one hash in 2^32. */
static void long_records(void **state)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	NZ_BUFFER(room);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(add(cutter, 0, make_record(&room, i, (size_t)(1 + i * 2) << 20)), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	assert_int_equal(seen.count, 6);
	assert_int_equal(seen.batch[3].bytes, 7u << 20);
	assert_int_equal(seen.batch[3].count, 1);
	assert_int_equal(seen.batch[3].ordinal, 3);
}

static void empty_tables(void **state)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	const struct nz_hash empty = tree_of(NULL, 0);

	(void)state;
	assert_int_equal(add(cutter, 1, nz_bytes_str("1\tx")), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	assert_int_equal(seen.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(seen.batch[i].table, i);
		assert_int_equal(seen.batch[i].count, i == 1);
		assert_int_equal(seen.batch[i].bytes, i == 1 ? 3 : 0);
		assert_int_equal(seen.batch[i].first_key.len, i == 1 ? 4 : 0);
		assert_int_equal(memcmp(&seen.batch[i].root, &empty, sizeof(empty)) == 0, i != 1);
	}
}

static void order(void **state)
{
	struct nz_cutter *cutter = new_cutter();

	(void)state;
	assert_int_equal(add(cutter, 0, nz_bytes_str("2\tx")), NZ_OK);
	assert_int_equal(add(cutter, 0, nz_bytes_str("1\tx")), NZ_MALFORMED);
	nz_cutter_free(&cutter);
	cutter = new_cutter();
	assert_int_equal(add(cutter, 0, nz_bytes_str("2\tx")), NZ_OK);
	assert_int_equal(add(cutter, 0, nz_bytes_str("2\ty")), NZ_MALFORMED);
	nz_cutter_free(&cutter);
	cutter = new_cutter();
	/* Whole records may repeat. */
	assert_int_equal(add(cutter, 1, nz_bytes_str("2\tx")), NZ_OK);
	assert_int_equal(add(cutter, 1, nz_bytes_str("2\tx")), NZ_OK);
	assert_int_equal(add(cutter, 1, nz_bytes_str("10\tx")), NZ_MALFORMED);
	assert_int_equal(add(cutter, 2, nz_bytes_str("1\tx")), NZ_OK);
	assert_int_equal(add(cutter, 0, nz_bytes_str("1\tx")), NZ_INVALID);
	assert_int_equal(add(cutter, 2, nz_bytes_str("2\tx")), NZ_OK);
	nz_cutter_free(&cutter);
}

/* The order is watched across the runs in which records are hashed, too. */
static void order_across_runs(void **state)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	NZ_BUFFER(room);

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(add(cutter, 0, make_record(&room, 1000 + i, 20)), NZ_OK);
	assert_int_equal(add(cutter, 0, make_record(&room, 2000, 100000)), NZ_OK);
	assert_int_equal(add(cutter, 0, make_record(&room, 1999, 20)), NZ_MALFORMED);
}

static void first_key_is_cut(void **state)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	NZ_BUFFER(room);

	(void)state;
	assert_int_equal(add(cutter, 1, make_record(&room, 1, 2000)), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	assert_int_equal(seen.batch[1].first_key.len, 1024);
	assert_memory_equal(seen.keys.ptr + seen.key_at[1] + 1, room.ptr, 1023);
	assert_int_equal(seen.keys.ptr[seen.key_at[1]], 2);
}

static enum nz_status stop(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	(void)context;
	return nz_fail(err, NZ_CANCELLED, "at %u", (unsigned)batch->position);
}

static void sink_can_stop(void **state)
{
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	struct nz_error err;

	(void)state;
	assert_int_equal(nz_cutter_new(nz_crypto_default(), &schema, stop, NULL, &cutter), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, &err), NZ_CANCELLED);
	assert_string_equal(err.message, "at 0");
}

static void root_of_records(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_hasher *hasher = NULL;
	struct nz_bytes records[7];
	struct nz_hash leaves[7], plain[7], root;

	(void)state;
	assert_int_equal(crypto->hasher_new(&hasher), NZ_OK);
	for (size_t n = 0; n <= 7; n++) {
		for (size_t i = 0; i < n; i++) {
			records[i] = nz_bytes_of(&"record"[i % 6], 6 - i % 6);
			plain[i] = leaf_of(records[i]);
		}
		const struct nz_hash expected = tree_of(plain, n);

		assert_int_equal(nz_batch_root(crypto, hasher, records, n, leaves, &root), NZ_OK);
		assert_memory_equal(&root, &expected, sizeof(root));
	}
	crypto->hasher_free(&hasher);
}

static struct nz_json_doc *parse(const char *text)
{
	struct nz_json_doc *doc = NULL;

	assert_int_equal(nz_json_parse(nz_bytes_str(text), &nz_json_packet_limits, &doc, NULL), NZ_OK);
	return doc;
}

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static void entries(void **state)
{
	static const char entry[] = "{\"bytes\":12,\"count\":3,\"first_key\":\"01ff\",\"root\":\"" HEX32
				    "\",\"table\":\"b\"}";
	NZ_JSON_DOC(doc);
	NZ_JSON_DOC(built);
	NZ_BUFFER(keys);
	NZ_BUFFER(text);
	struct nz_batch batch = {.position = 5, .ordinal = 77};

	(void)state;
	doc = parse(entry);
	assert_int_equal(nz_batch_from_json(&schema, nz_json_root(doc), &keys, &batch, NULL), NZ_OK);
	assert_int_equal(batch.position, 5);
	assert_int_equal(batch.ordinal, 77);
	assert_int_equal(batch.table, 1);
	assert_int_equal(batch.count, 3);
	assert_int_equal(batch.bytes, 12);
	assert_int_equal(batch.first_key.len, 2);
	assert_int_equal(nz_json_new(&built), NZ_OK);
	assert_int_equal(nz_json_canonical(nz_batch_to_json(&schema, &batch, built), &text), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&text), entry);
}

static void bad_entries(void **state)
{
	static const char *const cases[] = {
		"[]",
		"{}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01ff\",\"root\":\"" HEX32 "\"}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01ff\",\"root\":\"" HEX32 "\",\"table\":\"d\"}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01ff\",\"root\":\"" HEX32
		"\",\"table\":\"b\",\"x\":1}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01f\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01FF\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":12,\"count\":0,\"first_key\":\"\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":0,\"count\":0,\"first_key\":\"01\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":12,\"count\":10001,\"first_key\":\"01\",\"root\":\"" HEX32
		"\",\"table\":\"b\"}",
		"{\"bytes\":4194305,\"count\":2,\"first_key\":\"01\",\"root\":\"" HEX32
		"\",\"table\":\"b\"}",
		"{\"bytes\":-1,\"count\":2,\"first_key\":\"01\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":1.5,\"count\":2,\"first_key\":\"01\",\"root\":\"" HEX32 "\",\"table\":\"b\"}",
		"{\"bytes\":12,\"count\":3,\"first_key\":\"01ff\",\"root\":\"00\",\"table\":\"b\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		NZ_JSON_DOC(doc);
		NZ_BUFFER(keys);
		struct nz_batch batch = {.count = 42};

		doc = parse(cases[i]);
		if (nz_batch_from_json(&schema, nz_json_root(doc), &keys, &batch, NULL) != NZ_MALFORMED)
			fail_msg("took %s", cases[i]);
		assert_int_equal(batch.count, 42);
		assert_int_equal(keys.len, 0);
	}
}

/* A whole small dataset; the root was worked out by an independent program. */
static void dataset_root(void **state)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = new_cutter();
	struct nz_dataset_root total = {0};
	struct nz_hash root;
	char hex[65];

	(void)state;
	assert_int_equal(add(cutter, 0, nz_bytes_str("1\tone")), NZ_OK);
	assert_int_equal(add(cutter, 0, nz_bytes_str("2\t\\N")), NZ_OK);
	assert_int_equal(add(cutter, 1, nz_bytes_str("7\tx")), NZ_OK);
	assert_int_equal(nz_cutter_finish(cutter, NULL), NZ_OK);
	assert_int_equal(nz_dataset_root_init(&total, crypto, &schema), NZ_OK);
	for (size_t i = 0; i < seen.count; i++) {
		seen.batch[i].first_key.ptr = seen.keys.ptr + seen.key_at[i];
		assert_int_equal(nz_dataset_root_add(&total, &seen.batch[i]), NZ_OK);
	}
	assert_int_equal(nz_dataset_root_get(&total, &root), NZ_OK);
	assert_int_equal(total.records, 3);
	assert_int_equal(total.batches, 3);
	assert_int_equal(total.bytes, 12);
	nz_dataset_root_clear(&total);
	nz_hex_encode(nz_bytes_of(root.bytes, 32), hex);
	assert_string_equal(hex, "6ddded66073297fd4955c94c02c7704169fdebbeb3f87bddca612a55411b5499");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cuts_by_content, reset, reset),
		cmocka_unit_test_setup_teardown(cuts_by_size, reset, reset),
		cmocka_unit_test_setup_teardown(long_records, reset, reset),
		cmocka_unit_test_setup_teardown(empty_tables, reset, reset),
		cmocka_unit_test_setup_teardown(order, reset, reset),
		cmocka_unit_test_setup_teardown(order_across_runs, reset, reset),
		cmocka_unit_test_setup_teardown(first_key_is_cut, reset, reset),
		cmocka_unit_test(sink_can_stop),
		cmocka_unit_test(root_of_records),
		cmocka_unit_test(entries),
		cmocka_unit_test(bad_entries),
		cmocka_unit_test_setup_teardown(dataset_root, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
