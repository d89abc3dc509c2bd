#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What runs out or goes away: disk, network, locks, the source itself. Each time a clear message, the
# right exit status, the replica as it was, and a later run that finishes.
load support.bash

setup() { WORK=$(mktemp -d); SERVER=; PORT=; PROXY=; }
teardown() {
  [ -z "$PROXY" ] || kill "$PROXY" 2>/dev/null || true
  platform_stop
  umount "$WORK/small" 2>/dev/null || true
  rm -rf "$WORK"
}

make_source() { # rows
  sqlite3 "$WORK/source.db" "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, n INT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < $1) INSERT INTO t SELECT i, randomblob(150), i FROM n;" >/dev/null
}
small_disk() { # MiB
  mkdir -p "$WORK/small"
  mount -t tmpfs -o "size=$1m" tmpfs "$WORK/small" 2>/dev/null || skip "skipped: no right to mount a small disk"
}
proxied() { # how bytes times
  node "$NZ_SOURCE_ROOT/test/e2e/flaky-proxy.js" "$PORT" "$@" >"$WORK/proxy.port" 3>&- &
  PROXY=$!
  until [ -s "$WORK/proxy.port" ]; do sleep 0.05; done
  URL=https://127.0.0.1:$(cat "$WORK/proxy.port")
}

@test "the replica's disk is full: nothing published, and a later run goes on" {
  make_source 100000
  small_disk 10
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  run "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -eq 1 ]
  [[ "$output" == *"full"* ]]
  [ ! -s "$WORK/small/replica.db" ]
  mount -o remount,size=300m "$WORK/small"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}"
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/small/replica.db"
}

@test "the disk fills while a change is published: the old epoch stays whole" {
  make_source 30000
  small_disk 60
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}"
  sqlite3 "$WORK/source.db" "UPDATE t SET v = randomblob(1500)"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -eq 1 ]
  run "$NZ" verify "sqlite:$WORK/small/replica.db"
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *"epoch 1 "* ]]
  mount -o remount,size=600m "$WORK/small"
  "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}"
  same_database "$WORK/source.db" "$WORK/small/replica.db"
}

@test "the platform's disk is full: it refuses, lives on, and serves again" {
  make_source 20000
  small_disk 20
  WORK_STATE=$WORK; platform_setup data "sqlite:$WORK/source.db"
  mv "$STATE" "$WORK/small/platform"; STATE=$WORK/small/platform; TRUST[1]=$STATE/root.pem
  platform_serve
  dd if=/dev/zero of="$WORK/small/filler" bs=64k 2>/dev/null || true
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -eq 5 ]
  [ ! -s "$WORK/replica.db" ]
  rm "$WORK/small/filler"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  echo "$output"; [ "$status" -eq 0 ]
}

@test "the network is cut in the middle of records, again and again: the sync goes on from what it has" {
  make_source 100000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  proxied cut 9000000 2
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --json
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
  # Each cut may cost the batches in flight, not what was verified: a quarter more than once through.
  received=$(printf '%s\n' "$output" | sed -n 's/.*"received_bytes":\([0-9]*\).*/\1/p')
  bytes=$(printf '%s\n' "$output" | sed -n 's/.*"bytes":\([0-9]*\),"seconds".*/\1/p')
  [ "$received" -lt $(((bytes + 100000 * 21) * 5 / 4)) ]
}

@test "the network freezes in the middle of a record: noticed, and resumed" {
  make_source 50000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  proxied freeze 3000000 1
  run timeout 60 "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --stall-timeout 2
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "nobody answers: exit 5 after the retries" {
  make_source 10
  platform_setup data "sqlite:$WORK/source.db"
  run "$NZ" sync "https://127.0.0.1:1/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -eq 5 ]
  [ ! -e "$WORK/replica.db" ]
}

@test "a replica locked by somebody else: said, and nothing lost" {
  make_source 20000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  sqlite3 "$WORK/source.db" "UPDATE t SET n = -n WHERE id < 100"
  mkfifo "$WORK/hold"
  sqlite3 "$WORK/replica.db" <"$WORK/hold" 3>&- &
  holder=$!
  exec 7>"$WORK/hold"
  echo 'BEGIN IMMEDIATE;' >&7
  sleep 0.5
  run timeout 100 "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 0
  echo "$output"; [ "$status" -eq 5 ]
  [[ "$output" == *lock* ]] || [[ "$output" == *busy* ]] || [[ "$output" == *"in use"* ]]
  exec 7>&-
  wait "$holder" || true
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "a read-only disk under the replica" {
  make_source 1000
  small_disk 50
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}"
  sqlite3 "$WORK/source.db" "DELETE FROM t WHERE id = 7"
  mount -o remount,ro "$WORK/small"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/small/replica.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -ne 0 ]; [ "$status" -ne 5 ]
  [[ "$output" == *[Rr]ead-only* ]]
  run "$NZ" verify "sqlite:$WORK/small/replica.db"
  echo "$output"; [ "$status" -eq 0 ]
}

