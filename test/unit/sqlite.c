/* SPDX-License-Identifier: Apache-2.0 */
/* The SQLite engine: whole databases made again from schema and records; bad files; the writer. */
#include "../conformance/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "record/batch.h"
#include "sqlite/sqlite.h"

static char folder[64];
static char path[128], copy_path[128];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/nz-sqlite-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/a.db", folder);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/b.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static sqlite3 *open_db(const char *at, enum nz_sqlite_mode mode)
{
	struct nz_error err = {0};
	sqlite3 *db = NULL;

	if (nz_sqlite_open(at, mode, 100, &db, &err) != NZ_OK)
		fail_msg("%s", err.message);
	return db;
}

static struct nz_schema *read_schema(sqlite3 *db)
{
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};

	if (nz_sqlite_schema(db, NULL, &schema, &err) != NZ_OK)
		fail_msg("%s", err.message);
	return schema;
}

static enum nz_status add_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	(void)err;
	return nz_dataset_root_add(context, batch);
}

static struct nz_hash root_of(sqlite3 *db, const struct nz_schema *schema)
{
	const struct nz_crypto *crypto = nz_crypto_default();
	struct nz_cutter *cutter NZ_CLEANUP(nz_cutter_free) = NULL;
	struct nz_dataset_root total = {0};
	struct nz_error err = {0};
	struct nz_hash root;

	assert_int_equal(nz_dataset_root_init(&total, crypto, schema), NZ_OK);
	assert_int_equal(nz_cutter_new(crypto, schema, add_batch, &total, &cutter), NZ_OK);
	for (size_t i = 0; i < schema->table_count; i++) {
		struct nz_scan *scan = NULL;
		enum nz_status status;
		struct nz_row row;

		assert_int_equal(nz_sqlite_scan(db, "main", &schema->tables[i], NULL, 0, &scan, &err),
		                 NZ_OK);
		while ((status = nz_sqlite_scan_next(scan, &row, &err)) == NZ_OK)
			if (nz_cutter_add(cutter, i, row.record, row.key, &err) != NZ_OK)
				fail_msg("%s", err.message);
		if (status != NZ_END)
			fail_msg("%s", err.message);
		nz_sqlite_scan_free(&scan);
	}
	assert_int_equal(nz_cutter_finish(cutter, &err), NZ_OK);
	assert_int_equal(nz_dataset_root_get(&total, &root), NZ_OK);
	nz_dataset_root_clear(&total);
	return root;
}

static const char *statement(const struct nz_schema *schema, size_t number)
{
	for (size_t i = 0; i < schema->table_count; i++) {
		if (number < schema->tables[i].ddl_count)
			return schema->tables[i].ddl[number];
		number -= schema->tables[i].ddl_count;
	}
	assert_true(number < schema->ddl_count);
	return schema->ddl[number];
}

/* Runs every statement in the schema's order. */
static void make_schema(sqlite3 *db, const struct nz_schema *schema)
{
	size_t count = schema->ddl_count;
	struct nz_error err = {0};

	for (size_t i = 0; i < schema->table_count; i++)
		count += schema->tables[i].ddl_count;
	assert_true(schema->order_count == 0 || schema->order_count == count);
	for (size_t i = 0; i < count; i++) {
		const char *sql = statement(schema, schema->order_count > 0 ? schema->order[i] : i);

		if (nz_sqlite_exec(db, sql, &err) != NZ_OK)
			fail_msg("%s: %s", sql, err.message);
	}
}

