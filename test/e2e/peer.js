// SPDX-License-Identifier: Apache-2.0
// A peer of the platform, written from doc/protocol.md alone: no code of nz, only Node's own modules.
// peer-session.js and peer-refusals.js use it.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const tls = require('tls');

const sha256 = (...parts) => {
  const h = crypto.createHash('sha256');
  for (const p of parts) h.update(p);
  return h.digest();
};
const hmac = (key, ...parts) => {
  const h = crypto.createHmac('sha256', key);
  for (const p of parts) h.update(p);
  return h.digest();
};
// RFC 8785, for values whose numbers are integers: JavaScript sorts strings by UTF-16 code units.
function jcs(v) {
  if (v === null || typeof v !== 'object') return JSON.stringify(v);
  if (Array.isArray(v)) return '[' + v.map(jcs).join(',') + ']';
  return '{' + Object.keys(v).sort().map((k) => JSON.stringify(k) + ':' + jcs(v[k])).join(',') + '}';
}
const without = (o, name) => { const { [name]: _, ...rest } = o; return rest; };
const check = (what, ok, detail) => {
  if (!ok) throw new Error(`${what}${detail === undefined ? '' : ': ' + JSON.stringify(detail)}`);
};
const b64 = (text, bytes, what) => {
  check(`${what} is a string`, typeof text === 'string');
  const b = Buffer.from(text, 'base64');
  check(`${what}: one spelling of base64`, b.toString('base64') === text && (bytes === undefined || b.length === bytes));
  return b;
};

// ---- keys and signatures ----
const edPrivate = (seed) => crypto.createPrivateKey({ format: 'der', type: 'pkcs8',
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]) });
const edPublic = (raw) => crypto.createPublicKey({ format: 'jwk',
  key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') } });
const labelled = (label, ...digests) => Buffer.concat([Buffer.from(label), Buffer.from([0]), ...digests]);

function loadNode(path) {
  const file = JSON.parse(fs.readFileSync(path, 'utf8'));
  return { id: file.node_id, key: edPrivate(Buffer.from(file.ed25519private, 'base64')) };
}
function makeNode() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  return { id: 'nzid:node:' + sha256(raw).toString('hex').slice(0, 32), key: privateKey };
}
const hexNonce = () => crypto.randomBytes(16).toString('hex');
// A signed packet as JSON text. over: members of auth to set otherwise than right.
function packet(node, body, over = {}) {
  const auth = { node_id: node.id, timestamp: Math.floor(Date.now() / 1000), nonce: hexNonce(),
    body_hash: sha256(jcs(body)).toString('hex'), ...over };
  const digest = sha256(jcs(auth)).toString('hex');
  auth.signature = crypto.sign(null, Buffer.from(digest), node.key).toString('base64');
  return { auth, body };
}

// ---- HTTP/1.1 by hand over one TLS connection ----
class Connection {
  static open(url, rootPem, options = {}) {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host: url.hostname, port: url.port, ca: rootPem, minVersion: 'TLSv1.3',
        ciphers: 'TLS_AES_256_GCM_SHA384', ALPNProtocols: ['http/1.1'], ...options });
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(new Connection(socket)));
    });
  }
  constructor(socket) {
    this.socket = socket;
    this.data = Buffer.alloc(0);
    this.chunks = [];
    this.ended = false;
    const wake = () => { const w = this.wake; this.wake = null; if (w) w(); };
    socket.removeAllListeners('error');
    socket.on('error', (e) => { this.error = e; this.ended = true; wake(); });
    socket.on('data', (d) => { this.chunks.push(d); wake(); });
    socket.on('close', () => { this.ended = true; wake(); });
    socket.on('end', () => { this.ended = true; wake(); });
  }
  exporter() { return this.socket.exportKeyingMaterial(32, 'EXPORTER-nz-sync-v2', Buffer.alloc(0)); }
  close() { this.socket.destroy(); }
  async more() {
    if (this.chunks.length === 0 && !this.ended) await new Promise((r) => { this.wake = r; });
    if (this.chunks.length === 0) return false;
    this.data = Buffer.concat([this.data, ...this.chunks]);
    this.chunks = [];
    return true;
  }
  async take(n) {
    while (this.data.length < n) check('connection lives', await this.more());
    const out = this.data.subarray(0, n);
    this.data = this.data.subarray(n);
    return out;
  }
  async line() {
    for (;;) {
      const at = this.data.indexOf('\r\n');
      if (at >= 0) {
        const line = this.data.subarray(0, at).toString('latin1');
        this.data = this.data.subarray(at + 2);
        return line;
      }
      check('connection lives', await this.more());
    }
  }
  send(method, target, headers = {}, body = Buffer.alloc(0)) {
    let head = `${method} ${target} HTTP/1.1\r\nHost: platform\r\n`;
    for (const [k, v] of Object.entries(headers)) head += `${k}: ${v}\r\n`;
    if (body.length > 0 || method === 'POST') head += `Content-Length: ${body.length}\r\n`;
    this.socket.write(Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), Buffer.from(body)]));
  }
  // onPiece, if given, takes the body as it comes.
  async receive(onPiece) {
    const status = Number((await this.line()).split(' ')[1]);
    const headers = {};
    for (let l; (l = await this.line()) !== '';) {
      const at = l.indexOf(':');
      headers[l.slice(0, at).toLowerCase()] = l.slice(at + 1).trim();
    }
    const parts = [];
    const piece = async (b) => { if (onPiece) await onPiece(Buffer.from(b)); else parts.push(Buffer.from(b)); };
    if (headers['transfer-encoding'] === 'chunked') {
      for (;;) {
        const size = parseInt(await this.line(), 16);
        if (size === 0) { await this.line(); break; }
        await piece(await this.take(size));
        await this.take(2);
      }
    } else if (headers['content-length'] !== undefined) {
      await piece(await this.take(Number(headers['content-length'])));
    }
    return { status, headers, body: Buffer.concat(parts) };
  }
  async request(method, target, headers, body) { this.send(method, target, headers, body); return this.receive(); }
}

