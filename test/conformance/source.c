/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every source must do, run over each backend: one snapshot, key order, scans that begin
 * anywhere, a version that tells of every commit, filters, limits and clear refusals.
 */
#include "fixture.h"

#include "record/batch.h"
#include "source/source.h"

/* How a backend's database is made and changed. */
struct backend {
	const char *name;
	void (*make)(const char *folder, char *uri, size_t size);
	void (*change)(const char *sql);
};

static char sqlite_path[4096];
static void sqlite_make(const char *folder, char *uri, size_t size)
{
	(void)snprintf(sqlite_path, sizeof(sqlite_path), "%s/source.db", folder);
	make_fixture(sqlite_path, 300);
	(void)snprintf(uri, size, "sqlite:%s", sqlite_path);
}
static void sqlite_change(const char *sql)
{
	run_sql(sqlite_path, sql);
}
static const struct backend backends[] = {{"sqlite", sqlite_make, sqlite_change}};

struct context {
	const struct backend *backend;
	char folder[64];
	char uri[4200];
	struct nz_source *source;
};

static int set_up(void **state, const struct backend *backend)
{
	struct context *c = calloc(1, sizeof(*c));
	struct nz_error err = {0};

	assert_non_null(c);
	c->backend = backend;
	(void)snprintf(c->folder, sizeof(c->folder), "/tmp/nz-source-XXXXXX");
	assert_non_null(mkdtemp(c->folder));
	backend->make(c->folder, c->uri, sizeof(c->uri));
	if (nz_source_open(c->uri, NULL, &c->source, &err) != NZ_OK)
		fail_msg("%s", err.message);
	*state = c;
	return 0;
}
static int set_up_sqlite(void **state)
{
	return set_up(state, &backends[0]);
}

static int tear_down(void **state)
{
	struct context *c = *state;
	char command[128];

	nz_source_close(&c->source);
	assert_null(c->source);
	(void)snprintf(command, sizeof(command), "rm -rf %s", c->folder);
	assert_int_equal(system(command), 0);
	free(c);
	return 0;
}

/* All rows of a table, from a place on. */
struct rows {
	struct nz_buffer bytes;
	size_t *record_at, *key_at; /* count + 1 each: the ends */
	size_t count;
};
static void clear_rows(struct rows *rows)
{
	nz_buffer_clear(&rows->bytes);
	free(rows->record_at);
	free(rows->key_at);
}
#define ROWS(name) struct rows name NZ_CLEANUP(clear_rows) = {0}

static struct nz_bytes record_of(const struct rows *rows, size_t i)
{
	return nz_bytes_of(rows->bytes.ptr + rows->record_at[i], rows->key_at[i] - rows->record_at[i]);
}
static struct nz_bytes key_of(const struct rows *rows, size_t i)
{
	return nz_bytes_of(rows->bytes.ptr + rows->key_at[i], rows->record_at[i + 1] - rows->key_at[i]);
}

static void read_rows(struct nz_source *source, const struct nz_schema *schema, size_t table,
                      const struct nz_scan_from *from, struct rows *out)
{
	struct nz_error err = {0};
	struct nz_scan *scan = NULL;
	enum nz_status status;
	struct nz_row row;

	if (source->ops->scan(source, schema, table, from, &scan, &err) != NZ_OK)
		fail_msg("%s", err.message);
	for (;;) {
		out->record_at = realloc(out->record_at, (out->count + 1) * sizeof(size_t));
		out->key_at = realloc(out->key_at, (out->count + 1) * sizeof(size_t));
		assert_non_null(out->record_at);
		assert_non_null(out->key_at);
		out->record_at[out->count] = out->bytes.len;
		status = source->ops->scan_ops.next(scan, &row, &err);
		if (status != NZ_OK)
			break;
		assert_int_equal(nz_buffer_append(&out->bytes, row.record.ptr, row.record.len), NZ_OK);
		out->key_at[out->count++] = out->bytes.len;
		assert_int_equal(nz_buffer_append(&out->bytes, row.key.ptr, row.key.len), NZ_OK);
	}
	if (status != NZ_END)
		fail_msg("%s", err.message);
	source->ops->scan_ops.free(&scan);
	assert_null(scan);
}

