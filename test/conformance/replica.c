/* SPDX-License-Identifier: Apache-2.0 */
/* What every replica backend has to do, through its operations alone; here on SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "replica_feed.h"

struct place {
	char folder[64];
	char source[128], replica[128], uri[160];
};

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
		print_error("%s: %s\n%.200s\n", path, why, sql);
		fail();
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	const int64_t value = sqlite3_column_int64(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/nz-replica-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->source, sizeof(place->source), "%s/source.db", place->folder);
	(void)snprintf(place->replica, sizeof(place->replica), "%s/replica.db", place->folder);
	(void)snprintf(place->uri, sizeof(place->uri), "sqlite:%s", place->replica);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	DIR *dir = opendir(place->folder);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char name[400];

		(void)snprintf(name, sizeof(name), "%s/%s", place->folder, entry->d_name);
		if (entry->d_name[0] != '.')
			(void)unlink(name);
	}
	(void)closedir(dir);
	(void)rmdir(place->folder);
	free(place);
	return 0;
}

static bool is_there(const struct place *place, const char *suffix)
{
	char name[200];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", place->replica, suffix);
	return stat(name, &st) == 0;
}

/* ---- a dump that two equal databases share ---- */

static void dump_query(sqlite3 *db, const char *sql, struct nz_buffer *out)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			assert_int_equal(nz_buffer_append_byte(out, i > 0 ? '|' : '\n'), NZ_OK);
			assert_int_equal(nz_buffer_append(out, sqlite3_column_text(stmt, i),
			                                  (size_t)sqlite3_column_bytes(stmt, i)),
			                 NZ_OK);
		}
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void dump_table(sqlite3 *db, const char *table, struct nz_buffer *out)
{
	sqlite3_stmt *stmt = NULL;
	char *columns = sqlite3_mprintf("SELECT group_concat('typeof(' || printf('\"%%w\"', name) ||"
	                                " '),hex(' || printf('\"%%w\"', name) || '),quote(' ||"
	                                " printf('\"%%w\"', name) || ')') FROM pragma_table_xinfo(%Q)"
	                                " WHERE hidden IN (0, 2, 3)", table);

	assert_int_equal(sqlite3_prepare_v2(db, columns, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	char *rows = sqlite3_mprintf("SELECT %s FROM \"%w\" ORDER BY %s", sqlite3_column_text(stmt, 0),
	                             table, sqlite3_column_text(stmt, 0));
	assert_int_equal(nz_buffer_appendf(out, "\n== %s", table), NZ_OK);
	dump_query(db, rows, out);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	sqlite3_free(rows);
	sqlite3_free(columns);
}

/* The statements in the order of `.dump`, sqlite_sequence as it stands, rows in an order of their own. */
static void dump(const char *path, struct nz_buffer *out)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	dump_query(db, "SELECT type, name, sql FROM sqlite_schema WHERE sql NOT NULL AND"
	               " name NOT LIKE '^_nz^_%' ESCAPE '^' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
	               " ORDER BY type != 'table', rowid", out);
	if (sqlite3_table_column_metadata(db, NULL, "sqlite_sequence", NULL, NULL, NULL, NULL, NULL,
	                                  NULL) == SQLITE_OK)
		dump_query(db, "SELECT 'sequence', name, seq FROM sqlite_sequence WHERE name NOT LIKE"
		               " 'own%' ORDER BY rowid", out);
	if (sqlite3_table_column_metadata(db, NULL, "sqlite_stat1", NULL, NULL, NULL, NULL, NULL,
	                                  NULL) == SQLITE_OK)
		dump_query(db, "SELECT 'stat', tbl, idx, stat FROM sqlite_stat1 WHERE tbl NOT LIKE"
		               " '^_nz^_%' ESCAPE '^' ORDER BY rowid", out);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table'"
	                                        " AND name NOT LIKE '^_nz^_%' ESCAPE '^' AND name NOT"
	                                        " LIKE 'sqlite^_%' ESCAPE '^' ORDER BY name", -1,
	                                    &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		dump_table(db, (const char *)sqlite3_column_text(stmt, 0), out);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_same(const struct place *place)
{
	NZ_BUFFER(source);
	NZ_BUFFER(replica);
	size_t at = 0;

	dump(place->source, &source);
	dump(place->replica, &replica);
	assert_true(source.len > 0);
	while (at < source.len && at < replica.len && source.ptr[at] == replica.ptr[at])
		at++;
	if (source.len != replica.len || at != source.len) {
		const size_t from = at > 80 ? at - 80 : 0;

		print_error("dumps differ at %zu (%zu and %zu bytes)\nsource:  %.*s\nreplica: %.*s\n", at,
		            source.len, replica.len, (int)(source.len - from > 240 ? 240 : source.len - from),
		            (const char *)source.ptr + from,
		            (int)(replica.len - from > 240 ? 240 : replica.len - from),
		            (const char *)replica.ptr + from);
		fail();
	}
}

/* ---- a whole sync ---- */

struct outcome {
	struct nz_replica_plan plan;
	uint64_t changed;
	size_t staged;
};

static struct outcome sync_all(const struct place *place, int64_t epoch)
{
	struct nz_replica *replica = NULL;
	struct outcome out = {0};
	struct nz_error err = {0};
	struct nz_hash root;
	struct feed feed;
	bool unchanged = false;

	feed_open(&feed, place->source, epoch);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &out.plan, &err));
	assert_int_equal(out.plan.batches_total, feed.count);
	assert_int_equal(out.plan.batches_total,
	                 out.plan.batches_held + out.plan.batches_staged + out.plan.batches_wanted);
	MUST(feed_stage(&feed, replica, SIZE_MAX, &out.staged, &err));
	assert_int_equal(out.staged, out.plan.batches_wanted);
	MUST(replica->ops->publish(replica, "[\"AA==\"]", 1700000001 + epoch, &out.changed, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_true(unchanged);
	nz_replica_close(&replica);
	assert_false(is_there(place, "-nz-lock"));
	assert_false(is_there(place, "-nz-new"));
	feed_replica_root(place->uri, &root);
	assert_memory_equal(&root, &feed.statement.merkle_root, sizeof(root));
	feed_close(&feed);
	return out;
}

static bool is_unchanged(const struct place *place)
{
	const struct nz_replica_options options = {.read_only = true};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	bool unchanged = false;

	MUST(nz_replica_open(place->uri, &options, &replica, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	nz_replica_close(&replica);
	return unchanged;
}

static int64_t epoch_of(const struct place *place)
{
	const struct nz_replica_options options = {.read_only = true};
	struct nz_checkpoint checkpoint = {0};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};

	MUST(nz_replica_open(place->uri, &options, &replica, &err));
	MUST(replica->ops->checkpoint(replica, &checkpoint, &err));
	const int64_t epoch = checkpoint.statement.epoch;
	nz_checkpoint_clear(&checkpoint);
	nz_replica_close(&replica);
	return epoch;
}

/* ---- the data ---- */

static const char odd_tables[] =
	"PRAGMA foreign_keys = OFF;"
	"CREATE TABLE zeta(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, price DECIMAL(10,2),"
	" raw BLOB, x, flag BOOLEAN, seen DATETIME, f REAL, CHECK (length(name) < 1000));"
	"CREATE INDEX zeta_name ON zeta(name);"
	"CREATE TABLE pairs(a INTEGER, b TEXT, v, PRIMARY KEY (b, a)) WITHOUT ROWID;"
	"CREATE UNIQUE INDEX pairs_v ON pairs(v);"
	"CREATE TABLE composite(a TEXT, b INTEGER, v TEXT, PRIMARY KEY (a, b));"
	"CREATE TABLE textkey(k TEXT PRIMARY KEY NOT NULL, v INTEGER UNIQUE);"
	"CREATE TABLE keyless(n INTEGER, t TEXT);"
	"CREATE TABLE made(id INTEGER PRIMARY KEY, w INTEGER, h INTEGER,"
	" area INTEGER GENERATED ALWAYS AS (w * h) STORED, twice GENERATED ALWAYS AS (w * 2));"
	"CREATE TABLE barren(id INTEGER PRIMARY KEY, v TEXT);"
	"CREATE TABLE child(id INTEGER PRIMARY KEY, zeta INTEGER REFERENCES zeta(id));"
	"CREATE TABLE \"odd \"\" name\"(\"a b\" TEXT, \"select\" INTEGER);"
	"CREATE TABLE log(what TEXT);"
	"CREATE VIEW cheap AS SELECT name FROM zeta WHERE price < 3;"
	"CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	"CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;"
	"CREATE TRIGGER cheap_ins INSTEAD OF INSERT ON cheap BEGIN SELECT 1; END;";

static const char odd_rows[] =
	"DROP TRIGGER zeta_log; DROP TRIGGER zeta_del;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	" INSERT INTO zeta SELECT i, 'name ' || i, i * 1.25, CAST('b' || i AS BLOB),"
	" CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN i WHEN 2 THEN i / 7.0 WHEN 3 THEN 't' || i ELSE"
	" x'00ff' END, i % 2, '2024-01-01', i / 3.0 FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
	" INSERT INTO pairs SELECT i % 17, 'b' || (i / 17), i FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
	" INSERT INTO composite SELECT 'a' || (i % 100), i, 'v' || i FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
	" INSERT INTO textkey SELECT hex(i * 7919 % 9001) || '-' || i, i FROM n;"
	/* 25,000 alike: whole batches that are equal. */
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)"
	" INSERT INTO keyless SELECT 5, 'same' FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
	" INSERT INTO keyless SELECT i % 1000, 'row' FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
	" INSERT INTO made(id, w, h) SELECT i, i, i + 1 FROM n;"
	"INSERT INTO child VALUES (1, 1), (2, 999999);"
	"INSERT INTO \"odd \"\" name\" VALUES ('x', 1), ('y', NULL), (NULL, 3);"
	"INSERT INTO zeta(id, name) VALUES (-5, 'negative'), (9223372036854775800, 'far');"
	"CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	"CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;";

static void make_odd(const struct place *place)
{
	run_sql(place->source, odd_tables);
	run_sql(place->source, odd_rows);
}

static void make_numbers(const struct place *place, int rows)
{
	char sql[400];

	(void)snprintf(sql, sizeof(sql),
	               "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, u INTEGER UNIQUE);"
	               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	               " INSERT INTO t SELECT i * 10, 'value ' || i, i FROM n;", rows);
	run_sql(place->source, sql);
}

/* ---- tests ---- */

static void first_load(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	const struct outcome out = sync_all(place, 1);
	assert_true(out.plan.rebuild);
	assert_int_equal(out.plan.batches_held, 0);
	assert_same(place);
	/* Triggers of the dataset are there and did not fire while its rows came. */
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM log"), 0);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"),
	                 3);
	assert_true(is_unchanged(place));
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(ask(place->replica, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"),
	                 1);
}

static void empty_file_is_a_replica(void **state)
{
	const struct place *place = *state;
	FILE *file = fopen(place->replica, "w");

	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	make_numbers(place, 5000);
	assert_true(sync_all(place, 1).plan.rebuild);
	assert_same(place);
}

static void a_dataset_without_rows(void **state)
{
	const struct place *place = *state;

	run_sql(place->source, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)");
	(void)sync_all(place, 1);
	assert_same(place);
	run_sql(place->source, "INSERT INTO t VALUES (1, 'one')");
	assert_int_equal(sync_all(place, 2).changed, 1);
	assert_same(place);
	run_sql(place->source, "DELETE FROM t");
	assert_int_equal(sync_all(place, 3).changed, 1);
	assert_same(place);
}

static void nothing_changed(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	const struct outcome out = sync_all(place, 2);
	assert_false(out.plan.rebuild);
	assert_int_equal(out.plan.batches_wanted, 0);
	assert_int_equal(out.changed, 0);
	assert_int_equal(epoch_of(place), 2);
	assert_same(place);
}

static void rows_change(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	run_sql(place->source,
	        "DROP TRIGGER zeta_log; DROP TRIGGER zeta_del;"
	        "UPDATE zeta SET name = name || '!' WHERE id % 1999 = 0;"
	        "DELETE FROM zeta WHERE id BETWEEN 5000 AND 7100;"
	        "INSERT INTO zeta(id, name) VALUES (-6, 'less'), (30000, 'more');"
	        "UPDATE pairs SET v = -v WHERE a = 3; DELETE FROM pairs WHERE b = 'b100';"
	        "INSERT INTO composite VALUES ('a5', -1, 'first'), ('zz', 1, 'last');"
	        "DELETE FROM composite WHERE a = 'a50'; UPDATE textkey SET v = v + 100000;"
	        "DELETE FROM keyless WHERE rowid % 3 = 0; INSERT INTO keyless VALUES (5, 'same'), (0, '');"
	        "UPDATE made SET w = w + 1 WHERE id = 7;"
	        "INSERT INTO barren VALUES (1, 'now something'); DELETE FROM child;"
	        "CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	        "CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.changed > 0);
	run_sql(place->source, "VACUUM");
	assert_same(place);
}

/* Rows at, before and after each border of a batch; one at a time. */
static void changes_at_batch_borders(void **state)
{
	const struct place *place = *state;
	int64_t epoch = 2;
	int64_t borders[3];
	struct feed feed;

	make_numbers(place, 30000);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 1);
	assert_true(feed.count > 5);
	for (size_t i = 0; i < 3; i++)
		borders[i] = (int64_t)(feed.batches[i + 1].ordinal + 1) * 10;
	feed_close(&feed);
	for (size_t i = 0; i < 3; i++) {
		static const struct {
			const char *verb, *rest;
		} steps[] = {
			{"UPDATE t SET v = 'changed' WHERE id =", ""},
			{"DELETE FROM t WHERE id =", "- 10"},
			{"INSERT INTO t SELECT column1 - 5, 'between', NULL FROM (VALUES (", "))"},
			{"DELETE FROM t WHERE id =", ""},
		};

		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			char sql[200];

			(void)snprintf(sql, sizeof(sql), "%s %lld %s", steps[k].verb,
			               (long long)borders[i], steps[k].rest);
			run_sql(place->source, sql);
			const struct outcome out = sync_all(place, epoch++);
			assert_false(out.plan.rebuild);
			assert_true(out.plan.batches_wanted <= 3);
			assert_true(out.changed >= 1 && out.changed <= 2);
		}
	}
	assert_same(place);
}

