#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A platform of its own, written from doc/protocol.md on Node's built-ins alone, that misbehaves on
// request. It shares no code with nz, so that a test of the client is no test of nz against itself.
//
//   node fake-platform.js --dir DIR [--fault NAME] [--times N] [--rows N] [--epoch N] [--variant N]
//
// Makes a root and leaves in DIR (root.pem) with the openssl command unless they are there. Prints
// "port N" when it listens on 127.0.0.1. DIR/requests.log gets one JSON line a request. A fault
// happens the first N times (default: always). Faults are listed where they happen.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const options = { dir: '', fault: '', times: '1000000', rows: '8000', epoch: '1', variant: '0',
  lineage: '00112233445566778899aabbccddeeff', node: '' };
for (let i = 2; i < process.argv.length; i += 2) {
  const name = process.argv[i].replace(/^--/, '');
  if (!(name in options)) throw new Error(`unknown option ${process.argv[i]}`);
  options[name] = process.argv[i + 1];
}
const DIR = path.resolve(options.dir);
let faultsLeft = Number(options.times);
const is = (name) => options.fault === name;
// A fault that is used up by happening.
function happens(...names) {
  if (!names.includes(options.fault) || faultsLeft <= 0) return false;
  faultsLeft--;
  return true;
}

// ---- bytes ----
const sha256 = (...parts) => {
  const hash = crypto.createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const byte = (n) => Buffer.from([n]);
const hex = (buffer) => buffer.toString('hex');
// RFC 8785 for what is used here: no numbers but safe integers.
function jcs(value) {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (value !== null && typeof value === 'object')
    return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${jcs(value[k])}`).join(',')}}`;
  return JSON.stringify(value);
}
const digest = (object, without) => {
  const rest = { ...object };
  if (without) delete rest[without];
  return sha256(jcs(rest));
};
const labelled = (label, ...digests) => Buffer.concat([Buffer.from(label), byte(0), ...digests]);

// ---- Merkle trees, by the definition of RFC 9162 section 2.1 ----
function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
function root(leaves) {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return sha256(byte(1), root(leaves.slice(0, k)), root(leaves.slice(k)));
}
function proof(leaves, index) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k ? [...proof(leaves.slice(0, k), index), root(leaves.slice(k))]
    : [...proof(leaves.slice(k), index - k), root(leaves.slice(0, k))];
}

// ---- the dataset: three tables ----
const int = (n) => { const b = Buffer.alloc(9); b[0] = 1; b.writeBigUInt64BE(BigInt.asUintN(64, BigInt(n)) ^ (1n << 63n), 1); return b; };
const column = (name, type, kind, nullable) => ({ name, type, kind, nullable });
function makeDataset(rows, variant) {
  const ddl = ['CREATE TABLE empty(x TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID',
    'CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT)', 'CREATE TABLE log(a TEXT, b INT)'];
  const schema = { engine: 'sqlite', sequences: [], tables: [
    { name: 'empty', columns: [column('x', 'TEXT', 'text', false)], key: ['x'], ddl: [ddl[0]] },
    { name: 'items', columns: [column('id', 'INTEGER', 'int', false), column('name', 'TEXT', 'text', true)], key: ['id'], ddl: [ddl[1]] },
    { name: 'log', columns: [column('a', 'TEXT', 'text', true), column('b', 'INT', 'int', true)], key: [], ddl: [ddl[2]] },
  ] };
  const items = [];
  for (let i = 1; i <= rows; i++) {
    const version = i % 3000 === 7 ? variant : 0; // a few scattered rows follow the variant
    const record = Buffer.from(`${i}\tthe name of item ${i}, version ${version}`);
    items.push({ record, key: int(i) });
  }
  const log = ['one\t1', 'two\t2', 'two\t2', 'zoë\t\\N'].map((text) => Buffer.from(text))
    .map((record) => ({ record, key: Buffer.concat([byte(2), record]) })); // no NUL after a whole record
  log.sort((a, b) => Buffer.compare(a.key, b.key));
  const batches = [];
  for (const [table, list] of [['empty', []], ['items', items], ['log', log]]) {
    let current = [];
    const end = () => {
      const leaves = current.map((row) => sha256(byte(0), row.record));
      const entry = { bytes: current.reduce((sum, row) => sum + row.record.length, 0), count: current.length,
        first_key: current.length ? hex(current[0].key.subarray(0, table === 'log' ? 1024 : undefined)) : '',
        root: hex(root(leaves)), table };
      batches.push({ entry, records: current.map((row) => row.record), leaves });
      current = [];
    };
    for (const row of list) {
      if (current.length === 10000) end();
      current.push(row);
      const limit = Math.min(2 ** 32 - 1, Math.max(2 ** 21, 2 ** 12 * row.record.length));
      if (sha256(byte(0), row.record).readUInt32BE(0) < limit) end();
    }
    if (current.length || list.length === 0) end();
  }
  const names = { tables: schema.tables.map((t) => ({ columns: t.columns.map((c) => c.name), key: t.key, name: t.name })) };
  const leaves = [sha256(byte(3), jcs(names)), ...batches.map((b) => sha256(byte(2), jcs(b.entry)))];
  return { schema, batches, leaves, root: root(leaves),
    records: batches.reduce((sum, b) => sum + b.entry.count, 0), bytes: batches.reduce((sum, b) => sum + b.entry.bytes, 0) };
}
const dataset = makeDataset(Number(options.rows), Number(options.variant));

