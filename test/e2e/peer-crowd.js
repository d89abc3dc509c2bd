// SPDX-License-Identifier: Apache-2.0
// node peer-crowd.js https://HOST:PORT/DATASET ROOT.pem KEY.json N
// Opens N sessions, which is all that the platform allows; the next is 3001 until one is closed.
'use strict';
const fs = require('fs');
const p = require('./peer.js');
const { check } = p;

async function main([url, rootPath, keyPath, n]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath), me = p.loadNode(keyPath);
  const open = async () => p.Session.open(await p.Connection.open(at, rootPem), rootPem, me, dataset);
  // All at once: an open that is being worked on counts, or a crowd would pass the check together.
  const crowd = await Promise.all(Array.from({ length: Number(n) + 6 }, open));
  const let_in = crowd.filter((s) => !s.refused);
  check('as many of a crowd as are allowed', let_in.length === Number(n), let_in.length);
  await Promise.all(let_in.map((s) => s.request('DELETE', '')));
  const sessions = [];
  for (let i = 0; i < Number(n); i++) {
    const s = await open();
    check('opens', !s.refused);
    sessions.push(s);
  }
  const more = await open();
  const body = more.refused && JSON.parse(more.refused.body);
  check('3001', body && more.refused.status === 503 && body.error_code === 3001 && body.retry_after > 0, body);
  check('closes', (await sessions[0].request('DELETE', '')).status === 200);
  check('and again', !(await open()).refused);
  // On one connection the oldest session makes room.
  await Promise.all(sessions.slice(1).map((s) => s.request('DELETE', '')));
  console.log('ok');
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-crowd: ${e.stack}`); process.exit(1); });
