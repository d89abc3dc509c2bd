/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite source that is opened, read as a schema and scanned, while memory or its file fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <nz/labelled.h>

#include "alloc.h"
#include "source/source.h"
#include "sqlite_calls.h"

#define ROWS 30 /* of each table; some values need several pages */

static char folder[FAULT_FOLDER_CHARS], path[64], uri[80];

static enum nz_status scan_table(struct nz_source *source, const struct nz_schema *schema,
                                 size_t table, unsigned *rows, struct nz_error *err)
{
	const struct nz_scan_from from = {{0}, 0};
	struct nz_scan *scan = NULL;
	struct nz_row row;
	enum nz_status status = source->ops->scan(source, schema, table, &from, &scan, err);

	while (status == NZ_OK &&
	       (status = source->ops->scan_ops.next(scan, &row, err)) == NZ_OK)
		++*rows;
	if (scan != NULL)
		source->ops->scan_ops.free(&scan);
	return status == NZ_END ? NZ_OK : status;
}

/* The same schema each time, with what is not in its hash. */
static void check_schema(const struct nz_schema *schema)
{
	static char expected[65];
	struct nz_hash hash;
	char found[65];
	NZ_JSON_DOC(doc);

	assert_int_equal(nz_json_new(&doc), NZ_OK);
	assert_int_equal(nz_json_digest(nz_crypto_default(), nz_schema_to_json(schema, doc, true),
	                                NULL, &hash),
	                 NZ_OK);
	nz_hex_encode(nz_bytes_of(hash.bytes, sizeof(hash.bytes)), found);
	if (expected[0] == '\0')
		memcpy(expected, found, sizeof(found));
	assert_string_equal(found, expected);
}

static enum nz_status scan_all(struct nz_source *source, unsigned *rows, struct nz_error *err)
{
	NZ_SCHEMA(schema);

	NZ_TRY(source->ops->begin(source, err));
	NZ_TRY(source->ops->schema(source, &schema, err));
	fault_hold();
	check_schema(schema);
	fault_go_on();
	for (size_t i = 0; i < schema->table_count; i++)
		NZ_TRY(scan_table(source, schema, i, rows, err));
	return NZ_OK;
}

static enum nz_status read_all(struct nz_error *err)
{
	const struct nz_source_options options = {0};
	struct nz_source *source = NULL;
	unsigned rows = 0;
	enum nz_status status = FAULTY(nz_source_open(uri, &options, &source, err));

	if (status != NZ_OK) {
		assert_null(source);
	} else {
		status = FAULTY(scan_all(source, &rows, err));
		if (status == NZ_OK)
			assert_int_equal(rows, 3 * ROWS);
		source->ops->end(source);
		/* The same handle reads on, where it was not the opening that failed. */
		rows = 0;
		struct nz_error again = {.status = NZ_OK};

		if (scan_all(source, &rows, &again) != NZ_OK)
			fail_msg("after %s: %s", nz_status_name(status), again.message);
		assert_int_equal(rows, 3 * ROWS);
		source->ops->end(source);
	}
	nz_source_close(&source);
	assert_int_equal(sqlite3_memory_used(), 0);
	return status;
}

static void run_sql(const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void scans(void **state)
{
	(void)state;
	FAULT_EACH(FAULT_MALLOC, read_all);
	FAULT_EACH(FAULT_SQLITE_MEMORY, read_all);
	FAULT_EACH(FAULT_SQLITE_FILE, read_all);
}

static void scans_of_a_wal(void **state)
{
	(void)state;
	run_sql("PRAGMA journal_mode = WAL");
	FAULT_EACH(FAULT_SQLITE_MEMORY, read_all);
	FAULT_EACH(FAULT_SQLITE_FILE, read_all);
}

static int start(void **state)
{
	(void)state;
	fault_folder(folder);
	(void)snprintf(path, sizeof(path), "%s/source.db", folder);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", path);
	run_sql("CREATE TABLE items(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, price DECIMAL(9,2));"
	        "CREATE INDEX items_name ON items(name);"
	        "CREATE TABLE tags(a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID;"
	        "CREATE TABLE bag(x, y);"
	        "CREATE VIEW names AS SELECT name FROM items;"
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
	        " INSERT INTO items SELECT i, 'item number ' || i, i * 1.25 FROM n;"
	        "INSERT INTO tags SELECT 'tag' || (id % 7), id, name FROM items;"
	        "INSERT INTO bag SELECT id % 5, hex(zeroblob(id * 200)) FROM items");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fault_empty_folder(folder);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scans),
		cmocka_unit_test(scans_of_a_wal),
	};

	fault_install();
	sqlite_calls_install();
	return cmocka_run_group_tests(tests, start, stop);
}