static struct nz_schema *begin(struct nz_source *source)
{
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};

	if (source->ops->begin(source, &err) != NZ_OK ||
	    source->ops->schema(source, &schema, &err) != NZ_OK)
		fail_msg("%s", err.message);
	return schema;
}

static size_t table_index(const struct nz_schema *schema, const char *name)
{
	const struct nz_table *table = nz_schema_find(schema, nz_bytes_str(name));

	assert_non_null(table);
	return (size_t)(table - schema->tables);
}

/* Every table: keys ascend, are those of the records, and records decode and encode to themselves. */
static void key_order(void **state)
{
	struct context *c = *state;
	struct nz_schema *schema NZ_CLEANUP(nz_schema_free) = begin(c->source);
	size_t filled = 0;

	for (size_t t = 0; t < schema->table_count; t++) {
		const struct nz_table *table = &schema->tables[t];
		struct nz_value *values = calloc(table->column_count, sizeof(*values));
		NZ_BUFFER(scratch);
		ROWS(rows);

		assert_non_null(values);
		read_rows(c->source, schema, t, NULL, &rows);
		filled += rows.count > 50;
		for (size_t i = 0; i < rows.count; i++) {
			struct nz_error err = {0};
			NZ_BUFFER(key);
			NZ_BUFFER(again);
			const int order =
				i > 0 ? nz_bytes_compare(key_of(&rows, i - 1), key_of(&rows, i)) : -1;

			assert_true(order < 0 || (order == 0 && table->key_count == 0));
			assert_int_equal(nz_record_key(table, record_of(&rows, i), &key), NZ_OK);
			assert_true(nz_bytes_equal(nz_buffer_bytes(&key), key_of(&rows, i)));
			if (nz_record_decode(table, record_of(&rows, i), &scratch, values, &err) != NZ_OK)
				fail_msg("%s", err.message);
			assert_int_equal(nz_record_encode(table, values, &again), NZ_OK);
			assert_true(nz_bytes_equal(nz_buffer_bytes(&again), record_of(&rows, i)));
		}
		free(values);
	}
	assert_true(filled >= 10);
	c->source->ops->end(c->source);
}

/* A scan from any row gives just the rest. */
static void begins_anywhere(void **state)
{
	struct context *c = *state;
	struct nz_schema *schema NZ_CLEANUP(nz_schema_free) = begin(c->source);

	for (size_t t = 0; t < schema->table_count; t++) {
		ROWS(all);

		read_rows(c->source, schema, t, NULL, &all);
		for (size_t i = 0; i < all.count; i += 1 + all.count / 9) {
			const struct nz_scan_from from = {.key = key_of(&all, i), .ordinal = i};
			ROWS(rest);

			read_rows(c->source, schema, t, &from, &rest);
			assert_int_equal(rest.count, all.count - i);
			for (size_t j = 0; j < rest.count; j++)
				assert_true(nz_bytes_equal(record_of(&rest, j), record_of(&all, i + j)));
		}
	}
	c->source->ops->end(c->source);
}

/* A key that is no row's begins at the next one. */
static void begins_between(void **state)
{
	struct context *c = *state;
	struct nz_schema *schema NZ_CLEANUP(nz_schema_free) = begin(c->source);
	const size_t plain = table_index(schema, "plain");
	const struct nz_scan_from past = {.key = nz_bytes_of("\x01\xff\xff\xff\xff\xff\xff\xff\xff", 9),
	                                  .ordinal = 300};
	const struct nz_scan_from before = {.key = nz_bytes_of("\x01\0\0\0\0\0\0\0\0", 9)};
	const struct nz_scan_from odd = {.key = nz_bytes_of("\x02", 1)};
	ROWS(none);
	ROWS(all);
	ROWS(odd_rows);

	read_rows(c->source, schema, plain, &past, &none);
	assert_int_equal(none.count, 0);
	read_rows(c->source, schema, plain, &before, &all);
	assert_int_equal(all.count, 300);
	read_rows(c->source, schema, plain, &odd, &odd_rows);
	assert_int_equal(odd_rows.count, 0);
	c->source->ops->end(c->source);
}

