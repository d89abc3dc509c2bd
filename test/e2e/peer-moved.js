// SPDX-License-Identifier: Apache-2.0
// node peer-moved.js https://HOST:PORT/DATASET ROOT.pem KEY.json SOURCE.db
// Changes the source after each open: twice the stream says "moved" and ends early; the third session
// reads from a snapshot that the change cannot reach.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const p = require('./peer.js');
const { check } = p;

async function main([url, rootPath, keyPath, source]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath), me = p.loadNode(keyPath);
  const change = (n) => execFileSync('sqlite3', [source, `PRAGMA busy_timeout=5000; UPDATE customer SET name = 'moved ${n}' WHERE id % 11 = 0`]);
  execFileSync('sqlite3', [source, 'PRAGMA journal_mode=WAL']); // else the held snapshot would keep writers out
  const conn = await p.Connection.open(at, rootPem);
  let last = null, epoch = 0;
  for (let round = 0; round < 3; round++) {
    const s = await p.Session.open(conn, rootPem, me, dataset, { continues: last });
    check('opens', !s.refused, s.refused && s.refused.body.toString());
    check('the epoch rises with the root', s.statement.epoch > epoch);
    epoch = s.statement.epoch;
    const entries = [];
    await s.stream('POST', '/blocks', Buffer.from('{"manifest":true}'), (type, plain) => {
      if (type === 'M') entries.push(...JSON.parse(plain).entries);
    });
    check('manifest', entries.length === s.statement.batches);
    change(round);
    const body = Buffer.from(JSON.stringify({ batches: entries.map((_, position) => ({ position, base: null })) }));
    let ends = 0, moved = null, leaves = [];
    await s.stream('POST', '/blocks', body, (type, plain) => {
      if (type === 'B') leaves = [];
      if (type === 'R') leaves.push(p.recordLeaf(plain));
      if (type === 'E') {
        check('what is sent is what was signed', p.merkleRoot(leaves).toString('hex') === entries[ends].root);
        ends++;
      }
      if (type === 'N') moved = JSON.parse(plain);
    });
    if (round < 2) {
      check('moved', moved && moved.notice === 'moved' && moved.position === ends && ends < entries.length, [moved, ends]);
    } else {
      check('not moved', moved === null && ends === entries.length, [moved, ends]);
      let shown = 0;
      await s.stream('GET', '/proof?batch=0', undefined, (type) => { shown += type === 'L' ? 1 : 0; });
      check('proofs from the snapshot', shown > 0);
    }
    last = s.id;
  }
  const closed = await conn.request('GET', '/healthz');
  check('alive', closed.status === 200);
  console.log('ok');
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-moved: ${e.stack}`); process.exit(1); });
