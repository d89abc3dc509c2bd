// SPDX-License-Identifier: Apache-2.0
// Works the values in doc/vectors out again, from the rules in doc/protocol.md and with Node's own
// crypto alone: none of our C code. usage: node published.js FOLDER
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

let checks = 0;
let wrong = 0;
function same(what, actual, expected) {
  checks++;
  const text = (x) => (Buffer.isBuffer(x) ? x.toString('hex') : typeof x === 'string' ? x : JSON.stringify(x));
  if (text(actual) === text(expected)) return;
  wrong++;
  console.log(`${what}:\n  worked out ${text(actual)}\n  in the file ${text(expected)}`);
}
const load = (name) => JSON.parse(fs.readFileSync(path.join(process.argv[2], name), 'utf8'));
const hex = (text) => Buffer.from(text, 'hex');
const base64 = (text) => Buffer.from(text, 'base64');
const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();

// RFC 8785. JSON.stringify has its numbers and escapes; sort() compares UTF-16 code units.
function jcs(value) {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${jcs(value[name])}`).join(',')}}`;
}
const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
const labelled = (label, ...digests) => Buffer.concat([Buffer.from(label), Buffer.from([0]), ...digests]);

// Raw keys, in the DER that Node wants (RFC 8410).
const der = { ed25519: '70', x25519: '6e' };
const privateKey = (type, raw) => crypto.createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([hex(`302e020100300506032b65${der[type]}04220420`), raw]) });
const publicKey = (type, raw) => crypto.createPublicKey({ format: 'der', type: 'spki', key: Buffer.concat([hex(`302a300506032b65${der[type]}032100`), raw]) });
const rawPublic = (type, raw) => crypto.createPublicKey(privateKey(type, raw)).export({ format: 'der', type: 'spki' }).subarray(12);
const sign = (seed, message) => crypto.sign(null, message, privateKey('ed25519', seed));
const verifies = (key, message, signature) => crypto.verify(null, message, publicKey('ed25519', key), signature);

// ---- packets.json ----

function authHash(auth) {
  return sha256(jcs(without(auth, 'signature')));
}

function checkSigned(item, nodes) {
  const seed = hex(nodes[item.sender].ed25519_private);
  const body = jcs(JSON.parse(item.body));
  const auth = { node_id: nodes[item.sender].node_id, timestamp: item.timestamp, nonce: item.nonce, body_hash: sha256(body).toString('hex') };
  const digest = authHash(auth).toString('hex');
  const signature = sign(seed, Buffer.from(digest)).toString('base64');
  same('canonical body', body, item.canonical_body);
  same('body hash', auth.body_hash, item.body_hash);
  same('canonical auth', jcs(auth), item.canonical_auth);
  same('auth hash', digest, item.auth_hash);
  same('signed bytes', Buffer.from(digest), item.signed_bytes);
  same('signature', signature, item.signature);
  same('packet', JSON.parse(item.packet), { auth: { ...auth, signature }, body: JSON.parse(body) });
}

function checkLenient(item, nodes) {
  const { auth, body } = JSON.parse(item.packet);
  const text = item.body_form === 'jcs' ? jcs(body) : JSON.stringify(body);
  const digest = authHash(auth);
  same('lenient body hash', sha256(text), auth.body_hash);
  const message = item.digest_form === 'raw' ? digest : Buffer.from(digest.toString('hex'));
  same('lenient signature', verifies(hex(nodes[item.sender].ed25519_public), message, base64(auth.signature)), true);
}

function checkSealed(item, nodes, key) {
  const packet = JSON.parse(item.packet);
  const cipher = crypto.createCipheriv(item.cipher, key, hex(item.iv), { authTagLength: 16 });
  const ciphertext = Buffer.concat([cipher.update(item.plaintext), cipher.final(), cipher.getAuthTag()]);
  same('sealed packet', packet, {
    version: 'nz-crypto-01', cipher: item.cipher, sendernodeid: nodes[item.sender].node_id,
    receivernodeid: nodes[item.receiver].node_id, iv: hex(item.iv).toString('base64'), ciphertext: ciphertext.toString('base64'),
  });
}

