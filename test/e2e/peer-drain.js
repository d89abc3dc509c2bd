// SPDX-License-Identifier: Apache-2.0
// node peer-drain.js https://HOST:PORT/DATASET ROOT.pem KEY.json PID [twice]
// Sends SIGTERM to the platform in the middle of a stream. The stream must end well, and new ones must
// not be had; with "twice" a second signal cuts it.
'use strict';
const fs = require('fs');
const p = require('./peer.js');
const { check } = p;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function main([url, rootPath, keyPath, pid, twice]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath), me = p.loadNode(keyPath);
  const idle = await p.Connection.open(at, rootPem);
  const s = await p.Session.open(await p.Connection.open(at, rootPem), rootPem, me, dataset);
  const body = Buffer.from(JSON.stringify({ batches: [...Array(s.statement.batches).keys()].map((position) => ({ position, base: null })) }));
  let records = 0, signalled = false;
  s.conn.socket.pause();
  const stream = s.stream('POST', '/blocks', body, (type) => { if (type === 'R') records++; });
  stream.catch(() => {});
  await sleep(200);
  process.kill(Number(pid), 'SIGTERM');
  await sleep(200);
  signalled = true;
  check('idle connections are closed', idle.ended);
  check('no new ones are had', await p.Connection.open(at, rootPem).then(() => false, () => true));
  if (twice) {
    process.kill(Number(pid), 'SIGTERM');
    await sleep(300);
    s.conn.socket.resume();
    check('cut', await stream.then(() => false, () => true));
  } else {
    s.conn.socket.resume();
    await stream;
    check('the whole stream', signalled && records === s.statement.records, records);
  }
  console.log('ok');
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-drain: ${e.stack}`); process.exit(1); });
