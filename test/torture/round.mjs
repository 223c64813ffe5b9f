// round.mjs - one server, its publishers, its subscribers and what happens to
// them, from the first event to the last check.
//
//	const { failures, counts } = await torture({ seed: 1, events: 10000 });
//
// The seed decides what everybody does; how it interleaves, it cannot.
import { pg, sleep, startServer, until } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { CallPublisher, SqlPublisher } from './publisher.mjs';
import { Random } from './random.mjs';
import { Subscriber } from './subscriber.mjs';
import { verify } from './verify.mjs';

const sessions = 12;			// publishers by SQL
const callers = 4;				// publishers by calls
const channelTopics = 6;
const plainTopics = 2;
const failuresShown = 20;

const schema = `
	CREATE EXTENSION realtime;
	CREATE SCHEMA torture;
	CREATE TABLE torture.event (
		publisher integer,
		counter integer,
		topic text NOT NULL,
		PRIMARY KEY (publisher, counter)
	);

	-- Publishes events counted from first on; those in dropped within a
	-- subtransaction that is rolled back.
	CREATE FUNCTION torture.say(publisher int, first int, topics text[], dropped int[], fail boolean)
	RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		counter int := first;
		topic text;
	BEGIN
		FOREACH topic IN ARRAY topics LOOP
			BEGIN
				INSERT INTO torture.event VALUES (publisher, counter, topic);
				PERFORM realtime.publish(topic, 'created', jsonb_build_object(
					'id', format('%s-%s', publisher, counter), 'p', publisher, 'c', counter));
				IF counter = ANY (dropped) THEN
					RAISE division_by_zero;
				END IF;
			EXCEPTION WHEN division_by_zero THEN
				NULL;
			END;
			counter := counter + 1;
		END LOOP;
		IF fail THEN
			PERFORM realtime.raise('CHANGED_MY_MIND');
		END IF;
	END $$;

	CREATE ROLE torture LOGIN;
	ALTER ROLE torture SET log_min_messages = fatal;	-- errors go to the client
	GRANT realtime_publisher TO torture;
	GRANT USAGE ON SCHEMA torture TO torture, realtime_anonymous;
	GRANT SELECT, INSERT ON torture.event TO torture, realtime_anonymous;

	SELECT realtime.rpc('torture/say', 'torture.say(int,int,text[],int[],boolean)');
	SELECT realtime.channel('torture/stream', topic => 'stream:{1}', merge => 'crud',
		replay => true, replay_size => 10000000);
	SELECT realtime.topic('plain:{n}', class => 'replay', replay_size => 10000000, open => true);
`;

class Round {
	constructor({ seed, events, every, kills, life, milliseconds, settings, log }) {
		this.seed = seed;
		this.events = events;
		this.every = every;
		this.kills = kills;
		this.life = life;
		this.settings = settings;
		this.endsAt = Date.now() + milliseconds;
		this.log = log;
		this.failures = [];
		this.counts = new Map();
		this.gateways = new Map();	// pid → what it last said
		this.committed = 0;			// events, as far as publishers know
		this.phase = 'subscribing';	// then publishing, then finishing
		this.over = false;
		this.timers = [];

		const topics = (kind, prefix, count) => Array.from({ length: count }, (unused, i) => ({
			kind, name: `${prefix}:${i + 1}`, argument: String(i + 1),
		}));
		this.topics = [...topics('channel', 'stream', channelTopics), ...topics('plain', 'plain', plainTopics)];
		this.topicNames = this.topics.map(({ name }) => name);
		this.publishers = Array.from({ length: sessions + callers }, (unused, i) =>
			new (i < sessions ? SqlPublisher : CallPublisher)(this, i + 1));
		// Every other one has all topics.
		this.subscribers = Array.from({ length: 8 }, (unused, i) =>
			new Subscriber(this, i + 1, i % 2 === 0 ? this.topics : this.topics.slice(i % 3, 5 + i % 3)));
		this.chaos = new Chaos(this);
	}

	random(name) {
		return new Random(this.seed, name);
	}

	fail(text) {
		if (this.failures.length < failuresShown)
			this.log(`FAILED: ${text}`);
		this.failures.push(text);
	}

	count(what) {
		this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
	}

	// No more transactions are to be begun.
	get stopping() {
		return (this.committed >= this.events && (this.counts.get('clients killed') ?? 0) >= this.kills) ||
			Date.now() > this.endsAt || this.failures.length >= failuresShown;
	}

	isSession(publisher) {
		return publisher <= sessions;
	}

	get url() {
		return this.server.url;
	}

	session(user, name = 'torture control') {
		const session = new pg.Client({
			host: this.server.dir, port: 5432, user, database: 'postgres', application_name: name,
			statement_timeout: 60000,
		});

		session.on('error', () => {});	// the query that follows fails as well
		return session;
	}

