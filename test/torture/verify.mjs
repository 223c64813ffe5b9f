// verify.mjs - compares, when all is over, what was committed, what is numbered
// and what the clients have seen.
//
// torture.event is the truth about what was committed: its rows were written by
// the transactions that published.
import { eventKey } from './subscriber.mjs';

// Rows of one topic by number, each with what torture.event says about it
const rowsQuery = `
	SELECT m.seq::float8 AS seq, (m.data->>'p')::int AS p, (m.data->>'c')::int AS c,
		e.topic AS recorded,
		(extract(epoch FROM pg_xact_commit_timestamp(e.xmin)) * 1000000)::float8 AS committed_at
	FROM realtime.replay($1, 0) AS m
	LEFT JOIN torture.event AS e ON e.publisher = (m.data->>'p')::int AND e.counter = (m.data->>'c')::int
	ORDER BY m.seq`;

export async function verify(round) {
	const session = round.session('postgres');

	await session.connect();
	try {
		const recorded = await session.query({ text: 'SELECT publisher, counter FROM torture.event', rowMode: 'array' });
		const committed = new Set(recorded.rows.map(([publisher, counter]) => eventKey(publisher, counter)));
		const numbered = new Map();		// topic → keys in order

		for (const { name } of round.topics) {
			const { rows } = await session.query(rowsQuery, [name]);
			numbered.set(name, checkTopic(round, name, rows));
		}
		checkCommitted(round, committed, numbered);
		for (const subscriber of round.subscribers)
			checkSubscriber(round, subscriber, numbered);
		for (const publisher of round.publishers)
			checkPublisher(round, publisher, committed);
		round.counts.set('events committed', committed.size);
	} finally {
		await session.end();
	}
}

// Numbers have no gap and are in the order of commits.  Returns the events.
function checkTopic(round, name, rows) {
	let committedAt = 0;

	rows.forEach((row, i) => {
		const { seq, p, c, recorded } = row;

		if (seq !== i + 1)
			round.fail(`${name}: number ${seq} follows ${i}`);
		if (recorded === null)
			round.fail(`${name}: event ${seq} (${p}-${c}) was not committed`);
		else if (recorded !== name)
			round.fail(`${name}: event ${seq} (${p}-${c}) was published on ${recorded}`);
		if (row.committed_at < committedAt)
			round.fail(`${name}: event ${seq} was committed before event ${seq - 1}`);
		committedAt = row.committed_at;
	});
	checkOrder(round, name, rows);
	return rows.map(({ p, c }) => eventKey(p, c));
}

// Events of one session are numbered as it published them.  (Calls of one
// connection run beside each other.)
function checkOrder(round, name, rows) {
	const last = new Map();

	for (const { seq, p, c } of rows) {
		if (c <= (last.get(p) ?? 0) && round.isSession(p))
			round.fail(`${name}: event ${seq} (${p}-${c}) stands behind ${p}-${last.get(p)}`);
		last.set(p, c);
	}
}

// What was committed is numbered, once.
function checkCommitted(round, committed, numbered) {
	const seen = new Set();

	for (const [name, keys] of numbered) {
		for (const key of keys) {
			if (seen.has(key))
				round.fail(`${name}: ${key} has two numbers`);
			seen.add(key);
		}
	}
	for (const key of committed) {
		if (!seen.has(key))
			round.fail(`${key} was committed and has no number`);
	}
}

// A client has seen what is numbered, and each number was that event's when
// it saw it.
function checkSubscriber(round, subscriber, numbered) {
	for (const [name, { history }] of subscriber.topics) {
		const keys = numbered.get(name);

		if (history.length !== keys.length)
			subscriber.fail(`${name}: it has seen ${history.length} of ${keys.length} events`);
		const wrong = history.findIndex((key, i) => key !== keys[i]);
		if (wrong >= 0)
			subscriber.fail(`${name}: event ${wrong + 1} is ${keys[wrong]}, it has seen ${history[wrong]}`);
	}
}

// Transactions are there as a whole or not at all, as their publisher was told.
function checkPublisher(round, publisher, committed) {
	const isCommitted = (counter) => committed.has(eventKey(publisher.number, counter));

	for (const { kept, dropped, outcome, durable, at } of publisher.transactions) {
		const there = kept.filter(isCommitted).length;
		const name = `transaction with event ${publisher.number}-${kept[0] ?? dropped[0]}`;

		if (dropped.some(isCommitted))
			round.fail(`${name}: an event that was rolled back is committed`);
		if (there > 0 && there < kept.length)
			round.fail(`${name}: ${there} of ${kept.length} events are committed`);
		if (outcome === 'rolled back' && there > 0)
			round.fail(`${name}: it was rolled back and is committed`);
		// A crash soon after it takes a commit that did not wait for the disk.
		if (outcome === 'committed' && there < kept.length &&
			(durable || !round.chaos.crashes.some((time) => time > at - 1000 && time < at + 5000)))
			round.fail(`${name}: it was committed and is not there`);
	}
}
