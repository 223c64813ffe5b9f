// cursor-server.mjs - servers that tell everybody where cursors are, as the
// benchmarks compare with.
//
//   PORT=... node cursor-server.mjs ws|ws-bulk|socket.io
//
// ws        each position is sent on at once, to all, with the npm package ws
// ws-bulk   the last position of each cursor that has moved, every 16 ms, in a
//           message that is written once: what realtime does, in one process
// socket.io each position is emitted at once, to all, with Socket.IO
//
// Messages are those of realtime, but for the envelope of Socket.IO.
import { createServer } from 'node:http';

const kind = process.argv[2];
const port = Number(process.env.PORT);
const TICK_MS = 16;

const row = (key, data) => ({ key, user: { name: key }, data });
const event = (name, data) => JSON.stringify({ topic: '__cursor:board', event: name, data });

async function ws(bulk) {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false });
  const moved = new Map();
  let last = 0;
  const broadcast = (text) => {
    for (const client of server.clients) if (client.readyState === 1) client.send(text);
  };
  server.on('connection', (socket) => {
    const key = `user${++last}`;
    socket.send('{"type":"welcome"}');
    socket.on('message', (bytes) => {
      const { data } = JSON.parse(bytes);
      if (bulk) moved.set(key, row(key, data));
      else broadcast(event('update', row(key, data)));
    });
  });
  if (bulk) setInterval(() => {
    if (moved.size === 0) return;
    broadcast(event('bulk', [...moved.values()]));
    moved.clear();
  }, TICK_MS);
  server.on('listening', () => console.log('ready'));
}

async function socketIo() {
  const { Server } = await import('socket.io');
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });
  let last = 0;
  io.on('connection', (socket) => {
    const key = `user${++last}`;
    socket.on('cursor', (data) => io.emit('update', row(key, data)));
  });
  http.listen(port, '127.0.0.1', 4096, () => console.log('ready'));
}

await { 'ws': () => ws(false), 'ws-bulk': () => ws(true), 'socket.io': socketIo }[kind]();
