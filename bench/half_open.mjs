// half_open.mjs - what the part "half-open" of bench/run needs of Node.
//
//   node half_open.mjs crowd <url> <connections>
//     opens so many connections, half of which say nothing and half of which send
//     a head byte by byte, prints "there" and goes on until its input ends; one
//     that the server ends is opened again
//   node half_open.mjs sink
//     listens on a port of 127.0.0.1, which it prints as "port <n>", reads whatever
//     comes and says nothing, until its input ends: the crowd's control, which costs
//     the machine as much and our server nothing
//   node half_open.mjs good <url> <connections> <seconds>
//     so many clients call bench/echo once a second each, spread over it; prints
//     one line of name=value words
//
// Programs of their own, so that the crowd takes none of the good ones' time but what it
// takes of the machine.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { randomBytes } from 'node:crypto';

const [verb, address, count, seconds] = process.argv.slice(2);
const url = address && new URL(address);
const dial = () => {
  const socket = connect(Number(url.port), url.hostname);
  socket.setNoDelay(true);
  return socket;
};

const slowHead = `GET ${url?.pathname} HTTP/1.1\r\nHost: localhost\r\nX-Endless: ${'y'.repeat(8000)}`;

// One of the crowd: silent, or a byte in a second.
function guest(slow, arrived) {
  const socket = dial();
  let sent = 0;
  const timer = slow && setInterval(() => { if (sent < slowHead.length) socket.write(slowHead[sent++]); }, 1000);
  socket.once('connect', arrived);
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.once('close', () => {
    if (timer) clearInterval(timer);
    setTimeout(() => guest(slow, () => {}), 100);
  });
}

async function crowd() {
  for (let i = 0; i < Number(count); i++) {
    const arrival = new Promise((resolve) => { guest(i % 2 === 1, resolve); });
    if (i % 100 === 99) await arrival;
  }
  console.log('there');
  process.stdin.resume();
  await once(process.stdin, 'end');
  process.exit(0);
}

async function sink() {
  const server = createServer((socket) => { socket.on('error', () => {}); socket.resume(); });
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  await once(server, 'listening');
  console.log(`port ${server.address().port}`);
  process.stdin.resume();
  await once(process.stdin, 'end');
  process.exit(0);
}

const call = Buffer.from('{"rpc":"bench/echo","id":"1","args":[1]}');
const frame = Buffer.concat([Buffer.from([0x81, 0x80 | call.length, 0, 0, 0, 0]), call]);

async function open(times) {
  const socket = dial();
  const client = { begun: 0n, missed: 0 };
  let welcomed;
  const ready = new Promise((resolve) => { welcomed = resolve; });
  socket.on('data', (bytes) => {
    const text = bytes.toString('latin1');
    if (text.includes('"welcome"')) welcomed();
    if (client.begun > 0n && text.includes('"ok":true')) {
      if (client.counts) times.push(Number(process.hrtime.bigint() - client.begun) / 1000);
      client.begun = 0n;
    }
  });
  socket.on('error', () => {});
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
    + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
  await ready;
  client.call = () => {
    if (client.begun > 0n) { client.missed++; return; }
    client.begun = process.hrtime.bigint();
    socket.write(frame);
  };
  return client;
}

async function good() {
  const times = [];
  const clients = [];
  for (let i = 0; i < Number(count); i++) clients.push(await open(times));
  const each = 1000 / clients.length;
  const began = Date.now();
  let next = 0;
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const passed = Date.now() - began;
      while (next * each <= passed) {
        const client = clients[next++ % clients.length];
        client.counts = passed > 1000;
        client.call();
      }
      if (passed > 1000 + Number(seconds) * 1000) { clearInterval(timer); resolve(); }
    }, 1);
  });
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(0);
  const missed = clients.reduce((sum, client) => sum + client.missed, 0);
  console.log(`result answered=${times.length} missed=${missed} p50_us=${at(0.5)} p99_us=${at(0.99)} `);
  process.exit(0);
}

await { crowd, sink, good }[verb]();
