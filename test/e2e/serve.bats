#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The platform as a server: an independent peer talks to it, everything that must be refused is asked
# for, and it starts, reloads and ends as it says.
load support

setup() {
  WORK=$(mktemp -d)
  sqlite3 "$WORK/src.db" "
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, credit DECIMAL(9,2), photo BLOB);
    CREATE TABLE note(at TEXT, text TEXT);
    CREATE TABLE pair(a TEXT, b INT, v REAL, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE TABLE empty(id INTEGER PRIMARY KEY);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
      INSERT INTO customer SELECT i * 7 - 99999, 'name' || char(9) || '\\' || i, i / 100.0, randomblob(i % 50) FROM n;
    INSERT INTO note SELECT name, name || id FROM customer WHERE id % 5 = 0;
    INSERT INTO pair SELECT 'k' || (id % 100), id, id / 3.0 FROM customer WHERE id % 3 = 0;"
}
teardown() {
  platform_stop
  if grep -E 'Sanitizer|runtime error' "$WORK/serve.log" >&2; then # of a sanitized build
    cat "$WORK/serve.log" >&2
    return 1
  fi
  rm -rf "$WORK"
}

peer() { node "$BATS_TEST_DIRNAME/peer-$1.js" "$URL/shop" "$ROOT" "$KEY" "${@:2}"; }
needs_node() { command -v node >/dev/null || skip 'no node'; }
logged() { grep -c "$1" "$WORK/serve.log"; }
# Waits until the log has a line that matches.
wait_log() { local i; for i in $(seq 200); do grep -q "$1" "$WORK/serve.log" && return; sleep 0.05; done; tail "$WORK/serve.log" >&2; return 1; }

@test "an independent peer opens, checks and fetches everything" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  run peer session
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *'"records":'* ]]
}

@test "the sample database, by the independent peer" {
  needs_node
  local db=$NZ_TESTDATA/chinook/Chinook_Sqlite.sqlite
  [ -e "$db" ] || skip "skipped: no $db"
  platform_setup shop "sqlite:$db"
  platform_serve
  run peer session
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *'"records":15607,'* ]]
}

@test "everything that must be refused is refused, and logged with code, incident and peer" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  run peer refusals "$WORK/serve.log"
  echo "$output" | tail -n 5
  [ "$status" -eq 0 ]
  run node -e 'for (const l of require("fs").readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean)) JSON.parse(l)' "$WORK/serve.log"
  [ "$status" -eq 0 ]
}

@test "an address that is not on the node's list gets 2002, an ungranted dataset 1012" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  "$NZ" keys new --key "$WORK/far.json" >/dev/null
  "$NZ" keys show --key "$WORK/far.json" >"$WORK/far.doc"
  "$NZ" node add "$WORK/far.doc" --state "$STATE" --dataset shop --allow 192.0.2.0/24
  "$NZ" keys new --key "$WORK/none.json" >/dev/null
  "$NZ" keys show --key "$WORK/none.json" >"$WORK/none.doc"
  "$NZ" node add "$WORK/none.doc" --state "$STATE" --dataset shop
  "$NZ" dataset add other "sqlite:$WORK/src.db" --state "$STATE"
  platform_serve
  run "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" --root "$ROOT" --key "$WORK/far.json" --json
  [ "$status" -eq 4 ]
  [[ $output == *'"error_code":2002'* ]]
  grep '"error_code":2002' "$WORK/serve.log" | grep -q '"peer":"127.0.0.1"'
  run "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" --root "$ROOT" --key "$WORK/none.json" --json
  [ "$status" -eq 4 ]
  [[ $output == *'"error_code":2002'* ]]
  run "$NZ" sync "$URL/other" "sqlite:$WORK/r.db" "${TRUST[@]}" --json
  [ "$status" -eq 4 ]
  [[ $output == *'"error_code":1012'* ]]
}

