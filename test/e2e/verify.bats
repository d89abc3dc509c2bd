#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# nz verify and nz status: what was tampered with is found, named and mended.
load support.bash

setup() {
  WORK=$(mktemp -d) SERVER= PORT=
  sqlite3 "$WORK/source.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, b BLOB); CREATE INDEX t_v ON t(v);
    CREATE TABLE pair(a TEXT NOT NULL, b INT NOT NULL, v, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE TABLE uniq(id INTEGER PRIMARY KEY, u TEXT UNIQUE); CREATE TABLE loose(a, b); CREATE TABLE empty(x);
    CREATE TRIGGER watch AFTER UPDATE ON t BEGIN INSERT INTO empty VALUES (new.id); END;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, 'row number ' || i || hex(i * 7919), randomblob(i % 40) FROM n;
    INSERT INTO pair SELECT 'key ' || (id % 100), id, v FROM t WHERE id % 3 = 0; INSERT INTO uniq SELECT id, v FROM t WHERE id < 500;
    INSERT INTO loose SELECT id % 7, v FROM t WHERE id % 4 = 0; INSERT INTO loose VALUES ('twin', 1), ('twin', 1), (NULL, NULL);"
  platform_setup shop "sqlite:$WORK/source.db"
  REPLICA=sqlite:$WORK/replica.db
  platform_serve
  "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" >/dev/null
}
teardown() { platform_stop; rm -rf "$WORK"; }

tamper() { sqlite3 "$WORK/replica.db" "PRAGMA recursive_triggers = off; DROP TRIGGER watch; $1; CREATE TRIGGER watch AFTER UPDATE ON t BEGIN INSERT INTO empty VALUES (new.id); END;"; }
against() { "$NZ" verify "$REPLICA" "$URL/shop" "${TRUST[@]}" "$@"; }
# What tamper did, in the words of nz verify.
DAMAGE="UPDATE t SET v = 'tampered' WHERE id = 42; UPDATE t SET b = NULL WHERE id = 17000; DELETE FROM t WHERE id = 77; INSERT INTO t VALUES (-5, 'extra', x'00');
  UPDATE pair SET v = 1 WHERE a = 'key 3' AND b = 3; DELETE FROM pair WHERE a = 'key 6' AND b = 6; INSERT INTO pair VALUES ('zzz', 1, 2);
  DELETE FROM loose WHERE rowid = (SELECT rowid FROM loose WHERE a = 'twin' LIMIT 1); INSERT INTO loose VALUES ('new', 2);
  UPDATE uniq SET u = 'swap' WHERE id = 1; UPDATE uniq SET u = (SELECT v FROM t WHERE id = 1) WHERE id = 2; UPDATE uniq SET u = (SELECT v FROM t WHERE id = 2) WHERE id = 1"

@test "an untouched replica verifies, alone and against the platform" {
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" =~ ^verified\ shop\ epoch\ 1\ root\ [0-9a-f]{64}\ [0-9]+\ records\ 5\ tables ]]
  run against --json
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == '{"root":"'*'"verified":true'*'"rows":[]}' ]]
}

@test "alone it names the batches that differ, and exits 3" {
  tamper "UPDATE t SET v = 'tampered' WHERE id = 42; DELETE FROM loose WHERE a = 'twin'"
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *"differs t from id=1 before id="* ]]
  [[ "$output" == *"differs loose "* ]]
  [[ "$output" == *": 2 batches"* ]]
  run "$NZ" verify "$REPLICA" --json
  [ "$status" -eq 3 ]
  node -e '
    const r = JSON.parse(process.argv[1]);
    if (r.verified || r.root === r.expected_root || r.batches.length !== 2 || r.batches[1].table !== "t" ||
        r.batches[0].expected !== r.batches[0].found + 2) process.exit(1);' "$output"
}

@test "against the platform it names each row: changed, missing, extra" {
  tamper "$DAMAGE"
  run against
  echo "$output"; [ "$status" -eq 3 ]
  for line in "changed t id=42" "changed t id=17000" "missing t id=77" "extra t id=-5" "changed pair a='key 3', b=3" "missing pair a='key 6', b=6" \
    "extra pair a='zzz', b=1" "missing loose record" "extra loose record" "changed uniq id=1" "changed uniq id=2"; do
    [[ "$output" == *"$line"* ]] || { echo "missing: $line"; false; }
  done
  [[ "$output" == *": 11 rows" ]]
  run against --json
  node -e '
    const r = JSON.parse(process.argv[1]), size = require("fs").statSync(process.argv[2]).size;
    if (r.rows.length !== 11 || !r.rows.every((x) => x.table && x.key && ["changed", "missing", "extra"].includes(x.state))) process.exit(1);
    if (r.received_bytes > size / 2) { console.log(r.received_bytes, size); process.exit(1); }' "$output" "$WORK/replica.db"
}

@test "--repair mends just those rows, and verifies again" {
  tamper "$DAMAGE"
  run against --repair
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *"repaired 11 rows"*"verified shop epoch 1 root "* ]]
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
  run against --repair # nothing left to do
  [ "$status" -eq 0 ]
  [[ "$output" != *repaired* ]]
  run "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" --json
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *'"batches_fetched":0'* ]]
}

