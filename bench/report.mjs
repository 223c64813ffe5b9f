// report.mjs - turns the samples of bench/run into tables.
//
//   node report.mjs samples.tsv facts results.md
//
// A line of samples is one measurement; those that differ in nothing but the
// round are summed up by their medians.  In results.md the sections of the
// measured parts, known by their headings, are replaced; the others stay, and so
// do those of no part, at the end.
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

function publish() {
  const groups = summary('publish', [0, 1], 2, ['rate', 'p50', 'p99', 'cpu', 'missing']);
  const titles = {
    'insert': 'INSERT', 'two-tables': 'INSERT into two tables', 'notify': 'INSERT and pg_notify()',
    'ordered': 'INSERT and publish(), ordered topics', 'replay': 'INSERT and publish(), replay topics',
  };
  const rows = [];
  for (const [key, systems] of groups) {
    const [topics, sessions] = key.split('\t');
    const rate = (system) => systems.get(system)?.rate;
    for (const [system, values] of systems) {
      const publishes = ['ordered', 'replay'].includes(system);
      rows.push([topics, sessions, titles[system] ?? system, show(values.rate),
        ...['notify', 'insert', 'two-tables'].map((other) => (publishes ? ratio(values.rate, rate(other)) : '')),
        show(values.p50), show(values.p99), show(values.cpu)]);
    }
  }
  return `## Publishing

Durable transactions of \`pgbench -M prepared\` that insert a row with 200 bytes of text, alone or with its event: by
\`realtime.publish()\` of a JSON object with that text to ordered or to replay topics, which store and number it, or by
\`pg_notify()\` of the same object. The statements of a transaction are sent as a pipeline: each transaction is one round
trip. One WebSocket client is subscribed to all topics and receives every event, one session LISTENs on all channels;
neither of them is counted. "Into two tables" is the same row once more in a table of the same shape: about what a stored
event must cost.

Each transaction draws its topic at random. With one topic and 16 sessions the commits wait for each other's place in the
order of events, with \`pg_notify()\` for one lock of the whole cluster, so topics make no difference to it (see
[One hot topic](#one-hot-topic)). What is aimed at with 64 topics and 16 sessions, also for replay topics: 3 times \`pg_notify()\`, half of the plain
INSERT, 0.8 of the INSERT into two tables.

${table(['topics', 'sessions', 'transaction', 'transactions /s', 'to pg_notify()', 'to INSERT', 'to two tables',
    'p50 (µs)', 'p99 (µs)', 'CPU (µs)'], rows)}${troubles(groups, 'missing', 'events not received')}`;
}

function hotTopic() {
  const groups = summary('hot-topic', [1], 0, ['rate', 'p50', 'p99', 'cpu', 'missing']);
  const titles = {
    'insert': 'INSERT', 'notify': 'INSERT and pg_notify()', 'live-notify': 'INSERT, PL/pgSQL trigger with pg_notify()',
    'ordered': 'INSERT and publish(), ordered topic', 'replay': 'INSERT and publish(), replay topic',
    'live-table': 'INSERT into a live table',
  };
  const ours = ['ordered', 'replay', 'live-table'];
  const rate = (system) => groups.get('on')?.get(system)?.rate;
  const rows = [];
  for (const system of Object.keys(titles)) {
    for (const early of ours.includes(system) ? ['on', 'off'] : ['on']) {
      const values = groups.get(early)?.get(system) ?? {};
      const others = [system === 'live-table' ? 'live-notify' : 'notify', 'insert'];
      rows.push([titles[system], ours.includes(system) ? early : '', show(values.rate),
        ...others.map((other) => (ours.includes(system) ? ratio(values.rate, rate(other)) : '')),
        show(values.p50), show(values.p99), show(values.cpu)]);
    }
  }
  return `## One hot topic

The same transactions in 16 sessions that all publish on one topic, and inserts into a live table whose rows all belong to
one topic, beside the same with a trigger in PL/pgSQL that runs \`pg_notify()\`. Who publishes holds the topic's lock from
before its commit until its events are in the ring, because subscribers get the events in commit order. With
\`realtime.early_release\` off that includes the flush. **The aim is 3 times \`pg_notify()\`.** How much it
gives depends on how long a flush takes, see [publishing](../docs/performance.md#what-that-means).

${table(['transaction', 'early release', 'transactions /s', 'to pg_notify()', 'to INSERT', 'p50 (µs)', 'p99 (µs)', 'CPU (µs)'], rows)}${
  troubles(groups, 'missing', 'events not received')}`;
}

