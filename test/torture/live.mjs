// live.mjs - changes live tables at random and compares, after each commit, what
// a client has with what the tables have.
//
//	const { failures, counts } = await tortureLive({ seed: 1, transactions: 5000 });
//
// The client applies events by key and knows nothing else.  The tables have
// deferrable keys and triggers of all kinds and names that write the same and
// other tables; transactions have savepoints that are rolled back.  At first one
// session writes, then several at once: then there is only so often a moment at
// which both can be compared.
import { pg, startServer } from '../node/lib.mjs';
import { Random } from './random.mjs';
import { schema, stateQuery, topics } from './live_schema.mjs';
import { planTransaction } from './live_transaction.mjs';

const writers = 4;
const together = 40;			// transactions of all writers between two comparisons
const shareTogether = 0.3;		// of all transactions
const failuresShown = 10;

// SQLSTATEs that transactions may end with
const expected = [
	'21000',	// cardinality_violation: a trigger has written what ON CONFLICT meets
	'23505',	// unique_violation
	'27000',	// triggered_data_change_violation
	'40001',	// serialization_failure
	'40P01',	// deadlock_detected
	'55006',	// object_in_use
	'55P03',	// lock_not_available
	'22003',	// numeric_value_out_of_range
	'23503',	// foreign_key_violation
];

// What a client has of one topic.  It is told why, if an event cannot be right.
class Copy {
	constructor(complain) {
		this.complain = complain;
		this.rows = new Map();
		this.seen = [];			// events
	}

	note({ event, data }) {
		if (event !== 'said')
			this.seen.push({ event, data });
	}

	apply({ event, data }) {
		if (event === 'said')
			return;
		this.note({ event, data });
		const known = this.rows.has(data.id);

		if (known === (event === 'created'))
			this.complain(`${event} of ${JSON.stringify(data)}, which the client ${known ? 'has' : 'has not'}`);
		switch (event) {
			case 'created':
				this.rows.set(data.id, data);
				break;
			case 'updated':
				if (known)
					this.rows.set(data.id, data);
				break;
			case 'deleted':
				this.rows.delete(data.id);
				break;
		}
	}
}

// Lines that can be compared; partitions have their columns in another order.
function lines(rows) {
	return rows.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort().join('\n');
}

// In the order of their coming
function eventLines(events) {
	return events.map(({ event, data }) => `${event} ${JSON.stringify(data)}`).join('\n');
}

class LiveRound {
	constructor({ seed, transactions, milliseconds, log }) {
		this.seed = seed;
		this.transactions = transactions;
		this.endsAt = Date.now() + milliseconds;
		this.log = log;
		this.failures = [];
		this.counts = new Map();
		this.committed = 0;
		this.synced = 0;
		this.last = '';
		this.copies = new Map(topics.map((topic) => [topic, new Copy((text) => this.fail(`${topic}: ${text}`))]));
	}

	fail(text) {
		if (this.failures.length < failuresShown)
			this.log(`FAILED: ${text}\nafter ${this.last}`);
		this.failures.push(text);
	}

	count(what, n = 1) {
		this.counts.set(what, (this.counts.get(what) ?? 0) + n);
	}

	get over() {
		return this.failures.length >= failuresShown || Date.now() > this.endsAt;
	}

	async session() {
		const session = new pg.Client({
			host: this.server.dir, port: 5432, user: 'postgres', database: 'postgres', statement_timeout: 30000,
		});

		await session.connect();
		await session.query('SET lock_timeout = 3000');
		return session;
	}

	async start() {
		this.server = await startServer({ settings: { max_wal_size: '4GB', deadlock_timeout: '50ms' }, extension: false });
		await this.server.psql(schema(new Random(this.seed, 'schema')));
		await this.server.ready();
		this.client = await this.server.connect();
		this.sessions = await Promise.all(Array.from({ length: writers }, () => this.session()));
		for (const topic of ['sync', ...topics])
			await this.subscribe(topic);
	}

	async subscribe(topic) {
		const ack = await this.client.subscribe(topic);

		if (ack.type !== 'subscribed')
			throw new Error(`${topic}: ${JSON.stringify(ack)}`);
	}

	async run() {
		const alone = Math.ceil(this.transactions * (1 - shareTogether));

		await this.start();
		const random = new Random(this.seed, 'writer');
		while (this.committed < alone && !this.over) {
			const { committed, reloads } = await this.transact(this.sessions[0], random);
			await this.compare({ once: true, silent: !committed, reloads });
		}
		await this.compareKept();
		const randoms = this.sessions.map((unused, i) => new Random(this.seed, `writer ${i}`));
		while (this.committed < this.transactions && !this.over) {
			const outcomes = await Promise.all(this.sessions.map((session, i) => this.transactOften(session, randoms[i])));
			await this.compare({ reloads: outcomes.some((outcome) => outcome.reloads) });
		}
		this.count('transactions committed', this.committed);
	}

