// jobs.mjs - graphile-worker, pg-boss and, for latencies, realtime, for the part "jobs"
// of bench/run.
//
//   node jobs.mjs <system> throughput <jobs> <nothing|insert>
//   node jobs.mjs <system> latency <jobs>
//
// The database is that of PGHOST and its kin.  Systems: realtime, and graphile-worker and
// pg-boss as their documentation has them for most, and each with what it has for
// many short jobs (-batch): local queues and batches of completions, and batches of
// jobs.  The last line is for machines.
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { makeWorkerUtils, run } from 'graphile-worker';
import { PgBoss } from 'pg-boss';

const [system, mode, countText, work = 'nothing'] = process.argv.slice(2);
const count = Number(countText);
const batch = system.endsWith('-batch');
const connectionString = `postgres://${process.env.PGUSER}@${process.env.PGHOST}:${process.env.PGPORT}/${process.env.PGDATABASE}`;
const pool = new pg.Pool({ connectionString, max: 10 });

const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const asked = [];		// when job n was enqueued, in ms,
const told = [];		// its commit was known,
const begun = [];		// and it began
let began = 0;

const insert = 'INSERT INTO bench.job_effect (n) VALUES ($1)';

// What a job does; query runs a statement.
async function handle(payload, query) {
  if (began === 0) began = now();
  if (mode === 'latency') begun[payload.n] = now();
  if (work === 'insert') await query(insert, [payload.n]);
}

// ---- graphile-worker ----

const silent = { error() {}, warn() {}, info() {}, debug() {} };

async function graphile() {
  const { Logger } = await import('graphile-worker');
  const logger = new Logger(() => (level, message) => { if (level === 'error') console.error(message); });
  const preset = { worker: { connectionString, maxPoolSize: 20, concurrentJobs: batch ? 24 : 20, pollInterval: 2000, logger,
    ...(batch ? { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {}) } };
  const utils = await makeWorkerUtils({ preset });
  await utils.migrate();
  await pool.query('TRUNCATE graphile_worker._private_jobs');
  let runner;
  return {
    enqueueMany: async () => {
      for (let n = 0; n < count; n += 1000) {
        await pool.query(`SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(SELECT json_populate_record(NULL::graphile_worker.job_spec,
          json_build_object('identifier', 'bench', 'payload', json_build_object('n', n))) FROM generate_series($1::integer + 1, least($1 + 1000, $2::integer)) n))`, [n, count]);
      }
    },
    enqueueOne: (n) => pool.query(`SELECT graphile_worker.add_job('bench', json_build_object('n', $1::integer))`, [n]),
    start: async () => {
      runner = await run({ preset, taskList: {
        bench: (payload, helpers) => handle(payload, helpers.query) } });
    },
    left: 'SELECT count(*)::integer AS n FROM graphile_worker._private_jobs',
    stop: async () => { await runner.stop(); await utils.release(); },
  };
}

// ---- pg-boss ----

async function boss() {
  const instance = new PgBoss({ connectionString, max: 20, useListenNotify: true, supervise: false, schedule: false });
  instance.on('error', (error) => console.error(error.message));
  instance.on('warning', () => {});
  await instance.start();
  await instance.deleteQueue('bench').catch(() => {});
  await instance.createQueue('bench', { notify: true });
  return {
    enqueueMany: async () => {
      for (let n = 0; n < count; n += 1000) {
        await instance.insert('bench', Array.from({ length: Math.min(1000, count - n) }, (_, i) => ({ data: { n: n + i } })));
      }
    },
    enqueueOne: async (n) => instance.send('bench', { n }),
    start: () => instance.work('bench', { pollingIntervalSeconds: 0.5, burstWhenBatchFull: true,
      ...(batch ? { batchSize: 1000 } : { batchSize: 20, localConcurrency: 2 }) },
      (jobs) => Promise.all(jobs.map((job) => handle(job.data, (sql, values) => pool.query(sql, values))))),
    left: "SELECT count(*)::integer AS n FROM pgboss.job WHERE name = 'bench' AND state < 'completed'",
    stop: () => instance.stop({ graceful: false }),
  };
}

// ---- realtime ----

// Its jobs note themselves when they begin; nobody works here.
async function realtime() {
  await pool.query('TRUNCATE bench.job_start');
  return {
    enqueueOne: (n) => pool.query(`SELECT realtime.enqueue('late', jsonb_build_object('n', $1::integer))`, [n]),
    start: async () => {},
    stop: async () => {
      const { rows } = await pool.query('SELECT n, ms FROM bench.job_start');
      for (const { n, ms } of rows) begun[n] = ms;
    },
  };
}

// ---- what is measured ----

async function untilEmpty(queue) {
  for (;;) {
    const { rows: [{ n }] } = await pool.query(queue.left);
    if (n === 0) return;
    await sleep(n > 2000 ? 50 : 5);
  }
}

async function throughput(queue) {
  await queue.enqueueMany();
  await pool.query('CHECKPOINT');
  await queue.start();
  await untilEmpty(queue);
  const seconds = (now() - began) / 1000;
  console.log(`result per_second=${Math.round(count / seconds)}`);
}

function percentile(values, part) {
  const sorted = values.sort((a, b) => a - b);

  return Math.round(1000 * sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);
}

async function latency(queue) {
  await queue.start();
  await sleep(1000);
  for (let n = 0; n < count; n++) {
    asked[n] = now();
    await queue.enqueueOne(n);
    told[n] = now();
    await sleep(20 + Math.random() * 10);
  }
  await sleep(3000);
  await queue.stop();
  const all = asked.map((unused, n) => n).filter((n) => begun[n] !== undefined);
  const begin = all.map((n) => begun[n] - asked[n]);
  console.log(`result p50_us=${percentile(begin, 0.5)} p99_us=${percentile(begin, 0.99)} enqueue_us=${percentile(told.map((at, n) => at - asked[n]), 0.5)
    } after_us=${percentile(all.map((n) => begun[n] - told[n]), 0.5)} missing=${count - all.length}`);
}

const queue = await (system === 'realtime' ? realtime() : system.startsWith('graphile') ? graphile() : boss());
if (mode === 'throughput') {
  await throughput(queue);
  await queue.stop();
} else {
  await latency(queue);
}
await pool.end();
process.exit(0);
