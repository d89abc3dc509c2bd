#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Making and looking after a platform: its certificates, datasets, nodes, backups.
bats_require_minimum_version 1.5.0

setup() {
  load support
  WORK=$(mktemp -d)
  cd "$WORK" || return 1
}

teardown() {
  cd / && rm -rf "$WORK"
}

# js EXPRESSION: of v, the JSON on standard input; strings as they are, other values as JSON.
js() {
  node -e 'const v = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const x = eval(process.argv[1]);
    console.log(typeof x === "string" ? x : JSON.stringify(x))' "$1"
}

init() {
  "$NZ" platform init --state p "$@" >init.out
}

sample() {
  sqlite3 shop.db "
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE secret (word TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    INSERT INTO item SELECT i, 'item ' || i FROM n;
    INSERT INTO secret VALUES ('xyzzy');"
}

new_node() {
  "$NZ" keys new --key "$1.key" >/dev/null
  "$NZ" keys show --key "$1.key" >"$1.json"
}

@test "init makes a platform, and root.pem's path is its last word" {
  run --separate-stderr "$NZ" platform init --state p --host db.example.org --host 192.0.2.7
  [ "$status" -eq 0 ]
  [ "$stderr" = "" ]
  [ "${lines[-1]}" = "$WORK/p/root.pem" ]
  [ "$(stat -c %a p)" = 700 ]
  [ "$(stat -c %a p/state.db)" = 600 ]
  [ "$(stat -c %a p-root/root.key)" = 600 ]
  openssl x509 -in p/root.pem -noout -text | grep -q 'CA:TRUE'
  # The root's key is nowhere in the state.
  grep -q "$(sed -n 2p p/root.pem)" p/state.db # as a certificate is
  run ! grep -q "$(sed -n 2p p-root/root.key)" p/state.db
}

@test "init takes a path for the root's key, and refuses one in the state" {
  mkdir usb
  init --root-key usb/my.key
  [ -f usb/my.key ]
  [ ! -e p-root ]
  run "$NZ" platform init --state q --root-key q/root.key
  [ "$status" -eq 2 ]
  [ ! -e q ]
}

@test "init overwrites nothing" {
  init
  cp p/root.pem before.pem
  run "$NZ" platform init --state p
  [ "$status" -eq 1 ]
  [[ "$output" == *"holds a platform already"* ]]
  cmp p/root.pem before.pem
  mkdir full && touch full/x
  run "$NZ" platform init --state full
  [ "$status" -eq 1 ]
  [ "$(ls full)" = x ]
  [ ! -e full-root ]
  mkdir empty
  "$NZ" platform init --state empty >/dev/null
  [ -f empty/root.pem ]
}

@test "init that was cut short says what to remove, and then works" {
  init
  # As a kill just before the last step leaves it.
  mv p p.tmp-abcdef
  run "$NZ" platform init --state p
  [ "$status" -eq 1 ]
  [[ "$output" == *"p.tmp-abcdef was left by an attempt that was cut short"* ]]
  [[ "$output" == *"p-root/root.key is there already"*"remove it and try again"* ]]
  [ ! -e p ]
  rm -r p-root p.tmp-abcdef
  init
  "$NZ" platform status --state p
}

@test "init killed at any moment leaves a platform or none" {
  for i in $(seq 1 12); do
    "$NZ" platform init --state "k$i" >/dev/null 2>&1 &
    pid=$!
    sleep "0.0$(printf '%02d' $((i * 2)))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    if [ -e "k$i" ]; then
      "$NZ" platform status --state "k$i" >/dev/null
      [ -f "k$i-root/root.key" ]
      "$NZ" platform renew --state "k$i" >/dev/null
    fi
  done
}

@test "init into a folder that may not be written, or a full disk, leaves nothing" {
  run "$NZ" platform init --state /proc/p
  [ "$status" -eq 1 ]
  run "$NZ" platform init --state missing/p
  [ "$status" -eq 1 ]
  run bash -c 'ulimit -f 16; trap "" XFSZ; exec "$0" platform init --state p' "$NZ"
  [ "$status" -eq 1 ]
  [ -z "$(ls)" ]
}

@test "a host that is none is refused before anything is made" {
  for host in 'a b' '' 'x,y' "$(printf 'a%.0s' {1..300})"; do
    run "$NZ" platform init --state p --host "$host"
    [ "$status" -eq 2 ]
    [ -z "$(ls)" ]
  done
}

@test "the TLS certificate names the hosts, the signing one has its critical usage" {
  init --host db.example.org --host 192.0.2.7
  sqlite3 p/state.db "SELECT CAST(value AS TEXT) FROM value WHERE name = 'tls.cert.pem'" >tls.pem
  sqlite3 p/state.db "SELECT CAST(value AS TEXT) FROM value WHERE name = 'signing.cert.pem'" >s.pem
  openssl verify -CAfile p/root.pem -purpose sslserver tls.pem
  for name in DNS:localhost 'IP Address:127.0.0.1' DNS:db.example.org 'IP Address:192.0.2.7'; do
    openssl x509 -in tls.pem -noout -ext subjectAltName | grep -q "$name"
  done
  openssl x509 -in s.pem -noout -ext extendedKeyUsage | grep -q critical
  openssl x509 -in s.pem -noout -text | grep -q 'Public Key Algorithm: ED25519'
}

@test "renew makes new leaves with the same hosts under the same root" {
  init --host db.example.org
  query="SELECT CAST(value AS TEXT) FROM value WHERE name = 'tls.cert.pem'"
  sqlite3 p/state.db "$query" >old.pem
  "$NZ" platform renew --state p
  sqlite3 p/state.db "$query" >new.pem
  run ! cmp -s old.pem new.pem
  openssl verify -CAfile p/root.pem new.pem
  openssl x509 -in new.pem -noout -ext subjectAltName | grep -q db.example.org
  "$NZ" platform renew --state p --host other.example.org
  sqlite3 p/state.db "$query" | openssl x509 -noout -ext subjectAltName >san
  grep -q other.example.org san
  run ! grep -q db.example.org san
}

@test "renew refuses another platform's root key, and changes nothing" {
  init
  "$NZ" platform init --state q >/dev/null
  sqlite3 p/state.db "SELECT hex(value) FROM value ORDER BY name" >before
  run "$NZ" platform renew --state p --root-key q-root/root.key
  [ "$status" -eq 1 ]
  [[ "$output" == *"not that of its certificate"* ]]
  run "$NZ" platform renew --state p --root-key missing.key
  [ "$status" -eq 1 ]
  echo garbage >bad.key
  run "$NZ" platform renew --state p --root-key bad.key
  [ "$status" -eq 6 ]
  sqlite3 p/state.db "SELECT hex(value) FROM value ORDER BY name" | cmp - before
}

@test "status says what there is" {
  init
  sample
  new_node a
  "$NZ" dataset add shop sqlite:shop.db --state p
  "$NZ" node add a.json --state p --dataset shop --allow 127.0.0.1
  run "$NZ" platform status --state p
  [ "$status" -eq 0 ]
  [[ "$output" == *"89 days left"* ]]
  [[ "$output" == *"shop, not indexed yet"* ]]
  [[ "$output" == *"nzid:node:"*"active"* ]]
  "$NZ" dataset index shop --state p
  "$NZ" platform status --state p --json >status.json
  [ "$(js 'v.datasets[0].records' <status.json)" = 5001 ]
  [ "$(js 'v.nodes.length' <status.json)" = 1 ]
  [ "$(js 'v.certificates.tls.days_left' <status.json)" = 89 ]
  [ "$(js 'v.platform' <status.json)" = \
    "$(openssl x509 -in p/root.pem -noout -pubkey | openssl pkey -pubin -outform DER |
       sha256sum | cut -d' ' -f1)" ]
}

@test "a state that is missing, open to others, or none is refused" {
  run "$NZ" platform status --state p
  [ "$status" -eq 1 ]
  [[ "$output" == *"nz platform init"* ]]
  run "$NZ" platform status
  [ "$status" -eq 2 ]
  init
  chmod 640 p/state.db
  run "$NZ" platform status --state p
  [ "$status" -eq 1 ]
  [[ "$output" == *"chmod 600"* ]]
  chmod 600 p/state.db
  echo "this is not a database, whatever it may be named" >p/state.db
  run "$NZ" platform status --state p --json
  [ "$status" -eq 1 ]
  [ "$(js 'Object.keys(v).join()' <<<"$output")" = error_code,error_message,retry_after ]
}

@test "backup and restore" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p
  "$NZ" dataset index shop --state p >before
  "$NZ" platform backup copy --state p
  [ "$(stat -c %a copy)" = 600 ]
  run "$NZ" platform backup copy --state p
  [ "$status" -eq 1 ]
  run "$NZ" platform restore copy --state p
  [ "$status" -eq 1 ]
  "$NZ" platform restore copy --state q
  cmp p/root.pem q/root.pem
  "$NZ" dataset index shop --state q | cmp - before
  "$NZ" platform renew --state q --root-key p-root/root.key
  run "$NZ" platform restore shop.db --state r
  [ "$status" -eq 6 ]
  run "$NZ" platform restore missing --state r
  [ "$status" -eq 1 ]
  [ ! -e r ]
  [ -z "$(find . -name '*.tmp-*')" ]
}

