// publisher.mjs - who publishes, one transaction after the other, and knows of
// each how it ended.
//
// A connection that is lost on the way leaves a transaction rolled back, or,
// if its COMMIT may have been read, unknown: then the table is asked.
import { patience, sleep } from '../node/lib.mjs';
import { planCall, plannedError, planTransaction } from './transaction.mjs';

// Whether an error means that the session has ended or never began: it comes
// from the socket, or has such a SQLSTATE.
function isLost(error) {
	return error.severity === undefined || /^(57P0[1-5]|08...|53300)$/.test(error.code);
}

export class Publisher {
	constructor(round, number) {
		this.round = round;
		this.number = number;
		this.random = round.random(`publisher ${number}`);
		this.nextCounter = 1;
		this.transactions = [];		// see note()
	}

	// How a transaction ended: committed, rolled back or unknown.
	note(events, outcome, durable) {
		const kept = events.filter((e) => e.kept).map((e) => e.counter);
		const dropped = events.filter((e) => !e.kept).map((e) => e.counter);

		const transaction = { kept, dropped, outcome, durable, at: Date.now() };
		this.transactions.push(transaction);
		this.round.count(`transactions ${outcome}`);
		if (outcome === 'committed')
			this.round.committed += kept.length;
		return transaction;
	}

	// Calls attempt until it does not throw what a server that is away makes.
	async persist(attempt, what) {
		const deadline = Date.now() + 2 * patience;

		for (;;) {
			try {
				return await attempt();
			} catch (error) {
				if (!isLost(error) || Date.now() > deadline || this.round.over)
					throw new Error(`${what}: ${error.message}`);
				await sleep(20 + 60 * this.random.next());
			}
		}
	}
}

// Publishes in a session of its own.
export class SqlPublisher extends Publisher {
	async run() {
		while (!this.round.stopping) {
			this.session ??= await this.connect();
			await this.transact();
		}
		await this.session?.end().catch(() => {});
	}

	connect() {
		return this.persist(async () => {
			const session = this.round.session('torture', 'torture');
			await session.connect();
			return session;
		}, `publisher ${this.number} could not connect`);
	}

	async transact() {
		const plan = planTransaction(this.random, this.number, this.round.topicNames, this.nextCounter);
		this.nextCounter = plan.nextCounter;
		let outcome = plan.end === 'commit' ? 'committed' : 'rolled back';

		this.committing = false;
		try {
			await (plan.whole ? this.runWhole(plan) : this.runSteps(plan));
		} catch (error) {
			if (isLost(error)) {
				outcome = this.committing ? 'unknown' : 'rolled back';
				await this.session.end().catch(() => {});
				this.session = await this.connect();
			} else {
				// Nothing of a transaction is in anybody's way but a topic's lock.
				this.round.fail(`publisher ${this.number}: ${error.code} ${error.message} (${plan.isolation})`);
				outcome = 'rolled back';
				await this.session.query('ROLLBACK').catch(() => {});
			}
		}
		const transaction = this.note(plan.events, outcome, !plan.asynchronous);
		if (outcome === 'unknown')
			await this.look(transaction);
	}

	async runWhole(plan) {
		const end = plan.end === 'commit' ? 'COMMIT' : 'ROLLBACK';

		this.committing = plan.end === 'commit';
		await this.session.query([plan.begin, ...plan.statements.map((s) => s.sql), end].join('; '));
	}

	async runSteps(plan) {
		await this.session.query(plan.begin);
		for (const { sql, fails } of plan.statements) {
			const error = await this.session.query(sql).then(() => null, (e) => e);
			if (error && !(fails && error.code === plannedError.code))
				throw error;
		}
		this.committing = plan.end === 'commit';
		await this.session.query(this.committing ? 'COMMIT' : 'ROLLBACK');
	}

	// What has become of a transaction whose end nobody has heard of
	async look(transaction) {
		const seen = await this.persist(async () => {
			this.session ??= await this.connect();
			try {
				const { rows } = await this.session.query(
					`SELECT count(*)::int AS n FROM torture.event
					WHERE publisher = ${this.number} AND counter = ANY ($1)`, [transaction.kept]);
				return rows[0].n;
			} catch (error) {
				this.session = null;
				throw error;
			}
		}, `publisher ${this.number} could not look what it has committed`);

		this.round.count(seen > 0 ? 'unknown ones committed' : 'unknown ones rolled back');
		if (seen > 0 && seen < transaction.kept.length)
			this.round.fail(`publisher ${this.number}: ${seen} of the ${transaction.kept.length} events of a transaction are committed`);
		this.round.committed += seen;
		transaction.outcome = seen > 0 ? 'committed' : 'rolled back';
	}
}

// Publishes by calls, several at once, so that their commits share a flush.
export class CallPublisher extends Publisher {
	async run() {
		while (!this.round.stopping) {
			const client = await this.persist(() => this.round.client(),
				`publisher ${this.number} could not connect`);
			while (!this.round.stopping && client.closeCode === undefined) {
				const calls = this.random.between(1, 8);
				await Promise.all(Array.from({ length: calls }, () => this.call(client)));
				client.frames.length = 0;
			}
			await client.close();
		}
	}

	async call(client) {
		const plan = planCall(this.random, this.number, this.round.topicNames, this.nextCounter);
		this.nextCounter += plan.events.length;
		// The call may go on without us: then only the end of it all shows.
		const reply = await client.rpc('torture/say', plan.args).catch(() => ({ code: 'LOST' }));

		if (reply.ok || reply.code === 'CHANGED_MY_MIND') {
			if (Boolean(reply.ok) === plan.fails)
				this.round.fail(`publisher ${this.number}: the call was answered ${JSON.stringify(reply)}`);
			this.note(plan.events, reply.ok ? 'committed' : 'rolled back', true);
			return;
		}
		if (!['LOST', 'OVERLOADED', 'SERVICE_UNAVAILABLE', 'INTERNAL_ERROR', 'NOT_FOUND'].includes(reply.code))
			this.round.fail(`publisher ${this.number}: the call was answered ${JSON.stringify(reply)}`);
		this.round.count(`calls answered ${reply.code}`);
		this.note(plan.events, 'unknown', true);
		await sleep(20);
	}
}
