// hub.js - which feeds follow which topics of the connection.
import { RealtimeError } from './errors.js';
import { Rounds } from './rounds.js';
import { readable, Store } from './store.js';

const together = 100;			// requests in a frame
const systemPrefix = '__system:';

export class Hub {
	#connection;
	#calls;
	#feeds = new Set();			// that are followed or wait to be
	#topics = new Map();		// their feeds
	#asked = [];				// in this turn
	#unsettled = new Set();
	#quiescent = new Store(true);
	#membership;
	#open = 0;					// requests that have not been answered
	#begun = new Set();			// topics of those that have been, meanwhile

	constructor(connection, calls, membership) {
		this.#connection = connection;
		this.#calls = calls;
		this.#membership = membership;
		this.quiescent = readable(this.#quiescent);
		this.rounds = new Rounds((event) => this.#dispatch(event), () => calls.position);
		connection.listen({
			opened: () => this.#opened(),
			received: (frame) => this.#received(frame),
			lost: () => this.#lost(),
			forgotten: () => this.#feeds.forEach((feed) => feed.forget()),
		});
	}

	get isOpen() {
		return this.#connection.isOpen;
	}

	get isPossible() {
		return this.#connection.isPossible;
	}

	connect() {
		this.#connection.connect();
	}

	ask(members) {
		return this.#calls.ask(members);
	}

	later(failures, run) {
		return this.#connection.later(failures, run);
	}

	// ---- feeds -----------------------------------------------------------

	add(feed) {
		this.#feeds.add(feed);
		if (this.#connection.isOver)
			feed.lost(true);
	}

	remove(feed) {
		this.#feeds.delete(feed);
		this.unsettled(feed, false);
	}

	// A feed waits for its value, or does not any more.
	unsettled(feed, waits) {
		if (waits)
			this.#unsettled.add(feed);
		else
			this.#unsettled.delete(feed);
		this.#quiescent.set(this.#unsettled.size === 0);
	}

	// Sends a request with all others of this turn.  done(error, reply, isLeft):
	// isLeft if its topic has been left meanwhile, so that no events come.
	follow(members, done) {
		const entry = { members, done };

		if (this.#asked.length === 0)
			queueMicrotask(() => this.#flush());
		this.#asked.push(entry);
	}

	#flush() {
		const entries = this.#asked.splice(0);

		for (let i = 0; i < entries.length; i += together)
			this.#calls.submit(entries.slice(i, i + together).map((entry) => this.#request(entry)));
	}

	#request({ members, done }) {
		const step = this.#membership.step();

		this.#open++;
		return this.#calls.request(members, (error, reply) => {
			const wasLeft = this.#membership.wasLeft(reply?.topic, step);

			if (reply?.topic !== undefined)
				this.#begun.add(reply.topic);
			done(error, reply, wasLeft);
			if (--this.#open === 0)
				this.#settle();
		});
	}

	// Nothing is under way: what has been begun is somebody's, or nobody's, because
	// another answer has come for it.
	#settle() {
		this.#membership.settle();
		for (const topic of this.#begun)
			this.#membership.leave(topic);
		this.#begun.clear();
	}

	// ---- topics ----------------------------------------------------------

	attach(topic, feed) {
		const feeds = this.#topics.get(topic) ?? new Set();

		this.#topics.set(topic, feeds.add(feed));
		this.#membership.enter(topic, feed);
	}

	detach(topic, feed) {
		const feeds = this.#topics.get(topic);

		feeds?.delete(feed);
		if (feeds?.size === 0)
			this.#topics.delete(topic);
		this.#membership.leave(topic, feed);
	}

	// Nobody waits for this reply any more.
	unwanted(reply) {
		if (reply?.topic !== undefined)
			this.#membership.leave(reply.topic);
	}

	// ---- what comes ------------------------------------------------------

	#opened() {
		for (const feed of this.#feeds)
			feed.ask();
	}

	#received(frame) {
		if (frame.type === 'round')
			this.#round(frame);
		else if (frame.type === 'subscribe-denied')
			this.#denied(frame);
		else if (frame.topic !== undefined && frame.event !== undefined)
			this.#dispatch(frame);
	}

	#dispatch(frame) {
		if (frame.topic.startsWith(systemPrefix))
			this.#each(frame.topic.slice(systemPrefix.length), (feed) => feed.system(frame.event, frame.data));
		else
			this.#each(frame.topic, (feed) => feed.event(frame));
	}

	#each(topic, fn) {
		for (const feed of this.#topics.get(topic) ?? [])
			fn(feed);
	}

	#round(frame) {
		if (!this.rounds.take(frame))
			return;
		for (const feed of this.#feeds)
			feed.reached();
	}

	#denied({ topic, reason }) {
		const feeds = this.#topics.get(topic) ?? [];

		this.#topics.delete(topic);
		for (const feed of feeds) {
			this.#membership.lose(topic, feed);
			feed.denied(reason);
		}
	}

	#lost() {
		this.#topics.clear();
		this.#begun.clear();
		this.rounds.reset();
		for (const { done } of this.#asked.splice(0))
			done(new RealtimeError('DISCONNECTED', 'The connection was lost.'));
		for (const feed of this.#feeds)
			feed.lost(this.#connection.isOver);
	}
}
