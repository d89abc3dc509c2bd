// SPDX-License-Identifier: Apache-2.0
// node peer-session.js https://HOST:PORT/DATASET ROOT.pem KEY.json
// A whole session by the independent peer: opens, checks everything, fetches everything, proves, gives
// a receipt, closes. Prints one JSON object with what it found.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const p = require('./peer.js');
const { check } = p;

async function manifest(session) {
  let schema = null;
  const entries = [];
  const r = await session.stream('POST', '/blocks', Buffer.from('{"manifest":true}'), (type, plain) => {
    const value = JSON.parse(plain);
    check('canonical', p.jcs(value) === plain.toString());
    if (type === 'S') { check('one schema', schema === null); schema = value; } else if (type === 'M') {
      check('schema first', schema !== null);
      check('in order', value.from === entries.length, value.from);
      entries.push(...value.entries);
    } else check('a block of a manifest', type === 'N', type);
  });
  check('manifest served', r.status === 200, r.status);
  const s = session.statement;
  check('schema hash', p.sha256(p.jcs(p.without(schema, 'sequences'))).toString('hex') === s.schema_sha256);
  check('counts', entries.length === s.batches && entries.reduce((n, e) => n + e.count, 0) === s.records &&
    entries.reduce((n, e) => n + e.bytes, 0) === s.bytes);
  const leaves = [p.schemaLeaf(schema), ...entries.map(p.entryLeaf)];
  check('dataset root', p.merkleRoot(leaves).toString('hex') === s.merkle_root);
  return { schema, entries, leaves };
}

// Reads batches into records[position]; checks each as it comes.
async function batches(session, m, positions, records) {
  const tables = new Map(m.schema.tables.map((t) => [t.name, t]));
  let at = null, notices = 0;
  const r = await session.stream('POST', '/blocks',
    Buffer.from(JSON.stringify({ batches: positions.map((position) => ({ position, base: null })) })), (type, plain) => {
      if (type === 'B') {
        check('no batch in a batch', at === null);
        const b = JSON.parse(plain);
        check('the batch asked for', b.position === positions[0] && b.base === null &&
          b.table === m.entries[b.position].table, b);
        positions.shift();
        at = { ...b, rows: [], key: null };
      } else if (type === 'R') {
        const key = p.keyBytes(tables.get(at.table), plain);
        if (at.key === null) check('first key', key.subarray(0, 1024).toString('hex').startsWith(m.entries[at.position].first_key));
        else check('ascending keys', Buffer.compare(at.key, key) < (tables.get(at.table).key.length ? 0 : 1));
        at.key = key;
        at.rows.push(plain);
      } else if (type === 'E') {
        const e = JSON.parse(plain), entry = m.entries[at.position];
        const leaves = at.rows.map(p.recordLeaf);
        check('batch root', p.merkleRoot(leaves).toString('hex') === entry.root && e.root === entry.root);
        check('batch count', at.rows.length === entry.count && e.count === entry.count);
        check('batch bytes', at.rows.reduce((n, x) => n + x.length, 0) === entry.bytes);
        leaves.forEach((leaf, i) => { // cut where the content says
          const last = i === leaves.length - 1, ends = p.endsAfter(leaf, at.rows[i].length);
          const next = m.entries[at.position + 1];
          if (!last) check('cut too late', !ends);
          else if (next && next.table === entry.table) {
            check('cut too early', ends || leaves.length === 10000 || entry.bytes + 1 > (4 << 20) ||
              entry.bytes + next.bytes > (4 << 20));
          }
        });
        records[at.position] = at.rows;
        at = null;
      } else { check('a notice', type === 'N', type); notices++; }
    });
  check('batches served', r.status === 200, r.status);
  return notices;
}

