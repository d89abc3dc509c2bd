/* SPDX-License-Identifier: Apache-2.0 */
/* A SQLite database with every kind of table, filled with values of every class. */
#ifndef NZ_TEST_FIXTURE_H
#define NZ_TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define FIXTURE_TABLES 18
#define FIXTURE_WIDE 300

static inline void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%.60s...: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const char fixture_sql[] =
	"CREATE TABLE plain(id INTEGER PRIMARY KEY, t TEXT, r REAL, d DECIMAL(10,2), b BLOB,"
	" n NUMERIC, o BOOLEAN, w DATETIME, x);"
	"CREATE TABLE \"select \"\"x\"\" from gr\xc3\xbc\xc3\x9f\"(\"a b\" TEXT, \"order\");"
	"CREATE TABLE wr(k TEXT, n INT, v, PRIMARY KEY(k, n)) WITHOUT ROWID;"
	"CREATE TABLE wr_marked(k INT PRIMARY KEY, v) WITHOUT ROWID;"
	"CREATE TABLE wr_back(v, n INTEGER, k TEXT, PRIMARY KEY(k DESC, n)) WITHOUT ROWID;"
	"CREATE TABLE composite(v, a INT NOT NULL, b REAL NOT NULL, PRIMARY KEY(b, a));"
	"CREATE TABLE textual(k TEXT PRIMARY KEY NOT NULL, v);"
	"CREATE TABLE nullable_key(a INT PRIMARY KEY, b);"
	"CREATE TABLE descending(id INTEGER PRIMARY KEY DESC, v);"
	"CREATE TABLE any_value(id INTEGER PRIMARY KEY, v ANY) STRICT;"
	"CREATE TABLE made(id INTEGER PRIMARY KEY, a, b GENERATED ALWAYS AS (id || 'x') VIRTUAL,"
	" c INT AS (id * 2) STORED, d TEXT);"
	"CREATE TABLE vacant(x);"
	"CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v);"
	"CREATE TABLE folded(k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID;"
	"CREATE TABLE hidden(rowid TEXT, _rowid_ INT, v);"
	"CREATE TABLE all_hidden(rowid TEXT, _rowid_ INT, oid INTEGER PRIMARY KEY);"
	"CREATE TABLE numbers(k NUMERIC(8,3) NOT NULL PRIMARY KEY, t NUMERIC_TEXT);"
	"CREATE VIRTUAL TABLE docs USING fts5(body);"
	"CREATE TABLE _nz_ours(x);"
	"CREATE INDEX by_t ON plain(t DESC) WHERE t IS NOT NULL;"
	"CREATE UNIQUE INDEX by_expression ON plain(id, lower(t));"
	"CREATE VIEW seen AS SELECT id, t FROM plain;"
	"CREATE TRIGGER on_plain AFTER INSERT ON plain BEGIN INSERT INTO vacant SELECT 1 WHERE 0; END;"
	"CREATE TRIGGER on_seen INSTEAD OF INSERT ON seen BEGIN SELECT 1; END;"
	"CREATE TRIGGER _nz_ours AFTER INSERT ON plain BEGIN SELECT 1; END;"
	"INSERT INTO docs VALUES('left out');"
	"INSERT INTO _nz_ours VALUES(1);";

static uint64_t fixture_seed;
static inline uint64_t fixture_random(void)
{
	fixture_seed ^= fixture_seed << 13;
	fixture_seed ^= fixture_seed >> 7;
	fixture_seed ^= fixture_seed << 17;
	return fixture_seed;
}