static void one_snapshot(void **state)
{
	struct context *c = *state;
	struct nz_schema *schema NZ_CLEANUP(nz_schema_free) = NULL;
	size_t counted;
	ROWS(before);
	ROWS(after);

	/* A file in WAL mode is written while it is read; others wait for the reader. */
	c->backend->change("PRAGMA journal_mode = WAL");
	schema = begin(c->source);
	counted = table_index(schema, "counted");
	c->backend->change("INSERT INTO counted(v) VALUES(1); CREATE TABLE aaa(x)");
	read_rows(c->source, schema, counted, NULL, &before);
	assert_int_equal(before.count, 300);
	nz_schema_free(&schema);
	assert_int_equal(c->source->ops->schema(c->source, &schema, NULL), NZ_OK);
	assert_null(nz_schema_find(schema, nz_bytes_str("aaa")));
	assert_string_equal(schema->sequences[0].value, "300");
	c->source->ops->end(c->source);
	nz_schema_free(&schema);
	schema = begin(c->source);
	assert_non_null(nz_schema_find(schema, nz_bytes_str("aaa")));
	assert_string_equal(schema->sequences[0].value, "301");
	read_rows(c->source, schema, table_index(schema, "counted"), NULL, &after);
	assert_int_equal(after.count, 301);
	c->source->ops->end(c->source);
}

static void nothing_without_a_snapshot(void **state)
{
	struct context *c = *state;
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};

	assert_int_equal(c->source->ops->schema(c->source, &schema, &err), NZ_INVALID);
	assert_null(schema);
	assert_int_equal(c->source->ops->begin(c->source, &err), NZ_OK);
	assert_int_equal(c->source->ops->begin(c->source, &err), NZ_INVALID);
	c->source->ops->end(c->source);
	c->source->ops->end(c->source);
}

static enum nz_status version(struct context *c, struct nz_hash *out)
{
	enum nz_status status = NZ_BUSY;

	for (int tries = 0; tries < 100 && status == NZ_BUSY; tries++) {
		status = c->source->ops->version(c->source, out, NULL);
		if (status == NZ_BUSY)
			(void)usleep(5000);
	}
	return status;
}

static void tells_of_commits(void **state)
{
	static const char *const changes[] = {
		"INSERT INTO counted(v) VALUES(2)",
		"UPDATE counted SET v = 3 WHERE id = 300",
		"PRAGMA journal_mode = WAL",
		"INSERT INTO counted(v) VALUES(4)",
		"DELETE FROM counted WHERE v = 4",
		"CREATE TABLE another(x)",
	};
	struct context *c = *state;
	struct nz_hash before, after;

	assert_int_equal(version(c, &before), NZ_OK);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		/* Reading is no change. */
		struct nz_schema *schema = begin(c->source);

		nz_schema_free(&schema);
		c->source->ops->end(c->source);
		assert_int_equal(version(c, &after), NZ_OK);
		assert_memory_equal(&before, &after, sizeof(before));
		c->backend->change(changes[i]);
		assert_int_equal(version(c, &after), NZ_OK);
		assert_memory_not_equal(&before, &after, sizeof(before));
		before = after;
	}
	/* Asked at once it cannot tell yet; a busy machine may not get to ask at once. */
	enum nz_status status = NZ_OK;

	for (int tries = 0; tries < 50 && status == NZ_OK; tries++) {
		c->backend->change("INSERT INTO counted(v) VALUES(5)");
		status = c->source->ops->version(c->source, &after, NULL);
	}
	assert_int_equal(status, NZ_BUSY);
}

static void check_filter(struct context *c, const struct nz_source_options *options,
                         enum nz_status expected, size_t tables)
{
	struct nz_source *source NZ_CLEANUP(nz_source_close) = NULL;
	struct nz_error err = {0};
	size_t views = 0;
	NZ_SCHEMA(schema);

