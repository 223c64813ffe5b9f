// jobs.mjs - jobs that are enqueued, run, and taken by sessions: each is done once.
//
// Who enqueues notes the job in the same transaction, and a job notes that it is
// done in its own, so at rest both tables must be the same.
import { sleep, until } from '../node/lib.mjs';
import { Trade } from './trade.mjs';

const senders = 3;
const workers = 2;

export class Jobs extends Trade {
	schema() {
		return `
			CREATE TABLE torture.wanted (job bigint);
			CREATE TABLE torture.done (job bigint, attempt integer);
			CREATE FUNCTION torture.work(payload jsonb, job bigint, attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
			BEGIN
				INSERT INTO torture.done VALUES (job, attempt);
				IF attempt <= (payload->>'fails')::integer THEN RAISE division_by_zero USING MESSAGE = 'division by zero'; END IF;
				PERFORM pg_sleep((payload->>'ms')::float8 / 1000);
				RETURN payload;
			END $$;
			SELECT realtime.queue('work', 'torture.work(jsonb, bigint, integer)', max_attempts => 100, backoff => '5 ms', max_backoff => '20 ms');
			SELECT realtime.queue('hand', max_attempts => 1000, backoff => '0')`;
	}

	begin() {
		return [
			...Array.from({ length: senders }, (unused, i) => this.send(this.round.random(`sender ${i}`))),
			...Array.from({ length: workers }, (unused, i) => this.work(this.round.random(`worker ${i}`))),
		];
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
			this.round.count('jobs enqueued, or rolled back', jobs);
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
		return this.server.psql(`BEGIN;
			WITH taken AS MATERIALIZED (SELECT * FROM realtime.take_jobs('hand', 10000)),
				noted AS (INSERT INTO torture.done SELECT id, attempt FROM taken)
			SELECT count(realtime.finish_job(id)) FROM taken; COMMIT;
			SELECT count(*) FROM realtime.job`);
	}

	async rest() {
		await until(async () => (await this.finishByHand().catch(() => '')).endsWith('\n0'), 'all jobs to be over');
		if (this.round.liar)
			await this.server.psql('INSERT INTO torture.done VALUES (0, 1), (0, 1)');
	}

	async compare() {
		await this.areNone({
			'jobs that were not done': 'SELECT job FROM torture.wanted EXCEPT SELECT job FROM torture.done',
			'jobs that nobody has wanted': 'SELECT job FROM torture.done EXCEPT SELECT job FROM torture.wanted',
			'jobs that were done twice': 'SELECT job FROM torture.done GROUP BY job HAVING count(*) > 1',
			'jobs that are not noted as done': `SELECT job FROM torture.wanted EXCEPT SELECT id FROM realtime.jobs WHERE state = 'done'`,
		});
		await this.count('jobs done', 'SELECT count(*) FROM torture.done');
	}

	clear() {
		return this.server.psql('TRUNCATE torture.wanted, torture.done, realtime.job_finished');
	}
}