function liveTable() {
  const groups = summary('live-table', [0, 1, 2], 3, ['rate', 'p50', 'p99', 'time', 'cpu', 'missing']);
  const titles = { none: 'no trigger', notify: 'PL/pgSQL trigger, pg_notify()', realtime: 'live table' };
  const rows = [];
  for (const [key, systems] of groups) {
    const [count, sessions, sync] = key.split('\t');
    const added = (system, name) => systems.get(system)?.[name] - systems.get('none')?.[name];
    // Of several sessions a row's time is mostly that of waiting for the others.
    const names = sessions === '1' ? ['time', 'cpu'] : [null, 'cpu'];
    for (const [system, values] of systems) {
      rows.push([Number(count).toLocaleString('en-US'), sessions, sync, titles[system] ?? system, show(values.rate),
        ...names.flatMap((name) => [
          name ? show(values[name]) : '',
          name && system !== 'none' ? show(added(system, name)) : '',
          name && system === 'realtime' ? ratio(added(system, name), added('notify', name)) : '',
        ]), show(values.p50), show(values.p99)]);
    }
  }
  return `## Live tables

What it costs to insert a row (an identity, an integer, 200 bytes of text) into a table that is a live table with 64
topics, into the same table with an AFTER ROW trigger in PL/pgSQL that runs \`pg_notify('live_1', row_to_json(NEW)::text)\`,
and into the same table without either. A transaction is one INSERT, of one row or of 1,000 from a SELECT; in one session,
20 transactions of one row share a round trip. Somebody receives every event: a WebSocket client that is subscribed to all
topics, or a session that LISTENs; what the server does for them is part of the CPU time.

"Added" is the difference to the table without trigger: of the time that a row takes in one session (the mean of the
round trips without the slowest tenth) and of the CPU time of all server processes per row. **The aim is half of what the
PL/pgSQL trigger adds.** Where commits wait for the disk, that hides what a trigger costs, so only the last case does; there
the rows per second show what the locks of topics and of \`pg_notify()\` do to 16 sessions.

${table(['rows each', 'sessions', 'synchronous commit', 'table', 'rows /s', 'time per row (µs)', 'added (µs)', "to the trigger's",
    'CPU per row (µs)', 'added CPU (µs)', "to the trigger's", 'p50 of a round trip (µs)', 'p99 (µs)'], rows)}${
  troubles(groups, 'missing', 'events not received')}`;
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

function longCalls() {
  const groups = summary('long-calls', [0], 1, ['rate', 'p50', 'p99']);
  const ms = (us) => show(us / 1000);
  const rows = [...groups].map(([name, systems]) => [name,
    ...['realtime', 'pool'].flatMap((system) => {
      const values = systems.get(system);
      return [show(values?.rate), ms(values?.p50), ms(values?.p99)];
    })]);
  return `## Short calls beside long ones

One client's \`echo\`, one call at a time, while other clients have calls under way that only sleep. With \`realtime\` they
are in flight on as many WebSockets as there are clients, with as many executors as \`max_worker_processes\` (8) leaves
room for. With PostgreSQL alone each is a \`pgbench\` client of its own, through PgBouncer with a pool of 20 sessions.
**The aim is a median below 25 ms and a p99 below 250 ms.**

${table(['others', 'realtime /s', 'p50 (ms)', 'p99 (ms)', 'PgBouncer /s', 'p50 (ms)', 'p99 (ms)'], rows)}`;
}

// One row for each case, which some fields name.
const rowsOf = (part, keys, names, make) =>
  [...summary(part, keys.slice(0, -1), keys.at(-1), names)].flatMap(([key, systems]) =>
    [...systems].map(([last, values]) => make([...key.split('\t'), last].filter((text) => text !== ''), values)));

const readers = {
  first: 'a client that follows, the executor is new',
  again: 'a client that follows, the executor has read it before',
  copy: 'COPY of realtime.replay() in psql',
};

function streams() {
  const asked = rowsOf('streams-subscribe', [0], ['rate', 'p50', 'p99', 'cpu'], ([name], values) =>
    [name, show(values.rate), show(values.p50), show(values.p99), show(values.cpu)]);
  const told = rowsOf('streams-delivery', [0, 1], ['p50', 'p99', 'cpu', 'missing'], ([name, count], values) =>
    [name, count, show(values.p50), show(values.p99), show(values.cpu), show(values.missing)]);
  const herd = rowsOf('streams-herd', [0, 1], ['seconds', 'p50', 'cpu', 'megabytes', 'loads'], ([name, phase], values) =>
    [name, phase === 'first' ? 'connect and ask' : 'ask again', show(values.seconds), show(values.p50), show(values.cpu),
      show(values.megabytes), phase === 'first' ? show(values.loads) : '']);
  const caught = rowsOf('streams-catch-up', [0], ['seconds', 'megabytes', 'rate', 'perCpu'], ([name], values) =>
    [readers[name], show(values.seconds),
      show(values.megabytes), show(values.rate), show(values.perCpu)]);
  return `## Streams

A stream here is a value of 20 rows of 100 bytes of text, by an index, from a loader in PL/pgSQL.

To begin following, on 32 connections with 16 questions under way, beside the loader alone with \`pgbench -M prepared\`
and 32 clients. "Unchanged" is a client that has the version that a \`delta_version\` of one line returns.

${table(['question', 'answers /s', 'p50 (µs)', 'p99 (µs)', 'CPU each (µs)'], asked)}

From sending the statement until the event is there, at 50 durable transactions a second: a row that is inserted into a
live table, or into another table and published by hand.

${table(['event', 'subscribers', 'p50 (µs)', 'p99 (µs)', 'CPU per delivery (µs)', 'missing'], told)}

${Number(facts.herd).toLocaleString('en-US')} clients that connect and ask at the same moment for one of 100 streams, and then ask again on the connections
that they have, all at once, like pages whose tab comes to the front. Time is that until the last one has its answer; loads
are those of both together.

${table(['what they have', 'they', 'all are live after (s)', 'p50 (ms)', 'CPU of the server (ms)', 'MB sent', 'loads run'], herd)}

One client that catches up with ${Number(facts.log_events).toLocaleString('en-US')} events of 1,000 bytes of text, from one executor, beside the same rows as text from psql.
A process that reads a page of shared_buffers for the first time has it mapped by the kernel, psql's as well: with huge_pages that is for 2 MB at once.
**The aim is 500 MB/s.**

${table(['reader', 'seconds', 'MB', 'MB/s', "MB per second of the server's CPU"], caught)}`;
}

function compression() {
  const groups = summary('compression', [0, 1], 2, ['bytes', 'cpu', 'missing']);
  const titles = { message: 'a message of a chat', table: 'a table with 1,000 rows' };
  const rows = [...groups].map(([key, systems]) => {
    const [name, subscribers] = key.split('\t');
    const [plain, compressed] = [systems.get('plain'), systems.get('compressed')];
    return [titles[name], Number(subscribers).toLocaleString('en-US'), show(plain?.bytes), show(compressed?.bytes),
      `${show(100 - 100 * compressed?.bytes / plain?.bytes)} %`, show(plain?.cpu), show(compressed?.cpu)];
  });
  return `## Compression

What an event costs as it is and compressed (\`realtime.compression\`, \`realtime.compression_min_size\` = 0): bytes of its
frame's payload, which every subscriber gets, and CPU of the gateway for the event, sent to all of them. It is compressed
once; what is saved with each subscriber is copying and the kernel's work for the bytes. That subscribers inflate it is not
counted.

${table(['event', 'subscribers', 'bytes as it is', 'compressed', 'saved', 'CPU per event as it is (µs)', 'compressed (µs)'], rows)}${
  troubles(groups, 'missing', 'deliveries missing')}`;
}

function queries() {
  const titles = { publish: 'none: realtime.publish()', live: 'none: a live table', filter: 'one table', join: 'join', grouped: 'join of a grouped subquery', window: 'window', top: 'top 20' };
  const delivered = rowsOf('queries-delivery', [0, 1], ['p50', 'p99', 'cpu', 'missing'], ([name, rows], values) =>
    [titles[name] ?? name, show(Number(rows)), show(values.p50), show(values.p99), show(values.cpu), show(values.missing)]);
  const written = rowsOf('queries-write', [0], ['rate', 'p50', 'p99', 'cpu', 'events'], ([name], values) =>
    [name, show(values.rate), show(values.p50), show(values.p99), show(values.cpu), show(values.events)]);
  const rivals = rowsOf('queries-rival', [0, 1], ['p50', 'p99'], ([name, rows], values) =>
    [{ notify: 'the query again at each NOTIFY, Node and pg', tanstack: 'TanStack DB, in an order, in memory', pglite: 'PGlite, live.incrementalQuery()' }[name],
      show(Number(rows)), show(values.p50), show(values.p99)]);
  const many = rowsOf('queries-groups', [0, 1], ['ms'], ([name, groups], values) => [name, show(Number(groups)), show(values.ms)]);
  const kept = rowsOf('queries-memory', [0], ['groups', 'rows', 'bytes'], ([name], values) =>
    [name, show(values.groups), show(values.rows / values.groups), show(values.bytes)]);
  return `## Live queries

From sending a statement that changes one row until the client has the event, ${facts.query_rate} statements a second, with
\`fsync = off\`: an event is not told before its commit is on the disk, whose time is not a live query's. Lists have ten
items; a grouped result has a row for each list. CPU is that of all server processes for one event. What is published, and
the row of a live table, come the same way, without a query.
**The aim is 300 µs, p99 1 ms, whatever the size.**

${table(['query', 'rows of its table', 'p50 (µs)', 'p99 (µs)', 'CPU (µs)', 'missing'], delivered)}

Others, on the same machine, from the change of a row of one table until a program knows it. TanStack DB has rows and change
in its own memory; PGlite is in the process as well.

${table(['system', 'rows', 'p50 (µs)', 'p99 (µs)'], rivals)}

One session that updates rows by their key as fast as it can, while others follow. CPU is that of all server processes for one
write, with the runs and what is sent to all. Writes that come while queries are run are told together.

${table(['who follows', 'writes /s', 'p50 (µs)', 'p99 (µs)', 'CPU (µs)', 'events per write'], written)}

One change of a row of each of so many groups with arguments of their own: time of all runs of the round. A query that depends
on who asks is run for each of them, others by one statement.

${table(['groups are run', 'groups', 'runs together (ms)'], many)}

Groups of clients that ask the same, in shared memory.

${table(['groups', 'how many', 'rows of each', 'bytes of each'], kept)}`;
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

function logins() {
  const names = ['rate', 'p50', 'p99', 'cpu'];
  const rows = [...summary('logins', [0], 1, names)].map(([name, systems]) => {
    const { realtime, node } = Object.fromEntries(systems);
    return [name, show(realtime?.rate), show(realtime?.p50), show(realtime?.p99), show(realtime?.cpu),
      show(node?.rate), show(node?.p50), show(node?.p99), show(node?.cpu), ratio(realtime?.rate, node?.rate)];
  });
  return `## Logins

${Number(facts.logins).toLocaleString('en-US')} times, by ${facts.login_clients} clients: open a WebSocket with a token in \`Authorization\` (ES256), call \`echo\` once, close it.
Time is from connecting until the answer is there. Beside the Node server, which verifies with \`jose\`. "nobody" has no
token.

${table(['who', 'realtime /s', 'p50 (µs)', 'p99 (µs)', 'CPU each (µs)', 'Node /s', 'p50 (µs)', 'p99 (µs)', 'CPU each (µs)', 'realtime / Node'], rows)}`;
}

// ---- guarded ----

// Each beside the first of its kind.
function guarded() {
  const names = ['rate', 'p50', 'p99', 'cpu'];
  const all = summary('guarded', [0], 1, names);
  const rows = [...all].filter(([shape]) => shape !== 'handshakes').flatMap(([shape, cases]) => {
    const { nobody } = Object.fromEntries(cases);
    return [...cases].map(([name, { rate, p50, p99, cpu }]) =>
      [name, shape, show(rate), show(p50), show(p99), show(cpu), ratio(rate, nobody?.rate), ratio(cpu, nobody?.cpu)]);
  });
  const plain = all.get('handshakes')?.get('without TLS');
  const logins = [...(all.get('handshakes') ?? [])].map(([name, { rate, p50, p99, cpu }]) =>
    [name, show(rate), show(p50), show(p99), show(cpu), ratio(rate, plain?.rate), ratio(cpu, plain?.cpu)]);
  return `## Guarded calls, and TLS

\`echo\` by one Node client for all cases, so its own time is in all of them: as nobody; as a user whom a token of ES256 names; with
\`rate_limit\`, a breaker and a class of service; and with a guard in SQL. Connections × calls in flight.

${table(['who', 'calls', 'per second', 'p50 (µs)', 'p99 (µs)', 'CPU each (µs)', 'to nobody', 'CPU to nobody'], rows)}

Connecting, one call, closing, by 16 clients; with TLS 1.3 and a certificate of P-256, nothing resumed:

${table(['', 'per second', 'p50 (µs)', 'p99 (µs)', 'CPU each (µs)', 'to without', 'CPU to without'], logins)}`;
}

// ---- half-open ----

function halfOpen() {
  const [cases] = summary('half-open', [0], 1, ['p50', 'p99', 'cpu']).values();
  const alone = cases.get('alone');
  const rows = [...cases].map(([name, { p50, p99, cpu }]) => [name, show(p50), show(p99), ratio(p50, alone.p50), ratio(p99, alone.p99), show(cpu)]);
  return `## Half-open connections

${Number(facts.half_open_good).toLocaleString('en-US')} clients call \`echo\` once a second each, alone and while ${Number(facts.half_open).toLocaleString('en-US')} connections are there of which half say nothing and half
send a head, a byte in each second: at a process that only reads, which shows what they cost the machine, and at the server.

${table(['clients', 'p50 (µs)', 'p99 (µs)', 'p50 to alone', 'p99 to alone', 'CPU of the server (% of a core)'], rows)}`;
}

// ---- presence ----

function presence() {
  const measured = [...summary('presence', [0], 1, ['joined', 'joinTold', 'joinFrames', 'left', 'leftTold', 'leaveFrames', 'requests', 'back',
    'backFrames', 'alone', 'among']).values()][0].get('all');
  const staying = Number(facts.presence_rooms).toLocaleString('en-US');
  return `## Presence

${Number(facts.presence).toLocaleString('en-US')} connections, each of a user of its own, in ${staying} rooms, follow who is there; one process has all of them. They come at once; all but one in each room are
cut off at once, without a grace; and once more, with one, when they open their connections anew and follow again.

${table(['', 'until SQL says so (ms)', 'until those who stay have been told (ms)', 'frames to each of them', 'requests of executors'], [
    ['all come', show(measured.joined), show(measured.joinTold), show(measured.joinFrames), show(Number(facts.presence))],
    ['all but one are cut off', show(measured.left), show(measured.leftTold), show(measured.leaveFrames), show(measured.requests)],
    ['they are back within the grace', show(measured.back), '', show(measured.backFrames), ''],
  ])}

One that comes to a room and leaves it again, whom nobody watches, costs the gateway ${show(measured.alone)} µs of CPU if nobody else is there, and
${show(measured.among)} µs if ${(Number(facts.presence) - Number(facts.presence_rooms) - 200).toLocaleString('en-US')} others are.`;
}

// ---- push ----

function push() {
  const measured = summary('push', [0], 1, ['p50', 'p99']);
  const cases = [...measured].map(([name, by]) => [name, by.get('all')]);
  const alone = cases[0][1];
  return `## Questions to clients

${Number(facts.push_good)} clients call \`echo\` once a second each: alone, while ${Number(facts.push).toLocaleString('en-US')} other clients are connected, and while
${Number(facts.push).toLocaleString('en-US')} sessions wait for what these answer to \`realtime.push()\`, half to one and a half of ${facts.push_delay} ms later, and ask again.
For comparison: as many sessions that sleep for as long each time (\`pg_sleep()\`), and the same when each sends its client a message
(\`realtime.send()\`) that this answers as a question.

${table(['calls', 'p50 (µs)', 'p99 (µs)', 'p50 to alone', 'p99 to alone'],
    cases.map(([name, { p50, p99 }]) => [name, show(p50), show(p99), ratio(p50, alone.p50), ratio(p99, alone.p99)]))}`;
}

// ---- jobs ----

function jobs() {
  const groups = summary('jobs', [0, 1], 2, ['rate', 'p50', 'p99']);
  const of = (kind, what, system) => groups.get(`${kind}\t${what}`)?.get(system);
  const systems = ['realtime', 'graphile-worker', 'graphile-worker-batch', 'pg-boss', 'pg-boss-batch'];
  const best = (what) => Math.max(...systems.slice(1).map((system) => of('rate', what, system)?.rate ?? 0));
  const rows = systems.map((system) => [system.replace('-batch', ', batches'),
    ...['nothing', 'insert'].flatMap((what) => {
      const rate = of('rate', what, system)?.rate;
      return [show(rate), system === 'realtime' ? ratio(rate, best(what)) : ''];
    }),
    show(of('latency', 'begin', system)?.p50), show(of('latency', 'begin', system)?.p99), show(of('latency', 'commit', system)?.p50),
    show(of('latency', 'commit', system)?.p99)]);
  const sleepers = of('calls', 'sleepers', 'realtime');
  const alone = of('calls', 'alone', 'realtime');
  const beside = of('calls', 'beside', 'realtime');
  return `## Jobs

${Number(facts.jobs).toLocaleString('en-US')} jobs (${Number(facts.jobs_common).toLocaleString('en-US')} for those that run each by itself) that are there when the workers begin: of a handler that does nothing, and of one that inserts a row; then
${facts.job_latencies} jobs one by one, 40 a second, from the statement that enqueues, its commit included, to the begin of the handler, of which a part is the
statement itself; what is left begins when whoever enqueues is told, and is below 0 if the job has begun before that. Everybody
uses the same database, with the same durability. In realtime what a job does and that it is done are one transaction;
the others' workers are one Node process with 20 connections, once as is common and once with all that they have for many
short jobs (local queues of 500 and batches of completions; batches of 1,000 jobs).

${table(['', 'nothing /s', 'to the best other', 'insert /s', 'to the best other', 'begin p50 (µs)', 'begin p99 (µs)', 'statement p50 (µs)', 'from then p50 (µs)'], rows)}

Calls of 4 clients: alone p50 ${show(alone?.p50)} µs, p99 ${show(alone?.p99)} µs; beside 8 sessions that sleep for 0.3 s again and again p50 ${show(sleepers?.p50)} µs
(${ratio(sleepers?.p50, alone?.p50)}), p99 ${show(sleepers?.p99)} µs (${ratio(sleepers?.p99, alone?.p99)}); while the queue is full of jobs that take 0.3 s each
p50 ${show(beside?.p50)} µs (${ratio(beside?.p50, alone?.p50)}), p99 ${show(beside?.p99)} µs (${ratio(beside?.p99, alone?.p99)}).`;
}

// ---- uploads ----

function uploads() {
  const groups = summary('uploads', [0], 1, ['rate', 'grown', 'cpu']);
  const rows = [];
  for (const [target, systems] of groups) {
    for (const [system, { rate, grown, cpu }] of systems) {
      rows.push([`${target === 'table' ? 'into a table, 64 kB a row' : 'read and forgotten'}: ${system}`, show(rate), ratio(rate, systems.get('node').rate), show(grown / 1024), show(cpu)]);
    }
  }
  return `## Uploads

${show(Number(facts.upload_megabytes))} MB of random bytes in frames of ${show(Number(facts.upload_frame) / 1024)} kB, over one WebSocket, in one transaction. The Node server has up to 8 statements under
way and pauses the socket beyond them. Memory is what the processes have grown meanwhile and share with nobody: gateway and executors, or the Node server.

${table(['', 'MB/s', 'to the Node server', 'grown (MB)', 'CPU of the servers (ms/MB)'], rows)}`;
}

// ---- roles ----

function roles() {
  const groups = [...summary('roles', [0], 1, ['rate', 'p50', 'cpu'])];
  const counts = ['1', '2', '20', '200'];
  const rows = groups.map(([name, byCount]) => {
    const values = Object.fromEntries(byCount);
    return [`\`${name}\``, show(values['1']?.rate), show(values['1']?.cpu),
      ...counts.slice(1).flatMap((count) => [ratio(values[count]?.rate, values['1']?.rate), show(values[count]?.cpu)])];
  });
  return `## Roles in turn

200 connections, one call at a time each, that together have so many roles. \`lookup\` reads a row of a table without
row-level security, \`rls\` one of a table with a policy that names \`current_user\`. Ratios are to the calls per second with one role.

${table(['function', '1 role /s', 'CPU each (µs)', '2 roles', 'CPU', '20 roles', 'CPU', '200 roles', 'CPU'], rows)}`;
}

// ---- cursors ----

function cursors() {
  const groups = summary('cursors', [0], 1, ['rate', 'p50', 'p99', 'cpu', 'percent', 'missing']);
  const rows = [];
  for (const [board, systems] of groups) {
    const [moving, seeing] = board.split(':').map(Number);
    for (const [system, values] of systems) {
      rows.push([`${show(moving)} cursors, ${show(seeing)} see them: ${system}`, show(values.rate), show(moving * seeing * 20),
        show(values.cpu * 1000), `${show(values.percent)} %`, show(values.p50 / 1000), show(values.p99 / 1000)]);
    }
  }
  return `## Cursors

Each cursor moves 20 times a second, on one board; each client sees all of them. A server may leave positions out but the last. Node
servers: \`ws\` and \`socket.io\` send each position on at once, \`ws-bulk\` the last of each cursor every 16 ms in one message.

${table(['', 'positions told /s', 'of', 'CPU each (ns)', 'CPU', 'p50 (ms)', 'p99 (ms)'], rows)}${troubles(groups, 'missing', 'last positions not told')}`;
}

// ---- a page with many rows ----

function browser() {
  const groups = summary('browser', [0, 1], 2, ['each', 'percent', 'p99']);
  const rows = [];
  for (const [key, systems] of groups) {
    const [rate, changes] = key.split('\t');
    for (const [system, values] of systems) {
      rows.push([`${show(+rate)} a second, ${changes === 'all' ? 'a fifth added, a fifth removed' : 'updates'}: ${system}`, show(values.each),
        `${show(values.each / systems.get('realtime').each)}`, `${show(values.percent)} %`, show(values.p99)]);
    }
  }
  return `## A page with many rows

A list of 10,000 rows in a page of Chromium, of which fifty are drawn; a server sends each change in a frame of its own. \`published\` is
svelte-realtime of npm. \`scan\` looks for each row and makes another array, as it comes. What the page's main thread does otherwise is taken off; frames that are missing of sixty a second were not drawn.

${table(['', 'main thread, each change (µs)', 'of the client', 'frames not drawn', 'p99 between frames (ms)'], rows)}`;
}

// ---- merging ----

function merge() {
  const groups = summary('merge', [0, 1], 2, ['change', 'pass', 'frame']);
  const rows = [];
  for (const [key, systems] of groups) {
    const [name, size] = key.split('\t');
    const [ours, plain] = [systems.get('realtime'), systems.get('plain')];
    rows.push([name, show(+size), show(ours.change), show(ours.pass), show(ours.frame),
      ...['change', 'pass', 'frame'].map((what) => ratio(plain[what], ours[what]))]);
  }
  return `## Merging

What it takes the client to change a value by an event, in nanoseconds of the CPU, without a page: a row that changes; one that comes and
one that goes, each; and changes of which sixteen are shown together, as in a frame of the screen. A plain list, in which each row is
looked for and of which another one is made, takes so many times as long.

${table(['way', 'rows', 'changes (ns)', 'comes or goes (ns)', 'sixteen in a frame (ns each)', 'a plain list: changes', 'comes or goes', 'in a frame'], rows)}`;
}

// ---- the file ----

const parts = { calls, publish, 'hot-topic': hotTopic, 'live-table': liveTable, 'long-calls': longCalls, fanout, streams,
  queries, logins, guarded, 'half-open': halfOpen, presence, push, uploads, jobs, cursors, roles, compression, browser, merge, memory };
const titles = {
  'calls': 'Calls', 'publish': 'Publishing', 'hot-topic': 'One hot topic', 'live-table': 'Live tables',
  'long-calls': 'Short calls beside long ones', 'fanout': 'Fan-out', 'streams': 'Streams', 'queries': 'Live queries',
  'logins': 'Logins', 'guarded': 'Guarded calls, and TLS', 'half-open': 'Half-open connections', 'presence': 'Presence', 'push': 'Questions to clients',
  'uploads': 'Uploads', 'jobs': 'Jobs', 'cursors': 'Cursors', 'roles': 'Roles in turn',
  'compression': 'Compression', 'browser': 'A page with many rows', 'merge': 'Merging', 'memory': 'Idle connections',
};
const measured = new Set(samples.map((sample) => sample[0].replace(/^(streams|queries)-.*/, '$1')));

// What the measured parts used beside PostgreSQL.
const others = [
  ['calls', 'memory', 'logins', 'guarded', 'merge'].some((name) => measured.has(name)) && `Node ${facts.node}`,
  facts.pgbouncer && `PgBouncer ${facts.pgbouncer}`,
  facts.nginx && `nginx ${facts.nginx} with nchan ${facts.nchan}`,
].filter(Boolean);
const circumstances = `Measured ${facts.date} with \`${facts.command}\`: medians of ${facts.rounds} round(s). ${facts.cores} cores shared by servers and
load generators (${facts.processor}, ${facts.memory}), ${facts.kernel}, PostgreSQL ${facts.postgres}${others.length ? `,\n${others.join(', ')}` : ''}.`;

// The sections that the file has, by their titles; they used to have marks.
const old = existsSync(outputFile) ? readFileSync(outputFile, 'utf8').replace(/^<!-- .* -->\n/gm, '') : '';
const kept = new Map(old.split(/^(?=## )/m).filter((text) => text.startsWith('## '))
  .map((text) => [text.slice(3, text.indexOf('\n')), text.trim()]));

const sections = [];
for (const [name, make] of Object.entries(parts)) {
  let text = kept.get(titles[name]);
  if (measured.has(name)) {
    text = `${make()}\n\n${circumstances}`;
    console.log(`${text}\n`);
  }
  if (text) sections.push(`${text}\n`);
  kept.delete(titles[name]);
}
for (const text of kept.values()) sections.push(`${text}\n`);
writeFileSync(outputFile, `# Results\n\nWritten by \`./run bench\`; run it for your own machine. See [README.md](README.md).\n\n${sections.join('\n')}`);
