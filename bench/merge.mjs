// merge.mjs - what the client needs to change a value by an event, for the part "merge"
// of bench/run, and what a plain list would need.
//
//   node merge.mjs <seconds>       prints a line for each way, size and system
//
// Time is that of the CPU, whatever else runs on the machine.
import { createValue } from '../client/src/merge.js';

let seconds = 0.05;				// of each measurement; at first all is compiled
const sizes = [100, 1000, 10000];
// The name of the key, and of the events by which a row changes, comes and goes.
const ways = {
  crud: ['id', 'updated', 'created', 'deleted'],
  presence: ['key', 'join', 'join', 'leave'],
  cursor: ['key', 'update', 'update', 'remove'],
  latest: ['id', 'said', 'said'],
  set: ['id', 'changed'],
};

// A list in which each row is looked for, and of which another one is made.
const plain = {
  put: (list, key, row) => {
    const at = list.findIndex((one) => one[key] === row[key]);
    return at < 0 ? [...list, row] : list.with?.(at, row) ?? list.map((one, i) => (i === at ? row : one));
  },
  remove: (list, key, row) => list.filter((one) => one[key] !== row[key]),
};

function systemsOf(merge, size) {
  const [key, , , goes] = ways[merge];
  let list = [];
  const value = createValue({ merge, key, max: merge === 'latest' ? size : 0 });

  return {
    realtime: { load: (data) => value.load(data), apply: (event, row) => value.apply(event, row), snapshot: () => value.snapshot() },
    plain: {
      load: (data) => { list = data; },
      apply: (event, row) => {
        if (merge === 'set') list = row;
        else if (merge === 'latest') list = [...list, row].slice(-size);
        else list = event === goes ? plain.remove(list, key, row) : plain.put(list, key, row);
      },
      snapshot: () => list,
    },
  };
}

// Nanoseconds that run(i) takes, in pieces of so many.
function measure(run) {
  const spent = () => { const { user, system } = process.cpuUsage(); return (user + system) * 1000; };
  let i = 0;

  for (const end = performance.now() + seconds * 100; performance.now() < end;) run(i++);
  const [from, first] = [spent(), i];
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
    for (let piece = 0; piece < 32; piece++) run(i++);
  }
  return (spent() - from) / (i - first);
}

function measureAll(merge, size, { load, apply, snapshot }) {
  const [key, changes, comes, goes] = ways[merge];
  // made before, twice as many as are there at a time
  const rows = Array.from({ length: 2 * size }, (_, i) => ({ [key]: `row ${i}`, n: i, name: 'somebody', at: '2026-01-01T00:00:00Z' }));
  const data = merge === 'set' ? { rows } : rows.slice(0, size);
  const some = merge === 'set' ? () => data : (i) => rows[(i * 7919) % size];			// in no order
  const figures = {};

  load(data);
  figures.change = measure((i) => apply(changes, some(i)));
  if (goes) {
    load(data);
    figures.pass = measure((i) => {
      apply(comes, rows[(size + i) % (2 * size)]);
      apply(goes, rows[i % (2 * size)]);
    }) / 2;
  }
  load(data);
  figures.frame = measure((i) => {
    for (let n = 0; n < 16; n++) apply(changes, some(16 * i + n));
    snapshot();
  }) / 16;
  return figures;
}

function* all() {
  for (const merge of Object.keys(ways)) {
    for (const size of sizes) {
      for (const [system, value] of Object.entries(systemsOf(merge, size))) yield [merge, size, system, measureAll(merge, size, value)];
    }
  }
}

for (const figures of all()) void figures;
seconds = Number(process.argv[2] ?? 3) / 10;
for (const [merge, size, system, { change, pass = NaN, frame }] of all())
  console.log(`result merge=${merge} size=${size} system=${system} change_ns=${change.toFixed(1)} pass_ns=${pass.toFixed(1)} frame_ns=${frame.toFixed(1)} `);
