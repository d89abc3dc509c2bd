// SPDX-License-Identifier: Apache-2.0
// node peer-slow.js https://HOST:PORT/DATASET ROOT.pem KEY.json LOG
// Against a platform with time-outs of one second and 40 connections: peers that say nothing, that
// send a byte at a time, that read nothing, that talk while they are talked to, and too many of them.
'use strict';
const fs = require('fs');
const net = require('net');
const p = require('./peer.js');
const { check } = p;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function ends(name, conn, withinMs) {
  const from = Date.now();
  while (!conn.ended && Date.now() - from < withinMs) await sleep(20);
  check(`${name}: cut off in time`, conn.ended, Date.now() - from);
  console.log(`ok ${name}`);
}
const tcp = (at) => new Promise((resolve) => {
  const socket = net.connect(at.port, at.hostname, () => {
    const state = { socket, ended: false };
    socket.on('error', () => { state.ended = true; });
    socket.on('close', () => { state.ended = true; });
    socket.on('data', () => {});
    resolve(state);
  });
});
async function trickle(conn, text) {
  for (let i = 0; !conn.ended; i++) {
    conn.socket.write(text.slice(i % text.length, i % text.length + 1));
    await sleep(100);
  }
}

// Waits until the platform says that a peer took nothing of an answer, n times in all.
async function stalls(logPath, n) {
  for (let i = 0; i < 1200; i++) {
    if (fs.readFileSync(logPath, 'utf8').split('"during":"answer"').length > n) return;
    await sleep(50);
  }
  throw new Error('a stalled answer is not given up');
}

async function main([url, rootPath, keyPath, logPath]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath), me = p.loadNode(keyPath);
  const connect = () => p.Connection.open(at, rootPem);
  const healthy = async () => { const c = await connect(); check('serves', (await c.request('GET', '/healthz')).status === 200); c.close(); };

  await ends('no handshake', await tcp(at), 3000);
  const half = await tcp(at);
  trickle(half, Buffer.from('160301020001000', 'hex'));
  await ends('a handshake byte by byte', half, 4000);
  await ends('no request', await connect(), 3000);
  const loris = await connect();
  loris.socket.write('GET /healthz HTTP/1.1\r\n');
  trickle(loris, 'X: aaaaaaaa\r\n');
  await ends('headers byte by byte', loris, 4000);
  const body = await connect();
  body.socket.write('POST /v2/sync/sessions HTTP/1.1\r\nContent-Length: 1000\r\n\r\n');
  trickle(body, 'a');
  await ends('a body byte by byte', body, 4000);

  // A session may rest for longer than a connection without one.
  const s = await p.Session.open(await connect(), rootPem, me, dataset);
  await sleep(2500);
  check('a session may rest', !s.conn.ended);
  console.log('ok a session may rest');

  // Who takes nothing of a long answer is cut off, and costs no memory while he sits there.
  const all = Buffer.from(JSON.stringify({ batches: [...Array(s.statement.batches).keys()].map((position) => ({ position, base: null })) }));
  const target = s.path('/blocks');
  s.conn.socket.pause();
  for (let i = 0; i < 40; i++) s.conn.send('POST', target, s.headers('POST', target, all), all); // and many at once
  await stalls(logPath, 1);
  await healthy();
  s.conn.socket.resume();
  await ends('an answer that nobody takes', s.conn, 15000);

  // Talking while being talked to: no more is read than one request may be.
  const talk = await p.Session.open(await connect(), rootPem, me, dataset);
  talk.conn.socket.pause();
  const path = talk.path('/blocks');
  for (let i = 0; i < 5; i++) talk.conn.send('POST', path, talk.headers('POST', path, all), all);
  const flood = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 30; i++) talk.conn.socket.write(flood);
  await stalls(logPath, 2);
  await healthy();
  talk.conn.socket.resume();
  await ends('a flood', talk.conn, 15000);

  // Too many: the first ones are kept, the others go at once, and afterwards all is well.
  const many = await Promise.all([...Array(80)].map(() => tcp(at)));
  await sleep(300);
  const gone = many.filter((c) => c.ended).length;
  check('the surplus is cut off', gone >= 35 && gone <= 45, gone);
  await sleep(2000);
  check('the silent ones too', many.every((c) => c.ended));
  await healthy();
  console.log('ok a crowd');
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-slow: ${e.stack}`); process.exit(1); });