@test "dataset add stores an absolute path and names the tables" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p --exclude secret --json >added
  [ "$(js 'v.source' <added)" = "sqlite:$WORK/shop.db" ]
  [ "$(js 'v.tables' <added)" = '["item"]' ]
  [ "$(js 'v.lineage.length' <added)" = 32 ]
  (cd / && "$NZ" dataset index shop --state "$WORK/p" --json) >index
  [ "$(js 'v.records' <index)" = 5000 ]
  [ "$(js 'v.epoch' <index)" = 1 ]
}

@test "dataset add refuses what would surprise" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p
  run "$NZ" dataset add shop sqlite:shop.db --state p
  [ "$status" -eq 1 ]
  run "$NZ" dataset add x sqlite:shop.db --state p --exclude secrte
  [ "$status" -eq 1 ]
  [[ "$output" == *"secrte"*"no such table"* ]]
  run "$NZ" dataset add x sqlite:shop.db --state p --table nothing
  [ "$status" -eq 1 ]
  run "$NZ" dataset add x sqlite:shop.db --state p --table item --exclude item
  [ "$status" -eq 2 ]
  run "$NZ" dataset add x sqlite:missing.db --state p
  [ "$status" -eq 1 ]
  [ ! -e missing.db ]
  run "$NZ" dataset add X sqlite:shop.db --state p
  [ "$status" -eq 2 ]
  run "$NZ" dataset add x sqlite:shop.db --state p --encoding binary
  [ "$status" -eq 6 ]
  run "$NZ" dataset add x sqlite:shop.db --state p --encoding other
  [ "$status" -eq 2 ]
  run "$NZ" dataset add x sqlite: --state p
  [ "$status" -eq 2 ]
  [ "$("$NZ" dataset list --state p --json | js v.length)" = 1 ]
}