static void values_swap_under_a_unique_index(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	run_sql(place->source,
	        "UPDATE t SET u = -1 WHERE id = 10; UPDATE t SET u = 1 WHERE id = 200000;"
	        "UPDATE t SET u = 20000 WHERE id = 10; UPDATE t SET u = u - 1000000;"
	        "UPDATE t SET u = u + 1000001");
	const struct outcome out = sync_all(place, 2);
	assert_int_equal(out.changed, 40000);
	assert_same(place);
}

static void resumes_after_a_close(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	size_t staged = 0;

	make_odd(place);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, 6, &staged, &err));
	assert_int_equal(staged, 6);
	nz_replica_close(&replica);
	/* Nothing is visible, and what was received is kept. */
	assert_false(is_there(place, ""));
	const struct outcome out = sync_all(place, 1);
	assert_true(out.plan.batches_staged >= 6);
	assert_int_equal(out.plan.batches_wanted, plan.batches_wanted - 6);
	assert_same(place);

	feed_close(&feed);
	run_sql(place->source, "UPDATE textkey SET v = -v; UPDATE composite SET v = v || '.'");
	feed_open(&feed, place->source, 2);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, 3, &staged, &err));
	nz_replica_close(&replica);
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(sync_all(place, 2).plan.batches_wanted, plan.batches_wanted - 3);
	assert_same(place);
	feed_close(&feed);
}

