/* SPDX-License-Identifier: Apache-2.0 */
#include "replica_help.h"

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>

void run_sql(const char *path, const char *sql)
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

int64_t ask(const char *path, const char *sql)
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

int setup(void **state)
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

int teardown(void **state)
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

bool is_there(const struct place *place, const char *suffix)
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

void assert_same(const struct place *place)
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

struct outcome sync_all(const struct place *place, int64_t epoch)
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

bool is_unchanged(const struct place *place)
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

int64_t epoch_of(const struct place *place)
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

void make_odd(const struct place *place)
{
	run_sql(place->source, odd_tables);
	run_sql(place->source, odd_rows);
}

void make_numbers(const struct place *place, int rows)
{
	char sql[400];

	(void)snprintf(sql, sizeof(sql),
	               "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, u INTEGER UNIQUE);"
	               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	               " INSERT INTO t SELECT i * 10, 'value ' || i, i FROM n;", rows);
	run_sql(place->source, sql);
}

size_t open_and_stage(const struct place *place, int64_t epoch, size_t max, struct feed *feed,
                      struct nz_replica **replica, struct nz_replica_plan *plan)
{
	struct nz_error err = {0};
	size_t staged = 0;

	feed_open(feed, place->source, epoch);
	MUST(nz_replica_open(place->uri, NULL, replica, &err));
	MUST(feed_begin(feed, *replica, plan, &err));
	MUST(feed_stage(feed, *replica, max, &staged, &err));
	return staged;
}
