// rivals.mjs - other ways to keep the rows of a query true, for the same work:
// from a change of one row until a program knows the new rows.
//
//   node rivals.mjs pglite|tanstack|notify <rows> <changes>
//
// pglite    live.incrementalQuery() of PGlite, a PostgreSQL in the process
// tanstack  a live query of TanStack DB over a collection in memory, in an order
// notify    a session that LISTENs and runs the query again, through pg
//
// Prints a line for machines: p50_us=... p99_us=...
import { performance } from 'node:perf_hooks';

const [system, rowsText, changesText] = process.argv.slice(2);
const rows = Number(rowsText);
const changes = Number(changesText);

// Changes one row after the other, when the one before has been seen.
async function measure(change, seen) {
  const times = [];
  for (let i = 0; i < changes + 1; i += 1) {
    const id = 1 + Math.floor(Math.random() * rows);
    const arrived = seen(id, i + 1);
    const began = performance.now();
    await change(id, i + 1);
    await arrived;
    // the first one is to warm up
    if (i > 0) times.push((performance.now() - began) * 1000);
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
  console.log(`result system=${system} rows=${rows} p50_us=${at(0.5).toFixed(1)} p99_us=${at(0.99).toFixed(1)}`);
}

// A promise for the moment at which row id has t, looked at by told(rows by id).
function watcher() {
  let wanted;
  return {
    seen: (id, t) => new Promise((resolve) => { wanted = { id, t, resolve }; }),
    told: (tOf) => {
      if (wanted && Number(tOf(wanted.id)) === wanted.t) {
        wanted.resolve();
        wanted = undefined;
      }
    },
  };
}

async function pglite() {
  const { PGlite } = await import('@electric-sql/pglite');
  const { live } = await import('@electric-sql/pglite/live');
  const db = await PGlite.create({ extensions: { live } });
  await db.exec(`CREATE TABLE item (id integer PRIMARY KEY, place integer NOT NULL, t bigint NOT NULL DEFAULT 0);
    INSERT INTO item SELECT i, i FROM generate_series(1, ${rows}) i;`);
  const { seen, told } = watcher();
  await db.live.incrementalQuery({
    query: 'SELECT id, place, t FROM item',
    key: 'id',
    callback: (result) => {
      const byId = new Map(result.rows.map((row) => [row.id, row]));
      told((id) => byId.get(id)?.t);
    },
  });
  await measure((id, t) => db.query('UPDATE item SET t = $2 WHERE id = $1', [id, t]), seen);
}

async function tanstack() {
  const { createCollection, createLiveQueryCollection } = await import('@tanstack/db');
  let sync;
  const items = createCollection({
    id: 'items',
    getKey: (item) => item.id,
    startSync: true,
    sync: {
      sync: (parameters) => {
        sync = parameters;
        sync.begin();
        for (let id = 1; id <= rows; id += 1) sync.write({ type: 'insert', value: { id, place: id, t: 0 } });
        sync.commit();
        sync.markReady();
      },
    },
  });
  const { seen, told } = watcher();
  const ordered = createLiveQueryCollection({
    startSync: true,
    query: (q) => q.from({ item: items }).orderBy(({ item }) => item.place).select(({ item }) => ({ id: item.id, place: item.place, t: item.t })),
  });
  await ordered.preload();
  ordered.subscribeChanges(() => told((id) => ordered.get(id)?.t));
  await measure((id, t) => {
    sync.begin();
    sync.write({ type: 'update', value: { id, place: id, t } });
    sync.commit();
  }, seen);
}

async function notify() {
  const { default: pg } = await import('pg');
  const reader = new pg.Client();
  const writer = new pg.Client();
  await reader.connect();
  await writer.connect();
  const { seen, told } = watcher();
  let before = new Map();
  const load = async () => {
    const result = await reader.query({ name: 'load', text: 'SELECT id, place, t FROM bench.q_rival WHERE size = $1', values: [rows] });
    const after = new Map(result.rows.map((row) => [row.id, row]));
    // what a subscriber would be told
    for (const [id, row] of after) if (before.get(id)?.t !== row.t) told((wanted) => after.get(wanted)?.t);
    before = after;
  };
  reader.on('notification', load);
  await reader.query('LISTEN q_rival');
  await load();
  await measure((id, t) => writer.query({ name: 'touch', text: 'UPDATE bench.q_rival SET t = $2 WHERE id = $1', values: [rows + id, t] }),
    (id, t) => seen(rows + id, t));
}

await { pglite, tanstack, notify }[system]();
process.exit(0);
