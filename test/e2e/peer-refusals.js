// SPDX-License-Identifier: Apache-2.0
// node peer-refusals.js https://HOST:PORT/DATASET ROOT.pem KEY.json LOG
// Asks for everything that must be refused, and checks the code, the status, the three members, and
// that the log has a line with that code, the incident and the peer. Prints one "ok" line a case.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const tls = require('tls');
const p = require('./peer.js');
const { check } = p;

const http = { 1001: 401, 1002: 403, 1003: 409, 1004: 403, 1005: 409, 1006: 401, 1007: 401, 1008: 400, 1009: 401,
  1010: 400, 1011: 413, 1012: 404, 1013: 400, 2002: 403, 3001: 503, 3002: 429, 3003: 503, 3999: 500 };
let at, dataset, rootPem, me, logPath, passed = 0;

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
async function logged(found) {
  for (let i = 0; i < 100; i++) {
    const lines = fs.readFileSync(logPath, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
    const line = lines.find(found);
    if (line) return line;
    await sleep(20);
  }
  return null;
}
const ok = (name) => { passed++; console.log(`ok ${name}`); };

async function refused(name, response, code, status = http[code]) {
  check(`${name}: status`, response.status === status, [response.status, response.body.toString()]);
  const body = JSON.parse(response.body);
  check(`${name}: members`, Object.keys(body).sort().join() === 'error_code,error_message,retry_after', body);
  check(`${name}: code`, body.error_code === code, body);
  check(`${name}: retry_after`, Number.isInteger(body.retry_after) && body.retry_after >= 0);
  check(`${name}: type`, response.headers['content-type'] === 'application/json');
  check(`${name}: date`, Math.abs(Date.parse(response.headers.date) - Date.now()) < 10e3, response.headers);
  const incident = response.headers['nz-incident'];
  check(`${name}: incident`, /^[0-9a-f]{32}$/.test(incident), incident);
  const line = await logged((l) => l.incident === incident && l.event === 'refused');
  check(`${name}: logged`, line && line.error_code === code && line.peer === '127.0.0.1', line);
  ok(name);
  return incident;
}

const connect = () => p.Connection.open(at, rootPem);
async function post(path, text, headers = {}) {
  const conn = await connect();
  const r = await conn.request('POST', path, headers, Buffer.from(text));
  conn.close();
  return r;
}
const postOpen = (value) => post('/v2/sync/sessions', typeof value === 'string' ? value : JSON.stringify(value));
function body(over = {}) { return p.openBody(rootPem, dataset, crypto.generateKeyPairSync('x25519'), over); }

// ---- before a session ----
async function opens() {
  await refused('no JSON', await postOpen('hello'), 1010);
  await refused('nothing', await postOpen(''), 1010);
  await refused('another shape', await postOpen({ a: 1 }), 1010);
  await refused('a duplicate member', await postOpen('{"auth":{},"auth":{},"body":{}}'), 1010);
  const good = p.packet(me, body());
  for (const name of Object.keys(good.auth)) {
    await refused(`auth without ${name}`, await postOpen({ auth: p.without(good.auth, name), body: good.body }), 1010);
    await refused(`auth.${name} of another type`, await postOpen({ auth: { ...good.auth, [name]: [] }, body: good.body }), 1010);
  }
  for (const name of Object.keys(good.body.payload)) {
    await refused(`payload without ${name}`, await postOpen(p.packet(me, { action: 'sync.open', payload: p.without(body().payload, name) })), 1010);
    await refused(`payload.${name} of another type`, await postOpen(p.packet(me, body({ [name]: { x: 1 } }))), 1010);
  }
  await refused('one more member', await postOpen({ ...good, more: 1 }), 1010);
  const text = JSON.stringify(good);
  for (const n of [1, 20, text.length >> 1, text.length - 1]) await refused(`cut after ${n} bytes`, await postOpen(text.slice(0, n)), 1010);
  await refused('another action', await postOpen(p.packet(me, { action: 'sync.close', payload: {} })), 1013);
  await refused('a sealed packet of another version', await postOpen({ version: 'nz-crypto-02', cipher: 'aes-256-gcm',
    sendernodeid: me.id, receivernodeid: me.id, iv: '', ciphertext: '' }), 1013);
  await refused('a body changed after signing', await postOpen({ ...good, body: body() }), 1001);
  const forged = p.packet(me, body());
  forged.auth.signature = Buffer.alloc(64, 1).toString('base64');
  await refused('a forged signature', await postOpen(forged), 1001);
  await refused('somebody else\'s signature', await postOpen(p.packet({ id: me.id, key: p.makeNode().key }, body())), 1001);
  await refused('an unknown node', await postOpen(p.packet(p.makeNode(), body())), 1001);
  await refused('for another platform', await postOpen(p.packet(me, body({ platform: '00'.repeat(32) }))), 1001);
  await refused('an unknown dataset', await postOpen(p.packet(me, body({ dataset: 'nowhere' }))), 1012);
  await refused('a clock an hour behind', await postOpen(p.packet(me, body(), { timestamp: Math.floor(Date.now() / 1000) - 3600 })), 1006);
  await refused('a clock an hour ahead', await postOpen(p.packet(me, body(), { timestamp: Math.floor(Date.now() / 1000) + 3600 })), 1006);
  await refused('an ephemeral key of small order', await postOpen(p.packet(me, body({ x25519: Buffer.alloc(32).toString('base64') }))), 1010);
  await refused('continues nothing', await postOpen(p.packet(me, body({ continues: '0'.repeat(32) }))), 1007);
  const once = p.packet(me, body());
  check('the first time is good', (await postOpen(once)).status === 200);
  await refused('the same packet again', await postOpen(once), 1005);
}

// ---- HTTP ----
async function raw(text) { // what libevent itself refuses
  const conn = await connect();
  conn.socket.write(text);
  const r = await conn.receive();
  check('closes', !(await conn.more()));
  return r;
}
async function httpAbuse() {
  await refused('no such path', await post('/v2/nothing', '{}'), 1010, 404);
  await refused('no such path under a session', await post(`/v2/sync/sessions/${'0'.repeat(32)}/nothing`, '{}'), 1010, 404);
  let conn = await connect();
  for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
    const r = await conn.request(method, '/v2/sync/sessions');
    await refused(`${method} for POST`, r, 1010, 405);
    check('what is allowed', r.headers.allow === 'POST', r.headers);
  }
  conn.close();
  await refused('a method nobody knows', await raw('FROB / HTTP/1.1\r\nHost: x\r\n\r\n'), 1010);
  await refused('no HTTP', await raw('hello, is this the platform?\r\n\r\n'), 1010);
  await refused('a header that is none', await raw('GET / HTTP/1.1\r\nnothing here\r\n\r\n'), 1010);
  await refused('headers over 16 KiB', await raw(`GET / HTTP/1.1\r\nX: ${'a'.repeat(17000)}\r\n\r\n`), 1010);
  await refused('a request line over 16 KiB', await raw(`GET /${'a'.repeat(17000)} HTTP/1.1\r\n\r\n`), 1010);
  await refused('a length that is none', await raw('POST /v2/sync/sessions HTTP/1.1\r\nContent-Length: -5\r\n\r\n'), 1010);
  await refused('a body over its limit', await raw('POST /v2/sync/sessions HTTP/1.1\r\nContent-Length: 70000\r\n\r\n' + 'a'.repeat(70000)), 1011);
  await refused('chunks over the limit', await raw('POST /v2/sync/sessions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n'), 1011);
  await refused('a chunk size that is none', await raw('POST /v2/sync/sessions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'), 1011);
  conn = await connect();
  const healthy = await conn.request('GET', '/healthz');
  check('healthz', healthy.status === 200 && JSON.parse(healthy.body).status === 'ok');
  conn.close();
  ok('healthz');
}