static void copy_rows(sqlite3 *from, sqlite3 *to, const struct nz_table *table)
{
	struct nz_sqlite_writer *writer = NULL;
	struct nz_scan *scan = NULL;
	struct nz_error err = {0};
	enum nz_status status;
	struct nz_row row;

	assert_int_equal(nz_sqlite_scan(from, "main", table, NULL, 0, &scan, &err), NZ_OK);
	if (nz_sqlite_writer_new(to, "main", table, &writer, &err) != NZ_OK)
		fail_msg("%s", err.message);
	while ((status = nz_sqlite_scan_next(scan, &row, &err)) == NZ_OK)
		if (nz_sqlite_writer_insert(writer, row.record, &err) != NZ_OK)
			fail_msg("%s: %.*s", err.message, (int)row.record.len, (const char *)row.record.ptr);
	assert_int_equal(status, NZ_END);
	nz_sqlite_scan_free(&scan);
	nz_sqlite_writer_free(&writer);
}

static void set_sequences(sqlite3 *db, const struct nz_schema *schema)
{
	struct nz_error err = {0};

	assert_int_equal(nz_sqlite_exec(db, "DELETE FROM sqlite_sequence", &err), NZ_OK);
	for (size_t i = 0; i < schema->sequence_count; i++) {
		char *sql = sqlite3_mprintf("INSERT INTO sqlite_sequence VALUES(%Q,%s)",
		                            schema->sequences[i].name, schema->sequences[i].value);

		assert_int_equal(nz_sqlite_exec(db, sql, &err), NZ_OK);
		sqlite3_free(sql);
	}
}

/* Schema, rows, storage classes: the copy has the same root and the same schema hash. */
static void whole_copy(void **state)
{
	NZ_SQLITE(db);
	NZ_SQLITE(copy);
	NZ_SCHEMA(schema);
	NZ_SCHEMA(copied);
	struct nz_hash root, other, hash, other_hash;
	struct nz_error err = {0};

	(void)state;
	make_fixture(path, 400);
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	assert_int_equal(schema->table_count, FIXTURE_TABLES);
	copy = open_db(copy_path, NZ_SQLITE_CREATE);
	assert_int_equal(sqlite3_db_config(copy, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL), SQLITE_OK);
	assert_int_equal(nz_sqlite_exec(copy, "BEGIN", &err), NZ_OK);
	make_schema(copy, schema);
	for (size_t i = 0; i < schema->table_count; i++)
		copy_rows(db, copy, &schema->tables[i]);
	set_sequences(copy, schema);
	assert_int_equal(nz_sqlite_exec(copy, "COMMIT", &err), NZ_OK);
	copied = read_schema(copy);
	root = root_of(db, schema);
	other = root_of(copy, copied);
	assert_memory_equal(&root, &other, sizeof(root));
	assert_int_equal(nz_schema_hash(nz_crypto_default(), schema, &hash), NZ_OK);
	assert_int_equal(nz_schema_hash(nz_crypto_default(), copied, &other_hash), NZ_OK);
	assert_memory_equal(&hash, &other_hash, sizeof(hash));
	assert_int_equal(copied->sequence_count, 1);
	assert_string_equal(copied->sequences[0].value, schema->sequences[0].value);
}

static const struct nz_table *table(const struct nz_schema *schema, const char *name)
{
	const struct nz_table *found = nz_schema_find(schema, nz_bytes_str(name));

	assert_non_null(found);
	return found;
}

static void key_is(const struct nz_schema *schema, const char *name, size_t count, size_t first)
{
	const struct nz_table *found = table(schema, name);

	assert_int_equal(found->key_count, count);
	if (count > 0)
		assert_int_equal(found->key[0], first);
	for (size_t i = 0; i < count; i++)
		assert_false(found->columns[found->key[i]].nullable);
}