// ---- certificates, by the openssl command ----
const SIGNING_EKU = '2.25.128110699318751115698655075447942159340';
const file = (name) => path.join(DIR, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'], cwd: DIR });
function makeRoot(name) {
  if (fs.existsSync(file(`${name}.pem`))) return;
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`,
    '-out', `${name}.pem`, '-subj', `/CN=${name}`, '-days', '3650', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
}
function makeLeaf(name, issuer, type, usage, { san = 'IP:127.0.0.1', expired = false } = {}) {
  if (fs.existsSync(file(`${name}.pem`))) return;
  const key = type === 'ed25519' ? ['-algorithm', 'ED25519'] : ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  openssl('genpkey', ...key, '-out', `${name}.key`);
  openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
  fs.writeFileSync(file(`${name}.cnf`), `[ca]\ndefault_ca=own\n[own]\ndatabase=${name}.db\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n` +
    'policy=any\nemail_in_dn=no\nunique_subject=no\n[any]\ncommonName=supplied\n' +
    `[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${usage}\n` +
    (type === 'ed25519' ? '' : `subjectAltName=${san}\n`));
  fs.writeFileSync(file(`${name}.db`), '');
  const stamp = (ms) => new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14) + 'Z';
  const begin = Date.now() - (expired ? 60 : 1) * 86400e3, end = Date.now() + (expired ? -2 : 80) * 86400e3;
  openssl('ca', '-batch', '-config', `${name}.cnf`, '-cert', `${issuer}.pem`, '-keyfile', `${issuer}.key`, '-in', `${name}.csr`,
    '-out', `${name}.pem`, '-notext', '-extensions', 'leaf', '-startdate', stamp(begin), '-enddate', stamp(end));
}
fs.mkdirSync(DIR, { recursive: true });
makeRoot('root');
makeRoot('stranger');
makeLeaf('tls', 'root', 'ec', 'serverAuth');
makeLeaf('signing', 'root', 'ed25519', `critical,${SIGNING_EKU}`);
const tlsLeaf = {
  'tls-expired': () => makeLeaf('tls-expired', 'root', 'ec', 'serverAuth', { expired: true }),
  'tls-other-root': () => makeLeaf('tls-other-root', 'stranger', 'ec', 'serverAuth'),
  'tls-wrong-purpose': () => makeLeaf('tls-wrong-purpose', 'root', 'ec', 'clientAuth'),
  'tls-wrong-host': () => makeLeaf('tls-wrong-host', 'root', 'ec', 'serverAuth', { san: 'DNS:elsewhere.example' }),
}[options.fault];
if (tlsLeaf) tlsLeaf();
const signingLeaf = {
  'signing-expired': () => makeLeaf('signing-expired', 'root', 'ed25519', `critical,${SIGNING_EKU}`, { expired: true }),
  'signing-other-root': () => makeLeaf('signing-other-root', 'stranger', 'ed25519', `critical,${SIGNING_EKU}`),
  'signing-wrong-purpose': () => makeLeaf('signing-wrong-purpose', 'root', 'ed25519', 'serverAuth'),
}[options.fault];
if (signingLeaf) signingLeaf();
const tlsName = tlsLeaf ? options.fault : 'tls';
const signingName = signingLeaf ? options.fault : 'signing';
const pem = (name) => fs.readFileSync(file(name));
const signingKey = crypto.createPrivateKey(pem(`${signingName}.key`));
const certificate = [new crypto.X509Certificate(pem(`${signingName}.pem`)).raw.toString('base64')];
const platform = hex(sha256(crypto.createPublicKey(pem('root.pem')).export({ type: 'spki', format: 'der' })));
const sign = (message, key = signingKey) => crypto.sign(null, message, key).toString('base64');
const wrongKey = crypto.generateKeyPairSync('ed25519').privateKey;

// ---- sessions ----
const sessions = new Map();
const base64url = (buffer) => buffer.toString('base64url');
const hmac = (key, ...parts) => {
  const mac = crypto.createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};
function log(line) {
  fs.appendFileSync(file('requests.log'), `${JSON.stringify(line)}\n`);
}
const API = { 1001: 401, 1002: 403, 1004: 403, 1005: 409, 1006: 401, 1007: 401, 1009: 401, 1010: 400, 1012: 404, 2002: 403, 3001: 503, 3002: 429, 3999: 500 };
function refuse(res, code, retryAfter = 0) {
  const body = JSON.stringify({ error_code: code, error_message: 'refused by the fake', retry_after: retryAfter });
  const date = is('clock') ? new Date(Date.now() - 3600e3) : new Date();
  res.sendDate = false;
  res.writeHead(API[code], { 'Content-Type': 'application/json', 'NZ-Incident': 'fake-incident-1', Date: date.toUTCString() });
  res.end(body);
}

function makeStatement() {
  const now = Math.floor(Date.now() / 1000);
  const s = { platform, name: 'shop', lineage: options.lineage, epoch: Number(options.epoch), encoding: 'pg-copy-text',
    merkle_root: hex(dataset.root), records: dataset.records, batches: dataset.batches.length, bytes: dataset.bytes,
    schema_sha256: hex(digest(dataset.schema, 'sequences')), position: 'fake', issued_at: now, expires_at: now + 86400 };
  if (is('statement-expired')) { s.issued_at = now - 7200; s.expires_at = now - 3600; }
  if (is('statement-other-dataset')) s.name = 'other';
  if (is('statement-other-platform')) s.platform = hex(sha256('another'));
  if (is('statement-records')) s.records += 1;
  if (is('statement-batches')) s.batches += 1;
  if (is('statement-root')) s.merkle_root = hex(sha256('another root'));
  s.signature = sign(labelled('nz-sync-v2 dataset', sha256(jcs(s))), is('statement-signature') ? wrongKey : signingKey);
  return s;
}

function open(req, res, body) {
  const packet = JSON.parse(body);
  const { payload } = packet.body;
  log({ method: req.method, path: req.url, action: packet.body.action, continues: payload.continues });
  if (hex(sha256(jcs(packet.body))) !== packet.auth.body_hash || payload.platform !== platform) return refuse(res, 1001);
  if (is('unpinned')) return refuse(res, 1004);
  if (is('unknown-key')) return refuse(res, 1001);
  if (is('overdue')) return refuse(res, 1002);
  if (is('unknown-dataset')) return refuse(res, 1012);
  if (is('address')) return refuse(res, 2002);
  if (is('clock')) return refuse(res, 1006);
  if (happens('replayed')) return refuse(res, 1005);
  if (happens('busy')) return refuse(res, 3001, 2);
  if (happens('internal')) return refuse(res, 3999);
  if (happens('error-garbage')) { res.writeHead(500); return res.end('<html>oops</html>'); }
  if (payload.continues && !sessions.has(payload.continues)) return refuse(res, 1007);

  const own = crypto.generateKeyPairSync('x25519');
  let x25519 = Buffer.from(own.publicKey.export({ format: 'jwk' }).x, 'base64url');
  if (is('zero-x25519')) x25519 = Buffer.alloc(32);
  const answer = { session_id: hex(crypto.randomBytes(16)), x25519: x25519.toString('base64'),
    nonce: crypto.randomBytes(12).toString('base64'), dataset: makeStatement(),
    expires_in: is('short') ? 4 : 900, rekey_in: is('short') ? 2 : is('rekey-at-once') ? 1 : 870, certificate };
  const h1 = sha256(jcs(packet)), h2 = sha256(jcs(answer));
  answer.signature = sign(labelled('nz-sync-v2 handshake', h1, h2), is('handshake-signature') ? wrongKey : signingKey);
  if (is('handshake-replay')) answer.signature = sign(labelled('nz-sync-v2 handshake', sha256('another packet'), h2));
  if (is('answer-member')) answer.extra = 1;

  const peer = crypto.createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x: base64url(Buffer.from(payload.x25519, 'base64')) } });
  const shared = crypto.diffieHellman({ privateKey: own.privateKey, publicKey: peer });
  const exporter = req.socket.exportKeyingMaterial(32, 'EXPORTER-nz-sync-v2');
  const t = sha256(h1, h2, exporter);
  const prk = hmac('nezertronixpro/sync/v2', shared);
  const key = (label) => hmac(prk, label, t, byte(1));
  sessions.set(answer.session_id, { socket: req.socket, number: 0n, start: BigInt(`0x${hex(Buffer.from(answer.nonce, 'base64'))}`),
    statement: answer.dataset, encryption: key('nz-sync-v2 encryption'), authentication: key('nz-sync-v2 authentication'), opened: Date.now() });
  res.writeHead(200, { 'Content-Type': 'application/json' });
  if (is('answer-garbage')) return res.end('{"session_id":');
  if (is('answer-huge')) return res.end(Buffer.alloc(1 << 20, 32));
  res.end(JSON.stringify(answer));
}

// ---- streams ----
function sealer(session, res, mac) {
  let count = 0;
  const raw = (type, plaintext) => {
    const nonce = Buffer.from(((session.start + session.number) % (1n << 96n)).toString(16).padStart(24, '0'), 'hex');
    session.number++;
    const header = Buffer.alloc(5);
    header.write(type);
    header.writeUInt32BE(plaintext.length + 16, 1);
    const cipher = crypto.createCipheriv('aes-256-gcm', session.encryption, nonce);
    cipher.setAAD(header);
    count++;
    return Buffer.concat([header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  };
  const pending = [];
  const out = {
    raw,
    bytes: (buffer) => pending.push(buffer),
    block: (type, plaintext) => pending.push(raw(type, plaintext)),
    json: (type, object) => pending.push(raw(type, Buffer.from(jcs(object)))),
    end: () => { if (!happens('no-end')) out.json('Z', { blocks: is('end-count') ? count + 1 : count }); res.end(Buffer.concat(pending)); },
    // What was written so far, then silence or a broken connection.
    leave: (how) => { res.write(Buffer.concat(pending), () => setTimeout(how, 50)); },
  };
  out.json('H', { block: Number(session.number) + (is('hello-number') ? 1 : 0), mac: is('hello-mac') ? mac.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) : mac });
  return out;
}

function manifest(session, res, mac) {
  const out = sealer(session, res, mac);
  const schema = JSON.parse(JSON.stringify(dataset.schema));
  if (is('schema')) schema.tables[1].ddl[0] = 'CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, evil TEXT)';
  out.json('S', schema);
  let entries = dataset.batches.map((b) => ({ ...b.entry }));
  if (is('manifest-root')) entries[1].root = hex(sha256('a lie'));
  if (is('manifest-count')) entries[1].count += 1;
  if (is('manifest-bytes')) entries[1].bytes = 1e15;
  if (is('manifest-order')) [entries[1], entries[2]] = [entries[2], entries[1]];
  if (is('manifest-table')) entries[1].table = 'nobody';
  if (is('manifest-short')) entries = entries.slice(0, -1);
  if (is('manifest-long')) entries.push({ ...entries[entries.length - 1] });
  if (is('manifest-from')) { out.json('M', { entries: entries.slice(0, 2), from: 0 }); out.json('M', { entries: entries.slice(2), from: 3 }); return out.end(); }
  if (is('manifest-shape')) entries[1].root = 5;
  out.json('M', { entries: entries.slice(0, 3), from: 0 });
  out.json('M', { entries: entries.slice(3), from: 3 });
  out.end();
}

function batches(session, res, mac, wanted) {
  const out = sealer(session, res, mac);
  for (const [i, { position }] of wanted.entries()) {
    const batch = dataset.batches[position];
    const last = i === wanted.length - 1;
    const here = batch.records.length > 100 && (i >= 1 || last); // where a fault of one batch goes
    let records = batch.records.map((record) => record);
    let { count, root: batchRoot } = batch.entry;
    if (here && happens('record-changed')) records[50] = Buffer.from(records[50].toString().replace('name', 'NAME'));
    if (here && happens('record-order')) [records[50], records[51]] = [records[51], records[50]];
    if (here && happens('record-missing')) records.splice(50, 1);
    if (here && happens('record-extra')) records.splice(50, 0, records[50]);
    if (here && happens('record-shape')) records[50] = Buffer.from('1\t2\t3\t4');
    if (here && happens('end-root')) batchRoot = hex(sha256('a lie'));
    if (here && happens('end-records')) count += 1;
    if (here && happens('moved')) { out.json('N', { notice: 'moved', position }); break; }
    out.json('B', { base: null, position: happens('batch-position') ? position + 1 : position, table: happens('batch-table') ? 'log' : batch.entry.table });
    const blocks = records.map((record) => () => out.block('R', record));
    if (here && happens('flip')) blocks[50] = () => { const b = out.raw('R', records[50]); b[7] ^= 1; out.bytes(b); };
    if (here && happens('flip-tag')) blocks[50] = () => { const b = out.raw('R', records[50]); b[b.length - 1] ^= 0x80; out.bytes(b); };
    if (here && happens('flip-type')) blocks[50] = () => { const b = out.raw('R', records[50]); b[0] = 'E'.charCodeAt(0); out.bytes(b); };
    if (here && happens('drop')) blocks[50] = () => { out.raw('R', records[50]); };
    if (here && happens('repeat')) blocks[50] = () => { const b = out.raw('R', records[50]); out.bytes(b); out.bytes(b); };
    if (here && happens('swap')) {
      blocks[50] = () => { const a = out.raw('R', records[50]), b = out.raw('R', records[51]); out.bytes(b); out.bytes(a); };
      blocks[51] = () => {};
    }
    if (here && happens('insert')) blocks[50] = () => { out.bytes(Buffer.concat([Buffer.from('R'), Buffer.from([0, 0, 0, 20]), crypto.randomBytes(20)])); };
    if (here && happens('oversize')) blocks[50] = () => { out.bytes(Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff])); };
    if (here && happens('undersize')) blocks[50] = () => { out.bytes(Buffer.from([0x52, 0, 0, 0, 3, 1, 2, 3])); };
    if (here && happens('unknown-type')) blocks[50] = () => { out.block('Q', records[50]); };
    if (here && happens('removed')) blocks[50] = () => { out.block('D', records[50]); };
    if (here && happens('notice-garbage')) blocks[50] = () => { out.block('N', Buffer.from('{"notice": 1')); };
    blocks.forEach((send, n) => { if (!(here && is('cut') && faultsLeft > 0 && n > 50)) send(); });
    if (here && happens('cut')) return out.leave(() => session.socket.destroy());
    if (here && happens('stall')) return out.leave(() => {});
    if (i === 0 && happens('rekey-notice')) { out.json('N', { notice: 'RekeyRequired' }); out.json('E', { count, root: batchRoot }); return out.end(); }
    if (i === 0 && happens('rekey-late')) out.json('N', { notice: 'RekeyRequired' }); // and goes on regardless
    out.json('E', { count, root: batchRoot });
    if (last && happens('batch-extra')) { out.json('B', { base: null, position, table: batch.entry.table }); records.forEach((r) => out.block('R', r)); out.json('E', { count, root: batchRoot }); }
    if (here && happens('batch-missing')) break;
  }
  out.end();
}

function proofs(session, res, mac, query) {
  const out = sealer(session, res, mac);
  const position = Number(query.get('batch'));
  const batch = dataset.batches[position];
  if (!query.has('records')) {
    const leaves = batch.leaves.map((leaf) => leaf);
    if (is('proof-leaves')) leaves[0] = sha256('a lie');
    for (let i = 0; i < leaves.length; i += 2000) out.block('L', Buffer.concat(leaves.slice(i, i + 2000)));
    return out.end();
  }
  for (const index of query.get('records').split(',').map(Number)) {
    const recordProof = proof(batch.leaves, index).map(hex), batchProof = proof(dataset.leaves, position + 1).map(hex);
    if (is('proof-path')) recordProof[0] = hex(sha256('a lie'));
    if (is('proof-batch-path')) batchProof[0] = hex(sha256('a lie'));
    out.json('P', { batch_proof: batchProof, entry: batch.entry, index: is('proof-index') ? index + 1 : index, position, record_proof: recordProof });
    out.block('R', is('proof-record') ? Buffer.from('1\tanother') : batch.records[index]);
  }
  out.end();
}

function inSession(req, res, body) {
  const [, id, rest] = req.url.match(/^\/v2\/sync\/sessions\/([0-9a-f]{32})(.*)$/) || [];
  const session = sessions.get(id);
  log({ method: req.method, path: rest || '', body: body.length < 200 ? body : `${body.length} bytes` });
  if (!session || session.socket !== req.socket) return refuse(res, 1007);
  if (is('short') && Date.now() - session.opened > 4000) return refuse(res, 1007);
  const mac = req.headers['nz-mac'];
  const text = ['nz-sync-v2 request', id, req.method, req.url, req.headers['nz-timestamp'], req.headers['nz-nonce'], hex(sha256(body))].join('\n');
  if (mac !== hmac(session.authentication, text).toString('base64')) return refuse(res, 1009);
  if (happens('session-gone')) return refuse(res, 1007);
  if (rest === '/receipt' && req.method === 'POST') {
    if (is('receipt-refused')) return refuse(res, 3999);
    const receipt = { at: Math.floor(Date.now() / 1000), node_id: 'nobody', records: JSON.parse(body).records,
      statement: is('receipt-other') ? hex(sha256('another')) : hex(sha256(jcs(session.statement))) };
    const signature = sign(labelled('nz-sync-v2 receipt', sha256(jcs(receipt))), is('receipt-signature') ? wrongKey : signingKey);
    res.writeHead(200, { 'Content-Type': 'application/json' });
    return res.end(JSON.stringify({ receipt, signature }));
  }
  if (req.method === 'DELETE') { sessions.delete(id); res.writeHead(204); return res.end(); }
  const type = is('content-type') ? 'text/html' : 'application/vnd.nz.sync-blocks';
  res.writeHead(200, { 'Content-Type': type });
  if (rest.startsWith('/proof?')) return proofs(session, res, mac, new URLSearchParams(rest.slice(7)));
  const request = JSON.parse(body);
  if (request.manifest) return manifest(session, res, mac);
  return batches(session, res, mac, request.batches);
}

function handle(req, res) {
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    const body = Buffer.concat(parts).toString();
    if (req.url === '/v2/sync/sessions') return open(req, res, body);
    if (req.url === '/v2/sync/failures') {
      log({ method: req.method, path: req.url, action: JSON.parse(body).body.action, payload: JSON.parse(body).body.payload });
      res.writeHead(200, { 'Content-Type': 'application/json', 'NZ-Incident': 'fake-incident-2' });
      return res.end('{}');
    }
    return inSession(req, res, body);
  });
}

// ---- the listener ----
let server;
const tls = { key: pem(`${tlsName}.key`), cert: pem(`${tlsName}.pem`), minVersion: 'TLSv1.3', ciphers: 'TLS_AES_256_GCM_SHA384' };
if (is('plain')) server = http.createServer((req, res) => { res.writeHead(400); res.end('plain'); });
else if (is('garbage')) server = net.createServer((socket) => { socket.on('error', () => {}); socket.write(crypto.randomBytes(4096)); });
else if (is('mute')) server = net.createServer((socket) => { socket.on('error', () => {}); });
else if (is('hang-up')) server = net.createServer((socket) => socket.destroy());
else if (is('tls12')) server = https.createServer({ ...tls, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }, handle);
else if (is('suite')) server = https.createServer({ ...tls, ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }, handle);
else server = https.createServer(tls, handle);
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
