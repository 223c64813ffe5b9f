// guarded.mjs - what the part "guarded" of bench/run needs of Node.
//
//   node guarded.mjs <url> <token or -> <path> <connections> <in flight> <seconds> [CA]
//     calls a path over and over on every connection, ws:// or wss://, and prints
//     one line of name=value words
//
// One program for both, and frames put together by hand, so that what is compared
// differs in nothing else.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import tls from 'node:tls';

const [address, token, path, connections, inFlight, seconds, ca] = process.argv.slice(2);
const url = new URL(address);
const times = [];
let counting = false;
let errors = 0;

function frame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? [0x81, 0x80 | payload.length] : [0x81, 0xfe, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

const calls = Array.from({ length: Number(inFlight) }, (_, slot) => frame(`{"rpc":"${path}","id":"${slot}","args":[1]}`));

class Caller {
  constructor() {
    this.begun = [];
    this.rest = Buffer.alloc(0);
    this.open = false;
    this.ready = new Promise((resolve, reject) => {
      const port = Number(url.port);
      this.socket = url.protocol === 'wss:' ? tls.connect({ port, host: url.hostname, ca: readFileSync(ca), servername: 'localhost' })
        : connect(port, url.hostname);
      this.socket.setNoDelay(true);
      this.socket.on('data', (bytes) => this.read(bytes, resolve));
      this.socket.on('error', reject);
    });
    this.socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n`
      + `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${token === '-' ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`);
  }

  send(slot) {
    this.begun[slot] = process.hrtime.bigint();
    this.socket.write(calls[slot]);
  }

  read(bytes, opened) {
    let rest = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;

    if (!this.open) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) { this.rest = rest; return; }
      rest = rest.subarray(end + 4);
      this.open = true;
      opened();
    }
    while (rest.length >= 2) {
      const short = rest[1] & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (rest.length < head) break;
      const length = short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
      if (rest.length < head + length) break;
      this.take(rest.toString('latin1', head, head + length));
      rest = rest.subarray(head + length);
    }
    this.rest = Buffer.from(rest);
  }

  take(text) {
    const id = /^\{"topic":"__rpc","event":"(\d+)"/.exec(text);
    if (!id) return;
    const slot = Number(id[1]);
    if (!text.includes('"ok":true') && errors++ === 0) console.error(text.slice(0, 300));
    if (counting) times.push(Number(process.hrtime.bigint() - this.begun[slot]) / 1000);
    this.send(slot);
  }
}

const callers = Array.from({ length: Number(connections) }, () => new Caller());
await Promise.all(callers.map((caller) => caller.ready));
for (const caller of callers) calls.forEach((_, slot) => caller.send(slot));
await new Promise((resolve) => { setTimeout(resolve, 500); });
counting = true;
const began = process.hrtime.bigint();
await new Promise((resolve) => { setTimeout(resolve, Number(seconds) * 1000); });
const passed = Number(process.hrtime.bigint() - began) / 1e9;
counting = false;
times.sort((a, b) => a - b);
const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(0);
console.log(`result per_second=${(times.length / passed).toFixed(1)} p50_us=${at(0.5)} p99_us=${at(0.99)} `);
process.exit(errors === 0 ? 0 : 1);