// ---- sessions ----
const SIGNING_USAGE = '2.25.128110699318751115698655075447942159340';
function checkChain(certificates, rootPem) {
  const root = new crypto.X509Certificate(rootPem);
  const chain = certificates.map((c) => new crypto.X509Certificate(b64(c, undefined, 'certificate')));
  const leaf = chain[0];
  chain.forEach((c, i) => {
    const issuer = chain[i + 1] || root;
    check('chain', c.checkIssued(issuer) && c.verify(issuer.publicKey));
    check('validity', Date.parse(c.validFrom) <= Date.now() && Date.now() < Date.parse(c.validTo));
  });
  check('at most 90 days', Date.parse(leaf.validTo) - Date.parse(leaf.validFrom) <= 90 * 86400e3 + 3600e3);
  check('usage', leaf.keyUsage && leaf.keyUsage.length === 1 && leaf.keyUsage[0] === SIGNING_USAGE, leaf.keyUsage);
  const usage = leaf.raw.indexOf(Buffer.from('0603551d250101ff', 'hex'));
  check('usage is critical', usage > 0);
  check('not an authority', !leaf.ca);
  check('Ed25519', leaf.publicKey.asymmetricKeyType === 'ed25519');
  return leaf.publicKey;
}
const platformId = (rootPem) =>
  sha256(new crypto.X509Certificate(rootPem).publicKey.export({ type: 'spki', format: 'der' })).toString('hex');

function openBody(rootPem, dataset, ephemeral, over = {}) {
  const x25519 = Buffer.from(ephemeral.publicKey.export({ format: 'jwk' }).x, 'base64url').toString('base64');
  return { action: 'sync.open', payload: { platform: platformId(rootPem), dataset, x25519, checkpoint: null,
    epoch: null, continues: null, ...over } };
}