static inline void fixture_bind(sqlite3_stmt *stmt, int at)
{
	const uint64_t bits = fixture_random();
	uint8_t bytes[40];
	double value;
	const int len = (int)(fixture_random() % sizeof(bytes));

	for (int i = 0; i < len; i++)
		bytes[i] = (uint8_t)(bits % 3 == 0 ? (int)(fixture_random() & 255)
		                                   : "ab\\\t\n1 \xc3\xbc"[fixture_random() % 9]);
	switch (fixture_random() % 8) {
	case 0:
		assert_int_equal(sqlite3_bind_int64(stmt, at, (int64_t)bits >> fixture_random() % 64), 0);
		return;
	case 1:
		memcpy(&value, &bits, sizeof(value));
		assert_int_equal(sqlite3_bind_double(stmt, at, value), 0);
		return;
	case 2:
		assert_int_equal(sqlite3_bind_double(stmt, at, (double)(int64_t)(bits % 100000) / 100), 0);
		return;
	case 3:
		assert_int_equal(sqlite3_bind_blob(stmt, at, bytes, len, SQLITE_TRANSIENT), 0);
		return;
	case 4:
		return; /* NULL */
	case 5:
		assert_int_equal(sqlite3_bind_int64(stmt, at, (int64_t)(bits % 7) - 3), 0);
		return;
	default:
		assert_int_equal(sqlite3_bind_text(stmt, at, (char *)bytes, len, SQLITE_TRANSIENT), 0);
	}
}

/* Rows of random values; those that a constraint refuses are left out. */
static inline void fixture_fill(const char *path, int rows)
{
	static const char *const inserts[] = {
		"INSERT OR IGNORE INTO plain VALUES(NULL,?,?,?,?,?,?,?,?)",
		"INSERT OR IGNORE INTO \"select \"\"x\"\" from gr\xc3\xbc\xc3\x9f\" VALUES(?,?)",
		"INSERT OR IGNORE INTO wr VALUES(ifnull(CAST(? AS TEXT),'-'),abs(random()%9),?)",
		"INSERT OR IGNORE INTO wr_marked VALUES(?,?)",
		"INSERT OR IGNORE INTO wr_back VALUES(?,?,?)",
		"INSERT OR IGNORE INTO composite VALUES(?,?,?)",
		"INSERT OR IGNORE INTO textual VALUES(?,?)",
		"INSERT OR IGNORE INTO nullable_key VALUES(?,?)",
		"INSERT OR IGNORE INTO descending VALUES(random(),?)",
		"INSERT OR IGNORE INTO any_value VALUES(random(),?)",
		"INSERT OR IGNORE INTO made(a,d) VALUES(?,?)",
		"INSERT OR IGNORE INTO counted(v) VALUES(?)",
		"INSERT OR IGNORE INTO folded VALUES(?,?)",
		"INSERT OR IGNORE INTO hidden VALUES(?,?,?)",
		"INSERT OR IGNORE INTO all_hidden(rowid,_rowid_) VALUES(?,?)",
		"INSERT OR IGNORE INTO numbers VALUES(?,?)",
	};
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof(inserts) / sizeof(inserts[0]); i++) {
		sqlite3_stmt *stmt = NULL;

		if (sqlite3_prepare_v2(db, inserts[i], -1, &stmt, NULL) != SQLITE_OK)
			fail_msg("%s: %s", inserts[i], sqlite3_errmsg(db));
		for (int row = 0; row < rows; row++) {
			assert_int_equal(sqlite3_clear_bindings(stmt), SQLITE_OK);
			for (int at = 1; at <= sqlite3_bind_parameter_count(stmt); at++)
				fixture_bind(stmt, at);
			(void)sqlite3_step(stmt); /* some are refused */
			(void)sqlite3_reset(stmt);
		}
		(void)sqlite3_finalize(stmt);
	}
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A table with more columns than one SQL function takes arguments. */
static inline void fixture_wide(const char *path)
{
	char sql[FIXTURE_WIDE * 12 + 100];
	size_t n = (size_t)snprintf(sql, sizeof(sql), "CREATE TABLE wide(c0");

	for (int i = 1; i < FIXTURE_WIDE; i++)
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, ",c%d INT", i);
	(void)snprintf(sql + n, sizeof(sql) - n, ");INSERT INTO wide(c0,c299) VALUES('z',1),('a',2),"
	               "(NULL,3),('a',2)");
	run_sql(path, sql);
}

/* Makes it all at path, a new file. */
static inline void make_fixture(const char *path, int rows)
{
	fixture_seed = 88172645463325252u;
	(void)unlink(path);
	run_sql(path, fixture_sql);
	fixture_fill(path, rows);
	fixture_wide(path);
	run_sql(path, "ANALYZE");
}

#endif