function checkPackets() {
  const file = load('packets.json');
  for (const { text, jcs: expected } of file.json.canonical) same('canonical JSON', jcs(JSON.parse(text)), expected);
  for (const [name, node] of Object.entries(file.nodes)) {
    same('Ed25519 public key', rawPublic('ed25519', hex(node.ed25519_private)), node.ed25519_public);
    same('X25519 public key', rawPublic('x25519', hex(node.x25519_private)), node.x25519_public);
    const first = name.startsWith('alice') ? file.nodes.alice : node;
    same('node id', `nzid:node:${sha256(hex(first.ed25519_public)).toString('hex').slice(0, 32)}`, node.node_id);
  }
  for (const item of file.signed) checkSigned(item, file.nodes);
  for (const item of file.accepted_unless_strict) checkLenient(item, file.nodes);
  same('replay key', sha256(jcs([file.replay_key.node_id, file.replay_key.nonce])), file.replay_key.key);

  const { alice, bob, 'alice, rotated': rotated } = file.nodes;
  const shared = crypto.diffieHellman({ privateKey: privateKey('x25519', hex(alice.x25519_private)), publicKey: publicKey('x25519', hex(bob.x25519_public)) });
  const key = Buffer.from(crypto.hkdfSync('sha256', shared, Buffer.alloc(32), 'nz-session', 32));
  same('shared secret', shared, file.session.shared_secret);
  same('session key', key, file.session.session_key);
  for (const item of file.sealed) checkSealed(item, file.nodes, key);

  const b64 = (text) => hex(text).toString('base64');
  const link = { node_id: alice.node_id, seq: 1, previous: b64(alice.ed25519_public), ed25519: b64(rotated.ed25519_public), x25519: b64(rotated.x25519_public), at: JSON.parse(file.rotation.link).at };
  const linkMessage = labelled('nz-key-rotation-v1', sha256(jcs(link)));
  same('rotation link', jcs(link), file.rotation.link);
  same('rotation message', linkMessage, file.rotation.signed_bytes);
  const signatures = { signature_previous: sign(hex(alice.ed25519_private), linkMessage).toString('base64'), signature_new: sign(hex(rotated.ed25519_private), linkMessage).toString('base64') };
  same('rotation by the previous key', signatures.signature_previous, file.rotation.signature_previous);
  same('rotation by the new key', signatures.signature_new, file.rotation.signature_new);
  const bare = {
    node_id: alice.node_id, first: b64(alice.ed25519_public), ed25519public: link.ed25519, x25519public: link.x25519,
    rotations: [{ ...without(link, 'node_id'), ...signatures }], seq: 1,
  };
  const documentMessage = labelled('nz-node-document-v1', sha256(jcs(bare)));
  same('document message', documentMessage, file.document.signed_bytes);
  same('document', jcs({ ...bare, signature: sign(hex(rotated.ed25519_private), documentMessage).toString('base64') }), file.document.document);
}

// ---- records.json ----

function kindOf(declared) {
  const type = declared.toUpperCase();
  const has = (...words) => words.some((word) => type.includes(word));
  if (type === 'NUMERIC_TEXT') return { kind: 'numeric', asText: true };
  if (has('INT')) return { kind: 'int' };
  if (has('CHAR', 'CLOB', 'TEXT')) return { kind: 'text' };
  if (type === '' || has('BLOB')) return { kind: 'bytes' };
  if (has('REAL', 'FLOA', 'DOUB')) return { kind: 'float8' };
  if (has('BOOL')) return { kind: 'bool' };
  if (has('DATE', 'TIME')) return { kind: 'text' };
  const match = /(?:NUMERIC|DECIMAL)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(type);
  if (match && match[1] > 0 && match[1] <= 15 && +(match[2] || 0) <= +match[1]) return { kind: 'decimal', scale: +(match[2] || 0) };
  return { kind: 'numeric' };
}

