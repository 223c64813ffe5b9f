// client.js - all of it together, on one connection.
import { Auth } from './auth.js';
import { reconnectDelay } from './backoff.js';
import { Calls } from './calls.js';
import { Connection } from './connection.js';
import { createCursors, createPresence } from './crowd.js';
import { combine } from './derive.js';
import { Frame, next } from './frame.js';
import { Hub } from './hub.js';
import { Membership } from './membership.js';
import { People } from './people.js';
import { Rpcs } from './rpc.js';
import { Store, readable } from './store.js';
import { Streams } from './streams.js';
import { Topics } from './topics.js';

const defaults = {
	enabled: true,
	silence: 150000,			// after so many milliseconds without a word it is lost
	maxAttempts: Infinity,
	delay: reconnectDelay,
	timeout: 30000,
	schedule: next,
};

export function createClient(options = {}) {
	return new Client(assign({}, options));
}

// What is undefined is as if it were not given.
function assign(known, options) {
	Object.assign(known, options);
	for (const name in defaults) {
		if (known[name] === undefined)
			known[name] = defaults[name];
	}
	return known;
}

// What has a member for each name, made when it is asked for.  members have no
// prototype: "constructor" is a name like others.
function namespace(make, members = { __proto__: null }) {
	return new Proxy(members, {
		get: (known, name) => typeof name === 'symbol' || name === 'then' ? undefined : known[name] ??= make(name),
	});
}

class Client {
	#connection;
	#rpcs;
	#streams;
	#topics;
	#people;
	#auth;
	#frame;
	#hub;
	#options;
	#health = new Store('healthy');
	#isGreeted = true;

	// The order in which the parts hear of a new connection is that in which they
	// speak on it: calls that have waited, streams, topics, calls of before.
	constructor(options) {
		const connection = this.#connection = new Connection(options);
		const membership = new Membership(connection);
		const calls = new Calls(connection, options);

		this.#options = options;
		Store.dev ||= options.dev;
		this.#frame = new Frame((run) => options.schedule(run), options.hold);
		this.#hub = new Hub(connection, calls, membership);
		this.#topics = new Topics(connection, membership);
		this.#rpcs = new Rpcs(connection, calls, options);
		this.#people = new People(connection);
		this.#auth = new Auth(connection, options);
		this.#streams = new Streams(connection, this.#hub, this.#frame);
		this.status = connection.status;
		this.failure = connection.failure;
		this.quiescent = this.#hub.quiescent;
		this.health = readable(this.#health);
		connection.listen({ opened: () => { this.#isGreeted = false; }, received: (frame) => this.#system(frame) });
	}

	// Something that the server's functions need is not there, or is again.  A gateway greets
	// with "degraded", or with something else: who comes back may have missed the end of it.
	#system({ type, topic, event }) {
		const told = topic === '__realtime' && event;

		if (told === 'degraded' || told === 'recovered' || !(this.#isGreeted || type === 'welcome')) {
			this.#isGreeted = true;
			this.#health.set(told === 'degraded' ? told : 'healthy');
		}
	}

	// What another module makes of the connection.
	attach(make) {
		return make(this.#connection, this.#options);
	}

	// Other options, from now on; those of a connection from the next one on.
	configure(options) {
		assign(this.#options, options);
		Store.dev ||= this.#options.dev;
		this.#rpcs.configured();
	}

	// A function that calls what is declared under the path.
	rpc(path, options) {
		return this.#rpcs.of(path, options);
	}

	batch(fn, options) {
		return this.#rpcs.batch(fn, options);
	}

	// A function that returns the store for its arguments, and a store itself.
	stream(path, options) {
		return this.#streams.of(path, options);
	}

	query(path, options) {
		return this.stream(path, options);
	}

	// A store of the newest event of a topic, by its name.
	topic(name) {
		return this.#topics.get(name);
	}

	// The streams and the actions of a room.
	room(path) {
		const streams = { data: '__data', presence: '__presence', cursors: '__cursors' };

		return namespace((name) => Object.hasOwn(streams, name)
			? this.stream(`${path}/${streams[name]}`) : this.rpc(`${path}/__action/${name}`));
	}

	// The windows of an aggregate, each a store, and all that are named as one: it has
	// a member for each of them.
	aggregate(path, windows = ['all']) {
		const of = (name) => this.stream(name === 'all' ? path : `${path}/__window/${name}`, { merge: 'set' });
		const together = combine(...windows.map(of), (...values) => Object.fromEntries(windows.map((name, i) => [name, values[i]])));

		return namespace(of, Object.setPrototypeOf(readable(together), null));
	}

	// Who is on a topic, and where their cursors are.
	presence(topic, entrance) {
		return createPresence(this.#connection, this.#frame, topic, entrance);
	}

	cursors(topic, entrance) {
		return createCursors(this.#connection, this.#frame, topic, entrance);
	}

	onSignal(...args) {
		return this.#people.onSignal(...args);
	}

	onPush(event, handler) {
		return this.#people.onPush(event, handler);
	}

	// A new token of the same user, on the connection that there is.
	authenticate(token) {
		return this.#auth.renew(token);
	}

	// As somebody else, or nobody: what was seen before is forgotten.
	become(token) {
		this.#options.token = token;
		this.#connection.restart();
	}

	connect() {
		this.#connection.connect();
	}

	close() {
		this.#connection.close();
		this.#streams.stop();
		this.#frame.stop();
	}
}
