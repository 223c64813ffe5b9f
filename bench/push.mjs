// push.mjs - what the part "push" of bench/run needs of Node.
//
//   node push.mjs <url> <tokens file> <connections> <delay>
//     opens a connection with each of the first tokens, prints "there", answers
//     each question, and each event of "told", after so many milliseconds, by half more or less, until its input ends, and prints
//     one line of name=value words: answers, and the most that waited at once
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const [url, file, count, delay] = process.argv.slice(2);
const tokens = readFileSync(file, 'utf8').trim().split('\n').slice(0, Number(count));
let answered = 0;
let waiting = 0;
let most = 0;

async function open(token) {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false });
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.type !== 'request' && frame.topic !== 'told') return;
    waiting++;
    most = Math.max(most, waiting);
    setTimeout(() => {
      waiting--;
      answered++;
      socket.send(JSON.stringify({ type: 'reply', ref: frame.ref ?? 0, data: frame.data }));
    }, Number(delay) * (0.5 + Math.random()));
  });
  await once(socket, 'message');
}

for (let i = 0; i < tokens.length; i += 50) await Promise.all(tokens.slice(i, i + 50).map(open));
console.log('there');
await once(createInterface({ input: process.stdin }), 'close');
console.log(`result answered=${answered} most=${most}`);
process.exit(0);
