/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a record: what decodes encodes to the same bytes, and has key bytes unless its key is
 * NULL; keys and their descriptions of anything end well. The first byte picks the table's key, the
 * second its number of columns; one column of each kind.
 */
#include <stdint.h>
#include <stdlib.h>

#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

#define COLUMNS 9
static void make_columns(struct nz_column columns[COLUMNS])
{
	static const char *const types[COLUMNS] = {
		"INTEGER", "TEXT",    "BLOB",          "BOOLEAN",     "REAL",
		"NUMERIC", "DECIMAL(10,2)", "DECIMAL(15,15)", "NUMERIC_TEXT"};

	for (size_t i = 0; i < COLUMNS; i++) {
		columns[i] = (struct nz_column){.name = (char *)"c", .type = (char *)types[i]};
		columns[i].kind = nz_kind_of_sqlite_type(types[i], &columns[i].scale);
		columns[i].as_text = nz_type_is_numeric_text(types[i]);
	}
}

static bool has_null_key(const struct nz_table *table, const struct nz_value *values)
{
	for (size_t i = 0; i < table->key_count; i++)
		if (values[table->key[i]].class_ == NZ_VALUE_NULL)
			return true;
	return false;
}

static void describe(const struct nz_table *table, struct nz_bytes key)
{
	NZ_BUFFER(words);

	require(nz_record_key_describe(table, key, &words) == NZ_OK);
	require(words.len <= 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nz_column columns[COLUMNS];
	struct nz_value values[COLUMNS];
	size_t keys[2], first;
	struct nz_table table = {.name = (char *)"t", .columns = columns, .key = keys};
	struct nz_bytes record;
	struct nz_error err = {0};
	enum nz_status key_status, status;
	NZ_BUFFER(scratch);
	NZ_BUFFER(again);
	NZ_BUFFER(key);

	if (size < 2)
		return 0;
	make_columns(columns);
	/* Any run of columns, so that each kind is met without the others before it. */
	first = (size_t)data[1] / COLUMNS % COLUMNS;
	table.columns = columns + first;
	table.column_count = 1 + (size_t)data[1] % (COLUMNS - first);
	keys[0] = data[0] / 3 % table.column_count;
	keys[1] = (keys[0] + 1) % table.column_count;
	table.key_count = data[0] % 3;
	if (table.key_count > table.column_count)
		table.key_count = table.column_count;
	record = nz_bytes_of(data + 2, size - 2);
	describe(&table, record);
	key_status = nz_record_key(&table, record, &key);
	require(key_status == NZ_OK || (key_status == NZ_MALFORMED && key.len == 0));
	describe(&table, nz_buffer_bytes(&key));
	status = nz_record_decode(&table, record, &scratch, values, &err);
	if (status != NZ_OK) {
		require(status == NZ_MALFORMED && err.status == NZ_MALFORMED);
		return 0;
	}
	require(nz_record_encode(&table, values, &again) == NZ_OK);
	require(nz_bytes_equal(nz_buffer_bytes(&again), record));
	require((key_status == NZ_OK) == !has_null_key(&table, values));
	return 0;
}