async function proofs(session, m, records) {
  const size = m.leaves.length, root = session.statement.merkle_root;
  for (const position of [0, m.entries.length >> 1, m.entries.length - 1]) {
    const hashes = [];
    let r = await session.stream('GET', `/proof?batch=${position}`, undefined, (type, plain) => {
      check('leaves', type === 'L' && plain.length % 32 === 0 && plain.length <= 64000);
      for (let i = 0; i < plain.length; i += 32) hashes.push(Buffer.from(plain.subarray(i, i + 32)));
    });
    check('leaf hashes', r.status === 200 && hashes.length === m.entries[position].count &&
      p.merkleRoot(hashes).toString('hex') === m.entries[position].root);
    const count = hashes.length, wanted = [...new Set([0, count >> 1, count - 1])].filter((i) => i >= 0 && i < count);
    if (wanted.length === 0) continue;
    let proof = null, seen = 0;
    r = await session.stream('GET', `/proof?batch=${position}&records=${wanted.join()}`, undefined, (type, plain) => {
      if (type === 'P') { proof = JSON.parse(plain); return; }
      check('a record', type === 'R' && proof.position === position && proof.index === wanted[seen]);
      const up = proof.record_proof.map((h) => Buffer.from(h, 'hex'));
      const top = proof.batch_proof.map((h) => Buffer.from(h, 'hex'));
      check('record in batch', p.inclusionRoot(p.recordLeaf(plain), proof.index, proof.entry.count, up).toString('hex') === proof.entry.root);
      check('batch in dataset', p.inclusionRoot(p.entryLeaf(proof.entry), position + 1, size, top).toString('hex') === root);
      check('the same record', plain.equals(records[position][wanted[seen++]]));
    });
    check('all proven', r.status === 200 && seen === wanted.length);
  }
}

async function main([url, rootPath, keyPath]) {
  const at = new URL(url), dataset = at.pathname.slice(1), rootPem = fs.readFileSync(rootPath);
  const me = p.loadNode(keyPath);
  const conn = await p.Connection.open(at, rootPem);
  check('TLS', conn.socket.getProtocol() === 'TLSv1.3' && conn.socket.getCipher().standardName === 'TLS_AES_256_GCM_SHA384');
  const session = await p.Session.open(conn, rootPem, me, dataset);
  check('opened', !session.refused, session.refused && session.refused.body.toString());
  const m = await manifest(session), records = [];
  let positions = m.entries.map((_, i) => i), streams = 0;
  while (positions.length > 0) { // one stream ends at every seventh batch asked for, to have several
    const some = positions.splice(0, streams++ % 2 ? 7 : 1000);
    await batches(session, m, some, records);
    positions = [...some, ...positions]; // what an early end left over
  }
  check('everything is there', records.flat().length === session.statement.records);
  await proofs(session, m, records);
  const claim = { root: session.statement.merkle_root, records: session.statement.records };
  const r = await session.request('POST', '/receipt', Buffer.from(JSON.stringify(claim)));
  const { receipt, signature } = JSON.parse(r.body);
  check('receipt', r.status === 200 && receipt.records === claim.records && receipt.node_id === me.id &&
    receipt.statement === p.sha256(p.jcs(session.statement)).toString('hex') && Math.abs(receipt.at - Date.now() / 1000) < 300);
  check('receipt signature', crypto.verify(null, p.labelled('nz-sync-v2 receipt', p.sha256(p.jcs(receipt))),
    session.signer, Buffer.from(signature, 'base64')));
  const closed = await session.request('DELETE', '');
  check('closed', closed.status === 200, closed.status);
  const late = await session.request('DELETE', '');
  check('1007 after that', late.status === 401 && JSON.parse(late.body).error_code === 1007);
  conn.close();
  console.log(JSON.stringify({ root: claim.root, records: claim.records, batches: m.entries.length,
    blocks: Number(session.number), epoch: session.statement.epoch }));
}

main(process.argv.slice(2)).catch((e) => { console.error(`peer-session: ${e.stack}`); process.exit(1); });
