// SPDX-License-Identifier: Apache-2.0
// A network that misbehaves: forwards TCP to 127.0.0.1:PORT and hurts each connection after so many
// bytes from the platform. `node flaky-proxy.js PORT cut|freeze BYTES [TIMES]`; after TIMES hurt
// connections (default: always) it behaves. Prints its own port.
'use strict';
const net = require('net');
const [port, how, bytes, times] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4]), Number(process.argv[5] || Infinity)];
let hurt = 0;
const server = net.createServer((near) => {
  const far = net.connect(port, '127.0.0.1');
  const bad = hurt < times;
  let left = bytes, frozen = false;
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
  near.on('close', () => far.destroy());
  far.on('close', () => { if (!frozen) near.destroy(); });
  near.on('data', (data) => { if (!frozen) far.write(data); });
  far.on('data', (data) => {
    if (frozen) return;
    if (!bad || data.length < left) { left -= data.length; if (!near.write(data)) { far.pause(); near.once('drain', () => far.resume()); } return; }
    hurt++;
    near.write(data.subarray(0, left), () => { if (how === 'cut') near.destroy(); });
    frozen = true;
    if (how === 'cut') far.destroy(); else far.pause();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