@test "a password in a URI is refused with the way to do it, and not repeated" {
  init
  for uri in 'postgresql://me:hunter2@host/db' 'postgres://host/db?user=me&password=hunter2' \
             'postgresql://host/db?sslpassword=hunter2'; do
    run "$NZ" dataset add x "$uri" --state p
    [ "$status" -eq 2 ]
    [[ "$output" == *PGPASSFILE* ]]
    [[ "$output" != *hunter2* ]]
  done
}

@test "the epoch rises with what changed, and only then" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p
  epoch() { "$NZ" dataset index shop --state p --json "$@" | js 'v.epoch'; }
  root() { "$NZ" dataset list --state p --json | js 'v[0].root'; }
  [ "$(epoch)" = 1 ]
  first=$(root)
  [ "$(epoch)" = 1 ]
  [ "$(epoch --force)" = 1 ]
  touch shop.db # looks changed, is not
  [ "$(epoch)" = 1 ]
  sqlite3 shop.db "UPDATE item SET name = 'x' WHERE id = 77"
  [ "$(epoch)" = 2 ]
  [ "$(root)" != "$first" ]
  sqlite3 shop.db "UPDATE item SET name = 'item 77' WHERE id = 77"
  [ "$(epoch)" = 3 ]
  [ "$(root)" = "$first" ]
  sqlite3 shop.db "CREATE INDEX by_name ON item (name)" # the schema is signed, too
  [ "$(epoch)" = 4 ]
  sqlite3 shop.db "PRAGMA journal_mode = WAL" >/dev/null
  [ "$(epoch)" = 4 ]
  sqlite3 shop.db "DELETE FROM item WHERE id = 5000"
  [ "$(epoch)" = 5 ]
}