// A finite double above 0 as [numerator, denominator] of its value and of half a step up and down.
function exact(x) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const raw = Number(bits >> 52n) & 0x7ff;
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = raw === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = BigInt((raw === 0 ? 1 : raw) - 1075) - 2n; // in quarters of a step
  const low = fraction === 0n && raw > 1 ? mantissa * 4n - 1n : mantissa * 4n - 2n;
  return { low, high: mantissa * 4n + 2n, exponent };
}

// The shortest digits strictly inside the rounding interval, the closest of that length.
function shortest(x) {
  const { low, high, exponent } = exact(x);
  for (let count = 1; ; count++) {
    const [digits, power] = x.toExponential(count - 1).split('e');
    const number = BigInt(digits.replace('.', ''));
    const ten = BigInt(power) - BigInt(count - 1);
    // number * 10^ten against low and high times 2^exponent, as integers
    const left = number * (ten > 0n ? 10n ** ten : 1n) * (exponent < 0n ? 2n ** -exponent : 1n);
    const scale = (ten < 0n ? 10n ** -ten : 1n) * (exponent > 0n ? 2n ** exponent : 1n);
    if (left > low * scale && left < high * scale) return { digits: number.toString(), power: Number(power) };
    if (count > 17) throw new Error(`no digits for ${x}`);
  }
}

