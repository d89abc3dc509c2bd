#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A platform that misbehaves (fake-platform.js): each time the replica stays as it was, the exit code
# is the right one, and the message says what happened.
load fake.bash

setup() { fake_setup; }
teardown() { fake_teardown; }

# A first replica of an honest platform, epoch 1.
honest() {
  fake_start --epoch 1 "$@"
  sync_once
  before=$(content "$REPLICA")
}

# refused EXIT PATTERN: the next sync fails so, and the replica shows what it showed.
refused() {
  run sync_once
  echo "fault: $fault; status $status: $output"
  [ "$status" -eq "$1" ]
  [[ "$output" == *$2* ]]
  [ "$(content "$REPLICA")" = "$before" ]
  run "$NZ" verify "sqlite:$REPLICA"
  echo "verify after $fault: $output"; [ "$status" -eq 0 ]
}

# Against each fault, from epoch 1 to an epoch 2 with other rows: "fault exit pattern" a line.
each_fault() {
  honest
  local fault exit_code pattern variant=0
  while read -r fault exit_code pattern; do
    [ -n "$fault" ] || continue
    variant=$((variant + 1)) # so that nothing staged before serves again
    fake_start --fault "$fault" --epoch 2 --variant "$variant"
    refused "$exit_code" "$pattern"
  done
  # And then an honest one is believed again.
  fake_start --epoch 2 --variant 1
  run sync_once
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == "verified shop epoch 2 "* ]]
  [ "$(content "$REPLICA")" != "$before" ]
}

@test "an honest platform of another make is believed" {
  honest
  run "$NZ" verify "sqlite:$REPLICA"
  [ "$status" -eq 0 ]
  [ "$(sqlite3 "$REPLICA" 'SELECT count(*) FROM items')" -eq 8000 ]
  [ "$(sqlite3 "$REPLICA" "SELECT name FROM items WHERE id = 7")" = "the name of item 7, version 0" ]
  [ "$(sqlite3 "$REPLICA" "SELECT count(*) FROM log WHERE a = 'two' AND b = 2")" -eq 2 ]
}

@test "blocks flipped, dropped, repeated, reordered, forged: rejected batch, exit 5" {
  each_fault <<'FAULTS'
flip 5 does not open
flip-tag 5 does not open
flip-type 5 does not open
drop 5 does not open
repeat 5 does not open
swap 5 does not open
insert 5 does not open
oversize 5 over the limit
undersize 5 no tag
unknown-type 5 out of place
removed 5 out of place
notice-garbage 5 block N
hello-mac 5 answers another request
hello-number 5 stands at
end-count 5 counts
no-end 5 no end
batch-position 5 not the next one asked for
batch-table 5 not the next one asked for
batch-extra 5 one more than was asked for
batch-missing 5 ends before the last
content-type 5 not of the type asked for
FAULTS
}

@test "records changed, missing, added, out of order; counts and roots that lie: mismatch, exit 3" {
  each_fault <<'FAULTS'
record-changed 3 another root
record-missing 3 another number of records
record-extra 3 do not ascend
record-order 3 do not ascend
record-shape 3 none of its table
end-root 3 another root
end-records 3 another number of records
FAULTS
}

@test "a manifest or a statement that lies: mismatch, exit 3" {
  each_fault <<'FAULTS'
manifest-root 3 root is not the signed one
manifest-count 3 manifest
manifest-order 3 do not ascend
manifest-short 3 manifest
manifest-long 3 one more than the statement counts
statement-records 3 records
statement-batches 3 batches
statement-root 3 not the signed one
schema 3 schema
FAULTS
}

@test "a manifest that is none: rejected, exit 5" {
  each_fault <<'FAULTS'
manifest-table 5 table
manifest-from 5 from 3
manifest-shape 5 root
manifest-bytes 5 over 4194304
FAULTS
}

@test "certificates expired, of another root, of another purpose, for another host: exit 4" {
  each_fault <<'FAULTS'
tls-expired 4 expired
tls-other-root 4 not to be trusted
tls-wrong-purpose 4 not to be trusted
tls-wrong-host 4 not to be trusted
signing-expired 4 not to be believed
signing-other-root 4 not to be believed
signing-wrong-purpose 4 not to be believed
FAULTS
}