@test "one builder at a time, and a killed one leaves the old index" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p
  "$NZ" dataset index shop --state p >before
  exec 8>>p/index-shop.lock
  flock 8
  run "$NZ" dataset index shop --state p --force
  [ "$status" -eq 5 ]
  run "$NZ" dataset remove shop --state p
  [ "$status" -eq 5 ]
  flock -u 8
  exec 8>&-
  for i in 1 2 3 4 5 6; do
    "$NZ" dataset index shop --state p --force >/dev/null 2>&1 &
    sleep "0.0$i"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    "$NZ" dataset index shop --state p | cmp - before
  done
}

@test "a source that breaks is said, and the old index stays" {
  init
  sample
  "$NZ" dataset add shop sqlite:shop.db --state p
  "$NZ" dataset index shop --state p >/dev/null
  mv shop.db away.db
  run "$NZ" dataset index shop --state p
  [ "$status" -eq 1 ]
  echo "garbage, garbage, garbage" >shop.db
  run "$NZ" dataset index shop --state p
  [ "$status" -eq 1 ]
  [ "$("$NZ" dataset list --state p --json | js 'v[0].epoch')" = 1 ]
  run "$NZ" dataset index other --state p
  [ "$status" -eq 1 ]
}

@test "node add pins a document with its grants and networks" {
  init
  sample
  new_node a
  "$NZ" dataset add shop sqlite:shop.db --state p
  "$NZ" node add a.json --state p --dataset shop --dataset shop --allow 10.0.0.0/8 \
    --allow ::ffff:192.0.2.0/120 --allow 2001:DB8::/32 --allow 127.0.0.1 --json >pin
  [ "$(js 'v.networks' <pin)" = '["10.0.0.0/8","192.0.2.0/24","2001:db8::/32","127.0.0.1/32"]' ]
  [ "$(js 'v.datasets' <pin)" = '["shop"]' ]
  id=$(js 'v.node_id' <pin)
  [ "$id" = "$(js 'v.node_id' <a.json)" ]
  [ "$("$NZ" node show "$id" --state p --json | js v.state)" = active ]
  [ "$("$NZ" node list --state p | wc -l)" = 1 ]
  run "$NZ" node add - --state p --dataset shop <a.json
  [ "$status" -eq 1 ]
  "$NZ" node remove "$id" --state p
  [ "$("$NZ" node list --state p | wc -l)" = 0 ]
  run "$NZ" node add a.json --state p --dataset shop --allow 127.0.0.1
  [ "$status" -eq 1 ]
  [[ "$output" == *"not pinned again"* ]]
  run "$NZ" node show "$id" --state p
  [ "$status" -eq 1 ]
  run "$NZ" node remove "$id" --state p
  [ "$status" -eq 1 ]
}

@test "node add without a network warns that no address may connect" {
  init
  sample
  new_node a
  "$NZ" dataset add shop sqlite:shop.db --state p
  run --separate-stderr "$NZ" node add a.json --state p --dataset shop
  [ "$status" -eq 0 ]
  [[ "$stderr" == *"no address"* ]]
}

@test "node add refuses bad documents, unknown datasets and slips in networks" {
  init
  sample
  new_node a
  "$NZ" dataset add shop sqlite:shop.db --state p
  add() { run "$NZ" node add "$@" --state p; }
  add a.json
  [ "$status" -eq 2 ]
  add a.json --dataset nowhere --allow 127.0.0.1
  [ "$status" -eq 1 ]
  for network in 10.0.0.1/8 10.0.0.0/33 10.0.0/8 256.1.1.1 ::1/129 2001:db8::1/32 host.example \
                 10.0.0.0/08 10.0.0.0/ ' 10.0.0.0/8' ''; do
    add a.json --dataset shop --allow "$network"
    [ "$status" -eq 2 ]
  done
  js 'v.seq = 1, v' <a.json >bad.json
  add bad.json --dataset shop
  [ "$status" -eq 6 ]
  js 'v.signature = (v.signature[0] == "A" ? "B" : "A") + v.signature.slice(1), v' <a.json >bad.json
  add bad.json --dataset shop
  [ "$status" -eq 1 ]
  for text in '' '{}' '[]' '{"node_id":1}'; do
    printf '%s' "$text" >bad.json
    add bad.json --dataset shop
    [ "$status" -eq 6 ]
  done
  add missing.json --dataset shop
  [ "$status" -eq 1 ]
  [ "$("$NZ" node list --state p | wc -l)" = 0 ]
}
