// node-server.mjs - what one would write without the extension: a WebSocket
// server that calls the same functions through a pool of 8 connections, each
// statement prepared once per connection.
//
//   PORT=8080 PGHOST=... PGPORT=... PGUSER=... PGDATABASE=... node node-server.mjs
//
// Prints "ready" once it listens.
import { readFileSync } from 'node:fs';
import { importSPKI, jwtVerify } from 'jose';
import pg from 'pg';
import { WebSocketServer } from 'ws';

const calls = {
  'bench/echo': prepared('echo', 1),
  'bench/lookup_sql': prepared('lookup_sql', 1),
  'bench/lookup_plpgsql': prepared('lookup_plpgsql', 1),
  'bench/insert_sql': prepared('insert_sql', 2),
  'bench/insert_plpgsql': prepared('insert_plpgsql', 2),
  'bench/transfer_sql': prepared('transfer_sql', 3),
  'bench/transfer_plpgsql': prepared('transfer_plpgsql', 3),
};

function prepared(name, parameters) {
  const list = Array.from({ length: parameters }, (_, i) => `$${i + 1}`).join(', ');
  return { name, text: `SELECT bench.${name}(${list}) AS result` };
}

const pool = new pg.Pool({ max: 8, min: 8, idleTimeoutMillis: 0 });
pool.on('error', (error) => console.error(error.message));

async function answer(socket, text) {
  let id;
  let reply;
  try {
    const request = JSON.parse(text);
    id = request.id;
    const call = calls[request.rpc];
    if (!call) throw Object.assign(new Error('Not found'), { code: 'NOT_FOUND' });
    const values = request.rpc === 'bench/echo' ? request.args.map((arg) => JSON.stringify(arg)) : request.args;
    const { rows } = await pool.query({ ...call, values });
    reply = { id, ok: true, data: rows[0].result };
  } catch (error) {
    reply = { id, ok: false, code: error.code ?? 'INTERNAL_ERROR', error: error.message };
  }
  if (id !== undefined) socket.send(JSON.stringify({ topic: '__rpc', event: id, data: reply }));
}

// Connect now: the first call should not have to.
const clients = await Promise.all(Array.from({ length: 8 }, () => pool.connect()));
for (const client of clients) client.release();

// JWT_KEY names a file with the public key of tokens, if any are to be looked at.
const key = process.env.JWT_KEY && await importSPKI(readFileSync(process.env.JWT_KEY, 'utf8'), 'ES256');

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env.PORT),
  path: '/ws',
  backlog: 4096,
  perMessageDeflate: false,
  verifyClient: key && (({ req }, answer) => {
    const token = req.headers.authorization?.replace(/^Bearer /, '');
    if (token === undefined) answer(true);
    else jwtVerify(token, key, { algorithms: ['ES256'] }).then(() => answer(true), () => answer(false, 401));
  }),
});
let connected = 0;
server.on('connection', (socket) => {
  connected += 1;
  socket.send(JSON.stringify({ type: 'welcome', sessionId: String(connected) }));
  socket.on('message', (data) => answer(socket, data));
  socket.on('error', () => socket.terminate());
});
server.on('listening', () => console.log('ready'));

process.on('SIGTERM', () => process.exit(0));