// ---- in a session ----
async function sessions() {
  const conn = await connect();
  const s = await p.Session.open(conn, rootPem, me, dataset);
  const manifest = Buffer.from('{"manifest":true}');
  const incident = await refused('a wrong MAC', await s.request('POST', '/blocks', manifest, { mac: Buffer.alloc(32).toString('base64') }), 1009);
  await refused('a MAC that is none', await s.request('POST', '/blocks', manifest, { mac: 'x' }), 1009);
  await refused('no MAC', await conn.request('POST', s.path('/blocks'), {}, manifest), 1009);
  const headers = s.headers('POST', s.path('/blocks'), manifest);
  await refused('a MAC for another path', await conn.request('POST', s.path('/receipt'), headers, manifest), 1009);
  await refused('a MAC for another body', await conn.request('POST', s.path('/blocks'), headers, Buffer.from('{"manifest":false}')), 1009);
  await refused('a MAC for another method', await conn.request('DELETE', s.path(''), s.headers('POST', s.path(''))), 1009);
  const now = Math.floor(Date.now() / 1000);
  await refused('a request an hour old', await s.request('POST', '/blocks', manifest, { timestamp: now - 3600 }), 1006);
  await refused('a request an hour ahead', await s.request('POST', '/blocks', manifest, { timestamp: now + 3600 }), 1006);
  // Nonces of refused requests are not used up: this one was in a wrong request before.
  const good = await s.stream('POST', '/blocks', manifest, () => {}, { nonce: headers['NZ-Nonce'] });
  check('a manifest', good.status === 200);
  await refused('its nonce again', await s.request('POST', '/blocks', manifest, { nonce: headers['NZ-Nonce'] }), 1005);
  for (const bad of ['', 'x', '[]', '{}', '{"manifest":1}', '{"batches":{}}', '{"batches":[{"position":-1,"base":null}]}',
    '{"batches":[{"position":1,"base":null},{"position":1,"base":null}]}', '{"batches":[{"position":1.5,"base":null}]}',
    '{"batches":[{"position":9007199254740991,"base":null}]}', '{"manifest":true,"batches":[]}']) {
    await refused(`blocks ${bad}`, await s.request('POST', '/blocks', Buffer.from(bad)), 1010);
  }
  for (const bad of ['', '?batch=x', '?batch=999999', '?batch=0&records=', '?batch=0&records=1,1', '?batch=0&records=99999', '?records=1']) {
    await refused(`proof${bad}`, await s.request('GET', `/proof${bad}`), 1010);
  }
  for (const bad of ['', '{}', '{"root":"00","records":1}', `{"root":"${'00'.repeat(32)}","records":"1"}`]) {
    await refused(`receipt ${bad}`, await s.request('POST', '/receipt', Buffer.from(bad)), 1010);
  }
  const { merkle_root: root, records } = s.statement;
  await refused('a receipt for another root', await s.request('POST', '/receipt',
    Buffer.from(JSON.stringify({ root: '00'.repeat(32), records }))), 1003);
  await refused('a receipt for other records', await s.request('POST', '/receipt',
    Buffer.from(JSON.stringify({ root, records: records + 1 }))), 1003);
  const other = await connect();
  await refused('the session on another connection', await other.request('POST', s.path('/blocks'),
    s.headers('POST', s.path('/blocks'), manifest), manifest), 1007);
  await refused('a session that never was', await other.request('DELETE', `/v2/sync/sessions/${'0'.repeat(32)}`), 1007);
  other.close();

  // What the node reports is logged under the session's incident.
  const payload = { platform: p.platformId(rootPem), session: s.id, dataset, position: 3, code: 1008 };
  const report = (over) => p.packet(me, { action: 'sync.failure', payload: { ...payload, ...over } });
  let r = await post('/v2/sync/failures', JSON.stringify(report({})));
  check('failure report', r.status === 200 && r.headers['nz-incident'] === incident, r.headers);
  check('it is logged', await logged((l) => l.event === 'failure_reported' && l.incident === incident && l.position === 3 && l.error_code === 1008));
  ok('a failure report under the session\'s incident');
  r = await post('/v2/sync/failures', JSON.stringify(report({ session: null, position: null })));
  check('failure report', r.status === 200 && /^[0-9a-f]{32}$/.test(r.headers['nz-incident']) && r.headers['nz-incident'] !== incident);
  ok('a failure report without a session');
  await refused('a failure report for another platform', await post('/v2/sync/failures', JSON.stringify(report({ platform: 'x' }))), 1001);
  await refused('an open as a failure report', await post('/v2/sync/failures', JSON.stringify(p.packet(me, body()))), 1013);
  await refused('a failure report by a stranger', await post('/v2/sync/failures',
    JSON.stringify(p.packet(p.makeNode(), { action: 'sync.failure', payload }))), 1001);

  // A session ends with its connection; another may continue it, and only it.
  conn.close();
  const next = await p.Session.open(await connect(), rootPem, me, dataset, { continues: s.id });
  check('continues', !next.refused && next.statement.epoch === s.statement.epoch && next.id !== s.id);
  next.conn.close();
  ok('continues a session whose connection broke');
}