function plain({ digits, power }) {
  if (power < 0) return `0.${'0'.repeat(-power - 1)}${digits}`;
  if (digits.length <= power + 1) return digits + '0'.repeat(power + 1 - digits.length);
  return `${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
}

function float8(x) {
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  const size = Math.abs(x);
  if (size === Infinity) return `${sign}Infinity`;
  if (size === 0) return `${sign}0`;
  const parts = shortest(size);
  if (parts.power >= -4 && parts.power < 15) return sign + plain(parts);
  const mantissa = parts.digits.length > 1 ? `${parts.digits[0]}.${parts.digits.slice(1)}` : parts.digits;
  return `${sign}${mantissa}e${parts.power < 0 ? '-' : '+'}${String(Math.abs(parts.power)).padStart(2, '0')}`;
}

const inInt64 = (n) => n >= -(2n ** 63n) && n < 2n ** 63n;
// Whether an unmarked text means this REAL: with a fraction, or past 64 bits; and it reads back equal.
function meansReal(text, x) {
  const [whole, fraction = ''] = text.split('.');
  return Number(text) === x && !Object.is(x, -0) && (/[1-9]/.test(fraction) || !inInt64(BigInt(whole)));
}
function fixed(x, scale) {
  if (Math.abs(x) < 1e21) return x.toFixed(scale);
  return BigInt(x).toString() + (scale > 0 ? `.${'0'.repeat(scale)}` : '');
}

const letters = { '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v', '\\': '\\' };
const copyEscape = (text) => text.replace(/[\b\f\n\r\t\v\\]/g, (c) => `\\${letters[c]}`);
const copyUnescape = (field) => field.replace(/\\(.)/gs, (_, c) => Object.keys(letters).find((key) => letters[key] === c));

function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

// The unmarked form, or null.
function unmarked({ kind, scale, asText }, value) {
  const real = value.real === undefined ? undefined : hex(value.real).readDoubleBE(0);
  const text = value.text === undefined ? null : utf8(hex(value.text));
  switch (kind) {
    case 'int': return value.integer ?? null;
    case 'text': return text !== null && !text.includes('\0') ? copyEscape(text) : null;
    case 'bytes': return value.blob === undefined ? null : copyEscape(`\\x${value.blob}`);
    case 'bool': return value.integer === '0' ? 'f' : value.integer === '1' ? 't' : null;
    case 'float8': return real === undefined ? null : float8(real);
    case 'decimal':
      if (value.integer !== undefined) return value.integer + (scale > 0 ? `.${'0'.repeat(scale)}` : '');
      return real !== undefined && Number.isFinite(real) && meansReal(fixed(real, scale), real) ? fixed(real, scale) : null;
    default: {
      if (asText) return text !== null && /^(-?(0|[1-9]\d*)(\.\d+)?|NaN|-?Infinity)$/.test(text) ? text : null;
      if (value.integer !== undefined) return value.integer;
      if (real === undefined || !Number.isFinite(real) || real === 0) return null;
      const digits = (real < 0 ? '-' : '') + plain(shortest(Math.abs(real)));
      return meansReal(digits, real) ? digits : null;
    }
  }
}

function field(declared, value) {
  if (value.null) return '\\N';
  const form = unmarked(kindOf(declared), value);
  if (form !== null) return form;
  if (value.integer !== undefined) return `\\I${value.integer}`;
  if (value.real !== undefined) return `\\R${float8(hex(value.real).readDoubleBE(0))}`;
  if (value.blob !== undefined) return `\\B${value.blob}`;
  const text = utf8(hex(value.text));
  return text !== null && !text.includes('\0') ? `\\T${copyEscape(text)}` : `\\U${value.text}`;
}

const isMarked = (text) => /^\\[IRTBU]/.test(text);
function keyBytes(kinds, key, record) {
  if (key.length === 0) return Buffer.concat([Buffer.from([2]), Buffer.from(record)]);
  const fields = record.split('\t');
  return Buffer.concat(key.map((column) => {
    const text = fields[column];
    if (isMarked(text)) return Buffer.concat([Buffer.from([3]), Buffer.from(text), Buffer.from([0])]);
    if (kinds[column] !== 'int') return Buffer.concat([Buffer.from([2]), Buffer.from(copyUnescape(text)), Buffer.from([0])]);
    const bytes = Buffer.alloc(9, 1);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(text)) ^ (1n << 63n), 1);
    return bytes;
  }));
}
const leafOf = (record) => sha256(Buffer.from([0]), record);

function checkRecords() {
  const file = load('records.json');
  for (const item of file.kinds) {
    const { kind, scale } = kindOf(item.declared);
    same(`kind of '${item.declared}'`, { kind, scale }, { kind: item.kind, scale: item.scale });
  }
  for (const item of file.fields) same(`field ${item.declared} ${JSON.stringify(item.value)}`, field(item.declared, item.value), item.field);
  for (const item of file.records) {
    const record = item.values.map((value, i) => field(item.declared[i], value)).join('\t');
    same('record', record, item.record);
    same('key bytes', keyBytes(item.declared.map((type) => kindOf(type).kind), item.key, record), item.key_bytes);
    same('leaf', leafOf(record), item.leaf);
  }
}

// ---- batches.json ----

const endsAfter = (first, length) => first < Math.min(2 ** 32 - 1, Math.max(2 ** 21, 2 ** 12 * length));

// RFC 9162 section 2.1, over leaves that are hashes.
const node = (left, right) => sha256(Buffer.from([1]), left, right);
const split = (count) => 2 ** (31 - Math.clz32(count - 1));
function rootOf(leaves) {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return node(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}
function proofOf(leaves, index) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k ? [...proofOf(leaves.slice(0, k), index), rootOf(leaves.slice(k))] : [...proofOf(leaves.slice(k), index - k), rootOf(leaves.slice(0, k))];
}

function recordsOf(table) {
  if (table.records) return table.records;
  const { last, prefix, pad } = table.generated;
  return Array.from({ length: last }, (_, i) => `${i + 1}\t${prefix}${i + 1}${'x'.repeat(pad)}`);
}

function cut(name, schema, records) {
  const kinds = schema.columns.map((column) => kindOf(column.type).kind);
  const key = schema.key.map((column) => schema.columns.findIndex(({ name: other }) => other === column));
  const keyOf = (record) => keyBytes(kinds, key, record);
  const batches = [];
  let batch = [];
  let bytes = 0;
  const end = () => {
    const first = batch.length > 0 ? keyOf(batch[0]) : Buffer.alloc(0);
    batches.push({ bytes, count: batch.length, first_key: (key.length === 0 ? first.subarray(0, 1024) : first).toString('hex'), root: rootOf(batch.map(leafOf)).toString('hex'), table: name });
    batch = [];
    bytes = 0;
  };
  records.forEach((record, i) => {
    const length = Buffer.byteLength(record);
    if (i > 0) {
      const order = Buffer.compare(keyOf(records[i - 1]), keyOf(record));
      if (order > 0 || (order === 0 && key.length > 0)) same('order of keys', i, 'ascending');
    }
    if (batch.length === 10000 || (batch.length > 0 && bytes + length > 4 * 2 ** 20)) end();
    batch.push(record);
    bytes += length;
    if (endsAfter(leafOf(record).readUInt32BE(0), length)) end();
  });
  if (batch.length > 0 || records.length === 0) end();
  return batches;
}

function checkDataset(item) {
  const { schema } = item;
  const names = schema.tables.map(({ columns, key, name }) => ({ columns: columns.map((column) => column.name), key, name }));
  const leaf0 = sha256(Buffer.from([3]), jcs({ tables: names }));
  same('schema_sha256', sha256(jcs(without(schema, 'sequences'))), item.schema_sha256);
  same('leaf 0', leaf0, item.leaf_0);
  const manifest = schema.tables.flatMap((table, i) => {
    const records = recordsOf(item.tables[i]);
    if (item.tables[i].leaves) same('leaves', records.map((r) => leafOf(r).toString('hex')), item.tables[i].leaves);
    return cut(table.name, table, records);
  });
  same('manifest', manifest.map(jcs), item.manifest.map(jcs));
  const leaves = manifest.map((entry) => sha256(Buffer.from([2]), jcs(entry)));
  same('leaves of the entries', leaves.map((leaf) => leaf.toString('hex')), item.entry_leaves);
  same('dataset root', rootOf([leaf0, ...leaves]), item.merkle_root);
  same('records', manifest.reduce((sum, entry) => sum + entry.count, 0), item.records);
  same('batches', manifest.length, item.batches);
  same('bytes', manifest.reduce((sum, entry) => sum + entry.bytes, 0), item.bytes);
}

function checkBatches() {
  const file = load('batches.json');
  same('empty root', rootOf([]), file.empty_root);
  for (const item of file.ends_after) same(`boundary ${item.leaf_starts} ${item.record_length}`, endsAfter(parseInt(item.leaf_starts, 16), item.record_length), item.ends);
  file.datasets.forEach(checkDataset);
  for (const item of file.proofs) {
    const leaves = Array.from({ length: item.size }, (_, i) => Buffer.alloc(32, i + 1));
    same('root of a small tree', rootOf(leaves), item.root);
    same('proof', proofOf(leaves, item.index).map((hash) => hash.toString('hex')), item.proof);
  }
}

// ---- statement.json ----

function checkStatement() {
  const file = load('statement.json');
  const seed = hex(file.signer.ed25519_private);
  same('signer', rawPublic('ed25519', seed), file.signer.ed25519_public);
  const bare = without(file.statement, 'signature');
  const message = labelled('nz-sync-v2 dataset', sha256(jcs(bare)));
  same('statement', jcs(bare), file.canonical);
  same('statement message', message, file.signed_bytes);
  same('statement signature', sign(seed, message).toString('base64'), file.statement.signature);
  same('statement hash', sha256(jcs(file.statement)), file.statement_sha256);
  const { receipt, signature } = file.receipt_answer;
  const receiptMessage = labelled('nz-sync-v2 receipt', sha256(jcs(receipt)));
  same('receipt names the statement', receipt.statement, file.statement_sha256);
  same('receipt message', receiptMessage, file.receipt_signed_bytes);
  same('receipt signature', sign(seed, receiptMessage).toString('base64'), signature);
  const { authentication_key: key, session_id: session, requests } = file.request_macs;
  for (const { method, target, timestamp, nonce, body, mac } of requests) {
    const lines = ['nz-sync-v2 request', session, method, target, timestamp, nonce, sha256(body).toString('hex')];
    same('request MAC', crypto.createHmac('sha256', hex(key)).update(lines.join('\n')).digest('base64'), mac);
  }
}

// ---- handshake.json ----

function checkHandshake() {
  const file = load('handshake.json');
  const packet = JSON.parse(file.open_packet);
  const answer = JSON.parse(file.answer);
  for (const who of ['node', 'signing']) same(`${who} key`, rawPublic('ed25519', hex(file[`${who}_ed25519_private`])), file[`${who}_ed25519_public`]);
  for (const who of ['client', 'server']) same(`${who} key`, rawPublic('x25519', hex(file[`${who}_x25519_private`])), file[`${who}_x25519_public`]);
  same('body hash of the open packet', sha256(jcs(packet.body)), packet.auth.body_hash);
  same('signature of the open packet', sign(hex(file.node_ed25519_private), Buffer.from(authHash(packet.auth).toString('hex'))).toString('base64'), packet.auth.signature);
  const h1 = sha256(jcs(packet));
  const h2 = sha256(jcs(without(answer, 'signature')));
  same('H1', h1, file.h1);
  same('H2', h2, file.h2);
  const signing = hex(file.signing_ed25519_private);
  same('handshake signature', sign(signing, labelled('nz-sync-v2 handshake', h1, h2)).toString('base64'), answer.signature);
  const bare = without(answer.dataset, 'signature');
  same('statement in the answer', sign(signing, labelled('nz-sync-v2 dataset', sha256(jcs(bare)))).toString('base64'), answer.dataset.signature);

  const t = sha256(h1, h2, hex(file.exporter));
  const shared = crypto.diffieHellman({ privateKey: privateKey('x25519', hex(file.client_x25519_private)), publicKey: publicKey('x25519', hex(file.server_x25519_public)) });
  const hmac = (key, ...parts) => parts.reduce((mac, part) => mac.update(part), crypto.createHmac('sha256', key)).digest();
  const prk = hmac('nezertronixpro/sync/v2', shared); // RFC 5869: extract, and one round of expand
  const key = (label) => hmac(prk, label, t, Buffer.from([1]));
  same('T', t, file.t);
  same('shared secret', shared, file.shared_secret);
  same('PRK', prk, file.prk);
  same('encryption key', key('nz-sync-v2 encryption'), file.encryption_key);
  same('authentication key', key('nz-sync-v2 authentication'), file.authentication_key);
  const lines = file.request_lines.split('\n');
  same('digest in the request', sha256(file.request_body), lines[6]);
  same('request MAC', hmac(key('nz-sync-v2 authentication'), file.request_lines).toString('base64'), file.request_mac);

  const start = BigInt(`0x${base64(answer.nonce).toString('hex')}`);
  for (const block of file.blocks) {
    const plaintext = Buffer.from(block.plaintext);
    const header = Buffer.alloc(5);
    header[0] = hex(block.header)[0];
    header.writeUInt32BE(plaintext.length + 16, 1);
    const nonce = hex(BigInt.asUintN(96, start + BigInt(block.number)).toString(16).padStart(24, '0'));
    const cipher = crypto.createCipheriv('aes-256-gcm', key('nz-sync-v2 encryption'), nonce);
    cipher.setAAD(header);
    same('header of a block', header, block.header);
    same('nonce of a block', nonce, block.nonce);
    same('sealed block', Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]), block.sealed);
  }
}

checkPackets();
checkHandshake();
checkRecords();
checkBatches();
checkStatement();
console.log(`${checks} values, ${wrong} wrong`);
process.exit(wrong === 0 && checks > 150 ? 0 : 1);
