#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Keys and packets by hand, as a user of the command line meets them.

setup() {
  NZ=${NZ:-${NZ_BUILD_ROOT:-$BATS_TEST_DIRNAME/../../build}/nz}
  NZ=$(realpath "$NZ")
  cd "$BATS_TEST_TMPDIR"
  "$NZ" keys new >id
  "$NZ" keys new --key bob/node.json >bob.id
  mkdir peers
  "$NZ" keys show >peers/alice.json
  "$NZ" keys show --key bob/node.json >peers/bob.json
  BODY='{"z":[1,2.50,{"b":null}],"a":"é"}'
  JCS='{"a":"é","z":[1,2.5,{"b":null}]}'
}

# run, with standard output and standard error apart: $output and $errors
apart() {
  status=0
  output=$("$@" 2>errors) || status=$?
  errors=$(cat errors)
}

@test "keys: made once, private, shown without secrets" {
  [[ $(cat id) =~ ^nzid:node:[0-9a-f]{32}$ ]]
  [ "$(stat -c %a keys)" = 700 ]
  [ "$(stat -c %a keys/node.json)" = 600 ]
  before=$(sha256sum keys/node.json)
  apart "$NZ" keys new
  [ "$status" -eq 1 ]
  [ -z "$output" ]
  [[ $errors == *"not overwritten"* ]]
  [ "$(sha256sum keys/node.json)" = "$before" ]
  run "$NZ" keys show
  [ "$status" -eq 0 ]
  [[ $output == *"\"node_id\":\"$(cat id)\""* ]]
  [[ $output != *private* ]]
  [ "${#output}" -lt 1024 ]
}

@test "keys: a file that others can read is refused" {
  chmod 640 keys/node.json
  apart "$NZ" keys show
  [ "$status" -eq 6 ]
  [[ $errors == *"chmod 600"* ]]
}

@test "keys: missing is bad input" {
  apart "$NZ" keys show --key nothing.json
  [ "$status" -eq 6 ]
  [[ $errors == *"no such file"* ]]
}

@test "keys: under a passphrase" {
  echo 'correct horse' >pass
  echo wrong >wrong
  "$NZ" keys new --key secret.json --passphrase-file pass
  run grep -c private secret.json
  [ "$output" = 0 ]
  run "$NZ" keys show --key secret.json
  [ "$status" -eq 6 ]
  run "$NZ" keys show --key secret.json --passphrase-file wrong
  [ "$status" -eq 6 ]
  run "$NZ" keys show --key secret.json --passphrase-file pass
  [ "$status" -eq 0 ]
}

@test "packet: sign and verify, by pipe and by file" {
  apart bash -c "printf '%s' '$BODY' | '$NZ' packet sign | '$NZ' packet verify --peers peers"
  [ "$status" -eq 0 ]
  [ "$output" = "$JCS" ]
  [ -z "$errors" ]
  printf '%s\n' "$BODY" >body.json
  "$NZ" packet sign body.json >packet.json
  run "$NZ" packet verify --strict --json --peers peers/alice.json packet.json
  [ "$status" -eq 0 ]
  [[ $output == *"\"body\":$JCS"* && $output == *'"body_form":"jcs"'* ]]
  [[ $output == *'"digest_form":"hex"'* && $output == *"\"node_id\":\"$(cat id)\""* ]]
}

@test "packet: each refusal has its exit code and error code" {
  printf '%s' "$BODY" | "$NZ" packet sign >packet.json
  refused() { # exit code, error code, options...
    local exit_code=$1 error_code=$2; shift 2
    apart "$NZ" packet verify --json "$@"
    [ "$status" -eq "$exit_code" ] || { echo "exit $status: $errors"; return 1; }
    [ -z "$output" ]
    [[ $errors == "{\"error_code\":$error_code,\"error_message\":\""*"\",\"retry_after\":0}" ]] ||
      { echo "$errors"; return 1; }
  }
  refused 6 1006 --peers peers --at 1738249200 packet.json
  refused 6 1001 packet.json
  sed 's/2\.5/2.6/' packet.json >changed.json
  refused 6 1010 --peers peers changed.json
  sed 's/"nonce":"./"nonce":"x/' packet.json >changed.json
  refused 1 1001 --peers peers changed.json
  echo '{"auth":1}' >changed.json
  refused 6 1010 --peers peers changed.json
  refused 6 1011 --peers peers --max-bytes 100 packet.json
  echo '{"version":"nz-crypto-02","cipher":"x"}' >changed.json
  refused 6 1013 --peers peers changed.json
  refused 6 1010 --peers peers missing.json
  "$NZ" packet verify --peers peers --replay seen packet.json
  refused 1 1005 --peers peers --replay seen packet.json
  rm seen
  apart "$NZ" packet verify --peers peers --replay seen packet.json
  [ "$status" -ne 0 ]
  [ -z "$output" ]
  [[ $errors == *missing* ]]
}

