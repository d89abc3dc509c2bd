#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# SIGKILL of either side at random moments. After each, the replica must equal some epoch that the
# platform signed (nz verify recomputes it from the rows), and the last sync must bring it to the
# source's state. NZ_KILLS sets how many (default 100).
load support.bash

setup() { WORK=$(mktemp -d); SERVER=; PORT=; RANDOM=${NZ_SEED:-$$}; echo "seed ${NZ_SEED:-$$}"; }
teardown() { platform_stop; rm -rf "$WORK"; }

@test "killed at random moments, the replica always equals a verified epoch" {
  sqlite3 "$WORK/source.db" "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INT);
    CREATE TABLE w(k TEXT NOT NULL PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE loose(a, b);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000) INSERT INTO t SELECT i, 'row number ' || i || hex(i * 7919), i % 97 FROM n;
    INSERT INTO w SELECT 'key ' || id, v FROM t WHERE id % 5 = 0; INSERT INTO loose SELECT n, v FROM t WHERE id % 10 = 0;"
  platform_setup data "sqlite:$WORK/source.db"
  platform_serve
  kills=${NZ_KILLS:-100} mid=0
  for k in $(seq "$kills"); do
    case $((RANDOM % 4)) in
      0) rm -f "$WORK"/replica.db* ;; # a first sync
      *) sqlite3 -cmd '.timeout 5000' "$WORK/source.db" "UPDATE t SET n = n + 1 WHERE id % $((RANDOM % 3000 + 1)) = 0; DELETE FROM w WHERE k = 'key ' || ($k * 5); INSERT INTO loose VALUES ($k, 'new');" ;;
    esac
    "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" >/dev/null 2>&1 3>&- &
    client=$!
    sleep "0.$(printf '%03d' $((RANDOM % 450)))"
    if [ $((RANDOM % 4)) = 0 ]; then
      platform_stop -KILL
      kill -KILL "$client" 2>/dev/null && mid=$((mid + 1))
      wait "$client" 2>/dev/null || true
      platform_serve
    else
      kill -KILL "$client" 2>/dev/null && mid=$((mid + 1))
      wait "$client" 2>/dev/null || true
    fi
    if [ -s "$WORK/replica.db" ]; then
      run "$NZ" verify "sqlite:$WORK/replica.db"
      [ "$status" -eq 0 ] || { echo "after kill $k: status $status: $output"; false; }
    fi
  done
  echo "# $mid of $kills kills hit a running sync" >&3
  [ "$mid" -gt $((kills / 4)) ]
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "a server killed in mid-stream: the client waits, resumes, and finishes by itself" {
  sqlite3 "$WORK/source.db" "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 400000) INSERT INTO t SELECT i, randomblob(200) FROM n;"
  platform_setup data "sqlite:$WORK/source.db"
  "$NZ" dataset index data --state "$STATE"
  platform_serve
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" >"$WORK/out" 2>&1 3>&- &
  client=$!
  sleep 0.4
  platform_stop -KILL
  sleep 0.5
  platform_serve
  wait "$client" || { cat "$WORK/out"; false; }
  same_database "$WORK/source.db" "$WORK/replica.db"
}