@test "IPv6, and an IPv4 client on a dual listener counts as IPv4" {
  needs_node
  node -e 'require("net").createServer().listen(0, "::1", function () { this.close() }).on("error", () => process.exit(1))' || skip 'no IPv6'
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve --listen '[::]:0'
  PORT=$(sed -n 's/.*"listen":"\[::\]:\([0-9]*\)".*/\1/p' "$WORK/serve.log")
  URL=https://127.0.0.1:$PORT
  run peer session
  echo "$output"
  [ "$status" -eq 0 ]
  grep session_opened "$WORK/serve.log" | grep -q '"peer":"127.0.0.1"'
}

@test "sessions end at their deadline, and say so before" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve --session-lifetime 3 --rekey-before 2
  run node "$BATS_TEST_DIRNAME/peer-rekey.js" "$URL/shop" "$ROOT" "$KEY"
  echo "$output"
  [ "$status" -eq 0 ]
  grep session_closed "$WORK/serve.log" | grep -q '"why":"expired"'
}

@test "a source that moves ends the stream, and at the third time a snapshot is held" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  run node "$BATS_TEST_DIRNAME/peer-moved.js" "$URL/shop" "$ROOT" "$KEY" "$WORK/src.db"
  echo "$output"
  [ "$status" -eq 0 ]
  grep session_opened "$WORK/serve.log" | grep -q '"snapshot_s":'
}

@test "slow, silent and greedy peers are cut off, and others are served meanwhile" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve --handshake-timeout 1 --idle-timeout 1 --request-timeout 1 --stall-timeout 1 --max-connections 40
  run node "$BATS_TEST_DIRNAME/peer-slow.js" "$URL/shop" "$ROOT" "$KEY" "$WORK/serve.log"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "a source that is away is 3003, and the reason stays in the log" {
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  mv "$WORK/src.db" "$WORK/away.db"
  run timeout 3 "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" "${TRUST[@]}" --json
  [ "$status" -ne 0 ]
  grep '"error_code":3003' "$WORK/serve.log" | grep -q 'src.db'
  mv "$WORK/away.db" "$WORK/src.db"
  run "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" "${TRUST[@]}"
  [ "$status" -eq 0 ]
}

@test "SIGTERM lets a stream finish and exits 0; a second one ends at once" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  node "$BATS_TEST_DIRNAME/peer-drain.js" "$URL/shop" "$ROOT" "$KEY" "$SERVER" >"$WORK/drain" 2>&1 || { cat "$WORK/drain"; false; }
  wait "$SERVER"
  SERVER=
  platform_serve
  node "$BATS_TEST_DIRNAME/peer-drain.js" "$URL/shop" "$ROOT" "$KEY" "$SERVER" twice >"$WORK/drain" 2>&1 || { cat "$WORK/drain"; false; }
  local code=0
  wait "$SERVER" || code=$?
  SERVER=
  [ "$code" -eq 1 ]
}

@test "SIGHUP takes new certificates and settings; a broken file changes nothing" {
  platform_setup shop "sqlite:$WORK/src.db"
  echo 'max-sessions: 10' >"$WORK/serve.yaml"
  platform_serve --config "$WORK/serve.yaml"
  serial() { echo | openssl s_client -connect "127.0.0.1:$PORT" 2>/dev/null | openssl x509 -noout -serial; }
  local before after
  before=$(serial)
  "$NZ" platform renew --state "$STATE" --root-key "$STATE-root/root.key"
  [ "$(serial)" = "$before" ]
  echo 'max-sessions: nonsense' >"$WORK/serve.yaml"
  kill -HUP "$SERVER"
  wait_log reload_failed
  [ "$(serial)" = "$before" ]
  echo 'max-sessions: 20' >"$WORK/serve.yaml"
  kill -HUP "$SERVER"
  wait_log '"event":"reloaded"'
  after=$(serial)
  [ -n "$after" ]
  [ "$after" != "$before" ]
  run "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" "${TRUST[@]}"
  [ "$status" -eq 0 ]
}

