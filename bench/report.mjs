// report.mjs - turns the samples of bench/run into tables.
//
//   node report.mjs samples.tsv facts results.md
//
// A line of samples is one measurement; those that differ in nothing but the
// round are summed up by their medians.  In results.md the sections of the
// measured parts are replaced, the others stay.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [samplesFile, factsFile, outputFile] = process.argv.slice(2);

const facts = Object.fromEntries(readFileSync(factsFile, 'utf8').trim().split('\n')
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
const samples = readFileSync(samplesFile, 'utf8').split('\n').filter(Boolean).map((line) => line.split('\t'));

// ---- numbers ----

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Enough digits to compare, no more than the measurement is worth.
function show(number) {
  if (!Number.isFinite(number)) return '-';
  const size = Math.abs(number);
  if (size >= 1000) return Math.round(number).toLocaleString('en-US');
  return number.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

const ratio = (a, b) => (Number.isFinite(a / b) ? `${show(a / b)} ×` : '-');

function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const align = header.map((name, i) => (i === 0 ? '---' : '---:'));
  return [line(header), line(align), ...rows.map(line)].join('\n');
}

// Samples as a map: key → system → { name: median }.
function summary(part, keyFields, systemField, names) {
  const groups = new Map();
  for (const [, ...fields] of samples.filter((sample) => sample[0] === part)) {
    const key = keyFields.map((i) => fields[i]).join('\t');
    const systems = groups.get(key) ?? groups.set(key, new Map()).get(key);
    const group = systems.get(fields[systemField]) ?? systems.set(fields[systemField], []).get(fields[systemField]);
    group.push(fields.slice(-names.length).map(Number));
  }
  for (const systems of groups.values()) {
    for (const [system, group] of systems) {
      systems.set(system, Object.fromEntries(names.map((name, i) => [name, median(group.map((values) => values[i]))])));
    }
  }
  return groups;
}

// The same value of several systems, as one cell.
function cells(systems, wanted, name) {
  return wanted.map((system) => show(systems.get(system)?.[name])).join(' / ');
}

function troubles(groups, name, what) {
  const lines = [];
  for (const [key, systems] of groups) {
    for (const [system, values] of systems) {
      if (values[name] > 0) lines.push(`* ${system}, ${key.replaceAll('\t', ', ')}: ${show(values[name])} ${what}`);
    }
  }
  return lines.length ? `\n\n${lines.join('\n')}` : '';
}

// ---- the parts ----

function calls() {
  const names = ['rate', 'p50', 'p99', 'cpu', 'errors'];
  const groups = summary('calls', [0, 1, 2, 3], 4, names);
  const trio = ['realtime', 'pgbench', 'node'];
  const rows = [];
  for (const [key, systems] of groups) {
    const [name, sync, connections, inFlight] = key.split('\t');
    const rate = (system) => systems.get(system)?.rate;
    const writes = /^(insert|transfer)/.test(name);
    rows.push([
      name.replace('_', ', ').replace('plpgsql', 'PL/pgSQL').replace('sql', 'SQL'),
      writes ? sync : '', `${connections} × ${inFlight}`,
      ...trio.map((system) => show(rate(system))),
      ratio(rate('realtime'), rate('pgbench')), ratio(rate('realtime'), rate('node')),
      systems.has('pgbench-each') ? `${show(rate('pgbench-each'))} (${ratio(rate('realtime'), rate('pgbench-each'))})` : '',
      cells(systems, trio, 'p50'), cells(systems, trio, 'p99'), cells(systems, trio, 'cpu'),
    ]);
  }
  return `## Calls

The same functions, called through \`realtime\` over WebSocket, by \`pgbench -M prepared\` over TCP and through a Node
server (\`ws\` and \`pg\`, a pool of 8 connections, prepared statements) over WebSocket. "32 × 16" means 32 connections
with 16 calls in flight on each. Latencies and CPU are realtime / pgbench / Node, in microseconds; CPU is that of all
server processes per call, without load generators and pgbench itself.

With 16 in flight pgbench uses a pipeline of 16 calls, whose latency is shown. PostgreSQL runs such a pipeline as **one
transaction**, with one commit for 16 calls that succeed or fail together; for functions that write, "each committed" is
the same pipeline with a COMMIT behind each call, which is what the other two do.

${table(['call', 'synchronous commit', 'connections × in flight', 'realtime /s', 'pgbench /s', 'Node /s',
    'to pgbench', 'to Node', 'pgbench, each committed /s', 'p50 (µs)', 'p99 (µs)', 'CPU (µs)'], rows)}${
  troubles(groups, 'errors', 'errors')}`;
}

function fanout() {
  const groups = summary('fanout', [0], 1, ['rate', 'p50', 'p99', 'cpu', 'missing']);
  const rows = [];
  const titles = {
    'realtime': 'realtime', 'nchan': 'nchan', 'realtime-in-sql': 'realtime, from the publishing statement on',
    'realtime-off': 'realtime, synchronous_commit off',
    'realtime-off-in-sql': 'realtime, synchronous_commit off, from the publishing statement on',
  };
  for (const [key, systems] of groups) {
    const other = systems.get('nchan');
    for (const [system, values] of systems) {
      rows.push([key, titles[system] ?? system, show(values.rate), show(values.p50), show(values.p99), show(values.cpu),
        system === 'nchan' ? '' : ratio(values.cpu, other?.cpu)]);
    }
  }
  return `## Fan-out

Events of 200 bytes. "100 x 1" is 100 transactions a second that publish one event each, "10 x 10" is 10 a second that
publish 10. For realtime a SQL function inserts a row and publishes, and its transaction is committed durably unless the
table says otherwise; for nchan an HTTP request publishes and nothing is stored, with as many requests at once as the burst
has events.
Latency is counted from sending that statement or request until the load generator has received the event; "from the
publishing statement on" leaves out the way to the server and what comes before \`realtime.publish()\`, so with
synchronous_commit off it is about the time from commit to delivery. CPU is that of all server processes per
delivery, the publishing backend included. One gateway and one nginx worker.

${table(['case', 'system', 'deliveries /s', 'p50 (µs)', 'p99 (µs)', 'CPU per delivery (µs)', 'CPU to nchan'], rows)}${
  troubles(groups, 'missing', 'deliveries missing')}`;
}

function memory() {
  const groups = summary('memory', [], 0, ['pss', 'uss', 'seconds', 'cpu', 'closed']);
  const systems = groups.get('') ?? new Map();
  const rows = [...systems].map(([system, values]) => [system, show(values.pss), show(values.uss), show(values.seconds), show(values.cpu)]);
  return `## Idle connections

${Number(facts.connections).toLocaleString('en-US')} connections, opened 100 at a time, that say nothing. Memory is what the process with the sockets
(gateway, nginx worker, Node) grew by, from /proc/PID/smaps_rollup: PSS counts a share of shared pages, USS only private
ones; the kernel's memory for sockets is the same for all and not included. CPU is that of all server processes over
${facts.idle_seconds} s of silence; no ping falls into that time.

${table(['system', 'PSS per connection (kB)', 'USS per connection (kB)', 'time to accept all (s)', 'idle CPU (% of a core)'], rows)}${
  troubles(groups, 'closed', 'connections closed')}`;
}

// ---- the file ----

const parts = { calls, fanout, memory };
const measured = new Set(samples.map((sample) => sample[0]));
const circumstances = `Measured ${facts.date} with \`${facts.command}\`: medians of ${facts.rounds} round(s). ${facts.cores} cores shared by servers and
load generators (${facts.processor}, ${facts.memory}), ${facts.kernel}, PostgreSQL ${facts.postgres}, Node ${facts.node},
nginx ${facts.nginx} with nchan ${facts.nchan}.`;

const old = existsSync(outputFile) ? readFileSync(outputFile, 'utf8') : '';
const sections = [];
for (const [name, make] of Object.entries(parts)) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const kept = old.slice(old.indexOf(open) + open.length, old.indexOf(close)).trim();
  let text = old.includes(open) && old.includes(close) ? kept : '';
  if (measured.has(name)) {
    text = `${make()}\n\n${circumstances}`;
    console.log(`${text}\n`);
  }
  if (text) sections.push(`${open}\n${text}\n${close}\n`);
}
writeFileSync(outputFile, `# Results\n\nWritten by \`./run bench\`; run it for your own machine. See [README.md](README.md).\n\n${sections.join('\n')}`);