/* Half of the wanted batches; gives how many. */
static size_t stage_half(const struct place *place, int64_t epoch)
{
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	size_t staged = 0;

	feed_open(&feed, place->source, epoch);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, (size_t)plan.batches_wanted / 2 + 1, &staged, &err));
	nz_replica_close(&replica);
	feed_close(&feed);
	return staged;
}

static const char move_source[] =
	"DROP TRIGGER zeta_log; DROP TRIGGER zeta_del;"
	"DELETE FROM zeta WHERE id % 5000 = 1; DELETE FROM pairs WHERE a = 3 AND v < 4000;"
	"DELETE FROM composite WHERE a = 'a20'; UPDATE textkey SET v = v + 50000 WHERE v < 40;"
	"DELETE FROM keyless WHERE rowid BETWEEN 12000 AND 14000; DELETE FROM made WHERE id < 9;"
	"CREATE TRIGGER zeta_log AFTER INSERT ON zeta BEGIN INSERT INTO log VALUES ('ins'); END;"
	"CREATE TRIGGER zeta_del AFTER DELETE ON zeta BEGIN INSERT INTO log VALUES ('del'); END;";

static void source_moves_between_runs(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)stage_half(place, 1);
	/* The dump keeps the order of statements, so the triggers are made anew before the first load. */
	run_sql(place->source, move_source);
	run_sql(place->source, "INSERT INTO keyless VALUES (5, 'same'); DELETE FROM barren");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.plan.batches_staged > 0 && out.plan.batches_wanted > 0);
	assert_same(place);

	run_sql(place->source, "UPDATE composite SET v = 'x' || v WHERE b % 3 = 0; UPDATE zeta SET f = 1");
	(void)stage_half(place, 3);
	run_sql(place->source, "UPDATE composite SET v = 'y' || v WHERE b % 999 = 0;"
	                       "DELETE FROM keyless WHERE rowid % 1000 = 2");
	const struct outcome again = sync_all(place, 4);
	assert_true(again.plan.batches_staged > 0);
	assert_same(place);
}

