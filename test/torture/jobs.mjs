// jobs.mjs - jobs are enqueued, run, taken by sessions and come at their times while
// processes and the server end, and afterwards each has been done once.
//
//	const { failures, counts } = await tortureJobs({ seed: 1, kills: 20 });
//
// Who enqueues notes the job in the same transaction, and a job notes that it is
// done in its own, so at rest both tables must be the same.  A job of realtime.cron()
// notes each run, of which there must be one for each second.
import { sleep, startServer, until } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { failuresShown, ServerRound } from './server_round.mjs';

const actions = ['endExecutor', 'endExecutor', 'killExecutor', 'endScheduler', 'killScheduler', 'endLauncher',
	'killGateway', 'endBackends', 'endBackends', 'crashServer', 'crashServer'];
const senders = 3;
const workers = 2;

class JobChaos extends Chaos {
	// The postmaster ends and starts all the others.
	async kill(kind) {
		const before = await this.gateways();

		this.signal(await this.worker(kind), 'SIGKILL');
		await until(async () => !(await this.gateways()).some((pid) => before.includes(pid)), 'the server to restart');
		await this.server.ready();
	}

	killExecutor() {
		return this.kill('executor');
	}

	killScheduler() {
		return this.kill('scheduler');
	}
}

class JobsRound extends ServerRound {
	constructor({ kills, liar, ...base }) {
		super(base);
		this.kills = kills;
		this.liar = liar;
		this.chaos = new JobChaos(this, actions);
	}

	async start() {
		this.server = await startServer({
			settings: { 'realtime.executors': 3, 'realtime.max_executors': 8, 'realtime.cron_grace': '1h' },
		});
		await this.server.psql(`
			CREATE ROLE torture LOGIN SUPERUSER;
			CREATE SCHEMA torture;
			CREATE TABLE torture.wanted (job bigint);
			CREATE TABLE torture.done (job bigint, attempt integer);
			CREATE TABLE torture.tick (n serial);
			CREATE FUNCTION torture.work(payload jsonb, job bigint, attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
			BEGIN
				INSERT INTO torture.done VALUES (job, attempt);
				IF attempt <= (payload->>'fails')::integer THEN RAISE division_by_zero USING MESSAGE = 'division by zero'; END IF;
				PERFORM pg_sleep((payload->>'ms')::float8 / 1000);
				RETURN payload;
			END $$;
			CREATE FUNCTION torture.tick() RETURNS void LANGUAGE sql AS $$INSERT INTO torture.tick DEFAULT VALUES$$;
			SELECT realtime.queue('work', 'torture.work(jsonb, bigint, integer)', max_attempts => 100, backoff => '5 ms', max_backoff => '20 ms');
			SELECT realtime.queue('hand', max_attempts => 1000, backoff => '0');
			SELECT realtime.cron('torture/tick', '* * * * * *', 'torture.tick()', missed => 'all')`);
	}

	async run() {
		await this.start();
		const busy = [
			...Array.from({ length: senders }, (unused, i) => this.send(this.random(`sender ${i}`))),
			...Array.from({ length: workers }, (unused, i) => this.work(this.random(`worker ${i}`))),
		];
		const random = this.random('kills');
		for (let kill = 1; kill <= this.kills && this.failures.length < failuresShown; kill++) {
			await sleep(random.between(0, 400));
			await this.chaos.act();
			if (kill % 10 === 0)
				this.log(`${kill} kills`);
		}
		this.over = true;
		await Promise.all(busy);
		await this.compare();
		this.checkLog();
	}

	// With a session of its own until that ends, and then another one.
	async withSessions(act) {
		let session = null;

		while (!this.over) {
			try {
				if (session === null) {
					session = this.session('torture', 'torture sender');
					await session.connect();
				}
				await act(session);
			} catch (error) {
				await session?.end().catch(() => {});
				session = null;
				await sleep(20);
			}
		}
		await session?.end().catch(() => {});
	}