@test "a database with tables of its own is not overwritten" {
  make_source 1000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  sqlite3 "$WORK/mine.db" "CREATE TABLE precious(x); INSERT INTO precious VALUES (42)"
  cp "$WORK/mine.db" "$WORK/before.db"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/mine.db" "${TRUST[@]}" --retries 1
  echo "$output"; [ "$status" -ne 0 ]
  [[ "$output" == *precious* ]]
  cmp "$WORK/mine.db" "$WORK/before.db"
}

@test "a corrupt source: the platform says 3003 with an incident, the operator finds the reason in its log" {
  make_source 20000
  sqlite3 "$WORK/source.db" "PRAGMA journal_mode = DELETE" >/dev/null
  platform_setup data "sqlite:$WORK/source.db"
  dd if=/dev/urandom of="$WORK/source.db" bs=4096 seek=100 count=60 conv=notrunc 2>/dev/null
  platform_serve
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 0 --json
  echo "$output"; [ "$status" -eq 5 ]
  [[ "$output" == *3003* ]]
  [[ "$output" != *malformed* ]]
  grep -q '"error_code":3003' "$WORK/serve.log"
  grep -q 'damaged' "$WORK/serve.log"
  [ ! -e "$WORK/replica.db" ]
}

@test "a source that is gone, and comes back" {
  make_source 5000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  mkdir "$WORK/away"; mv "$WORK"/source.db* "$WORK/away/"
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 0
  echo "$output"; [ "$status" -eq 5 ]
  mv "$WORK"/away/source.db* "$WORK/"
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "memory refused: an exit status and a message, never a half replica" {
  make_source 20000
  platform_setup data "sqlite:$WORK/source.db"; platform_serve
  for kib in 60000 90000 120000 160000 200000; do
    status=0
    ( ulimit -v $kib; exec "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --retries 0 ) >"$WORK/out" 2>&1 3>&- || status=$?
    echo "$kib KiB: $status: $(tail -n 1 "$WORK/out")"
    [ "$status" -lt 128 ]
    if [ -s "$WORK/replica.db" ]; then "$NZ" verify "sqlite:$WORK/replica.db"; fi
  done
  "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}"
  same_database "$WORK/source.db" "$WORK/replica.db"
}

@test "rekeying in the middle of a long stream loses no verified batch" {
  make_source 400000
  platform_setup data "sqlite:$WORK/source.db"
  "$NZ" dataset index data --state "$STATE" >/dev/null 2>&1
  platform_serve --session-lifetime 2 --rekey-before 1
  # Slow the stream down, so that it outlives several lifetimes.
  proxied cut 100000000000
  ( while sleep 0.2; do kill -STOP "$PROXY" && sleep 0.3 && kill -CONT "$PROXY"; done ) 3>&- 2>/dev/null & slow=$!
  run "$NZ" sync "$URL/data" "sqlite:$WORK/replica.db" "${TRUST[@]}" --json
  kill "$slow" 2>/dev/null || true; kill -CONT "$PROXY" 2>/dev/null || true
  echo "$output"; [ "$status" -eq 0 ]
  same_database "$WORK/source.db" "$WORK/replica.db"
  sessions=$(printf '%s\n' "$output" | sed -n 's/.*"sessions":\([0-9]*\).*/\1/p')
  echo "# $sessions sessions" >&3
  [ "$sessions" -ge 2 ]
}