class Session {
  // Opens on a connection; everything in the answer is checked before anything is used.
  static async open(conn, rootPem, node, dataset, over = {}) {
    const ephemeral = crypto.generateKeyPairSync('x25519');
    const open = packet(node, openBody(rootPem, dataset, ephemeral, over));
    const response = await conn.request('POST', '/v2/sync/sessions', {}, Buffer.from(JSON.stringify(open)));
    if (response.status !== 200) return { refused: response };
    const answer = JSON.parse(response.body);
    check('members of the answer', Object.keys(answer).sort().join() ===
      'certificate,dataset,expires_in,nonce,rekey_in,session_id,signature,x25519', Object.keys(answer));
    const signer = checkChain(answer.certificate, rootPem);
    const h1 = sha256(jcs(open)), h2 = sha256(jcs(without(answer, 'signature')));
    check('handshake signature', crypto.verify(null, labelled('nz-sync-v2 handshake', h1, h2), signer,
      b64(answer.signature, 64, 'signature')));
    const s = answer.dataset;
    check('members of the statement', Object.keys(s).sort().join() === 'batches,bytes,encoding,epoch,expires_at,' +
      'issued_at,lineage,merkle_root,name,platform,position,records,schema_sha256,signature');
    check('statement signature', crypto.verify(null, labelled('nz-sync-v2 dataset', sha256(jcs(without(s, 'signature')))),
      signer, b64(s.signature, 64, 'signature')));
    check('platform', s.platform === platformId(rootPem) && s.name === dataset);
    const now = Date.now() / 1000;
    check('statement in time', s.issued_at <= now + 300 && now < s.expires_at);
    check('lifetimes', answer.expires_in <= 900 && answer.rekey_in < answer.expires_in);
    const theirs = crypto.createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519',
      x: b64(answer.x25519, 32, 'x25519').toString('base64url') } });
    const shared = crypto.diffieHellman({ privateKey: ephemeral.privateKey, publicKey: theirs });
    const prk = hmac('nezertronixpro/sync/v2', shared); // HKDF-Extract
    const t = sha256(h1, h2, conn.exporter());
    const expand = (label) => hmac(prk, Buffer.from(label), t, Buffer.from([1])); // one round
    const session = new Session();
    Object.assign(session, { conn, answer, signer, statement: s, open, id: answer.session_id, number: 0n,
      encryption: expand('nz-sync-v2 encryption'), authentication: expand('nz-sync-v2 authentication'),
      nonce: BigInt('0x' + b64(answer.nonce, 12, 'nonce').toString('hex')) });
    return session;
  }
  headers(method, target, body = Buffer.alloc(0), over = {}) {
    const timestamp = String(over.timestamp || Math.floor(Date.now() / 1000)), nonce = over.nonce || hexNonce();
    const mac = hmac(this.authentication, ['nz-sync-v2 request', this.id, method, target, timestamp, nonce,
      sha256(body).toString('hex')].join('\n')).toString('base64');
    return { 'NZ-Timestamp': timestamp, 'NZ-Nonce': nonce, 'NZ-Mac': over.mac || mac };
  }
  path(rest) { return `/v2/sync/sessions/${this.id}${rest}`; }
  async request(method, rest, body = Buffer.alloc(0), over = {}) {
    const target = this.path(rest);
    return this.conn.request(method, target, this.headers(method, target, body, over), body);
  }
  unseal(header, sealed) {
    const nonce = Buffer.from(((this.nonce + this.number++) % (1n << 96n)).toString(16).padStart(24, '0'), 'hex');
    const d = crypto.createDecipheriv('aes-256-gcm', this.encryption, nonce, { authTagLength: 16 });
    d.setAAD(header);
    d.setAuthTag(sealed.subarray(sealed.length - 16));
    return Buffer.concat([d.update(sealed.subarray(0, sealed.length - 16)), d.final()]);
  }
  // A stream: onBlock(type, plaintext) for each block between H and Z.
  async stream(method, rest, body, onBlock, over = {}) {
    const target = this.path(rest), headers = this.headers(method, target, body, over);
    let left = Buffer.alloc(0), blocks = 0, ended = false, first = true;
    const feed = async (bytes) => {
      left = left.length ? Buffer.concat([left, bytes]) : bytes;
      while (left.length >= 5) {
        const length = left.readUInt32BE(1);
        check('block length', length >= 16 && length <= (64 << 20) + 16, length);
        if (left.length < 5 + length) return;
        check('nothing after Z', !ended);
        const at = this.number, type = String.fromCharCode(left[0]);
        const plain = this.unseal(left.subarray(0, 5), left.subarray(5, 5 + length));
        left = left.subarray(5 + length);
        if (first) {
          const h = JSON.parse(plain);
          check('H first', type === 'H' && jcs(h) === plain.toString() && BigInt(h.block) === at &&
            h.mac === headers['NZ-Mac'], h);
          first = false;
        } else if (type === 'Z') {
          check('Z counts', JSON.parse(plain).blocks === blocks, plain.toString());
          ended = true;
        } else await onBlock(type, plain);
        blocks++;
      }
    };
    this.conn.send(method, target, headers, body);
    let refused = Buffer.alloc(0), isStream;
    const response = await this.conn.receive(async (piece) => {
      if (isStream === undefined) isStream = piece[0] === 72; // H
      if (isStream) await feed(piece); else refused = Buffer.concat([refused, piece]);
    });
    if (response.status === 200) {
      check('content type', response.headers['content-type'] === 'application/vnd.nz.sync-blocks');
      check('whole stream', ended && left.length === 0);
    }
    return { ...response, body: refused };
  }
}