// ---- TLS ----
async function tlsRefused(name, options, alert) {
  const error = await connectWith(options);
  check(`${name}: alert`, error && error.code === alert, error && error.code);
}
const connectWith = (options) => p.Connection.open(at, rootPem, options).then(() => null, (e) => e);
async function newLine(name, count, found) {
  for (let i = 0; i < 100; i++) {
    const lines = fs.readFileSync(logPath, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l)).filter(found);
    if (lines.length > count) return lines[lines.length - 1];
    await sleep(20);
  }
  throw new Error(`${name}: not logged`);
}
async function withLine(name, act, code) {
  const found = (l) => l.event === 'tls_refused' && l.error_code === 2001;
  const before = fs.readFileSync(logPath, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l)).filter(found).length;
  await act();
  const line = await newLine(name, before, found);
  check(`${name}: line`, line.peer === '127.0.0.1' && line.alert === code, line);
  ok(name);
}
const rawTcp = (text) => new Promise((resolve) => {
  const socket = net.connect(at.port, at.hostname, () => socket.write(text));
  const got = [];
  socket.on('data', (d) => got.push(d));
  socket.on('error', () => resolve(Buffer.concat(got)));
  socket.on('close', () => resolve(Buffer.concat(got)));
});
async function transport() {
  await withLine('TLS 1.2', () => tlsRefused('TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'), 70);
  for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256']) {
    await withLine(suite, () => tlsRefused(suite, { ciphers: suite }, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'), 40);
  }
  await withLine('only HTTP/2', () => tlsRefused('only HTTP/2', { ALPNProtocols: ['h2'] }, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'), 120);
  await withLine('plain HTTP', async () => {
    check('no answer in the clear', (await rawTcp('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).length <= 7);
  });
  await withLine('garbage', async () => {
    check('no answer in the clear', (await rawTcp(crypto.randomBytes(512))).length <= 7);
  });
  // No tickets, no resumption.
  const tickets = await new Promise((resolve, reject) => {
    let count = 0;
    const socket = tls.connect({ host: at.hostname, port: at.port, ca: rootPem, minVersion: 'TLSv1.3' }, () => {
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    socket.on('session', () => count++);
    socket.on('error', reject);
    socket.on('data', () => {});
    socket.on('close', () => resolve(count));
  });
  check('no session tickets', tickets === 0, tickets);
  ok('no session tickets');
}

async function main(args) {
  at = new URL(args[0]);
  dataset = at.pathname.slice(1);
  rootPem = fs.readFileSync(args[1]);
  me = p.loadNode(args[2]);
  logPath = args[3];
  await transport();
  await httpAbuse();
  await opens();
  await sessions();
  console.log(`${passed} refusals as they should be`);
  process.exit(0);
}
main(process.argv.slice(2)).catch((e) => { console.error(`peer-refusals: ${e.stack}`); process.exit(1); });