static void schema_details(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	NZ_BUFFER(names);
	size_t views = 0, triggers = 0;

	(void)state;
	make_fixture(path, 3);
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	key_is(schema, "plain", 1, 0);
	key_is(schema, "select \"x\" from gr\xc3\xbc\xc3\x9f", 0, 0);
	key_is(schema, "wr", 2, 0);
	key_is(schema, "wr_back", 2, 2);
	key_is(schema, "composite", 2, 2);
	key_is(schema, "textual", 1, 0);
	key_is(schema, "nullable_key", 0, 0);
	key_is(schema, "descending", 0, 0);
	key_is(schema, "folded", 1, 0);
	key_is(schema, "all_hidden", 1, 2);
	assert_int_equal(table(schema, "made")->column_count, 3);
	assert_string_equal(table(schema, "made")->columns[2].name, "d");
	assert_int_equal(table(schema, "wide")->column_count, FIXTURE_WIDE);
	assert_int_equal(table(schema, "plain")->ddl_count, 4);
	assert_string_equal(table(schema, "plain")->ddl[1],
	                    "CREATE INDEX by_t ON plain(t DESC) WHERE t IS NOT NULL");
	assert_true(table(schema, "numbers")->columns[1].as_text);
	for (size_t i = 0; i < schema->ddl_count; i++) {
		views += strncmp(schema->ddl[i], "CREATE VIEW", 11) == 0;
		triggers += strncmp(schema->ddl[i], "CREATE TRIGGER", 14) == 0;
		assert_null(strstr(schema->ddl[i], "_nz_"));
	}
	assert_int_equal(views, 1);
	assert_int_equal(triggers, 1);
	assert_null(nz_schema_find(schema, nz_bytes_str("docs")));
	assert_null(nz_schema_find(schema, nz_bytes_str("docs_data")));
	assert_null(nz_schema_find(schema, nz_bytes_str("_nz_ours")));
	assert_int_equal(nz_sqlite_left_out(db, &names, NULL), NZ_OK);
	assert_string_equal(nz_buffer_cstr(&names), "docs");
	assert_true(nz_sqlite_scan_seeks(table(schema, "plain")));
	assert_false(nz_sqlite_scan_seeks(table(schema, "wr")));
}

/* Tables that exist in another order than their names' keep it. */
static void order_of_making(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);

	(void)state;
	run_sql(path, "CREATE TABLE b(x); CREATE INDEX bi ON b(x); CREATE TABLE a(x)");
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	assert_int_equal(schema->order_count, 3);
	assert_string_equal(statement(schema, schema->order[0]), "CREATE TABLE b(x)");
	assert_string_equal(statement(schema, schema->order[1]), "CREATE TABLE a(x)");
	assert_string_equal(statement(schema, schema->order[2]), "CREATE INDEX bi ON b(x)");
	nz_schema_free(&schema);
	nz_sqlite_close(&db);
	run_sql(path, "DROP TABLE b");
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	assert_int_equal(schema->order_count, 0);
}

static void widest_table(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	NZ_BUFFER(sql);
	struct nz_scan *scan = NULL;
	struct nz_row row;
	struct nz_error err = {0};

	(void)state;
	for (int t = 0; t < 2; t++) {
		assert_int_equal(nz_buffer_appendf(&sql, "CREATE TABLE w%d(c0 TEXT", t), NZ_OK);
		for (int i = 1; i < 2000; i++)
			assert_int_equal(nz_buffer_appendf(&sql, ",c%d INT", i), NZ_OK);
		/* One with a key of its own, in an index, and no room for a rowid in the result. */
		assert_int_equal(nz_buffer_append_str(&sql, t == 0 ? ");" : " , PRIMARY KEY(c1999)) "
		                                                            "WITHOUT ROWID;"), NZ_OK);
		assert_int_equal(nz_buffer_appendf(&sql, "INSERT INTO w%d(c0,c1999) VALUES('x',7),('a',9);",
		                                   t), NZ_OK);
	}
	run_sql(path, nz_buffer_cstr(&sql));
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	for (size_t t = 0; t < 2; t++) {
		assert_int_equal(nz_sqlite_scan(db, "main", &schema->tables[t], NULL, 0, &scan, &err),
		                 NZ_OK);
		if (nz_sqlite_scan_next(scan, &row, &err) != NZ_OK)
			fail_msg("%s", err.message);
		assert_int_equal(row.record.ptr[0], t == 0 ? 'a' : 'x');
		assert_int_equal(nz_sqlite_scan_next(scan, &row, &err), NZ_OK);
		assert_int_equal(nz_sqlite_scan_next(scan, &row, &err), NZ_END);
		nz_sqlite_scan_free(&scan);
	}
}