	async transactOften(session, random) {
		let reloads = false;

		for (let i = 0; i < together / writers; i++) {
			const outcome = await this.transact(session, random);
			reloads ||= outcome.committed && outcome.reloads;
		}
		return { reloads };
	}

	async transact(session, random) {
		const { sql, reloads } = planTransaction(random);

		this.last = sql;
		try {
			const results = await session.query(sql);
			const committed = results.at(-1).command === 'COMMIT';
			this.committed += committed;
			this.count('transactions rolled back', !committed);
			return { committed, reloads };
		} catch (error) {
			await session.query('ROLLBACK');
			if (!expected.includes(error.code))
				this.fail(`${error.code}: ${error.message} ${error.where ?? ''}`);
			this.count(`transactions failed: ${error.code}`);
			return { committed: false, reloads };
		}
	}

	// What the tables have, when the client has got all events of before. A marker
	// may come behind an event that was published later, though not behind the one
	// that is published when that has come.
	async sync() {
		const number = ++this.synced;
		const end = this.client.next((f) => f.topic === 'sync' && f.data === number);
		const [, { rows }] = await this.sessions[0].query(
			`SELECT realtime.publish('sync', 'end', to_jsonb(${number})); ${stateQuery}`);

		await end;
		return rows;
	}

	// What the client gets up to now, and whether it then has what the tables
	// have.  once: no key of a topic twice; silent: nothing at all; reloads: it
	// may be told to load a topic again.
	async compare({ once = false, silent = false, reloads = false }) {
		if (reloads)
			await this.sync();
		const rows = await this.sync();
		this.client.frames.length = 0;
		const frames = this.client.unread.splice(0);
		const reloaded = this.applyAll(frames, once);

		if (silent && frames.length > 0)
			this.fail(`${frames.length} events of what was rolled back`);
		if (reloaded.size > 0 && !reloads)
			this.fail(`${[...reloaded].join(', ')}: to be loaded again`);
		for (const [topic, copy] of this.copies) {
			const has = rows.filter((row) => row.topic === topic).map(({ row }) => row);
			if (reloaded.has(topic))
				copy.rows = new Map(has.map((row) => [row.id, row]));
			else if (lines([...copy.rows.values()]) !== lines(has))
				this.fail(`${topic}: the client has\n${lines([...copy.rows.values()])}\nthe table\n${lines(has)}`);
		}
		for (const topic of reloaded)
			await this.subscribe(topic);
	}

	// Returns the topics that are to be loaded again.  What is told of such a topic
	// before the marker need not fit: in the same transaction a trigger may have
	// published before ours has seen what cannot be told.
	applyAll(frames, once) {
		const unfit = new Set(frames.filter(({ event }) => event === 'truncated').map(({ topic }) => topic));
		const reloaded = new Set();
		const seen = new Set();

		for (const frame of frames) {
			const key = `${frame.topic} ${frame.data.id}`;

			this.count(`events: ${frame.event}`);
			if (frame.event === 'truncated') {
				reloaded.add(frame.topic);
			} else if (!reloaded.has(frame.topic) && unfit.has(frame.topic)) {
				this.copies.get(frame.topic).note(frame);
			} else if (!reloaded.has(frame.topic)) {
				if (once && frame.event !== 'said' && seen.has(key))
					this.fail(`two events of ${key} in one transaction`);
				seen.add(key);
				this.copies.get(frame.topic).apply(frame);
			}
		}
		return reloaded;
	}

	// What is kept of replay topics is what the client was sent, but for what was
	// published by hand behind a marker.
	async compareKept() {
		const { rows } = await this.sessions[0].query(`SELECT topic, event, data::json AS data
			FROM realtime.replay_message WHERE event <> 'said' ORDER BY topic, seq`);

		this.count('events kept', rows.length);
		for (const [topic, copy] of this.copies) {
			const kept = rows.filter((row) => row.topic === topic);
			if (kept.length > 0 && eventLines(kept) !== eventLines(copy.seen))
				this.fail(`${topic}: of ${kept.length} events others were seen`);
		}
	}

	checkLog() {
		const unexpected = this.server.log().split('\n').filter((line) => /PANIC: |TRAP:|was terminated by signal/.test(line));

		for (const line of unexpected)
			this.fail(`in the log: ${line}`);
	}

	async stop() {
		await Promise.all((this.sessions ?? []).map((session) => session.end().catch(() => {})));
		await this.client?.close();
		await this.server?.stop('immediate').catch(() => {});
	}
}

// Options: seed, transactions to commit, milliseconds that it may take, log.
export async function tortureLive({ seed, transactions, milliseconds = 3600000, log = () => {} }) {
	const round = new LiveRound({ seed, transactions, milliseconds, log });

	try {
		await round.run();
		round.checkLog();
	} finally {
		await round.stop();
	}
	return { failures: round.failures, counts: round.counts };
}
