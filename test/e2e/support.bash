# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share: a platform on a free port, a node that may read, a clean end.
NZ=${NZ:-${NZ_BUILD_ROOT:-$BATS_TEST_DIRNAME/../../build}/nz}
NZ_SOURCE_ROOT=${NZ_SOURCE_ROOT:-$(realpath "$BATS_TEST_DIRNAME/../..")}
NZ_TESTDATA=${NZ_TESTDATA:-$NZ_SOURCE_ROOT/../shared/testdata}

# Makes $WORK with a platform, keys and a pinned node: platform_setup NAME SOURCE [dataset options]
platform_setup() {
  local name=$1 source=$2; shift 2
  STATE=$WORK/platform KEY=$WORK/keys/node.json
  ROOT=$("$NZ" platform init --state "$STATE" | tail -n 1)
  "$NZ" dataset add "$name" "$source" --state "$STATE" "$@"
  "$NZ" keys new --key "$KEY" >"$WORK/node.id"
  "$NZ" keys show --key "$KEY" >"$WORK/node.json"
  "$NZ" node add "$WORK/node.json" --state "$STATE" --dataset "$name" --allow 127.0.0.0/8
  TRUST=(--root "$ROOT" --key "$KEY")
}

# Starts `nz serve` with the given options; sets SERVER (pid), PORT and URL (without a dataset).
platform_serve() {
  : >"$WORK/serve.log"
  "$NZ" serve --state "$STATE" --listen "127.0.0.1:${PORT:-0}" "$@" 2>"$WORK/serve.log" 3>&- &
  SERVER=$!
  local i
  for i in $(seq 200); do
    PORT_SEEN=$(sed -n 's/.*"listen":"127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$WORK/serve.log" | head -n 1)
    [ -n "$PORT_SEEN" ] && break
    kill -0 "$SERVER" 2>/dev/null || { cat "$WORK/serve.log" >&2; return 1; }
    sleep 0.05
  done
  [ -n "$PORT_SEEN" ] || { cat "$WORK/serve.log" >&2; return 1; }
  PORT=$PORT_SEEN URL=https://127.0.0.1:$PORT_SEEN
}

platform_stop() {
  [ -z "${SERVER:-}" ] || { kill "${1:--TERM}" "$SERVER" 2>/dev/null; wait "$SERVER" 2>/dev/null; } || true
  SERVER=
}

# A database's content for comparison: .dump without nz's own tables, rows sorted.
dump_sorted() {
  sqlite3 "$1" .dump | awk '
    /^CREATE TABLE (IF NOT EXISTS )?["\x27\[]?_nz_/ { skip = 1 }
    skip { if (/;$/) skip = 0; next }
    /^INSERT INTO ["\x27]?_nz_/ { next }
    { print }' | LC_ALL=C sort
}
same_database() {
  dump_sorted "$1" >"$WORK/dump.a"; dump_sorted "$2" >"$WORK/dump.b"
  cmp "$WORK/dump.a" "$WORK/dump.b" || { diff "$WORK/dump.a" "$WORK/dump.b" | head -n 20 >&2; return 1; }
}