	// Some in one transaction, of which some are rolled back.
	send(random) {
		return this.withSessions(async (session) => {
			const jobs = random.between(1, 30);
			const queue = random.chance(0.2) ? 'hand' : 'work';
			const payload = JSON.stringify({ fails: random.chance(0.1) ? random.between(1, 3) : 0, ms: random.chance(0.1) ? 30 : 0 });
			const delay = random.chance(0.2) ? random.between(1, 300) : 0;

			await session.query('BEGIN');
			await session.query(`INSERT INTO torture.wanted SELECT realtime.enqueue($1, $2, clock_timestamp() + $3 * interval '1 ms', n % 3)
				FROM generate_series(1, $4) n`, [queue, payload, delay, jobs]);
			await session.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
			this.count('jobs enqueued, or rolled back', jobs);
			await sleep(random.between(0, 20));
		});
	}

	// Sessions as workers: what they do and that it is done are one.
	work(random) {
		return this.withSessions(async (session) => {
			await session.query('BEGIN');
			const { rows } = await session.query(`SELECT * FROM realtime.take_jobs('hand', $1)`, [random.between(1, 20)]);
			for (const { id, attempt } of rows)
				await session.query('INSERT INTO torture.done VALUES ($1, $2)', [id, attempt]);
			for (const { id, attempt } of rows)
				await session.query('SELECT realtime.finish_job($1, attempt => $2)', [id, attempt]);
			await session.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
			if (rows.length === 0)
				await sleep(10);
		});
	}

	async finishByHand() {
		await this.server.psql(`BEGIN;
			WITH taken AS MATERIALIZED (SELECT * FROM realtime.take_jobs('hand', 10000)),
				noted AS (INSERT INTO torture.done SELECT id, attempt FROM taken)
			SELECT count(realtime.finish_job(id)) FROM taken; COMMIT`);
	}

	async compare() {
		await until(async () => {
			await this.finishByHand().catch(() => {});
			return (await this.server.psql('SELECT count(*) FROM realtime.job').catch(() => '')) === '0';
		}, 'all jobs to be over');
		if (this.liar)
			await this.server.psql('INSERT INTO torture.done SELECT job, 1 FROM torture.done LIMIT 1');
		await this.isNone('jobs that were not done', 'SELECT job FROM torture.wanted EXCEPT SELECT job FROM torture.done');
		await this.isNone('jobs that nobody has wanted', 'SELECT job FROM torture.done EXCEPT SELECT job FROM torture.wanted');
		await this.isNone('jobs that were done twice', 'SELECT job FROM torture.done GROUP BY job HAVING count(*) > 1');
		await this.isNone('jobs that are not noted as done', `SELECT job FROM torture.wanted EXCEPT SELECT id FROM realtime.jobs WHERE state = 'done'`);
		await this.compareTicks();
		this.counts.set('jobs done', Number(await this.server.psql('SELECT count(*) FROM torture.done')));
	}

	async isNone(what, query) {
		const some = await this.server.psql(`SELECT string_agg(x::text, ', ') FROM (SELECT * FROM (${query}) q LIMIT 10) x`);

		if (some !== '')
			this.fail(`${what}: ${some}`);
	}

	// One for each second, however often the server was down.
	async compareTicks() {
		await this.server.psql(`SELECT realtime.alter_cron('torture/tick', active => false)`);
		await sleep(500);
		const [runs, ticks] = (await this.server.psql(`SELECT sum(runs), (SELECT count(*) FROM torture.tick) FROM realtime.cron_state`)).split('|');

		if (runs !== ticks)
			this.fail(`${runs} runs of a job at times have left ${ticks} rows`);
		await this.isNone('times that were run twice', 'SELECT due_at FROM realtime.cron_run GROUP BY due_at HAVING count(*) > 1');
		await this.isNone('times that were not run', `SELECT due_at FROM (SELECT due_at, lag(due_at) OVER (ORDER BY due_at) AS before FROM realtime.cron_run) r
			WHERE due_at - before > interval '1 s'`);
		this.counts.set('times of a job', Number(ticks));
	}

	end() {
		this.over = true;
	}
}

// Options: seed, kills, liar (one job is said to be done twice), log.
export function tortureJobs({ seed, kills, liar = false, log = () => {} }) {
	return new JobsRound({ seed, kills, liar, log }).complete();
}
