// jobs.mjs - jobs that are enqueued, run, and taken by sessions: each is done once.
//
// Who enqueues notes the job in the same transaction, and a job notes that it is
// done in its own, so at rest both tables must be the same.  Some of these transactions
// are prepared, and ended by anybody.  Of jobs with one key none has run beside another:
// one of two has seen what the other did.  A task that was told as done is.
import { sleep, until } from '../node/lib.mjs';
import { Trade } from './trade.mjs';

const senders = 3;
const workers = 2;
const askers = 1;
const keys = 3;

const declare = `SELECT realtime.queue('work', 'torture.work(jsonb, bigint, integer)', max_attempts => 100, backoff => '5 ms',
	max_backoff => '20 ms')`;

export class Jobs extends Trade {
	schema() {
		return `
			CREATE TABLE torture.wanted (job bigint);
			CREATE TABLE torture.done (job bigint, attempt integer, key text, xid xid8 DEFAULT pg_current_xact_id(),
				seen pg_snapshot DEFAULT pg_current_snapshot());
			CREATE TABLE torture.task_done (n bigint);
			CREATE TABLE torture.task_told (n bigint);
			CREATE FUNCTION torture.note(id bigint, attempt integer) RETURNS void LANGUAGE plpgsql AS $$
			BEGIN
				INSERT INTO torture.done (job, attempt, key) SELECT j.id, note.attempt, queue || ' ' || order_key FROM realtime.job j WHERE j.id = note.id;
			END $$;
			CREATE FUNCTION torture.work(payload jsonb, job bigint, attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
			BEGIN
				PERFORM torture.note(job, attempt);
				IF attempt <= (payload->>'fails')::integer THEN RAISE division_by_zero USING MESSAGE = 'division by zero'; END IF;
				PERFORM pg_sleep((payload->>'ms')::float8 / 1000);
				RETURN payload;
			END $$;
			CREATE FUNCTION torture.do_task(payload jsonb) RETURNS jsonb LANGUAGE sql AS $$
				INSERT INTO torture.task_done VALUES (payload::bigint) RETURNING payload$$;
			${declare};
			SELECT realtime.queue('task', 'torture.do_task(jsonb)');
			SELECT realtime.queue('hand', max_attempts => 1000, backoff => '0')`;
	}

	begin() {
		this.prepared = 0;
		return [
			...Array.from({ length: senders }, (unused, i) => this.send(this.round.random(`sender ${i}`))),
			...Array.from({ length: workers }, (unused, i) => this.work(this.round.random(`worker ${i}`))),
			...Array.from({ length: askers }, (unused, i) => this.ask(this.round.random(`asker ${i}`))),
		];
	}

	// Ends a transaction in one of the ways there are.
	async end(session, random) {
		const end = random.chance(0.1) ? 'ROLLBACK' : 'COMMIT';

		if (!random.chance(0.05)) {
			await session.query(end);
			return;
		}
		const name = `torture ${this.round.seed} ${++this.prepared}`;
		await session.query(`PREPARE TRANSACTION '${name}'`);
		this.round.count('prepared transactions of jobs');
		await sleep(random.between(0, 50));
		await session.query(`${end} PREPARED '${name}'`);
	}

	// Some in one transaction, of which some are rolled back.
	send(random) {
		return this.withSessions(async (session) => {
			const jobs = random.between(1, 30);
			const queue = random.chance(0.2) ? 'hand' : 'work';
			const payload = JSON.stringify({ fails: random.chance(0.1) ? random.between(1, 3) : 0, ms: random.chance(0.1) ? 30 : 0 });
			const delay = random.chance(0.2) ? random.between(1, 300) : 0;
			const key = random.chance(0.3) ? `key ${random.between(1, keys)}` : null;

			await session.query('BEGIN');
			await session.query(`INSERT INTO torture.wanted SELECT realtime.enqueue($1, $2, clock_timestamp() + $3 * interval '1 ms', n % 3,
				order_key => $5) FROM generate_series(1, $4) n`, [queue, payload, delay, jobs, key]);
			await this.end(session, random);
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
				await session.query('SELECT torture.note($1, $2)', [id, attempt]);
			for (const { id, attempt } of rows)
				await session.query('SELECT realtime.finish_job($1, attempt => $2)', [id, attempt]);
			await this.end(session, random);
			if (rows.length === 0)
				await sleep(10);
		});
	}

	// What a task has returned it has done.
	ask(random) {
		return this.withSessions(async (session) => {
			const n = random.between(1, 1000000000);

			await session.query(`SELECT realtime.run_task('task', $1, '10 s')`, [String(n)]);
			await session.query('INSERT INTO torture.task_told VALUES ($1)', [n]);
			this.round.count('tasks told');
			await sleep(random.between(0, 20));
		});
	}

	// What those have left who ended in between; nobody is told of what becomes of it, but a
	// queue that is declared anew is looked at.
	async endPrepared() {
		const left = (await this.server.psql(`SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'torture %'`)).split('\n').filter(Boolean);

		for (const name of left)
			await this.server.psql(`COMMIT PREPARED '${name}'`);
		if (this.prepared > 0)
			await this.server.psql(declare);
	}

	async finishByHand() {
		return this.server.psql(`BEGIN;
			WITH taken AS MATERIALIZED (SELECT * FROM realtime.take_jobs('hand', 10000)),
				noted AS MATERIALIZED (SELECT id, torture.note(id, attempt) FROM taken)
			SELECT count(realtime.finish_job(id)) FROM noted; COMMIT;
			SELECT count(*) FROM realtime.job`);
	}

	async rest() {
		await until(async () => {
			await this.endPrepared();
			return true;
		}, 'transactions that were prepared to be over');
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
			'jobs that were done beside another one of their key': `SELECT a.job FROM torture.done a JOIN torture.done b USING (key)
				WHERE a.job < b.job AND NOT pg_visible_in_snapshot(a.xid, b.seen) AND NOT pg_visible_in_snapshot(b.xid, a.seen)`,
			'tasks that are told and not done': 'SELECT n FROM torture.task_told EXCEPT SELECT n FROM torture.task_done',
			'tasks that were done twice': 'SELECT n FROM torture.task_done GROUP BY n HAVING count(*) > 1',
		});
		await this.count('jobs done', 'SELECT count(*) FROM torture.done');
	}

	clear() {
		return this.server.psql('TRUNCATE torture.wanted, torture.done, torture.task_done, torture.task_told, realtime.job_finished');
	}
}
