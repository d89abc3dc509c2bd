// SPDX-License-Identifier: Apache-2.0
// node peer-rekey.js https://HOST:PORT/DATASET ROOT.pem KEY.json
// Against a platform with --session-lifetime 3 --rekey-before 2: the reminder in headers and in a
// stream, inside a batch too; the early end after the batch in flight; the death of the keys.
'use strict';
const fs = require('fs');
const p = require('./peer.js');
const { check } = p;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function main([url, rootPath, keyPath]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath), me = p.loadNode(keyPath);
  const conn = await p.Connection.open(at, rootPem);
  const s = await p.Session.open(conn, rootPem, me, dataset);
  const opened = Date.now();
  check('lifetimes', s.answer.expires_in === 3 && s.answer.rekey_in === 1);
  const blocks = (list) => Buffer.from(JSON.stringify({ batches: list.map((position) => ({ position, base: null })) }));
  const all = [...Array(s.statement.batches).keys()];

  // Before: nothing is said.
  let notices = [], ends = 0, inside = 0, open = false;
  const onBlock = (type, plain) => {
    if (type === 'B') open = true;
    if (type === 'E') { open = false; ends++; }
    if (type === 'N') { notices.push(JSON.parse(plain).notice); if (open) inside++; }
  };
  let r = await s.stream('POST', '/blocks', blocks([0]), onBlock);
  check('no reminder yet', r.status === 200 && !r.headers['nz-rekey-required'] && notices.length === 0 && ends === 1);

  // After: one reminder, one batch, the end.
  await sleep(1200);
  ends = 0;
  r = await s.stream('POST', '/blocks', blocks(all), onBlock);
  check('reminder in the header', r.headers['nz-rekey-required'] === '1', r.headers);
  check('reminder in the stream', notices.join() === 'RekeyRequired', notices);
  check('ends after one batch', ends === 1, ends);
  const claim = Buffer.from(JSON.stringify({ root: s.statement.merkle_root, records: s.statement.records }));
  r = await s.request('POST', '/receipt', claim);
  check('still good, with the reminder', r.status === 200 && r.headers['nz-rekey-required'] === '1');

  // The next one continues, on the same connection, and outlives the first.
  const next = await p.Session.open(conn, rootPem, me, dataset, { continues: s.id });
  check('continues', !next.refused && next.statement.epoch === s.statement.epoch);
  await sleep(Math.max(0, opened + 3200 - Date.now()));
  r = await s.request('POST', '/receipt', claim);
  check('the first is dead', r.status === 401 && JSON.parse(r.body).error_code === 1007, r.body.toString());
  r = await next.request('POST', '/receipt', claim);
  check('the second lives', r.status === 200);
  while (!conn.ended && Date.now() < opened + 9000) await sleep(50);
  check('the connection is closed at the deadline', conn.ended);
  check('and not before', Date.now() - opened > 4000);

  // A stream that nobody takes: the reminder does not wait until it is too late to be said.
  const slow = await p.Session.open(await p.Connection.open(at, rootPem), rootPem, me, dataset);
  slow.conn.socket.pause();
  const list = blocks(all), target = slow.path('/blocks');
  slow.conn.send('POST', target, slow.headers('POST', target, list), list);
  await sleep(3500);
  slow.conn.socket.resume();
  for (let i = 0; !slow.conn.ended && i < 60; i++) await sleep(50);
  check('a stalled stream dies with its keys', slow.conn.ended);
  console.log('ok');
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-rekey: ${e.stack}`); process.exit(1); });