	assert_int_equal(nz_source_open(c->uri, options, &source, &err), NZ_OK);
	assert_int_equal(source->ops->begin(source, &err), NZ_OK);
	assert_int_equal(source->ops->schema(source, &schema, &err), expected);
	if (expected == NZ_OK) {
		assert_int_equal(schema->table_count, tables);
		for (size_t i = 0; i < schema->ddl_count; i++)
			views += strncmp(schema->ddl[i], "CREATE VIEW", 11) == 0;
		assert_int_equal(views, options == NULL);
	} else {
		assert_null(schema);
		assert_true(err.message[0] != 0);
	}
}

static void filters(void **state)
{
	static const char *const two[] = {"plain", "WR"}, *const none[] = {"no such table"};

	check_filter(*state, NULL, NZ_OK, FIXTURE_TABLES);
	check_filter(*state, &(struct nz_source_options){.tables = two, .table_count = 2}, NZ_OK, 2);
	check_filter(*state, &(struct nz_source_options){.exclude = two, .exclude_count = 2}, NZ_OK,
	             FIXTURE_TABLES - 2);
	check_filter(*state, &(struct nz_source_options){.tables = two, .table_count = 2, .exclude = two,
	                                                 .exclude_count = 1}, NZ_OK, 1);
	check_filter(*state, &(struct nz_source_options){.tables = none, .table_count = 1},
	             NZ_NOT_FOUND, 0);
	check_filter(*state, &(struct nz_source_options){.exclude = none, .exclude_count = 1},
	             NZ_NOT_FOUND, 0);
}

static void record_limit(void **state)
{
	static const char *const names[] = {"any_value", "hidden", "textual"};
	struct context *c = *state;

	c->backend->change("INSERT INTO any_value VALUES(1, zeroblob(600));"
	                   "INSERT INTO hidden(v) VALUES(zeroblob(600));"
	                   "INSERT INTO textual VALUES('x', zeroblob(600))");
	for (size_t i = 0; i < 3; i++) {
		const struct nz_source_options options = {.record_max_bytes = 1000};
		struct nz_source *source NZ_CLEANUP(nz_source_close) = NULL;
		struct nz_schema *schema NZ_CLEANUP(nz_schema_free) = NULL;
		struct nz_scan *scan = NULL;
		struct nz_error err = {0};
		struct nz_row row;
		enum nz_status status = NZ_OK;

		assert_int_equal(nz_source_open(c->uri, &options, &source, &err), NZ_OK);
		schema = begin(source);
		assert_int_equal(source->ops->scan(source, schema, table_index(schema, names[i]), NULL,
		                                   &scan, &err), NZ_OK);
		while (status == NZ_OK)
			status = source->ops->scan_ops.next(scan, &row, &err);
		assert_int_equal(status, NZ_LIMIT);
		assert_non_null(strstr(err.message, names[i]));
		assert_non_null(strstr(err.message, "1000"));
		source->ops->scan_ops.free(&scan);
	}
}

static void unknown_sources(void **state)
{
	static const char *const uris[] = {"", "x", "oracle:x", "sqlit:x", "sqlite3:x", ":x", "/etc"};
	struct nz_source *source = NULL;
	struct nz_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		assert_int_equal(nz_source_open(uris[i], NULL, &source, &err), NZ_INVALID);
	assert_int_equal(nz_source_open("postgres://me:secret@x", NULL, &source, &err), NZ_INVALID);
	assert_null(strstr(err.message, "secret"));
	assert_int_equal(nz_source_open("sqlite:/no/such/file", NULL, &source, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_source_open("sqlite:", NULL, &source, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_source_open("sqlite:/tmp", NULL, &source, &err), NZ_DATABASE);
	assert_null(source);
}

int main(void)
{
#define ON_SQLITE(test) cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down)
	const struct CMUnitTest tests[] = {
		ON_SQLITE(key_order),
		ON_SQLITE(begins_anywhere),
		ON_SQLITE(begins_between),
		ON_SQLITE(one_snapshot),
		ON_SQLITE(nothing_without_a_snapshot),
		ON_SQLITE(tells_of_commits),
		ON_SQLITE(filters),
		ON_SQLITE(record_limit),
		cmocka_unit_test(unknown_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
