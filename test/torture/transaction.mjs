// transaction.mjs - draws what a transaction does.
//
// It publishes events on replay topics, each with the number that its publisher
// counts it by, and records each in torture.event.  Savepoints nest; some are
// rolled back, some after an error, and so are some transactions: "kept" says
// of every event whether a commit of the transaction commits it.

const isolations = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'];

// What the planned error is known by: nothing else fails with it.
export const plannedError = { sql: 'SELECT 1/0', code: '22012' };

const maxDepth = 3;		// of savepoints

class Plan {
	constructor(random, publisher, topics, firstCounter) {
		this.random = random;
		this.publisher = publisher;
		this.topics = topics;
		this.events = [];			// {counter, topic, kept}
		this.statements = [];		// {sql, fails}
		this.savepoints = 0;
		this.nextCounter = firstCounter;
		this.isolation = random.pick(isolations);
		this.asynchronous = random.chance(0.25);
		this.block(0);
		this.end = random.chance(0.1) ? 'rollback' : random.chance(0.08) ? 'error' : 'commit';
		if (this.end === 'error')
			this.add(plannedError.sql, true);
		if (this.end !== 'commit')
			this.events.forEach((event) => { event.kept = false; });
		// In one message, unless errors are to be overcome on the way
		this.whole = !this.statements.some((statement) => statement.fails) && random.chance(0.6);
	}

	get begin() {
		return `BEGIN ISOLATION LEVEL ${this.isolation}` +
			(this.asynchronous ? '; SET LOCAL synchronous_commit = off' : '');
	}

	add(sql, fails = false) {
		this.statements.push({ sql, fails });
	}

	block(depth) {
		for (let i = this.random.between(1, depth === 0 ? 3 : 2); i > 0; i--) {
			if (depth < maxDepth && this.random.chance(0.25))
				this.savepoint(depth);
			else
				this.publish();
			if (this.random.chance(0.03))
				this.add('SELECT pg_sleep(0.005)');
		}
	}

	savepoint(depth) {
		const name = `s${++this.savepoints}`;
		const first = this.events.length;

		this.add(`SAVEPOINT ${name}`);
		this.block(depth + 1);
		const fate = this.random.next();
		if (fate < 0.45) {
			this.add(`RELEASE ${name}`);
		} else if (fate < 0.9) {
			if (fate > 0.8)
				this.add(plannedError.sql, true);
			this.add(`ROLLBACK TO ${name}`);
			for (const event of this.events.slice(first))
				event.kept = false;
		}
		// else it stays open until the transaction ends
	}

	publish() {
		const events = Array.from({ length: this.random.between(1, 3) }, () => this.event());
		const values = events.map((e) => `(${this.publisher}, ${e.counter}, '${e.topic}')`);

		this.events.push(...events);
		this.add(`INSERT INTO torture.event (publisher, counter, topic) VALUES ${values.join(', ')}`);
		if (this.random.chance(0.3)) {
			const envelopes = events.map((e) => `('${e.topic}', 'created', '${this.data(e)}')::realtime.envelope`);
			this.add(`SELECT realtime.publish(ARRAY[${envelopes.join(', ')}])`);
		} else {
			for (const e of events)
				this.add(`SELECT realtime.publish('${e.topic}', 'created', '${this.data(e)}')`);
		}
	}

	event() {
		return { counter: this.nextCounter++, topic: this.random.pick(this.topics), kept: true };
	}

	data({ counter }) {
		const length = this.random.chance(0.02) ? 4000 : this.random.between(0, 150);

		return JSON.stringify({
			id: `${this.publisher}-${counter}`, p: this.publisher, c: counter, pad: 'x'.repeat(length),
		});
	}
}

// The next transaction of a publisher that has counted up to firstCounter - 1.
export function planTransaction(random, publisher, topics, firstCounter) {
	return new Plan(random, publisher, topics, firstCounter);
}

// Arguments of a call of torture/say: the same in one function, whose
// subtransactions do not nest.
export function planCall(random, publisher, topics, firstCounter) {
	const fails = random.chance(0.1);
	const events = Array.from({ length: random.between(1, 5) }, (unused, i) => ({
		counter: firstCounter + i, topic: random.pick(topics), kept: !random.chance(0.15),
	}));
	const dropped = events.filter((e) => !e.kept).map((e) => e.counter);

	if (fails)
		events.forEach((event) => { event.kept = false; });
	return {
		events, fails,
		args: [publisher, firstCounter, events.map((e) => e.topic), dropped, fails],
	};
}
