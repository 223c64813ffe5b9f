// uploads.mjs - what the part "uploads" of bench/run needs of Node.
//
//   node uploads.mjs server
//     a server with ws and pg, on PORT: a binary message is a chunk, a text begins or ends an upload;
//     each is one transaction, and the socket is paused while the database has enough to do
//   node uploads.mjs send <url> <realtime|node> <discard|table> <megabytes> <frame bytes>
//     uploads so much and prints one line of name=value words
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import WebSocket, { WebSocketServer } from 'ws';

const [what, ...args] = process.argv.slice(2);
const high = 4 * 1024 * 1024;

// ---- the server ----

const most = 8;          // statements under way

function serve(socket, pool) {
  let client;
  let table = false;
  let count = 0;
  let size = 0;
  let open = 0;
  let last = Promise.resolve();

  const insert = (bytes) => {
    if (++open >= most) socket.pause();
    last = client.query({ name: 'chunk', text: 'INSERT INTO bench.chunk VALUES ($1, $2)', values: [++count, bytes] }).then(() => {
      if (--open < most) socket.resume();
    });
  };
  socket.on('message', async (data, isBinary) => {
    if (isBinary) {
      size += data.length;
      if (table) insert(data);
      return;
    }
    const { begin } = JSON.parse(data);
    if (begin) {
      socket.pause();
      client = await pool.connect();
      await client.query('BEGIN');
      table = begin === 'table';
      socket.resume();
      return;
    }
    await last;
    await client.query('COMMIT');
    client.release();
    socket.send(JSON.stringify({ size }));
  });
}

async function server() {
  const pool = new pg.Pool({ max: 4 });
  const listener = new WebSocketServer({ port: Number(process.env.PORT), host: '127.0.0.1', perMessageDeflate: false, maxPayload: 1 << 20 });
  listener.on('connection', (socket) => serve(socket, pool));
  await once(listener, 'listening');
  console.log('ready');
}

// ---- the client ----

// A frame of the protocol of realtime.
function frameOf(number, isLast, bytes, header) {
  const text = number === 0 ? Buffer.from(JSON.stringify(header)) : Buffer.alloc(0);
  const head = Buffer.alloc(number === 0 ? 12 : 10);
  head[0] = 1;
  head[1] = (number === 0 ? 1 : 0) | (isLast ? 2 : 0);
  head.writeUInt32BE(1, 2);
  head.writeUInt32BE(number, 6);
  if (number === 0) head.writeUInt16BE(text.length, 10);
  return Buffer.concat([head, text, bytes]);
}

async function room(socket) {
  while (socket.bufferedAmount > high) await new Promise((done) => { setImmediate(done); });
}

async function send(url, system, target, megabytes, frame) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  const total = Number(megabytes) * 1024 * 1024;
  // other bytes each time, or TOAST would find out that they are the same
  const bytes = randomBytes(Number(frame) + 4096);
  const answer = new Promise((resolve, reject) => {
    socket.on('message', (data) => {
      const { topic, data: result, size } = JSON.parse(data);
      if (size !== undefined) resolve(size);
      else if (topic === '__upload' && result.ok) resolve(result.data);
      else if (topic === '__upload') reject(new Error(result.code));
    });
    socket.on('close', () => reject(new Error('closed')));
  });
  answer.catch(() => {});
  const began = process.hrtime.bigint();

  if (system === 'node') socket.send(JSON.stringify({ begin: target }));
  for (let sent = 0, number = 0; sent < total; number++) {
    const length = Math.min(Number(frame), total - sent);
    const piece = bytes.subarray(number % 4096, number % 4096 + length);
    sent += length;
    await room(socket);
    socket.send(system === 'node' ? piece : frameOf(number, sent === total, piece, { rpc: `bench/upload_${target}`, args: [] }));
  }
  if (system === 'node') socket.send('{}');
  const size = await answer;
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (size !== total) throw new Error(`${size} of ${total} bytes have come`);
  console.log(`result seconds=${seconds.toFixed(2)} mb_per_second=${(Number(megabytes) / seconds).toFixed(2)}`);
  socket.close();
}

await (what === 'server' ? server() : send(...args));
