#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# nz sync as its users run it: what moves, what is said, how it ends.
load support.bash

setup() {
  WORK=$(mktemp -d) SERVER= PORT=
  sqlite3 "$WORK/source.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INT); CREATE TABLE empty(x); CREATE INDEX t_n ON t(n);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 40000) INSERT INTO t SELECT i, 'row number ' || i || hex(i * 7919), i % 97 FROM n;"
  platform_setup shop "sqlite:$WORK/source.db"
  REPLICA=sqlite:$WORK/replica.db
}
teardown() { platform_stop; rm -rf "$WORK"; }

nz_sync() { "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" "$@"; }
# member NAME: of the JSON object in $output's last line.
member() { node -pe 'JSON.parse(require("fs").readFileSync(0, "utf8").trim().split("\n").pop())[process.argv[1]]' "$1" <<<"$output"; }

@test "a first sync, one with nothing to do, one with a few rows changed" {
  platform_serve
  run nz_sync
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" =~ ^verified\ shop\ epoch\ 1\ root\ [0-9a-f]{64}\ 40000\ records\ 2\ tables\ 1\.[0-9]\ MB\ in\ [0-9]+\.[0-9]\ s$ ]]
  same_database "$WORK/source.db" "$WORK/replica.db"

  before=$(stat -c '%Y %i %s' "$WORK/replica.db")
  run nz_sync --json
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == '{"root":"'* ]]
  [ "$(member unchanged)" = true ]
  [ "$(member batches_fetched)" -eq 0 ]
  [ "$(member sessions)" -eq 1 ]
  [ "$(member receipt)" = true ]
  [ "$(member records)" -eq 40000 ]
  [ "$(stat -c '%Y %i %s' "$WORK/replica.db")" = "$before" ] # nothing was written

  sqlite3 "$WORK/source.db" "UPDATE t SET v = 'changed' WHERE id IN (5, 20000); DELETE FROM t WHERE id = 30000; INSERT INTO empty VALUES (1)"
  run nz_sync --json
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(member epoch)" -eq 2 ]
  [ "$(member batches_fetched)" -ge 3 ]
  [ "$(member batches_fetched)" -le 8 ]
  [ "$(member rows_changed)" -ge 4 ]
  [ "$(member received_bytes)" -lt 900000 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "another schema makes the replica anew" {
  platform_serve
  nz_sync
  sqlite3 "$WORK/source.db" "ALTER TABLE t ADD COLUMN more REAL DEFAULT 1.5; DROP INDEX t_n; CREATE VIEW few AS SELECT * FROM t WHERE id < 10"
  run nz_sync
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "a replica that somebody wrote to is healed" {
  platform_serve
  nz_sync
  sqlite3 "$WORK/replica.db" "UPDATE t SET v = 'tampered' WHERE id = 42; DELETE FROM t WHERE id BETWEEN 100 AND 110; INSERT INTO t VALUES (99999, 'extra', 0)"
  run nz_sync --json
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(member unchanged)" = false ]
  [ "$(member batches_fetched)" -ge 1 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "--dry-run says what would move and writes nothing" {
  platform_serve
  run nz_sync --dry-run
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == "would fetch "*"40000 records"*"(first sync)" ]]
  [ -z "$(ls "$WORK"/replica.db* 2>/dev/null)" ]
  nz_sync
  before=$(sha256sum <"$WORK/replica.db")
  sqlite3 "$WORK/source.db" "UPDATE t SET v = 'changed' WHERE id = 5"
  run nz_sync --dry-run --json
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(member batches_wanted)" -ge 1 ]
  [ "$(member batches_wanted)" -le 2 ]
  [ "$(member first)" = false ]
  [ "$(sha256sum <"$WORK/replica.db")" = "$before" ]
}

@test "--follow stays, syncs what changes, and ends by a signal with 0" {
  platform_serve
  "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" --follow --interval 1 >"$WORK/out" 2>"$WORK/err" 3>&- &
  client=$!
  for _ in $(seq 100); do [ -s "$WORK/out" ] && break; sleep 0.1; done
  sqlite3 "$WORK/source.db" "UPDATE t SET v = 'changed' WHERE id = 5"
  for _ in $(seq 100); do [ "$(wc -l <"$WORK/out")" -ge 2 ] && break; sleep 0.1; done
  kill -TERM "$client"
  wait "$client" # 0
  cat "$WORK/out" "$WORK/err"
  [ "$(wc -l <"$WORK/out")" -eq 2 ] # and nothing for the looks in between
  grep -q 'epoch 2' "$WORK/out"
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "a signal ends it cleanly, and the next run goes on from what was verified" {
  sqlite3 "$WORK/source.db" "WITH RECURSIVE n(i) AS (SELECT 40001 UNION ALL SELECT i+1 FROM n WHERE i < 400000) INSERT INTO t SELECT i, 'row number ' || i || hex(randomblob(100)), i % 97 FROM n"
  "$NZ" dataset index shop --state "$STATE" >/dev/null
  platform_serve
  "$NZ" sync "$URL/shop" "$REPLICA" "${TRUST[@]}" >"$WORK/out" 2>&1 3>&- &
  client=$!
  sleep 0.7
  kill -INT "$client"
  code=0; wait "$client" || code=$?
  cat "$WORK/out"
  if [ "$code" -ne 0 ]; then # it may have been done already
    [ "$code" -eq 1 ]
    grep -q 'stopped' "$WORK/out"
  fi
  run nz_sync --json
  echo "$output"; [ "$status" -eq 0 ]
  [ "$code" -eq 0 ] || [ "$(member batches_fetched)" -lt "$(member batches)" ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "wrong use exits 2, bad input 6" {
  platform_serve
  for words in "http://127.0.0.1:$PORT/shop $REPLICA" "https://127.0.0.1:$PORT $REPLICA" "https://u:p@127.0.0.1/shop $REPLICA" \
    "$URL/shop $WORK/replica.db" "$URL/shop nosuch:thing" "$URL/shop" "$URL/Shop $REPLICA" "$URL/shop?x=1 $REPLICA"; do
    run "$NZ" sync $words "${TRUST[@]}"
    echo "$words: $status $output"; [ "$status" -eq 2 ]
  done
  run "$NZ" sync "$URL/shop" "$REPLICA" --key "$KEY"
  echo "$output"; [ "$status" -eq 2 ]
  for words in "--jobs 2" "--jobs 0" "--retries -1" "--interval 5" "--follow --dry-run" "--nosuch"; do
    run nz_sync $words
    echo "$words: $status $output"; [ "$status" -eq 2 ]
  done
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$WORK/missing.pem" --key "$KEY"
  echo "$output"; [ "$status" -eq 6 ]
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$WORK/source.db" --key "$KEY"
  echo "$output"; [ "$status" -eq 6 ]
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$ROOT" --key "$WORK/missing.json"
  echo "$output"; [ "$status" -eq 6 ]
  cp "$KEY" "$WORK/open.json"; chmod 644 "$WORK/open.json"
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$ROOT" --key "$WORK/open.json"
  echo "$output"; [ "$status" -eq 6 ]
  [ ! -e "$WORK/replica.db" ]
}

@test "who may not, learns so: a stranger, a dataset that is not granted, another platform's root" {
  platform_serve
  "$NZ" keys new --key "$WORK/stranger.json" >/dev/null
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$ROOT" --key "$WORK/stranger.json" --json
  echo "$output"; [ "$status" -eq 4 ]
  [[ "$output" == *'"error_code":1001'* && "$output" == *'"incident":"'* ]]
  run "$NZ" sync "$URL/other" "$REPLICA" "${TRUST[@]}" --json
  echo "$output"; [ "$status" -eq 4 ]
  [[ "$output" == *'"error_code":1012'* ]]
  other=$("$NZ" platform init --state "$WORK/elsewhere" | tail -n 1)
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$other" --key "$KEY"
  echo "$output"; [ "$status" -eq 4 ]
  [ ! -s "$WORK/replica.db" ]
}

@test "an encrypted key needs its passphrase" {
  printf 'secret words\n' >"$WORK/passphrase"
  "$NZ" keys new --key "$WORK/sealed.json" --passphrase-file "$WORK/passphrase" >/dev/null
  "$NZ" keys show --key "$WORK/sealed.json" --passphrase-file "$WORK/passphrase" >"$WORK/sealed-node.json"
  "$NZ" node add "$WORK/sealed-node.json" --state "$STATE" --dataset shop --allow 127.0.0.0/8 >/dev/null
  platform_serve
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$ROOT" --key "$WORK/sealed.json" --passphrase-file "$WORK/passphrase"
  echo "$output"; [ "$status" -eq 0 ]
  run "$NZ" sync "$URL/shop" "$REPLICA" --root "$ROOT" --key "$WORK/sealed.json"
  echo "$output"; [ "$status" -eq 6 ]
}

@test "a record over --record-limit is named, and nothing is made of it" {
  sqlite3 "$WORK/source.db" "INSERT INTO t VALUES (50000, hex(zeroblob(3000000)), 1)"
  platform_serve
  run nz_sync --record-limit 1000000
  echo "$output"; [ "$status" -eq 6 ]
  [[ "$output" == *"table t has a record of 6000"*" bytes"*"--record-limit"* ]]
  run nz_sync
  echo "$output"; [ "$status" -eq 0 ]
}

@test "tries are limited, and the last failure is in nz status until a sync succeeds" {
  platform_serve
  nz_sync
  platform_stop
  run nz_sync --retries 1
  echo "$output"; [ "$status" -eq 5 ]
  [[ "$output" == *"trying again in 1."*"gave up after 2 tries"*"cannot reach"* ]]
  run "$NZ" status "$REPLICA"
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *"last sync failed at"*"cannot reach"* ]]
  run nz_sync --retries 9 --timeout 1
  echo "$output"; [ "$status" -eq 5 ]
  platform_serve
  run nz_sync --retries 3
  echo "$output"; [ "$status" -eq 0 ]
  run "$NZ" status "$REPLICA" --json
  echo "$output"
  [ "$(member last_error)" = null ]
  [ "$(member dataset)" = shop ]
  [ "$(member untouched)" = true ]
  [ "$(member expired)" = false ]
}

@test "--timeout ends a transfer too" {
  sqlite3 "$WORK/source.db" "WITH RECURSIVE n(i) AS (SELECT 40001 UNION ALL SELECT i+1 FROM n WHERE i < 1000000) INSERT INTO t SELECT i, hex(randomblob(60)), 1 FROM n"
  "$NZ" dataset index shop --state "$STATE" >/dev/null
  platform_serve
  run nz_sync --timeout 1 --json
  echo "$output"
  [ "$status" -eq 0 ] || { [ "$status" -eq 5 ] && [[ "$output" == *"out of time"* ]]; }
  run nz_sync --json
  echo "$output"; [ "$status" -eq 0 ]
}

@test "progress is for terminals, the result alone for standard output" {
  platform_serve
  nz_sync >"$WORK/out" 2>"$WORK/err"
  cat "$WORK/err"; [ "$(wc -l <"$WORK/out")" -eq 1 ]
  [ ! -s "$WORK/err" ]
  command -v script >/dev/null || skip "skipped: no script command"
  rm -f "$WORK"/replica.db*
  script -qec "'$NZ' sync '$URL/shop' '$REPLICA' --root '$ROOT' --key '$KEY'" "$WORK/typescript" >/dev/null
  grep -qE 'asking what there is|[0-9] rows' "$WORK/typescript"
  grep -q 'verified shop epoch 1' "$WORK/typescript"
}

@test "links under the names of the work files lead nowhere, and an altered stored schema is mended" {
  platform_serve
  sqlite3 "$WORK/own.db" "PRAGMA journal_mode = WAL; CREATE TABLE mine(a); INSERT INTO mine VALUES (1)"
  cp "$WORK/own.db" "$WORK/other.db"
  before=$(sha256sum <"$WORK/own.db")
  ln -s own.db "$WORK/replica.db-nz-new"
  ln "$WORK/other.db" "$WORK/replica.db-nz"
  run nz_sync
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(sha256sum <"$WORK/own.db")" = "$before" ]
  [ "$(sha256sum <"$WORK/other.db")" = "$before" ]
  same_database "$WORK/source.db" "$WORK/replica.db"

  sqlite3 "$WORK/replica.db" "PRAGMA writable_schema = on;
    UPDATE sqlite_schema SET sql = replace(sql, 't(n)', 't(v)') WHERE name = 't_n';
    UPDATE _nz_checkpoint SET schema = replace(schema, 't(n)', 't(v)')"
  run nz_sync
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
  run "$NZ" verify "$REPLICA"
  echo "$output"; [ "$status" -eq 0 ]
}
