// handoff.mjs - clients follow streams of every kind while writers write, and
// what they have must be what there is.
//
//	const { failures, counts } = await tortureHandoff({ seed: 1, events: 5000 });
//
// Of each topic and writer a client must get the next event, in whatever way it
// comes: behind a value, in a replay, live, behind a value that was loaded anew.
// In the end its copies, made by the rules of merging, equal what realtime.load()
// returns.  Meanwhile executors and gateways are ended, and the ring overrun.
import { sleep, startServer, until } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { Copy } from './copy.mjs';
import { Follower } from './follower.mjs';
import { firstRows, schema, topicsOf } from './handoff_schema.mjs';
import { failuresShown, ServerRound } from './server_round.mjs';
import { Writer } from './writer.mjs';

const writers = 8;
const topicsOfEach = 4;				// strategy and class
const streamsOfEach = 10;			// follower

class HandoffRound extends ServerRound {
	constructor({ events, during, subscriptions, every, chaos, life, patience, faults, settings, ...base }) {
		super(base);
		this.events = events;
		this.during = during;
		this.every = every;
		this.life = life;
		this.patience = patience;
		this.settings = settings;
		this.quiet = true;			// followers behave
		this.topics = topicsOf(topicsOfEach);
		this.writers = Array.from({ length: writers }, (unused, i) => new Writer(this, i + 1));
		// A value that is loaded anew would hide what has gone wrong.
		this.invalidates = faults.length === 0;
		this.followers = Array.from({ length: Math.ceil(subscriptions / streamsOfEach) }, (unused, i) =>
			new Follower(this, i + 1, this.someTopics(i), faults[i] && { what: faults[i], after: 5 }));
		this.chaos = new Chaos(this, chaos);
	}

	// Each topic has followers, and neighbours have others.
	someTopics(i) {
		return Array.from({ length: streamsOfEach }, (unused, j) =>
			this.topics[(i * 7 + j * 11) % this.topics.length]);
	}

	get stopping() {
		return this.failures.length >= failuresShown ||
			(this.committed >= this.events && Date.now() - this.began >= this.during);
	}

	get isAhead() {
		return this.committed / this.events > (Date.now() - this.began) / this.during;
	}

	async start() {
		const settings = {
			fsync: 'off',
			max_wal_size: '4GB',
			'realtime.gateways': 2,
			'realtime.executors': 4,
			'realtime.ring_size': '256kB',
			'realtime.max_backpressure': '64kB',
			...this.settings,
		};

		this.server = await startServer({ settings, extension: false });
		await this.server.psql(`${schema}; ${firstRows(this.topics)}`);
		await this.server.ready();
	}

	async run() {
		await this.start();
		const following = this.followers.map((follower) => follower.run());
		await until(() => this.followers.every((follower) => follower.isAt(this.noClocks())),
			'all clients to follow their streams');

		this.began = Date.now();
		this.quiet = false;
		this.timers = [
			setInterval(() => this.log(`${this.committed} events`), 10000),
			setInterval(() => this.readStatistics(), 500),
		];
		const chaos = this.every < Infinity && this.chaos.run();
		await Promise.all(this.writers.map((writer) => writer.run()));
		await chaos;
		this.quiet = true;
		this.log(`${this.committed} events, waiting for the clients`);
		await this.callsAreOver();
		await this.verify();
		await this.readStatistics();
		this.end();
		await Promise.all(following);
		this.count('events committed', this.committed);
		this.countStatistics();
		this.checkLog();
	}

	end() {
		this.over = true;
		this.timers?.forEach(clearInterval);
		this.followers.forEach((follower) => follower.close());
	}

	noClocks() {
		return new Map(this.topics.map(({ name }) => [name, new Map()]));
	}

	// What realtime.load() returns of each topic, as a client's copy of it
	async truth() {
		const session = this.session('postgres');
		const copies = new Map();

		await session.connect();
		for (const topic of this.topics) {
			const { rows: [{ value }] } = await session.query('SELECT realtime.load($1, $2) AS value',
				[topic.path, JSON.stringify([topic.argument])]);
			copies.set(topic.name, new Copy(topic, (text) => this.fail(`realtime.load(): ${text}`)));
			copies.get(topic.name).load(value.data, value.seq);
		}
		await session.end();
		return copies;
	}

	// When all have all there must be nothing more, and all the same.
	async verify() {
		const copies = await this.truth();
		const clocks = new Map([...copies].map(([name, { clock }]) => [name, clock]));
		const deadline = Date.now() + (this.failures.length > 0 || !this.invalidates ? 5000 : 60000);

		while (!this.followers.every((follower) => follower.isAt(clocks)) && Date.now() < deadline)
			await sleep(50);
		for (const follower of this.followers.filter((f) => !f.isAt(clocks)))
			follower.fail(`it is not at the end: ${follower.describe(clocks)}`);
		await Promise.all(this.followers.map((follower) => follower.settle()));
		for (const follower of this.followers.filter((f) => f.isAt(clocks)))
			this.compare(follower, copies);
	}

	compare(follower, copies) {
		for (const [name, { copy }] of follower.topics) {
			this.count('copies compared');
			if (copy.text() !== copies.get(name).text())
				follower.fail(`${name}: it has\n${copy.text()}\nand there is\n${copies.get(name).text()}`);
		}
	}
}

// Options: seed, events to commit, during (milliseconds that this is to take at
// least), subscriptions, every (so many events something of chaos happens, actions
// of Chaos), life and patience of clients (frames until one is killed, at most, and
// between two of its misdeeds), faults (of the first clients, see Copy), settings
// of the server, log.
export function tortureHandoff({ seed, events, during = 0, subscriptions = 1000, every = Infinity,
	chaos = ['endExecutor', 'endGateway', 'overrunGateway'], life = 20000, patience = 500, faults = [],
	settings = {}, log = () => {} }) {
	return new HandoffRound({
		seed, events, during, subscriptions, every, chaos, life, patience, faults, settings, log,
	}).complete();
}