// ---- Merkle trees (RFC 9162 2.1) ----
const node = (l, r) => sha256(Buffer.from([1]), l, r);
function merkleRoot(leaves) {
  if (leaves.length === 0) return sha256('');
  while (leaves.length > 1) { // pairing up level by level gives the same shape
    const up = [];
    for (let i = 0; i + 1 < leaves.length; i += 2) up.push(node(leaves[i], leaves[i + 1]));
    if (leaves.length % 2) up.push(leaves[leaves.length - 1]);
    leaves = up;
  }
  return leaves[0];
}
function inclusionRoot(leaf, index, size, proof) { // 2.1.3.2
  let fn = index, sn = size - 1, r = leaf;
  for (const p of proof) {
    check('proof is not too long', sn !== 0);
    if (fn % 2 === 1 || fn === sn) {
      r = node(p, r);
      while (fn % 2 === 0 && fn !== 0) { fn = Math.floor(fn / 2); sn = Math.floor(sn / 2); }
    } else r = node(r, p);
    fn = Math.floor(fn / 2); sn = Math.floor(sn / 2);
  }
  check('proof is long enough', sn === 0);
  return r;
}

// ---- records ----
const recordLeaf = (record) => sha256(Buffer.from([0]), record);
const entryLeaf = (entry) => sha256(Buffer.from([2]), jcs(entry));
const schemaLeaf = (schema) => sha256(Buffer.from([3]), jcs({ tables: schema.tables.map((t) =>
  ({ columns: t.columns.map((c) => c.name), key: t.key, name: t.name })) }));
const endsAfter = (leaf, length) => leaf.readUInt32BE(0) < Math.min(2 ** 32 - 1, Math.max(2 ** 21, 2 ** 12 * length));
const escapes = { b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 };
function unescape(field) {
  const out = [];
  for (let i = 0; i < field.length; i++) out.push(field[i] === 92 ? escapes[String.fromCharCode(field[++i])] : field[i]);
  return Buffer.from(out);
}
function fields(record) {
  const out = [];
  for (let from = 0; ;) {
    const tab = record.indexOf(9, from);
    out.push(record.subarray(from, tab < 0 ? record.length : tab));
    if (tab < 0) return out;
    from = tab + 1;
  }
}
function keyBytes(table, record) {
  const all = fields(record), parts = [];
  check('columns', all.length === Math.max(1, table.columns.length));
  if (table.key.length === 0) return Buffer.concat([Buffer.from([2]), record]);
  for (const name of table.key) {
    const at = table.columns.findIndex((c) => c.name === name), field = all[at];
    if (field[0] === 92 && 'IRTBU'.includes(String.fromCharCode(field[1]))) {
      parts.push(Buffer.from([3]), field, Buffer.from([0]));
    } else if (table.columns[at].kind === 'int') {
      const b = Buffer.alloc(9);
      b[0] = 1;
      b.writeBigUInt64BE(BigInt.asUintN(64, BigInt(field.toString())) ^ (1n << 63n), 1);
      parts.push(b);
    } else parts.push(Buffer.from([2]), unescape(field), Buffer.from([0]));
  }
  return Buffer.concat(parts);
}

module.exports = { Connection, Session, check, endsAfter, entryLeaf, hexNonce, inclusionRoot, jcs, keyBytes, labelled,
  loadNode, makeNode, merkleRoot, openBody, packet, platformId, recordLeaf, schemaLeaf, sha256, without };