static void unaddressable(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	struct nz_error err = {0};

	(void)state;
	run_sql(path, "CREATE TABLE t(rowid, _rowid_, oid)");
	db = open_db(path, NZ_SQLITE_READ);
	assert_int_equal(nz_sqlite_schema(db, NULL, &schema, &err), NZ_UNSUPPORTED);
	assert_non_null(strstr(err.message, "table t"));
}

static void utf16(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	struct nz_scan *scan = NULL;
	struct nz_row row;

	(void)state;
	/* In UTF-16's bytes U+FFFD comes after U+10000; in key order it comes before. */
	run_sql(path, "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID;"
	              "INSERT INTO t VALUES(char(65533)),(char(65536)),('\xc3\xbc')");
	db = open_db(path, NZ_SQLITE_READ);
	schema = read_schema(db);
	assert_int_equal(nz_sqlite_scan(db, "main", &schema->tables[0], NULL, 0, &scan, NULL), NZ_OK);
	assert_int_equal(nz_sqlite_scan_next(scan, &row, NULL), NZ_OK);
	assert_memory_equal(row.record.ptr, "\xc3\xbc", 2);
	assert_int_equal(nz_sqlite_scan_next(scan, &row, NULL), NZ_OK);
	assert_memory_equal(row.record.ptr, "\xef\xbf\xbd", 3);
	assert_int_equal(nz_sqlite_scan_next(scan, &row, NULL), NZ_OK);
	assert_memory_equal(row.record.ptr, "\xf0\x90\x80\x80", 4);
	assert_int_equal(nz_sqlite_scan_next(scan, &row, NULL), NZ_END);
	nz_sqlite_scan_free(&scan);
}

/* A table that is not as its description says is a failure, not a column of literals. */
static void other_columns(void **state)
{
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	struct nz_scan *scan = NULL;
	struct nz_sqlite_writer *writer = NULL;
	struct nz_error err = {0};

	(void)state;
	run_sql(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
	db = open_db(path, NZ_SQLITE_READ_WRITE);
	schema = read_schema(db);
	assert_int_equal(nz_sqlite_exec(db, "ALTER TABLE t RENAME x TO y", &err), NZ_OK);
	assert_int_equal(nz_sqlite_scan(db, "main", &schema->tables[0], NULL, 0, &scan, &err),
	                 NZ_DATABASE);
	assert_int_equal(nz_sqlite_writer_new(db, "main", &schema->tables[0], &writer, &err),
	                 NZ_DATABASE);
	assert_int_equal(nz_sqlite_exec(db, "DROP TABLE t", &err), NZ_OK);
	assert_int_equal(nz_sqlite_scan(db, "main", &schema->tables[0], NULL, 0, &scan, &err),
	                 NZ_NOT_FOUND);
	assert_int_equal(nz_sqlite_writer_new(db, "main", &schema->tables[0], &writer, &err),
	                 NZ_NOT_FOUND);
}

static int64_t count(sqlite3 *db, const char *name)
{
	char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name);
	NZ_STMT(stmt);

	assert_int_equal(nz_sqlite_prepare(db, sql, &stmt, NULL), NZ_OK);
	sqlite3_free(sql);
	assert_int_equal(nz_sqlite_step(db, stmt, NULL), NZ_OK);
	return sqlite3_column_int64(stmt, 0);
}

