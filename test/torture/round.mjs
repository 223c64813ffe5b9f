// round.mjs - one server, its publishers, its subscribers and what happens to
// them, from the first event to the last check.
//
//	const { failures, counts } = await torture({ seed: 1, events: 10000 });
//
// The seed decides what everybody does; how it interleaves, it cannot.
import { sleep, startServer, until } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { CallPublisher, SqlPublisher } from './publisher.mjs';
import { failuresShown, ServerRound } from './server_round.mjs';
import { Subscriber } from './subscriber.mjs';
import { verify } from './verify.mjs';

const sessions = 12;			// publishers by SQL
const callers = 4;				// publishers by calls
const channelTopics = 6;
const plainTopics = 2;

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

class Round extends ServerRound {
	constructor({ seed, events, every, kills, life, milliseconds, settings, log }) {
		super({ seed, log });
		this.events = events;
		this.every = every;
		this.kills = kills;
		this.life = life;
		this.settings = settings;
		this.endsAt = Date.now() + milliseconds;
		this.phase = 'subscribing';	// then publishing, then finishing
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

	// No more transactions are to be begun.
	get stopping() {
		return (this.committed >= this.events && (this.counts.get('clients killed') ?? 0) >= this.kills) ||
			Date.now() > this.endsAt || this.failures.length >= failuresShown;
	}

	isSession(publisher) {
		return publisher <= sessions;
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
}

// Options: seed, events to commit, every (so many of them a process is ended),
// kills of clients that there are at least, life (frames that a client receives
// at most before it is killed), milliseconds that it may take, settings of the
// server, log.
export function torture({ seed, events, every = 2000, kills = 0, life = 3000,
	milliseconds = 3600000, settings = {}, log = () => {} }) {
	return new Round({ seed, events, every, kills, life, milliseconds, settings, log }).complete();
}