/* Batches come in another order than their rows: what is left of them is still found. */
static void source_moves_twice_before_the_first_load(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)stage_half(place, 1);
	run_sql(place->source, "UPDATE composite SET v = 'x' WHERE b % 2500 = 1; DELETE FROM keyless"
	                       " WHERE rowid % 9000 = 5");
	(void)stage_half(place, 2);
	run_sql(place->source, "UPDATE composite SET v = 'y' WHERE b % 2500 = 1; INSERT INTO keyless"
	                       " VALUES (5, 'same'), (4, 'new'); DELETE FROM made WHERE id = 3");
	(void)stage_half(place, 3);
	run_sql(place->source, "UPDATE composite SET v = 'z' WHERE b % 2500 IN (1, 2);"
	                       "UPDATE zeta SET x = 1 WHERE id = 12");
	assert_true(sync_all(place, 4).plan.batches_staged > 0);
	assert_same(place);
}

/* All of it staged and never published; the source moves on. */
static void complete_and_moved(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;
	size_t staged = 0;

	make_odd(place);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, SIZE_MAX, &staged, &err));
	/* Somebody takes the name at the last moment: refused, and nothing of theirs is touched. */
	run_sql(place->replica, "CREATE TABLE mine(a); INSERT INTO mine VALUES (1)");
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_REFUSED);
	nz_replica_close(&replica);
	assert_int_equal(ask(place->replica, "SELECT a FROM mine"), 1);
	assert_int_equal(unlink(place->replica), 0);
	feed_close(&feed);

	run_sql(place->source, "INSERT INTO composite VALUES ('late', 1, 'x'); DELETE FROM made WHERE id = 4");
	const struct outcome out = sync_all(place, 2);
	assert_true(out.plan.batches_staged > 10);
	assert_true(out.plan.batches_wanted >= 2 && out.plan.batches_wanted < 8);
	assert_same(place);
}

static void discards(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;

	make_odd(place);
	(void)stage_half(place, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->discard(replica, &err));
	nz_replica_close(&replica);
	assert_int_equal(sync_all(place, 1).plan.batches_staged, 2); /* the tables without rows */

	run_sql(place->source, "UPDATE composite SET v = v || '.'");
	const size_t staged = stage_half(place, 2);
	feed_open(&feed, place->source, 2);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, staged + 2);
	MUST(replica->ops->discard(replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, 2);
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_int_equal(sync_all(place, 2).changed, 18000);
	assert_same(place);
}

struct reader {
	sqlite3 *db;
	sqlite3_stmt *stmt;
};

static struct reader reader_open(const char *path, const char *sql)
{
	struct reader reader = {0};