@test "a table emptied and a table filled are told and mended" {
  tamper "DELETE FROM uniq; INSERT INTO empty SELECT id FROM t WHERE id <= 300"
  run against
  [ "$status" -eq 3 ]
  [ "$(grep -c '^missing uniq ' <<<"$output")" -eq 499 ]
  [ "$(grep -c '^extra empty ' <<<"$output")" -eq 300 ]
  run against --repair
  echo "$output" | tail -n 3; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "a schema that was changed is a difference, and no case for --repair" {
  sqlite3 "$WORK/replica.db" "DROP INDEX t_v"
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 3 ]
  run against --repair
  echo "$output"; [ "$status" -eq 3 ]
  run "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}"
  echo "$output"; [ "$status" -eq 0 ]
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 0 ]
  sqlite3 "$WORK/replica.db" "DROP TABLE uniq"
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *uniq* ]]
  [[ "$output" == *"root unknown"* ]]
  run against --json
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == '{"root":null,'*'"fault":"'*uniq* ]]
}

@test "a table and the stored schema altered alike are told" {
  sqlite3 "$WORK/replica.db" "PRAGMA writable_schema = on;
    UPDATE sqlite_schema SET sql = replace(sql, 'INSERT INTO empty VALUES (new.id)', 'DELETE FROM empty WHERE x < 0000') WHERE name = 'watch';
    UPDATE _nz_checkpoint SET schema = replace(schema, 'INSERT INTO empty VALUES (new.id)', 'DELETE FROM empty WHERE x < 0000');"
  for run in "$NZ verify $REPLICA" against "against --repair"; do
    run $run
    echo "$output"; [ "$status" -eq 3 ]
    [[ "$output" == *"the schema stored with the checkpoint was changed"* ]]
  done
}

@test "with --root alone, a checkpoint that was rewritten together with its rows is told" {
  run "$NZ" verify "$REPLICA" --root "$ROOT"
  echo "$output"; [ "$status" -eq 0 ]
  other=$("$NZ" platform init --state "$WORK/elsewhere" | tail -n 1)
  run "$NZ" verify "$REPLICA" --root "$other"
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *"not signed under this root"* ]]
  # Somebody with a platform of his own, whose replica is right by itself.
  sqlite3 "$WORK/forged.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)"
  "$NZ" dataset add shop "sqlite:$WORK/forged.db" --state "$WORK/elsewhere" >/dev/null
  "$NZ" node add "$WORK/node.json" --state "$WORK/elsewhere" --dataset shop --allow 127.0.0.0/8 >/dev/null
  platform_stop; PORT= STATE=$WORK/elsewhere; platform_serve
  "$NZ" sync "$URL/shop" "sqlite:$WORK/forged-replica.db" --root "$other" --key "$KEY" >/dev/null
  run "$NZ" verify "sqlite:$WORK/forged-replica.db"
  [ "$status" -eq 0 ]
  run "$NZ" verify "sqlite:$WORK/forged-replica.db" --root "$ROOT" --json
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *'"verified":false'*'"fault":"'* ]]
}

@test "a platform that has moved on: said, compared with its new state, and left to nz sync" {
  sqlite3 "$WORK/source.db" "DROP TRIGGER watch; UPDATE t SET v = 'new' WHERE id = 9; CREATE TRIGGER watch AFTER UPDATE ON t BEGIN INSERT INTO empty VALUES (new.id); END;"
  run against
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *"the platform is at epoch 2, the replica at 1"* ]]
  [[ "$output" == *"changed t id=9"* ]]
  run against --repair
  echo "$output"; [ "$status" -eq 3 ]
  [[ "$output" == *"nz sync"* ]]
  run "$NZ" verify "$REPLICA" # by its own checkpoint it is right
  [ "$status" -eq 0 ]
}

@test "more differing rows than are worth naming" {
  sqlite3 "$WORK/source.db" "WITH RECURSIVE n(i) AS (SELECT 30001 UNION ALL SELECT i+1 FROM n WHERE i < 131000) INSERT INTO t SELECT i, i, NULL FROM n"
  "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" >/dev/null
  tamper "DELETE FROM t WHERE id > 30000"
  run against --json
  echo "${output: -300}"; [ "$status" -eq 3 ]
  [[ "$output" == *"nz sync"* ]]
}

@test "no checkpoint, no file, no database, wrong use" {
  run "$NZ" verify "sqlite:$WORK/none.db"
  echo "$output"; [ "$status" -eq 1 ]
  [ ! -e "$WORK/none.db" ]
  run "$NZ" status "sqlite:$WORK/none.db"
  echo "$output"; [ "$status" -eq 1 ]
  run "$NZ" verify "sqlite:$WORK/source.db"
  echo "$output"; [ "$status" -eq 1 ]
  head -c 5000 /dev/urandom >"$WORK/noise.db"
  run "$NZ" verify "sqlite:$WORK/noise.db"
  echo "$output"; [ "$status" -eq 1 ]
  run "$NZ" verify "$REPLICA" --repair
  echo "$output"; [ "$status" -eq 2 ]
  run "$NZ" verify "$WORK/replica.db"
  echo "$output"; [ "$status" -eq 2 ]
  run "$NZ" verify "$REPLICA" "$URL/shop" --key "$KEY"
  echo "$output"; [ "$status" -eq 2 ]
}

@test "verify and status write nothing, and work on a read-only replica" {
  mkdir "$WORK/ro"; cp "$WORK"/replica.db* "$WORK/ro/"
  before=$(cat "$WORK"/ro/replica.db "$WORK"/ro/replica.db-nz | sha256sum)
  run "$NZ" verify "sqlite:$WORK/ro/replica.db"
  echo "$output"; [ "$status" -eq 0 ]
  run "$NZ" status "sqlite:$WORK/ro/replica.db"
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *"dataset   shop"*"epoch     1"* ]]
  [ "$(cat "$WORK"/ro/replica.db "$WORK"/ro/replica.db-nz | sha256sum)" = "$before" ]
}