@test "configuration: file, options over it, unknown keys and bad values are errors" {
  platform_setup shop "sqlite:$WORK/src.db"
  printf 'state: %s\nlisten:\n  - 127.0.0.1:0\nmax-connections: 7\n' "$STATE" >"$WORK/serve.yaml"
  "$NZ" serve --config "$WORK/serve.yaml" 2>"$WORK/serve.log" 3>&- & SERVER=$!
  wait_log '"event":"ready"'
  platform_stop
  for bad in 'no-such-key: 1' 'max-sessions: 0' 'max-sessions: many' 'listen: 5:' ': :'; do
    echo "$bad" >"$WORK/bad.yaml"
    run "$NZ" serve --state "$STATE" --config "$WORK/bad.yaml"
    echo "$bad: $output"
    [ "$status" -eq 6 ]
  done
  run "$NZ" serve --state "$STATE" --config "$WORK/none.yaml"
  [ "$status" -eq 1 ]
  run "$NZ" serve --state "$WORK/nowhere"
  [ "$status" -eq 1 ]
  run "$NZ" serve
  [ "$status" -eq 2 ]
  for bad in 'nonsense' '127.0.0.1' '127.0.0.1:99999x' '::1:80' '127.0.0.1:'; do
    run "$NZ" serve --state "$STATE" --listen "$bad"
    [ "$status" -eq 2 ]
  done
  run "$NZ" serve --state "$STATE" --listen 127.0.0.1:0 --session-lifetime 10 --rekey-before 10
  [ "$status" -eq 2 ]
  run "$NZ" serve --state "$STATE" --max-sessions 0
  [ "$status" -eq 2 ]
}

@test "an address that is taken is an error, and nothing is left running" {
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve
  run "$NZ" serve --state "$STATE" --listen "127.0.0.1:$PORT"
  [ "$status" -eq 1 ]
  [[ $output == *"$PORT"* ]]
}

@test "the service manager is told" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  cat >"$WORK/listen.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(20)
print('bound', flush=True)
print(s.recv(100).decode(), flush=True)
print(s.recv(100).decode(), flush=True)
P
  command -v python3 >/dev/null || skip 'no python3'
  python3 "$WORK/listen.py" "$WORK/notify" >"$WORK/told" 3>&- & local listener=$!
  until grep -q bound "$WORK/told"; do sleep 0.05; done
  NOTIFY_SOCKET=$WORK/notify platform_serve
  platform_stop
  wait "$listener"
  [ "$(sed -n 2,3p "$WORK/told" | tr '\n' ' ')" = 'READY=1 STOPPING=1 ' ]
}

@test "an open that would wait too long is told to come back, and is served when it does" {
  sqlite3 "$WORK/src.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
    INSERT INTO note SELECT i, hex(randomblob(40)) FROM n"
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve --open-wait 0
  run "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" "${TRUST[@]}"
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(logged '"error_code":3001')" -ge 1 ]
  # A source that is written all the time is served too.
  sqlite3 "$WORK/src.db" 'PRAGMA journal_mode = wal'
  (while sleep 0.2; do
    sqlite3 "$WORK/src.db" "PRAGMA busy_timeout=2000; UPDATE customer SET name = name || 'x' WHERE id % 97 = abs(random() % 97)"
  done) >/dev/null 2>&1 3>&- &
  local writer=$!
  run timeout 200 "$NZ" sync "$URL/shop" "sqlite:$WORK/r.db" "${TRUST[@]}"
  kill "$writer"
  echo "$output"
  [ "$status" -eq 0 ]
}

@test "too many sessions of a node: 3001 with retry_after" {
  needs_node
  platform_setup shop "sqlite:$WORK/src.db"
  platform_serve --max-sessions-per-node 2
  run node "$BATS_TEST_DIRNAME/peer-crowd.js" "$URL/shop" "$ROOT" "$KEY" 2
  echo "$output"
  [ "$status" -eq 0 ]
}