@test "packet: skew is inclusive" {
  echo '{}' | "$NZ" packet sign --at 1738249200 >packet.json
  "$NZ" packet verify --peers peers --at 1738249500 packet.json
  run "$NZ" packet verify --peers peers --at 1738249501 packet.json
  [ "$status" -eq 6 ]
  "$NZ" packet verify --peers peers --at 1738249501 --skew 301 packet.json
}

@test "packet: one nonce, many processes, one success" {
  echo '{}' | "$NZ" packet sign >packet.json
  for i in 1 2 3 4 5 6 7 8; do
    ("$NZ" packet verify --peers peers --replay seen packet.json >"out$i" 2>/dev/null || true) &
  done
  wait
  [ "$(cat out? | grep -c '{}')" -eq 1 ]
}

@test "packet: seal and open, with both ciphers" {
  printf '%s' "$BODY" | "$NZ" packet sign >packet.json
  for cipher in aes-256-gcm chacha20-poly1305; do
    "$NZ" packet seal --to "$(cat bob.id)" --cipher $cipher --peers peers packet.json >sealed.json
    run grep -c "$(cat id)" sealed.json
    [ "$output" = 1 ]
    "$NZ" packet open --key bob/node.json --peers peers sealed.json >opened.json
    cmp packet.json opened.json
    [ "$("$NZ" packet verify --peers peers opened.json)" = "$JCS" ]
    apart "$NZ" packet open --peers peers sealed.json
    [ "$status" -eq 6 ]
    [ -z "$output" ]
    [[ $errors == *"not for"* ]]
    sed 's/"ciphertext":"..../"ciphertext":"AAAA/' sealed.json >broken.json
    apart "$NZ" packet open --key bob/node.json --peers peers broken.json
    [ "$status" -eq 1 ]
    [ -z "$output" ]
  done
  run "$NZ" packet seal --to "$(cat bob.id)" packet.json
  [ "$status" -eq 6 ]
  run "$NZ" packet seal --peers peers packet.json
  [ "$status" -eq 2 ]
  run "$NZ" packet seal --to "$(cat bob.id)" --cipher rot13 --peers peers packet.json
  [ "$status" -eq 2 ]
}

@test "packet: canon gives the exact bytes" {
  printf '{"b":1e3,\n "a":[0.10, -0]}' >value.json
  "$NZ" packet canon value.json >canon
  printf '{"a":[0.1,0],"b":1000}' | cmp - canon
  run bash -c "echo '{\"a\":1,\"a\":2}' | '$NZ' packet canon"
  [ "$status" -eq 6 ]
}

@test "packet: explain names what a text is and what is wrong" {
  printf '%s' "$BODY" | "$NZ" packet sign >packet.json
  run "$NZ" packet explain --peers peers packet.json
  [ "$status" -eq 0 ]
  [[ $output == *"a signed packet"*"wrong       nothing"* ]]
  run "$NZ" packet explain --peers peers --at 1738249200 packet.json
  [[ $output == *"ahead of"*"300 s are allowed"* ]]
  run "$NZ" packet explain keys/node.json
  [[ $output == *"a key file"* && $output != *"$(sed 's/.*ed25519private":"\([^"]*\).*/\1/' keys/node.json)"* ]]
  run "$NZ" packet explain peers/alice.json
  [[ $output == *"a node document"*"nothing"* ]]
  run bash -c "echo 'hello' | '$NZ' packet explain -"
  [[ $output == *"no JSON"* ]]
}

@test "help: for every command, with an example" {
  "$NZ" help | sed -n 's/^  nz \([a-z ]*[a-z]\)  .*/\1/p' | grep -v '^help$' >commands
  [ "$(wc -l <commands)" -ge 9 ]
  while read -r command; do
    apart "$NZ" $command --help
    [ "$status" -eq 0 ] && [ -z "$errors" ] || { echo "$command"; return 1; }
    [[ $output == "usage: nz $command"* && $output == *"example:"* ]] || { echo "$command"; return 1; }
    [ "$output" = "$("$NZ" help $command)" ]
  done <commands
}

@test "usage: mistakes exit 2 and suggest" {
  apart "$NZ"
  [ "$status" -eq 2 ]
  [ -z "$output" ]
  apart "$NZ" packet singn
  [ "$status" -eq 2 ]
  [[ $errors == *"did you mean 'nz packet sign'?"* ]]
  apart "$NZ" packet verify --stirct
  [ "$status" -eq 2 ]
  [[ $errors == *"did you mean --strict?"* ]]
  apart "$NZ" packet verify --skew=soon
  [ "$status" -eq 2 ]
  apart "$NZ" packet sign a b
  [ "$status" -eq 2 ]
}

@test "output: a full disk and a closed pipe are failures" {
  run bash -c "'$NZ' keys show >/dev/full"
  [ "$status" -eq 1 ]
  run bash -c "'$NZ' keys show >&-"
  [ "$status" -eq 1 ]
}

@test "version" {
  run "$NZ" version
  [ "$status" -eq 0 ]
  [[ $output =~ ^nz\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  [ "$("$NZ" --version)" = "$output" ]
}