	assert_int_equal(sqlite3_open_v2(path, &reader.db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader.db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(reader.db, sql, -1, &reader.stmt, NULL), SQLITE_OK);
	return reader;
}

static int64_t reader_ask(struct reader *reader)
{
	assert_int_equal(sqlite3_step(reader->stmt), SQLITE_ROW);
	const int64_t value = sqlite3_column_int64(reader->stmt, 0);
	assert_int_equal(sqlite3_reset(reader->stmt), SQLITE_OK);
	return value;
}

static void reader_close(struct reader *reader)
{
	assert_int_equal(sqlite3_finalize(reader->stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader->db), SQLITE_OK);
}

static void readers_see_the_old_or_the_new(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t WHERE v = 'new'");
	assert_int_equal(reader_ask(&reader), 0);
	run_sql(place->source, "UPDATE t SET v = 'new' WHERE id % 30 = 0");
	(void)sync_all(place, 2);
	assert_int_equal(reader_ask(&reader), 0);
	assert_int_equal(sqlite3_exec(reader.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(reader_ask(&reader), 6666);
	reader_close(&reader);
	/* Whoever closes last folds the WAL in, which looks like a write: the rows are read once more. */
	assert_int_equal(sync_all(place, 3).plan.batches_wanted, 0);
	assert_true(is_unchanged(place));
	assert_same(place);
}

static void another_schema(void **state)
{
	const struct place *place = *state;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t");
	assert_int_equal(reader_ask(&reader), 20000);
	run_sql(place->source, "ALTER TABLE t ADD COLUMN w TEXT DEFAULT 'd'; CREATE TABLE s(a, b);"
	                       "INSERT INTO s VALUES (1, 2), (1, 2); DELETE FROM t WHERE id < 100");
	assert_true(sync_all(place, 2).plan.rebuild);
	assert_int_equal(reader_ask(&reader), 20000);
	assert_int_equal(sqlite3_exec(reader.db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(reader_ask(&reader), 19991);
	reader_close(&reader);
	assert_same(place);
	assert_false(sync_all(place, 3).plan.rebuild);
}

static void other_tables_rows_are_used_again(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	/* By an index and statistics alone: nothing to fetch. */
	run_sql(place->source, "CREATE INDEX late ON composite(v); ANALYZE");
	struct outcome out = sync_all(place, 2);
	assert_true(out.plan.rebuild);
	assert_int_equal(out.plan.batches_wanted, 0);
	assert_true(out.plan.batches_held > 10);
	assert_same(place);
	/* One table is another, rows of others changed: here, and there behind nz's back. */
	run_sql(place->source, "ALTER TABLE made ADD COLUMN d; DROP TABLE textkey;"
	                       "UPDATE composite SET v = 'c' WHERE b = 4000");
	run_sql(place->replica, "UPDATE zeta SET name = 'tampered' WHERE id = 9000;"
	                        "ALTER TABLE barren RENAME COLUMN v TO w");
	out = sync_all(place, 3);
	assert_true(out.plan.rebuild);
	assert_true(out.plan.batches_held > 10);
	assert_true(out.plan.batches_wanted >= 3 && out.plan.batches_wanted < 8);
	assert_same(place);
}

/* A limit on the size of files stands for a disk that is full. */
static void no_room(void **state)
{
	const struct place *place = *state;
	int status = 0;

	make_numbers(place, 20000);
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET v = v || hex(zeroblob(300))");
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit limit = {2 << 20, RLIM_INFINITY};
		struct nz_replica *replica = NULL;
		struct nz_replica_plan plan;
		struct nz_error err = {0};
		struct feed feed;
		size_t staged = 0;

		(void)signal(SIGXFSZ, SIG_IGN);
		feed_open(&feed, place->source, 2);
		MUST(nz_replica_open(place->uri, NULL, &replica, &err));
		MUST(feed_begin(&feed, replica, &plan, &err));
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(9);
		enum nz_status failed = feed_stage(&feed, replica, SIZE_MAX, &staged, &err);
		uint64_t changed = 0;
		if (failed == NZ_OK)
			failed = replica->ops->publish(replica, "[]", 1, &changed, &err);
		nz_replica_close(&replica);
		_exit(failed == NZ_IO ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(epoch_of(place), 1);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM t WHERE length(v) < 100"), 20000);
	(void)sync_all(place, 2);
	assert_same(place);
}

static void keeps_the_owners_journal_mode(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;
	size_t staged = 0;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	assert_int_equal(ask(place->replica, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	run_sql(place->replica, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM");
	run_sql(place->source, "UPDATE t SET v = 'b' WHERE id = 50");
	(void)sync_all(place, 2);
	run_sql(place->source, "CREATE INDEX late ON t(v)");
	/* A reader stands in the way there: said so, and what was received is kept. */
	feed_open(&feed, place->source, 3);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, SIZE_MAX, &staged, &err));
	struct reader reader = reader_open(place->replica, "SELECT count(*) FROM t");
	assert_int_equal(reader_ask(&reader), 3000);
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	reader_close(&reader);
	assert_int_equal(epoch_of(place), 2);
	MUST(replica->ops->publish(replica, "[]", 1, &changed, &err));
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_same(place);
	assert_int_equal(ask(place->replica, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"),
	                 1);
	assert_int_equal(ask(place->replica, "PRAGMA page_size"), 8192);
}

static void tampering_is_healed(void **state)
{
	const struct place *place = *state;

	make_odd(place);
	(void)sync_all(place, 1);
	assert_true(is_unchanged(place));
	run_sql(place->replica,
	        "UPDATE made SET w = 100 WHERE id = 5; DELETE FROM pairs WHERE a = 4 AND b = 'b9';"
	        "UPDATE composite SET v = x'00' WHERE b = 77; INSERT INTO keyless VALUES (5, 'same');"
	        "INSERT INTO barren VALUES ('12', 'extra'); UPDATE textkey SET v = 'text' WHERE v = 9;"
	        "DELETE FROM sqlite_sequence");
	assert_false(is_unchanged(place));
	const struct outcome out = sync_all(place, 1);
	assert_false(out.plan.rebuild);
	assert_int_equal(out.changed, 9);
	assert_same(place);
	/* Without its work file the rows are read, found right, and trusted again. */
	char work[200];
	(void)snprintf(work, sizeof(work), "%s-nz", place->replica);
	assert_int_equal(unlink(work), 0);
	assert_false(is_unchanged(place));
	assert_int_equal(sync_all(place, 1).changed, 0);
	assert_true(is_unchanged(place));
}

static void damaged_schema_is_made_anew(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};

	make_odd(place);
	(void)sync_all(place, 1);
	run_sql(place->replica, "DROP TRIGGER zeta_log; DROP TABLE made");
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->read_begin(replica, &err));
	assert_int_equal(replica->ops->schema_check(replica, &err), NZ_MISMATCH);
	assert_non_null(strstr(err.message, "made"));
	replica->ops->read_end(replica);
	nz_replica_close(&replica);
	assert_true(sync_all(place, 2).plan.rebuild);
	assert_same(place);
	run_sql(place->replica, "ALTER TABLE pairs ADD COLUMN z");
	assert_true(sync_all(place, 3).plan.rebuild);
	assert_same(place);
}

static void owners_objects_stay(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	make_numbers(place, 5000);
	(void)sync_all(place, 1);
	run_sql(place->replica, "CREATE TABLE own_notes(id INTEGER PRIMARY KEY AUTOINCREMENT, t);"
	                        "INSERT INTO own_notes(t) VALUES ('a'), ('b');"
	                        "CREATE INDEX own_index ON t(v);"
	                        "CREATE TRIGGER own_trigger AFTER DELETE ON t BEGIN"
	                        " DELETE FROM own_notes; END");
	run_sql(place->source, "DELETE FROM t WHERE id = 100; UPDATE t SET v = 'z' WHERE id = 200");
	assert_int_equal(sync_all(place, 2).changed, 3);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM own_notes"), 2);
	assert_int_equal(ask(place->replica, "SELECT seq FROM sqlite_sequence WHERE name = 'own_notes'"),
	                 2);
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM t INDEXED BY own_index WHERE v = 'z'"),
	                 1);
	/* Another schema would cost them. */
	run_sql(place->source, "ALTER TABLE t ADD COLUMN more");
	feed_open(&feed, place->source, 3);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	assert_int_equal(replica->ops->begin(replica, &feed.statement, feed.schema, &err), NZ_REFUSED);
	assert_non_null(strstr(err.message, "own_notes"));
	assert_non_null(strstr(err.message, "own_index"));
	nz_replica_close(&replica);
	assert_int_equal(epoch_of(place), 2);
	run_sql(place->replica, "DROP TABLE own_notes; DROP INDEX own_index; DROP TRIGGER own_trigger");
	feed_close(&feed);
	assert_true(sync_all(place, 3).plan.rebuild);
	assert_same(place);
}

static void writing_during_a_sync(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	uint64_t changed = 0;
	size_t staged = 0;

	make_numbers(place, 9000);
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET v = 'b' WHERE id = 50");
	feed_open(&feed, place->source, 2);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, SIZE_MAX, &staged, &err));
	run_sql(place->replica, "UPDATE t SET v = 'mine' WHERE id = 80000");
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	MUST(feed_begin(&feed, replica, &plan, &err));
	assert_int_equal(plan.batches_staged, 1);
	assert_int_equal(plan.batches_wanted, 1);
	nz_replica_close(&replica);
	feed_close(&feed);
	(void)sync_all(place, 2);
	assert_same(place);
}

static void others_are_refused(void **state)
{
	const struct place *place = *state;
	const struct nz_replica_options reading = {.read_only = true};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	char uri[200];

	assert_int_equal(nz_replica_open(place->uri, &reading, &replica, &err), NZ_NOT_FOUND);
	run_sql(place->replica, "CREATE TABLE mine(a); INSERT INTO mine VALUES (7)");
	assert_int_equal(nz_replica_open(place->uri, NULL, &replica, &err), NZ_REFUSED);
	assert_non_null(strstr(err.message, "mine"));
	assert_int_equal(ask(place->replica, "SELECT a FROM mine"), 7);
	assert_false(is_there(place, "-nz-lock"));
	FILE *file = fopen(place->replica, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		(void)fputs("no database\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(nz_replica_open(place->uri, NULL, &replica, &err), NZ_DATABASE);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s", place->folder);
	assert_int_equal(nz_replica_open(uri, NULL, &replica, &err), NZ_REFUSED);
	(void)snprintf(uri, sizeof(uri), "sqlite:%s/no/such.db", place->folder);
	assert_int_equal(nz_replica_open(uri, NULL, &replica, &err), NZ_NOT_FOUND);
	assert_int_equal(nz_replica_open("mysql://u:secret@h/d", NULL, &replica, &err), NZ_INVALID);
	assert_null(strstr(err.message, "secret"));
	assert_null(replica);
}

static void one_sync_at_a_time(void **state)
{
	const struct place *place = *state;
	struct nz_replica *first = NULL, *second = NULL;
	struct nz_error err = {0};

	MUST(nz_replica_open(place->uri, NULL, &first, &err));
	assert_int_equal(nz_replica_open(place->uri, NULL, &second, &err), NZ_BUSY);
	assert_non_null(strstr(err.message, "another nz sync"));
	nz_replica_close(&first);
	MUST(nz_replica_open(place->uri, NULL, &second, &err));
	nz_replica_close(&second);
	/* Opening alone makes nothing. */
	assert_false(is_there(place, ""));
	assert_false(is_there(place, "-nz"));
}

static void locked_replica(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	sqlite3 *writer = NULL;
	struct feed feed;
	uint64_t changed = 0;
	size_t staged = 0;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	run_sql(place->source, "DELETE FROM t WHERE id = 50");
	feed_open(&feed, place->source, 2);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	MUST(feed_stage(&feed, replica, SIZE_MAX, &staged, &err));
	assert_int_equal(sqlite3_open(place->replica, &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(replica->ops->publish(replica, "[]", 1, &changed, &err), NZ_BUSY);
	assert_int_equal(sqlite3_close(writer), SQLITE_OK);
	MUST(replica->ops->publish(replica, "[]", 1, &changed, &err));
	assert_int_equal(changed, 1);
	nz_replica_close(&replica);
	feed_close(&feed);
	assert_same(place);
}

/* Rights do not bind root, so somebody else tries. */
static void without_rights(void **state)
{
	const struct place *place = *state;
	int status = 0;

	make_numbers(place, 1000);
	(void)sync_all(place, 1);
	assert_int_equal(chmod(place->folder, 0755), 0);
	assert_int_equal(chmod(place->replica, 0444), 0);
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct nz_replica *replica = NULL;
		struct nz_error err = {0};

		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(9);
		if (nz_replica_open(place->uri, NULL, &replica, &err) != NZ_REFUSED ||
		    strstr(err.message, "read-only") == NULL)
			_exit(1);
		char missing[200];
		(void)snprintf(missing, sizeof(missing), "sqlite:%s/other.db", place->folder);
		if (geteuid() == 65534 && nz_replica_open(missing, NULL, &replica, &err) != NZ_REFUSED)
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void restates(void **state)
{
	const struct place *place = *state;
	struct nz_checkpoint checkpoint = {0};
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;
	bool unchanged = false;

	make_numbers(place, 3000);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 5);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->restate(replica, &feed.statement, "[\"BB==\"]", 77, &err));
	MUST(replica->ops->checkpoint(replica, &checkpoint, &err));
	assert_int_equal(checkpoint.statement.epoch, 5);
	assert_int_equal(checkpoint.synced_at, 77);
	assert_string_equal(checkpoint.certificate, "[\"BB==\"]");
	nz_checkpoint_clear(&checkpoint);
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_true(unchanged);
	feed.statement.merkle_root.bytes[0] ^= 1;
	assert_int_equal(replica->ops->restate(replica, &feed.statement, "[]", 78, &err), NZ_INVALID);
	nz_replica_close(&replica);
	/* A new date does not make rows verified that somebody wrote. */
	run_sql(place->replica, "UPDATE t SET v = 'x' WHERE id = 10");
	feed.statement.merkle_root.bytes[0] ^= 1;
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->restate(replica, &feed.statement, "[]", 79, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_false(unchanged);
	nz_replica_close(&replica);
	feed_close(&feed);
}

/* ---- repair ---- */

struct found {
	bool there;
	int64_t rowid;
	struct nz_buffer record;
};

static void find_row(struct nz_replica *replica, const struct nz_schema *schema, size_t table,
                     const char *prefix, struct found *out)
{
	struct nz_scan *scan = NULL;
	struct nz_error err = {0};
	struct nz_row row;

	*out = (struct found){0};
	MUST(replica->ops->scan(replica, schema, table, NULL, &scan, &err));
	while (replica->ops->scan_ops.next(scan, &row, &err) == NZ_OK) {
		if (row.record.len < strlen(prefix) ||
		    memcmp(row.record.ptr, prefix, strlen(prefix)) != 0)
			continue;
		out->there = true;
		out->rowid = row.rowid;
		assert_int_equal(nz_buffer_append(&out->record, row.record.ptr, row.record.len), NZ_OK);
		break;
	}
	replica->ops->scan_ops.free(&scan);
}

static void repairs_rows(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_schema *schema = NULL;
	struct nz_error err = {0};
	struct found found;
	bool unchanged = false;

	run_sql(place->source, "CREATE TABLE a(x INTEGER, y TEXT); INSERT INTO a VALUES (1, 'one'),"
	                       " (2, 'two'), (2, 'two');"
	                       "CREATE TABLE b(k TEXT PRIMARY KEY, u INTEGER UNIQUE) WITHOUT ROWID;"
	                       "INSERT INTO b VALUES ('p', 1), ('q', 2)");
	(void)sync_all(place, 1);
	run_sql(place->replica, "UPDATE a SET y = 'ONE' WHERE x = 1; UPDATE b SET u = 0 WHERE k = 'p';"
	                        "UPDATE b SET u = 1 WHERE k = 'q'");
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->read_begin(replica, &err));
	MUST(replica->ops->schema(replica, &schema, &err));
	find_row(replica, schema, 0, "1\tONE", &found);
	assert_true(found.there);
	replica->ops->read_end(replica);

	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("1\tone"), &err));
	MUST(replica->ops->repair_remove(replica, 0, found.rowid, nz_buffer_bytes(&found.record), &err));
	MUST(replica->ops->repair_end(replica, false, &err));
	assert_int_equal(ask(place->replica, "SELECT count(*) FROM a WHERE y = 'ONE'"), 1);

	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("1\tone"), &err));
	MUST(replica->ops->repair_remove(replica, 0, found.rowid, nz_buffer_bytes(&found.record), &err));
	MUST(replica->ops->repair_put(replica, 1, nz_bytes_str("p\t1"), &err));
	MUST(replica->ops->repair_put(replica, 1, nz_bytes_str("q\t2"), &err));
	MUST(replica->ops->repair_remove(replica, 1, 0, nz_bytes_str("p\t0"), &err));
	MUST(replica->ops->repair_remove(replica, 1, 0, nz_bytes_str("q\t1"), &err));
	MUST(replica->ops->repair_end(replica, true, &err));
	nz_buffer_clear(&found.record);

	/* A row that is not there: nothing of the repair happens. */
	MUST(replica->ops->repair_begin(replica, &err));
	MUST(replica->ops->repair_put(replica, 0, nz_bytes_str("9\tnine"), &err));
	MUST(replica->ops->repair_remove(replica, 0, 12345, nz_bytes_str("1\tone"), &err));
	assert_int_equal(replica->ops->repair_end(replica, true, &err), NZ_NOT_FOUND);

	MUST(replica->ops->read_begin(replica, &err));
	replica->ops->read_end(replica);
	MUST(replica->ops->mark_verified(replica, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_true(unchanged);
	/* Rows that were read a while ago are not addressed after somebody else wrote. */
	run_sql(place->replica, "UPDATE a SET x = 3 WHERE x = 99; INSERT INTO a VALUES (7, 'seven')");
	assert_int_equal(replica->ops->repair_begin(replica, &err), NZ_BUSY);
	MUST(replica->ops->mark_verified(replica, &err));
	MUST(replica->ops->unchanged(replica, &unchanged, &err));
	assert_false(unchanged);
	nz_replica_close(&replica);
	nz_schema_free(&schema);
	run_sql(place->replica, "DELETE FROM a WHERE x = 7");
	assert_same(place);
}

static enum nz_status count_batch(void *context, const struct nz_batch *batch, struct nz_error *err)
{
	struct nz_batch *last = context;

	if (batch->table == last->table && batch->position > 0 && last->position + 1 == batch->position &&
	    last->count > 0 && batch->ordinal != last->ordinal + last->count)
		return nz_fail(err, NZ_MISMATCH, "ordinal");
	*last = *batch;
	last->first_key = nz_bytes_of(NULL, 0);
	return NZ_OK;
}

static void lists_its_batches(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	struct feed feed;

	make_odd(place);
	(void)sync_all(place, 1);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	for (size_t from = 0; from < feed.count; from++) {
		struct nz_batch last = {0};

		MUST(replica->ops->batches(replica, from, 1, count_batch, &last, &err));
		assert_int_equal(last.position, from);
		assert_int_equal(last.ordinal, feed.batches[from].ordinal);
		assert_int_equal(last.count, feed.batches[from].count);
		assert_memory_equal(&last.root, &feed.batches[from].root, sizeof(last.root));
		MUST(replica->ops->batches(replica, from, UINT64_MAX, count_batch, &last, &err));
		assert_int_equal(last.position, feed.count - 1);
	}
	nz_replica_close(&replica);
	feed_close(&feed);
}

static void remembers_the_last_error(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_error err = {0};
	int64_t at = -1;
	NZ_BUFFER(message);

	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(at, 0);
	assert_int_equal(message.len, 0);
	MUST(replica->ops->note_error(replica, 42, "the platform is away", &err));
	nz_replica_close(&replica);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(at, 42);
	assert_string_equal(nz_buffer_cstr(&message), "the platform is away");
	MUST(replica->ops->note_error(replica, 43, "", &err));
	MUST(replica->ops->last_error(replica, &at, &message, &err));
	assert_int_equal(message.len, 0);
	nz_replica_close(&replica);
}

static void hostile_schemas_are_refused(void **state)
{
	static const char *const bad[] = {
		"CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(a)",
		"CREATE TABLE _nz_checkpoint(id INTEGER PRIMARY KEY)",
		"ATTACH 'x.db' AS x",
		"PRAGMA user_version = 5",
		"CREATE TEMP TABLE t(id INTEGER PRIMARY KEY)",
		"CREATE VIRTUAL TABLE t USING fts5(id)",
		"DELETE FROM sqlite_master",
		"DROP TABLE _nz_staged",
		"SELECT 1",
		"SELECT 1 WHERE 0",
		"CREATE TABLE t AS SELECT 1 AS id, 2 AS v, 3 AS u",
		"CREATE TABLE another(id INTEGER PRIMARY KEY)",
		"ANALYZE",
		"",
	};
	const struct place *place = *state;

	make_numbers(place, 10);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct nz_replica *replica = NULL;
		struct nz_error err = {0};
		struct feed feed;

		feed_open(&feed, place->source, 1);
		free(feed.schema->tables[0].ddl[0]);
		feed.schema->tables[0].ddl[0] = strdup(bad[i]);
		MUST(nz_replica_open(place->uri, NULL, &replica, &err));
		if (replica->ops->begin(replica, &feed.statement, feed.schema, &err) == NZ_OK) {
			print_error("taken: %s\n", bad[i]);
			fail();
		}
		nz_replica_close(&replica);
		assert_false(is_there(place, ""));
		feed_close(&feed);
	}
}

static void rows_that_break_a_constraint(void **state)
{
	const struct place *place = *state;
	struct nz_replica *replica = NULL;
	struct nz_replica_plan plan;
	struct nz_error err = {0};
	struct feed feed;
	struct feed_records records;
	uint64_t position = 0;
	size_t count = 0;

	make_numbers(place, 500);
	feed_open(&feed, place->source, 1);
	MUST(nz_replica_open(place->uri, NULL, &replica, &err));
	MUST(feed_begin(&feed, replica, &plan, &err));
	feed_read(&feed, &feed.batches[0], &records);
	records.records[7] = nz_bytes_str("80\tdouble\t1");
	assert_int_equal(replica->ops->stage(replica, &feed.batches[0], records.records, records.count,
	                                     &err), NZ_DATABASE);
	assert_non_null(strstr(err.message, "80"));
	assert_non_null(strstr(err.message, "t"));
	/* All or nothing: it is wanted still, and can be staged. */
	MUST(replica->ops->next_wanted(replica, 0, &position, 1, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(position, 0);
	feed_records_clear(&records);
	nz_replica_close(&replica);
	feed_close(&feed);
	(void)sync_all(place, 1);
	assert_same(place);
}

static void large_records(void **state)
{
	const struct place *place = *state;

	run_sql(place->source, "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB);"
	                       "INSERT INTO t VALUES (1, zeroblob(3000000)), (2, x'01'),"
	                       " (3, randomblob(6000000)), (4, zeroblob(100000)), (5, NULL)");
	(void)sync_all(place, 1);
	run_sql(place->source, "UPDATE t SET b = randomblob(5000000) WHERE id IN (1, 4);"
	                       "INSERT INTO t VALUES (6, zeroblob(200000))");
	assert_int_equal(sync_all(place, 2).changed, 5);
	assert_same(place);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(first_load), T(empty_file_is_a_replica), T(a_dataset_without_rows), T(nothing_changed),
		T(rows_change), T(changes_at_batch_borders), T(values_swap_under_a_unique_index),
		T(resumes_after_a_close), T(source_moves_between_runs), T(source_moves_twice_before_the_first_load), T(complete_and_moved),
		T(discards), T(readers_see_the_old_or_the_new), T(another_schema),
		T(other_tables_rows_are_used_again), T(no_room),
		T(keeps_the_owners_journal_mode), T(tampering_is_healed), T(damaged_schema_is_made_anew),
		T(owners_objects_stay), T(writing_during_a_sync), T(others_are_refused),
		T(one_sync_at_a_time), T(locked_replica), T(without_rights), T(restates),
		T(repairs_rows), T(lists_its_batches), T(remembers_the_last_error),
		T(hostile_schemas_are_refused), T(rows_that_break_a_constraint), T(large_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
