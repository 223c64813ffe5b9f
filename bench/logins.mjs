// logins.mjs - what the part "logins" of bench/run needs of Node.
//
//   node logins.mjs tokens <directory> <users>
//     writes key.pem, a public key of ES256, and tokens, one a line, signed
//     with the private one
//   node logins.mjs run <url> <tokens file or -> <logins> <clients> [CA]
//     each client again and again opens a WebSocket with the next token (- is
//     none), makes one call and closes it; prints one line of name=value words
//
// The frames are put together by hand: a client library would take more of the
// machine than the servers.
import { generateKeyPairSync, sign, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import tls from 'node:tls';
import { readFileSync, writeFileSync } from 'node:fs';

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function writeTokens(directory, users) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const exp = Math.floor(Date.now() / 1000) + 24 * 3600;
  const tokens = Array.from({ length: users }, (_, i) => {
    const text = `${base64url({ alg: 'ES256', typ: 'JWT' })}.${base64url({ sub: `user-${i}`, exp, team: i % 10 })}`;
    return `${text}.${sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  });
  writeFileSync(`${directory}/key.pem`, publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(`${directory}/tokens`, `${tokens.join('\n')}\n`);
}

// A client's text frame; the mask may be zero.
function frame(text) {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

const call = frame('{"rpc":"bench/echo","id":"1","args":[1]}');
const close = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);

function login(url, token) {
  return new Promise((resolve, reject) => {
    const port = Number(url.port);
    const socket = ca ? tls.connect({ port, host: url.hostname, ca, servername: 'localhost' }) : connect(port, url.hostname);
    let received = '';
    socket.setNoDelay(true);
    socket.on(ca ? 'secureConnect' : 'connect', () => {
      socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
        + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n`
        + `${token === '' ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`);
      socket.write(call);
    });
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      if (!received.includes('"ok":')) return;
      if (!received.includes('"ok":true')) reject(new Error(received.slice(-200)));
      socket.end(close);
      resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed: ${received.slice(-200)}`)));
  });
}

async function run(url, tokens, count, clients) {
  const times = [];
  let next = 0;
  const client = async () => {
    while (next < count) {
      const token = tokens[next++ % tokens.length];
      const began = process.hrtime.bigint();
      await login(url, token);
      times.push(Number(process.hrtime.bigint() - began) / 1000);
    }
  };
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(0);
  console.log(`result per_second=${(count / seconds).toFixed(1)} p50_us=${at(0.5)} p99_us=${at(0.99)} `);
}

const [verb, ...args] = process.argv.slice(2);
const ca = args[4] && readFileSync(args[4]);
if (verb === 'tokens') writeTokens(args[0], Number(args[1]));
else {
  const tokens = args[1] === '-' ? [''] : readFileSync(args[1], 'utf8').trim().split('\n');
  await run(new URL(args[0]), tokens, Number(args[2]), Number(args[3]));
}
