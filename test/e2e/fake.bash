# SPDX-License-Identifier: Apache-2.0
# What the tests against fake-platform.js share.
NZ=${NZ:-${NZ_BUILD_ROOT:-$BATS_TEST_DIRNAME/../../build}/nz}

fake_setup() {
  command -v node >/dev/null || skip "skipped: no node"
  command -v openssl >/dev/null || skip "skipped: no openssl command"
  WORK=$(mktemp -d) FAKE=
  # Certificates are made once for a whole file of tests.
  [ -d "$BATS_FILE_TMPDIR/pki" ] || mkdir "$BATS_FILE_TMPDIR/pki"
  DIR=$BATS_FILE_TMPDIR/pki
  rm -f "$DIR/requests.log"
  [ -f "$BATS_FILE_TMPDIR/node.json" ] || "$NZ" keys new --key "$BATS_FILE_TMPDIR/node.json" >/dev/null
  KEY=$BATS_FILE_TMPDIR/node.json
  REPLICA=$WORK/replica.db
}

# fake_start [options of fake-platform.js]: sets URL.
fake_start() {
  fake_stop
  : >"$WORK/fake.out"
  node "$BATS_TEST_DIRNAME/fake-platform.js" --dir "$DIR" "$@" >"$WORK/fake.out" 2>"$WORK/fake.err" 3>&- &
  FAKE=$!
  local port= i
  for i in $(seq 200); do
    port=$(sed -n 's/^port //p' "$WORK/fake.out")
    [ -n "$port" ] && break
    kill -0 "$FAKE" 2>/dev/null || { cat "$WORK/fake.err" >&2; return 1; }
    sleep 0.05
  done
  [ -n "$port" ] || { cat "$WORK/fake.err" >&2; return 1; }
  URL=https://127.0.0.1:$port/shop
}

fake_stop() {
  [ -z "${FAKE:-}" ] || { kill "$FAKE" 2>/dev/null; wait "$FAKE" 2>/dev/null || true; }
  FAKE=
}

fake_teardown() {
  fake_stop
  rm -rf "${WORK:-/nonexistent}"
}

# nz sync against the fake, with no second try unless RETRIES says so.
sync_once() { "$NZ" sync "$URL" "sqlite:$REPLICA" --root "$DIR/root.pem" --key "$KEY" --retries "${RETRIES:-0}" "$@"; }

# What a replica shows its readers.
content() { sqlite3 "$1" 'SELECT * FROM items ORDER BY id; SELECT * FROM log ORDER BY a, b; SELECT * FROM empty' | sha256sum; }