/* Removes every other row of each table, as a scan gives them: just those go. */
static void removes(void **state)
{
	NZ_SQLITE(db);
	NZ_SQLITE(reader);
	NZ_SCHEMA(schema);
	struct nz_error err = {0};

	(void)state;
	make_fixture(path, 60);
	reader = open_db(path, NZ_SQLITE_READ_WRITE);
	assert_int_equal(nz_sqlite_exec(reader, "PRAGMA journal_mode = WAL", &err), NZ_OK);
	db = open_db(path, NZ_SQLITE_READ_WRITE);
	schema = read_schema(db);
	for (size_t t = 0; t < schema->table_count; t++) {
		const struct nz_table *each = &schema->tables[t];
		struct nz_sqlite_writer *writer = NULL;
		struct nz_scan *scan = NULL;
		const int64_t before = count(db, each->name);
		int64_t seen = 0, removed = 0;
		struct nz_row row;

		assert_int_equal(nz_sqlite_scan(reader, "main", each, NULL, 0, &scan, &err), NZ_OK);
		assert_int_equal(nz_sqlite_writer_new(db, "main", each, &writer, &err), NZ_OK);
		while (nz_sqlite_scan_next(scan, &row, &err) == NZ_OK) {
			if (seen++ % 2 != 0)
				continue;
			if (nz_sqlite_writer_delete(writer, row.rowid, row.record, &err) != NZ_OK)
				fail_msg("%s", err.message);
			assert_int_equal(count(db, each->name), before - ++removed);
			assert_int_equal(nz_sqlite_writer_delete(writer, row.rowid, row.record, &err),
			                 NZ_NOT_FOUND);
		}
		assert_int_equal(seen, before);
		nz_sqlite_scan_free(&scan);
		nz_sqlite_writer_free(&writer);
	}
}

/* A row that SQLite would store as something else is refused. */
static void keeps_classes(void **state)
{
	static const struct {
		const char *record;
		enum nz_status status;
	} cases[] = {
		{"1\tx\t1.5\t1", NZ_OK},
		{"2\t\\B78\t\\B00\t\\Tx", NZ_OK},
		{"3\t\\N\t\\N\t\\N", NZ_OK},
		{"4\t\\I5\t1.5\t1", NZ_UNSUPPORTED},   /* TEXT: '5' */
		{"5\tx\t\\I1\t1", NZ_UNSUPPORTED},     /* REAL: 1.0 */
		{"6\tx\t\\T1.5\t1", NZ_UNSUPPORTED},   /* REAL: 1.5 */
		{"7\tx\t1.5\t\\T1", NZ_UNSUPPORTED},   /* INT: 1 */
		{"8\tx\t1.5\t\\R7", NZ_UNSUPPORTED},   /* INT: 7 */
		{"9\tx\t1.5\t\\R7.5", NZ_OK},
		{"10\tx\t1.5\t\\T1x", NZ_OK},
		{"11\tx\t-0\t1", NZ_OK},
		{"12\tx\t\\N\tx", NZ_MALFORMED},
		{"1\tx\t1.5\t1", NZ_DATABASE},         /* there already */
	};
	NZ_SQLITE(db);
	NZ_SCHEMA(schema);
	struct nz_sqlite_writer *writer = NULL;
	struct nz_error err = {0};

	(void)state;
	run_sql(path, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c INT)");
	db = open_db(path, NZ_SQLITE_READ_WRITE);
	schema = read_schema(db);
	assert_int_equal(nz_sqlite_writer_new(db, "main", &schema->tables[0], &writer, &err), NZ_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const enum nz_status status =
			nz_sqlite_writer_insert(writer, nz_bytes_str(cases[i].record), &err);

		if (status != cases[i].status)
			fail_msg("%s: %s", cases[i].record, nz_status_name(status));
	}
	nz_sqlite_writer_free(&writer);
}

