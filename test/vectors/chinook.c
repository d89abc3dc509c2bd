/* SPDX-License-Identifier: Apache-2.0 */
/* The Chinook sample database: its root as an independent reading of the protocol has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/batch.h"
#include "source/source.h"

#define ROOT "a001571e735069863a4d95d542c22d9201accfcd7d549b81c161ea673c484f77"

static enum nz_status add_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	(void)err;
	return nz_dataset_root_add(context, batch);
}

static void scan_table(struct nz_source *source, const struct nz_schema *schema, size_t table,
                       struct nz_cutter *cutter)
{
	struct nz_error err = {0};
	struct nz_scan *scan = NULL;
	enum nz_status status;
	struct nz_row row;

	assert_int_equal(source->ops->scan(source, schema, table, NULL, &scan, &err), NZ_OK);
	while ((status = source->ops->scan_ops.next(scan, &row, &err)) == NZ_OK)
		assert_int_equal(nz_cutter_add(cutter, table, row.record, row.key, &err), NZ_OK);
	assert_int_equal(status, NZ_END);
	source->ops->scan_ops.free(&scan);
}

static void chinook_root(void **state)
{
	const char *const root_folder = getenv("NZ_SOURCE_ROOT");
	const char *const data = getenv("NZ_TESTDATA");
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_source *source NZ_CLEANUP(nz_source_close) = NULL;
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	struct nz_dataset_root total = {0};
	struct nz_error err = {0};
	NZ_SCHEMA(schema);
	struct nz_hash root;
	char uri[4096], hex[65];

	(void)state;
	if (data != NULL)
		(void)snprintf(uri, sizeof(uri), "sqlite:%s/chinook/Chinook_Sqlite.sqlite", data);
	else
		(void)snprintf(uri, sizeof(uri),
		               "sqlite:%s/../shared/testdata/chinook/Chinook_Sqlite.sqlite",
		               root_folder != NULL ? root_folder : ".");
	if (access(uri + 7, R_OK) != 0) {
		print_message("skipped: no %s\n", uri + 7);
		skip();
	}
	assert_int_equal(nz_source_open(uri, NULL, &source, &err), NZ_OK);
	assert_int_equal(source->ops->begin(source, &err), NZ_OK);
	assert_int_equal(source->ops->schema(source, &schema, &err), NZ_OK);
	assert_int_equal(schema->table_count, 11);
	assert_int_equal(nz_dataset_root_init(&total, crypto, schema), NZ_OK);
	assert_int_equal(nz_cutter_new(crypto, schema, add_batch, &total, &cutter), NZ_OK);
	for (size_t i = 0; i < schema->table_count; i++)
		scan_table(source, schema, i, cutter);
	assert_int_equal(nz_cutter_finish(cutter, &err), NZ_OK);
	source->ops->end(source);
	assert_int_equal(nz_dataset_root_get(&total, &root), NZ_OK);
	nz_hex_encode(nz_bytes_of(root.bytes, sizeof(root.bytes)), hex);
	assert_int_equal(total.records, 15607);
	assert_int_equal(total.batches, 23);
	nz_dataset_root_clear(&total);
	assert_string_equal(hex, ROOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(chinook_root)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
