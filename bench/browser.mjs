// browser.mjs - what the part "browser" of bench/run needs of Node: a page in Chromium
// with a list of 10,000 rows that change, and who sends the changes.
//
//   node browser.mjs <system> <changes> <rate> <seconds>
//     system: realtime (client/), published (svelte-realtime of npm), scan (looks for
//     each row, as it comes); changes: updates or all (a fifth added, a fifth removed)
//     prints one line of name=value words: us_each of the page's main thread for one
//     change, percent of the frames that were not drawn, p99_ms between frames
//
// Nobody's server is measured: this one says what a server would.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';
import { launch } from '../test/browser/chromium.mjs';

const [system, changes, rate, seconds] = process.argv.slice(2);
const { build } = createRequire(new URL('../client/package.json', import.meta.url))('esbuild');
const at = (name) => new URL(name, import.meta.url).pathname;
const rows = 10000;
const row = (id) => ({ id, name: `row ${id}`, n: Math.floor(Math.random() * 1e6), note: 'some text of thirty-two bytes...' });

const { outputFiles: [bundle] } = await build({
  entryPoints: [at(`browser/${system}.mjs`)], bundle: true, minify: true, format: 'esm', write: false, conditions: ['browser'],
  nodePaths: [at('../test/node/node_modules')],
  alias: { 'svelte-adapter-uws/client': at('../test/node/published/transport.mjs'), ws: at('browser/ws.mjs') },
});

const server = http.createServer((request, response) => {
  const isScript = request.url === '/page.js';
  response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
  response.end(isScript ? bundle.text : readFileSync(new URL('browser/page.html', import.meta.url)));
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
let socket;

// The first rows, for whoever asks; the page says by itself when it has drawn them.
sockets.on('connection', (opened) => {
  socket = opened;
  socket.on('message', (text) => {
    const { rpc, id } = JSON.parse(text);
    if (rpc) {
      socket.send(JSON.stringify({ topic: '__rpc', event: id, data: {
        id, ok: true, data: Array.from({ length: rows }, (_, i) => row(i)), topic: 'rows', merge: 'crud', key: 'id', seq: 1,
      } }));
    }
  });
  socket.send(JSON.stringify({ type: 'welcome', sessionId: 'bench' }));
});

const ids = Array.from({ length: rows }, (_, i) => i);
let seq = 1;
let next = rows;

function change() {
  const kind = changes === 'all' ? Math.random() : 1;
  const at = Math.floor(Math.random() * ids.length);
  let event = 'updated';
  let data = row(ids[at]);

  if (kind < 0.2) {
    [event, data] = ['created', row(next)];
    ids.push(next++);
  } else if (kind < 0.4) {
    [event, data] = ['deleted', { id: ids[at] }];
    ids[at] = ids.at(-1);
    ids.pop();
  }
  socket.send(JSON.stringify({ topic: 'rows', event, data, seq: ++seq }));
}

// Evenly, as well as a timer can.
async function send(ms) {
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < ms) {
    for (const due = (performance.now() - began) / 1000 * rate; sent < due; sent++)
      change();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return sent;
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
const browser = await launch();
let failed = false;
try {
  const page = await browser.open(`http://127.0.0.1:${server.address().port}/`);
  const spent = async () => {
    const { metrics } = await page.command('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  };
  // the CPU's time, whatever else runs on the machine
  await page.command('Performance.setTimeDomain', { timeDomain: 'threadTicks' });
  await page.command('Performance.enable');
  await page.until('window.shown > 0', 'the rows');
  await send(1000);
  await page.value('measure()');
  const before = await spent();
  await page.value('new Promise((resolve) => setTimeout(resolve, 1000))');
  const idle = await spent() - before;
  await page.value('measure()');
  const [from, sent] = [await spent(), await send(seconds * 1000)];
  await page.until(`window.newest() >= ${seq}`, 'the last change');
  const busy = await spent() - from - idle * seconds;
  const { frames, dropped, p99 } = await page.value('measure()');
  console.log(`result sent=${sent} us_each=${(busy * 1e6 / sent).toFixed(2)} percent=${(100 * dropped / (frames + dropped)).toFixed(2)} p99_ms=${p99.toFixed(1)}`);
} catch (error) {
  console.error(error.message);
  failed = true;
}
await browser.close();
process.exit(failed ? 1 : 0);