@test "TLS 1.2 only, another suite, plain HTTP, garbage: exit 4 with 2001" {
  honest
  for fault in tls12 suite plain garbage; do
    fake_start --fault "$fault" --epoch 2 --variant 1
    refused 4 "TLS 1.3"
    run sync_once --json
    [[ "$output" == *'"error_code":2001'* ]]
  done
}

@test "answers that are not signed as they must be: exit 4" {
  each_fault <<'FAULTS'
handshake-signature 4 not to be believed
handshake-replay 4 not to be believed
statement-signature 4 not to be believed
statement-other-platform 4 not to be believed
statement-other-dataset 4 statement is of other
statement-expired 4 expired
answer-garbage 4 not to be believed
answer-member 4 not to be believed
zero-x25519 4 shared secret
FAULTS
}

@test "refusals by the platform, each with its exit code" {
  honest
  while read -r fault exit_code code; do
    fake_start --fault "$fault" --epoch 2 --variant 1
    refused "$exit_code" "$code"
    run sync_once --json
    [[ "$output" == *"\"error_code\":$code"* ]]
    [[ "$output" == *'"incident":"fake-incident-1"'* ]]
  done <<'FAULTS'
unknown-key 4 1001
overdue 4 1002
unpinned 4 1004
unknown-dataset 4 1012
address 4 2002
replayed 5 1005
busy 5 3001
internal 5 3999
FAULTS
  fake_start --fault error-garbage
  refused 5 "without an error of its API"
  fake_start --fault answer-huge
  refused 6 "over"
}

@test "a clock that is an hour off is said with the difference, and not waited for" {
  honest
  fake_start --fault clock
  run "$NZ" sync "$URL" "sqlite:$REPLICA" --root "$DIR/root.pem" --key "$KEY"
  echo "$output"
  [ "$status" -eq 5 ]
  [[ "$output" =~ clock\ is\ (3599|3600|3601)\ s\ ahead ]]
}

@test "rollback: a lower epoch is refused" {
  fake_start --epoch 5
  sync_once
  before=$(content "$REPLICA") fault=rollback
  fake_start --epoch 4 --variant 1
  refused 4 rollback
}

@test "equivocation: two states of one epoch are refused, and both statements kept" {
  honest
  fault=equivocation
  fake_start --epoch 1 --variant 1
  refused 4 equivocation
  evidence=$REPLICA.equivocation-1.json
  [ -s "$evidence" ]
  node -e '
    const e = JSON.parse(require("fs").readFileSync(process.argv[1]));
    const [a, b] = e.statements;
    if (a.statement.epoch !== 1 || b.statement.epoch !== 1 || a.statement.merkle_root === b.statement.merkle_root ||
        !a.statement.signature || !b.certificate.length || !a.certificate.length) process.exit(1);' "$evidence"
}

@test "another lineage is refused unless it is accepted" {
  honest
  fault=lineage
  fake_start --epoch 1 --variant 1 --lineage ffeeddccbbaa99887766554433221100
  refused 4 lineage
  run sync_once --accept-lineage
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(content "$REPLICA")" != "$before" ]
}

@test "a failed batch and a mismatch are reported with a signed packet, and the incident is shown" {
  honest
  fake_start --fault flip --epoch 2 --variant 1
  run sync_once --json
  [[ "$output" == *'"error_code":1008'* ]]
  [[ "$output" == *'"incident":"fake-incident-2"'* ]]
  fake_start --fault end-root --epoch 2 --variant 1
  run sync_once --json
  [[ "$output" == *'"error_code":1003'* ]]
  [ "$(grep -c '"action":"sync.failure"' "$DIR/requests.log")" -ge 2 ]
  grep -q '"code":1008' "$DIR/requests.log"
  grep -q '"code":1003' "$DIR/requests.log"
}

@test "a failure that happens once is overcome, and verified batches are not asked for again" {
  fake_start --fault flip --times 1
  RETRIES=3 run sync_once
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *"trying again in 1."* ]]
  # The second request asks for less than the first: what was verified stayed.
  node -e '
    const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").map(JSON.parse);
    const sizes = lines.filter((l) => l.path === "/blocks" && !/manifest/.test(l.body)).map((l) => /^\d+ bytes/.test(l.body) ? parseInt(l.body) : l.body.length);
    if (sizes.length !== 2 || sizes[1] >= sizes[0]) { console.log(sizes); process.exit(1); }' "$DIR/requests.log"
  run "$NZ" verify "sqlite:$REPLICA"
  [ "$status" -eq 0 ]
}

