#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Real and odd databases through the whole system: the replica's .dump equals the source's.
load support.bash

setup() { WORK=$(mktemp -d); SERVER=; PORT=; }
teardown() { platform_stop; rm -rf "$WORK"; }

sync_and_compare() { # source
  platform_setup data "sqlite:$1"
  platform_serve
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$1" "$WORK/replica.db"
  run "$NZ" verify "sqlite:$WORK/replica.db"
  echo "$output"; [ "$status" -eq 0 ]
}

@test "the Chinook sample, with its published root" {
  chinook=$NZ_TESTDATA/chinook/Chinook_Sqlite.sqlite
  [ -f "$chinook" ] || skip "skipped: no $chinook"
  cp "$chinook" "$WORK/chinook.db"
  sync_and_compare "$WORK/chinook.db"
  run "$NZ" status "sqlite:$WORK/replica.db" --json
  [[ "$output" == *a001571e735069863a4d95d542c22d9201accfcd7d549b81c161ea673c484f77* ]]
}

@test "every storage class in every kind of column" {
  sqlite3 "$WORK/source.db" <<'SQL'
CREATE TABLE kinds(i INTEGER, big BIGINT, t TEXT, v VARCHAR(10), b BLOB, n, r REAL, d DOUBLE PRECISION, bo BOOLEAN,
  da DATE, ti TIMESTAMP, de DECIMAL(10,2), nu NUMERIC, nn NUMERIC(30,4), odd GEOMETRY);
WITH v(x) AS (VALUES (NULL),(0),(1),(-1),(9223372036854775807),(-9223372036854775808),(0.5),(-0.0),(1e300),(-2.0034855448587448e+16),
  (5e-324),(9e999),(-9e999),(1.5),(123456789.125),(''),('text'),('123'),('1.50'),('abc' || char(10) || 'tab' || char(9) || '\N'),
  ('\N'),('\'),('é漢😀'),(x''),(x'00ff'),(CAST(x'61006200' AS TEXT)),(CAST(x'ff41' AS TEXT)),('t'),('f'),(2))
INSERT INTO kinds SELECT x,x,x,x,x,x,x,x,x,x,x,x,x,x,x FROM v;
CREATE TABLE keyed(k TEXT NOT NULL PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO keyed SELECT 'k' || rowid, n FROM kinds;
INSERT INTO keyed VALUES (CAST(x'6b00' AS TEXT), 1), (x'6b', 2), (CAST(x'6bff' AS TEXT), 3), ('', 4);
CREATE TABLE mixed(a ANY NOT NULL, b INTEGER NOT NULL, c, PRIMARY KEY(a, b)) WITHOUT ROWID;
INSERT INTO mixed SELECT coalesce(n, 'none'), rowid, t FROM kinds;
CREATE TABLE strict_one(id INTEGER PRIMARY KEY, a ANY, b BLOB, r REAL, t TEXT, i INT) STRICT;
INSERT INTO strict_one VALUES (1, 5, x'00', 1.0, 'x', 7), (2, 'five', NULL, -0.0, '', NULL), (-3, 5.0, x'', 1e20, char(1), 0);
SQL
  sync_and_compare "$WORK/source.db"
}

@test "every kind of table and everything that hangs on one" {
  sqlite3 "$WORK/source.db" <<'SQL'
CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE UNIQUE);
CREATE TABLE "a b"("select" INTEGER PRIMARY KEY, "quote""d" TEXT, [brackets] TEXT, `ticks` TEXT DEFAULT 'x''y');
CREATE TABLE empty(x);
CREATE TABLE nokey(a, b, c);
CREATE TABLE nullable(k TEXT PRIMARY KEY, v);
CREATE TABLE composite(a INTEGER NOT NULL, b TEXT NOT NULL, c REAL NOT NULL, v, PRIMARY KEY(a, b, c));
CREATE TABLE descending(id INTEGER PRIMARY KEY DESC, v);
CREATE TABLE "日本語"("キー" TEXT NOT NULL PRIMARY KEY, "値" BLOB) WITHOUT ROWID;
CREATE TABLE gen(id INTEGER PRIMARY KEY, a INT, b INT AS (a * 2) STORED, c TEXT AS ('<' || a || '>') VIRTUAL, d INT CHECK (d > 0) NOT NULL DEFAULT 1);
CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES b(id) ON DELETE CASCADE);
CREATE VIEW v1 AS SELECT * FROM b JOIN child ON child.parent = b.id;
CREATE UNIQUE INDEX i2 ON composite(v) WHERE v IS NOT NULL;
CREATE INDEX i1 ON b(lower(name), id DESC);
CREATE TRIGGER t1 AFTER INSERT ON b BEGIN INSERT INTO nokey VALUES ('fired', new.id, new.name); END;
CREATE TRIGGER v1t INSTEAD OF INSERT ON v1 BEGIN SELECT 1; END;
INSERT INTO b(name) VALUES ('one'), ('two'), ('three'); DELETE FROM b WHERE name = 'three';
INSERT INTO "a b" VALUES (1, 'x', NULL, 'z'), (-5, '', '', '');
INSERT INTO nokey VALUES (1, 2, 3), (1, 2, 3), (NULL, NULL, NULL), (NULL, NULL, NULL);
INSERT INTO nullable VALUES (NULL, 1), (NULL, 2), ('k', 3);
INSERT INTO composite VALUES (1, 'x', 0.5, 9), (1, 'x', -0.5, NULL), (-1, 'é', 1e10, 'v'), (1, 'X', 0.5, 8);
INSERT INTO descending VALUES (3, 'c'), (1, 'a'), (2, 'b');
INSERT INTO "日本語" VALUES ('い', x'01'), ('あ', NULL);
INSERT INTO gen(id, a) VALUES (1, 10), (2, NULL);
INSERT INTO child VALUES (1, 1), (2, 999);
ANALYZE;
SQL
  sync_and_compare "$WORK/source.db"
  # Statements in the source's own order, not only the same set of them.
  for db in source replica; do
    sqlite3 "$WORK/$db.db" "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE '\_nz\_%' ESCAPE '\' AND type = 'table' ORDER BY rowid" >"$WORK/$db.tables"
    sqlite3 "$WORK/$db.db" "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE '\_nz\_%' ESCAPE '\' AND type <> 'table' ORDER BY rowid" >"$WORK/$db.others"
  done
  cmp "$WORK/source.tables" "$WORK/replica.tables"
  cmp "$WORK/source.others" "$WORK/replica.others"
}

@test "large values: 20 MB blobs and texts beside small rows" {
  sqlite3 "$WORK/source.db" "CREATE TABLE big(id INTEGER PRIMARY KEY, x); INSERT INTO big VALUES (1, zeroblob(20000000)), (2, 'small'), (3, hex(randomblob(5000000))), (4, randomblob(10000000));"
  sync_and_compare "$WORK/source.db"
}

@test "a WAL source that is written meanwhile gives one consistent epoch" {
  sqlite3 "$WORK/source.db" "PRAGMA journal_mode = WAL; CREATE TABLE pair(id INTEGER PRIMARY KEY, a INT, b INT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000) INSERT INTO pair SELECT i, 0, 0 FROM n;"
  platform_setup data "sqlite:$WORK/source.db"
  platform_serve
  ( for i in $(seq 1 400); do
      sqlite3 -cmd '.timeout 5000' "$WORK/source.db" "UPDATE pair SET a = $i WHERE id % 20000 = 1; UPDATE pair SET b = a WHERE id % 20000 = 1" 2>/dev/null
      [ -f "$WORK/stop" ] && break
    done ) 3>&- &
  writer=$!
  for round in 1 2 3; do
    run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
    echo "$output"; [ "$status" -eq 0 ]
    run "$NZ" verify "sqlite:$WORK/replica.db"; [ "$status" -eq 0 ]
    [ "$(sqlite3 "$WORK/replica.db" 'SELECT count(DISTINCT a) FROM pair WHERE id % 20000 = 1')" = 1 ]
  done
  touch "$WORK/stop"; wait "$writer" || true
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "readers of the replica see one epoch or the next while it is published" {
  sqlite3 "$WORK/source.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000) INSERT INTO t SELECT i, 0 FROM n;"
  platform_setup data "sqlite:$WORK/source.db"
  platform_serve
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  ( while [ ! -f "$WORK/stop" ]; do
      sqlite3 -cmd '.timeout 5000' "$WORK/replica.db" 'SELECT count(*), count(DISTINCT v) FROM t' >>"$WORK/seen" 2>>"$WORK/reader.errors"
    done ) 3>&- &
  reader=$!
  for v in 1 2 3 4; do
    sqlite3 "$WORK/source.db" "UPDATE t SET v = $v"
    "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  done
  touch "$WORK/stop"; wait "$reader" || true
  [ ! -s "$WORK/reader.errors" ] || { cat "$WORK/reader.errors"; false; }
  [ "$(sort -u "$WORK/seen")" = '50000|1' ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}