	client() {
		return this.server.connect();
	}

	async start() {
		const random = this.random('server');
		const settings = {
			fsync: 'on',
			track_commit_timestamp: 'on',
			autovacuum_naptime: '1s',
			max_wal_size: '4GB',
			'realtime.gateways': 2,
			// Small ones are written round now and then.
			'realtime.ring_size': random.pick(['256kB', '1MB', '64MB']),
			'realtime.max_backpressure': random.pick(['64kB', '1MB']),
			...this.settings,
		};

		this.server = await startServer({ settings, extension: false });
		this.log(Object.entries(settings).map(([name, value]) => `${name}=${value}`).join(' '));
		await this.server.psql(schema);
		await this.server.ready();
	}

	async run() {
		await this.start();
		const subscribing = this.subscribers.map((subscriber) => subscriber.run());
		await until(() => this.subscribers.every((subscriber) => subscriber.isAt(new Map())),
			'all clients to have subscribed');

		this.phase = 'publishing';
		const chaos = this.chaos.run();
		this.timers.push(
			setInterval(() => this.log(`${this.committed} events`), 10000),
			setInterval(() => this.readStatistics(), 500));
		await Promise.all(this.publishers.map((publisher) => publisher.run()));
		await chaos;
		this.phase = 'finishing';
		this.log(`${this.committed} events, waiting for the clients`);

		await this.callsAreOver();
		await this.waitForSubscribers();
		await this.readStatistics();
		this.end();
		await Promise.all(subscribing);
		await verify(this);
		this.countStatistics();
		this.checkLog();
	}

	end() {
		this.over = true;
		this.timers.forEach(clearInterval);
		this.subscribers.forEach((subscriber) => subscriber.close());
	}

	// What gateways count begins anew with each of them.
	async readStatistics() {
		const rows = await this.server.psql(`SELECT pid, repairs, ring_overruns, dropped
			FROM realtime.stat_gateway WHERE pid IS NOT NULL`).catch(() => '');

		for (const row of rows.split('\n').filter(Boolean)) {
			const [pid, repairs, overruns, dropped] = row.split('|').map(Number);
			this.gateways.set(pid, { repairs, overruns, dropped });
		}
	}

	countStatistics() {
		const sum = (name) => [...this.gateways.values()].reduce((total, gateway) => total + gateway[name], 0);

		this.counts.set('events dropped for slow readers', sum('dropped'));
		this.counts.set('overruns of the ring', sum('overruns'));
		this.counts.set('repairs of lost topics', sum('repairs'));
	}

	// A call that nobody waits for any more may still run.
	async callsAreOver() {
		await until(async () => (await this.server.psql(`SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND state <> 'idle'`)) === '0', 'executors to be idle');
	}

	// Until all have all: what then comes, comes twice.
	async waitForSubscribers() {
		const newest = new Map((await Promise.all(this.topics.map(async ({ name }) =>
			[name, Number(await this.server.psql(`SELECT realtime.seq('${name}')`))]))));
		const deadline = Date.now() + (this.failures.length > 0 ? 5000 : 60000);

		while (!this.subscribers.every((subscriber) => subscriber.isAt(newest)) && Date.now() < deadline)
			await sleep(50);
		for (const subscriber of this.subscribers.filter((s) => !s.isAt(newest)))
			subscriber.fail(`it is not at the end: ${subscriber.describe(newest)}`);
		await Promise.all(this.subscribers.map((subscriber) => subscriber.settle()));
	}

	// The server must not say anything that nobody expects.
	checkLog() {
		const unexpected = this.server.log().split('\n').filter((line) =>
			/ (ERROR|FATAL|PANIC|WARNING): |TRAP:|was terminated by signal/.test(line) &&
			!/division by zero|terminating|canceling authentication|the database system is|signal 9: Killed|connection to client lost/.test(line));

		for (const line of unexpected.slice(0, failuresShown))
			this.fail(`in the log: ${line}`);
	}
}

// Options: seed, events to commit, every (so many of them a process is ended),
// kills of clients that there are at least, life (frames that a client receives
// at most before it is killed), milliseconds that it may take, settings of the
// server, log.
export async function torture({ seed, events, every = 2000, kills = 0, life = 3000,
	milliseconds = 3600000, settings = {}, log = () => {} }) {
	const round = new Round({ seed, events, every, kills, life, milliseconds, settings, log });

	try {
		await round.run();
	} finally {
		round.end();
		if (round.failures.length > 0)
			round.log(`the end of the server's log:\n${round.server?.log().slice(-3000)}`);
		await round.server?.stop('immediate').catch(() => {});
	}
	return { failures: round.failures, counts: round.counts };
}