@test "a stream cut in the middle of a batch is gone on with" {
  fake_start --fault cut --times 1
  RETRIES=3 run sync_once
  echo "$output"; [ "$status" -eq 0 ]
  run "$NZ" verify "sqlite:$REPLICA"
  [ "$status" -eq 0 ]
}

@test "a stream that stalls is given up after --stall-timeout" {
  honest
  fake_start --fault stall --epoch 2 --variant 1
  fault=stall
  run sync_once --stall-timeout 1
  echo "$output"
  [ "$status" -eq 5 ]
  [[ "$output" == *"nothing was received"* ]]
  [ "$(content "$REPLICA")" = "$before" ]
}

@test "a platform that never answers, and one that hangs up: exit 5" {
  honest
  for fault in mute hang-up; do
    fake_start --fault "$fault"
    run sync_once --connect-timeout 1 --stall-timeout 1
    echo "$output"; [ "$status" -eq 5 ]
  done
  fake_stop
  run sync_once --connect-timeout 1
  echo "$output"; [ "$status" -eq 5 ]
  [[ "$output" == *"cannot reach"* ]]
  [ "$(content "$REPLICA")" = "$before" ]
}

@test "a mismatch that persists ends after three full resyncs, with exit 3" {
  honest
  fake_start --fault end-root --epoch 2 --variant 1
  RETRIES=20 run sync_once
  echo "$output"
  [ "$status" -eq 3 ]
  [ "$(grep -c 'full resync' <<<"$output")" -eq 4 ] # three notes, and the final word
  [ "$(content "$REPLICA")" = "$before" ]
}

@test "a rekey notice in mid-stream costs no verified batch" {
  for fault in rekey-notice rekey-late; do
    rm -f "$REPLICA"*
    fake_start --fault "$fault" --times 1
    run sync_once --json
    echo "$fault: $output"; [ "$status" -eq 0 ]
    [[ "$output" == *'"sessions":2'* ]]
    [[ "$output" == *'"batches_fetched":8'* ]] # of 9, one being empty
    run "$NZ" verify "sqlite:$REPLICA"
    [ "$status" -eq 0 ]
  done
  grep -q '"continues":"[0-9a-f]\{32\}"' "$DIR/requests.log"
}

@test "the client's own clock renews a session that says nothing" {
  fake_start --fault rekey-at-once --rows 60000
  run sync_once --json
  echo "$output"; [ "$status" -eq 0 ]
}

@test "a source that moves under a stream is asked again" {
  fake_start --fault moved --times 1
  run sync_once --json
  echo "$output"; [ "$status" -eq 0 ]
  [[ "$output" == *'"sessions":2'* ]]
}

@test "a session that the platform forgot is opened anew" {
  fake_start --fault session-gone --times 1
  RETRIES=2 run sync_once --json
  echo "$output"; [ "$status" -eq 0 ]
}

@test "a receipt that is refused, forged or for something else is a warning" {
  for fault in receipt-refused receipt-signature receipt-other; do
    rm -f "$REPLICA"*
    fake_start --fault "$fault"
    run sync_once
    echo "$output"; [ "$status" -eq 0 ]
    [[ "$output" == *"warning: no receipt"* ]]
    run sync_once --quiet --json
    [[ "$output" == *'"receipt":false'* ]]
  done
}

@test "proofs that lie are not used to repair a replica" {
  honest
  sqlite3 "$REPLICA" "UPDATE items SET name = 'tampered' WHERE id = 42"
  tampered=$(content "$REPLICA")
  for fault in proof-leaves proof-path proof-batch-path proof-index proof-record; do
    fake_start --fault "$fault"
    run "$NZ" verify "sqlite:$REPLICA" "$URL" --root "$DIR/root.pem" --key "$KEY" --repair
    echo "$fault: $output"
    [ "$status" -eq 3 ]
    [[ "$output" == *contradict* ]]
    [ "$(content "$REPLICA")" = "$tampered" ]
  done
  fake_start
  run "$NZ" verify "sqlite:$REPLICA" "$URL" --root "$DIR/root.pem" --key "$KEY" --repair
  echo "$output"; [ "$status" -eq 0 ]
  [ "$(content "$REPLICA")" = "$before" ]
}
