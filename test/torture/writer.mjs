// writer.mjs - who writes what the followers follow.
import { sleep } from '../node/lib.mjs';
import { actions, keyOf, keys } from './handoff_schema.mjs';
import { SqlPublisher } from './publisher.mjs';

export class Writer extends SqlPublisher {
	async run() {
		while (!this.round.stopping) {
			this.session ??= await this.connect();
			await this.transact();
			await this.keepPace();
		}
		await this.session?.end().catch(() => {});
	}

	// Events are spread over the time that the round is to take.
	async keepPace() {
		while (this.round.isAhead && !this.round.stopping)
			await sleep(5);
	}

	async transact() {
		const { sql, events } = this.plan();

		try {
			await this.session.query(sql);
			this.round.committed += events;
		} catch (error) {
			// Whether it has committed, the tables know.
			this.round.count('transactions lost');
			await this.session.end().catch(() => {});
			if (error.severity !== undefined && !/^57P0|^08/.test(error.code))
				this.round.fail(`writer ${this.number}: ${error.code} ${error.message}`);
			this.session = null;
		}
	}

	// One transaction, in one message
	plan() {
		const steps = Array.from({ length: this.random.between(1, 4) }, () => this.draw());
		const kept = steps.map(() => this.random.chance(0.95));
		const commits = this.random.chance(0.95);
		// In one order, so that none waits for another in a circle
		const order = [...steps.keys()].sort((a, b) => (steps[a].place < steps[b].place ? -1 : 1));
		const statements = order.map((i) => (kept[i] ? steps[i].sql
			: `SAVEPOINT s; ${steps[i].sql}; ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s`));

		if (this.round.invalidates && this.random.chance(0.01))
			statements.push(`SELECT realtime.invalidate('${this.random.pick(this.round.topics).name}')`);
		return {
			sql: ['BEGIN', ...statements, commits ? 'COMMIT' : 'ROLLBACK'].join('; '),
			events: commits ? kept.filter(Boolean).length : 0,
		};
	}

	draw() {
		const { name, merge } = this.random.pick(this.round.topics);
		const key = keyOf[merge] ? this.random.between(1, keys) : 0;

		return {
			place: `${name} ${String(key).padStart(3)}`,
			sql: `SELECT handoff.write('${name}', '${merge}', ${key}, '${this.random.pick(actions[merge])}', ${this.number})`,
		};
	}
}