static void write_file(const char *at, const void *bytes, size_t len)
{
	FILE *file = fopen(at, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void bad_files(void **state)
{
	static uint8_t noise[8192];
	struct nz_error err = {0};
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(nz_sqlite_open(path, NZ_SQLITE_READ, 0, &db, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_sqlite_open(path, NZ_SQLITE_READ_WRITE, 0, &db, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_sqlite_open("", NZ_SQLITE_CREATE, 0, &db, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_sqlite_open(folder, NZ_SQLITE_READ, 0, &db, &err), NZ_DATABASE);
	assert_non_null(strstr(err.message, "folder"));
	assert_int_equal(nz_sqlite_open("/dev/null", NZ_SQLITE_READ, 0, &db, &err), NZ_DATABASE);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 7 + i / 5);
	write_file(path, noise, sizeof(noise));
	assert_int_equal(nz_sqlite_open(path, NZ_SQLITE_READ, 0, &db, &err), NZ_DATABASE);
	assert_non_null(strstr(err.message, "not a SQLite database"));
	memcpy(noise, "SQLite format 3", 16);
	write_file(path, noise, sizeof(noise));
	assert_int_equal(nz_sqlite_open(path, NZ_SQLITE_READ, 0, &db, &err), NZ_DATABASE);
	assert_null(db);
	/* An empty file is an empty database; and a path is never a URI. */
	write_file(path, noise, 0);
	db = open_db(path, NZ_SQLITE_READ);
	nz_sqlite_close(&db);
	assert_int_equal(nz_sqlite_open("file:/tmp?mode=memory", NZ_SQLITE_READ, 0, &db, &err),
	                 NZ_NOT_FOUND);
	assert_int_equal(nz_sqlite_open(":memory:", NZ_SQLITE_READ, 0, &db, &err), NZ_NOT_FOUND);
}

/* Each page in turn overwritten: every read ends, with rows or with a status, and names the table. */
static void damaged_pages(void **state)
{
	uint8_t page[512];
	size_t failures = 0;

	(void)state;
	memset(page, 0xa5, sizeof(page));
	run_sql(path, "PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT);"
	              "CREATE TABLE u(k TEXT PRIMARY KEY, x) WITHOUT ROWID;"
	              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
	              "INSERT INTO t SELECT i, 'some text' FROM n;"
	              "INSERT INTO u SELECT id, x FROM t");
	for (long at = 0;; at += 512) {
		NZ_SQLITE(db);
		NZ_SCHEMA(schema);
		struct nz_error err = {0};
		char command[400];
		FILE *file;

		(void)snprintf(command, sizeof(command), "cp %s %s", path, copy_path);
		assert_int_equal(system(command), 0);
		file = fopen(copy_path, "r+b");
		assert_non_null(file);
		assert_int_equal(fseek(file, 0, SEEK_END), 0);
		if (at >= ftell(file)) {
			(void)fclose(file);
			break;
		}
		assert_int_equal(fseek(file, at, SEEK_SET), 0);
		assert_int_equal(fwrite(page, 1, sizeof(page), file), sizeof(page));
		assert_int_equal(fclose(file), 0);
		enum nz_status status = nz_sqlite_open(copy_path, NZ_SQLITE_READ, 0, &db, &err);

		if (status == NZ_OK)
			status = nz_sqlite_schema(db, NULL, &schema, &err);
		for (size_t t = 0; status == NZ_OK && t < schema->table_count; t++) {
			struct nz_scan *scan = NULL;
			struct nz_row row;

			status = nz_sqlite_scan(db, "main", &schema->tables[t], NULL, 0, &scan, &err);
			while (status == NZ_OK)
				status = nz_sqlite_scan_next(scan, &row, &err);
			if (status == NZ_DATABASE)
				assert_non_null(strstr(err.message, "table"));
			else
				status = status == NZ_END ? NZ_OK : status;
			nz_sqlite_scan_free(&scan);
		}
		failures += status != NZ_OK;
		assert_true(status == NZ_OK || status == NZ_DATABASE);
	}
	assert_true(failures > 10);
}

static void locked(void **state)
{
	NZ_SQLITE(writer);
	NZ_SQLITE(reader);
	struct nz_error err = {0};

	(void)state;
	run_sql(path, "CREATE TABLE t(x)");
	reader = open_db(path, NZ_SQLITE_READ);
	writer = open_db(path, NZ_SQLITE_READ_WRITE);
	assert_int_equal(nz_sqlite_exec(writer, "BEGIN EXCLUSIVE", &err), NZ_OK);
	assert_int_equal(nz_sqlite_exec(reader, "SELECT * FROM t", &err), NZ_BUSY);
	assert_non_null(strstr(err.message, "locked"));
	assert_int_equal(nz_sqlite_exec(writer, "ROLLBACK", &err), NZ_OK);
	assert_int_equal(nz_sqlite_exec(reader, "SELECT * FROM t", &err), NZ_OK);
	assert_int_equal(nz_sqlite_exec(reader, "INSERT INTO t VALUES(1)", &err), NZ_REFUSED);
	assert_int_equal(nz_sqlite_exec(reader, "SELECT load_extension('x')", &err), NZ_DATABASE);
}

/* A journal left by a crash is rolled back by whoever opens next, a reader too. */
static void hot_journal(void **state)
{
	NZ_SQLITE(db);
	char command[600];
	NZ_SQLITE(crashing);

	(void)state;
	run_sql(path, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
	crashing = open_db(path, NZ_SQLITE_READ_WRITE);
	assert_int_equal(nz_sqlite_exec(crashing, "PRAGMA cache_size = 1; BEGIN;"
	                                "UPDATE t SET x = 2; CREATE TABLE filler(y);"
	                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
	                                "WHERE i < 500) INSERT INTO filler SELECT zeroblob(500) FROM n",
	                                NULL), NZ_OK);
	(void)snprintf(command, sizeof(command), "cp %s %s && cp %s-journal %s-journal", path, copy_path,
	               path, copy_path);
	assert_int_equal(system(command), 0);
	db = open_db(copy_path, NZ_SQLITE_READ);
	assert_int_equal(count(db, "t"), 1);
	assert_int_equal(nz_sqlite_exec(db, "SELECT 1 FROM filler", NULL), NZ_DATABASE);
}

static void modes(void **state)
{
	NZ_SQLITE(db);
	struct stat st;
	const mode_t mask = umask(022);

	(void)state;
	db = open_db(path, NZ_SQLITE_CREATE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	nz_sqlite_close(&db);
	db = open_db(copy_path, NZ_SQLITE_CREATE_SHARED);
	assert_int_equal(stat(copy_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	(void)umask(mask);
}

static void fingerprint(void **state)
{
	struct nz_hash before, after;
	bool settled = true;
	struct nz_error err = {0};

	(void)state;
	assert_int_equal(nz_sqlite_fingerprint(path, &before, &settled, &err), NZ_NOT_FOUND);
	run_sql(path, "CREATE TABLE t(x)");
	/* A machine that is busy may not ask within the 20 ms; one of these times it does. */
	for (int tries = 0; tries < 50 && settled; tries++) {
		run_sql(path, "INSERT INTO t VALUES(0)");
		assert_int_equal(nz_sqlite_fingerprint(path, &before, &settled, &err), NZ_OK);
	}
	assert_false(settled);
	(void)usleep(30000);
	assert_int_equal(nz_sqlite_fingerprint(path, &before, &settled, &err), NZ_OK);
	assert_true(settled);
	run_sql(path, "SELECT * FROM t");
	assert_int_equal(nz_sqlite_fingerprint(path, &after, &settled, &err), NZ_OK);
	assert_memory_equal(&before, &after, sizeof(before));
	run_sql(path, "INSERT INTO t VALUES(1)");
	assert_int_equal(nz_sqlite_fingerprint(path, &after, &settled, &err), NZ_OK);
	assert_memory_not_equal(&before, &after, sizeof(before));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(whole_copy),   TEST(schema_details), TEST(order_of_making), TEST(widest_table),
		TEST(unaddressable), TEST(utf16),         TEST(other_columns),   TEST(removes),
		TEST(keeps_classes), TEST(bad_files),     TEST(damaged_pages),   TEST(locked),
		TEST(hot_journal),  TEST(modes),          TEST(fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
