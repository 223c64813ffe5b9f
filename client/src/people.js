// people.js - what comes because of who is on the connection: signals, questions,
// and who else is there.
import { Store, readable } from './store.js';

const signalPrefix = '__signal:';

export class People {
	#connection;
	#signals = new Set();
	#pushes = new Map();		// event -> handler

	constructor(connection) {
		this.#connection = connection;
		connection.listen({ received: (frame) => this.#received(frame) });
	}

	// (user, (event, data) => ...), or without the user.  Returns how to stop.
	onSignal(...args) {
		const listener = { run: args.pop(), user: args[0] };

		this.#signals.add(listener);
		this.#connection.connect();
		return () => this.#signals.delete(listener);
	}

	// What the handler returns, or resolves to, is the answer to the question.
	onPush(event, handler) {
		this.#pushes.set(event, handler);
		this.#connection.connect();
		return () => this.#pushes.get(event) === handler && this.#pushes.delete(event);
	}

	#received(frame) {
		if (frame.type === 'request')
			this.#answer(frame);
		else if (frame.topic?.startsWith(signalPrefix))
			this.#signal(frame.topic.slice(signalPrefix.length), frame);
	}

	#signal(user, { event, data }) {
		for (const listener of this.#signals) {
			if (listener.user === undefined || String(listener.user) === user)
				listener.run(event, data);
		}
	}

	async #answer({ ref, event, data }) {
		try {
			const handler = this.#pushes.get(event);
			if (!handler)
				throw new Error(`no handler for '${event}'`);
			this.#connection.send({ type: 'reply', ref, data: await handler(data) ?? null });
		} catch (error) {
			this.#connection.send({ type: 'reply', ref, error: String(error?.message ?? error) });
		}
	}
}

// A store of who is present on a topic: [{key, data}, ...].  enter() is called
// whenever there is a new connection, and has the caller be there or see who is;
// leave() when nobody watches any more.
export function createPresence(connection, topic, { enter, leave } = {}) {
	const error = new Store(null);
	const people = new Map();
	let stop;
	const store = new Store([], () => {
		stop = watch();
		return () => {
			stop();
			if (connection.isOpen)
				quietly(leave);
		};
	});
	const received = ({ topic: name, event, data }) => {
		if (name === `__presence:${topic}` && follow(people, event, data))
			store.set([...people].map(([key, one]) => ({ key, data: one })));
	};
	const begin = () => Promise.resolve(enter?.()).then(() => error.set(null), (reason) => error.set(reason));

	function watch() {
		const unlisten = connection.listen({ received, opened: begin });

		connection.connect();
		if (connection.isOpen)
			begin();
		return unlisten;
	}

	store.error = readable(error);
	return store;
}

async function quietly(fn) {
	try {
		await fn?.();
	} catch {
		// the connection's end does the same
	}
}

// Applies an event; true if something may have changed.
function follow(people, event, data) {
	if (event === 'presence_state')
		replace(people, data);
	else if (event === 'presence_diff')
		change(people, data);
	else if (event === 'heartbeat')
		return keep(people, new Set(data));
	return event.startsWith('presence_');
}

function replace(people, state) {
	people.clear();
	change(people, { joins: state, leaves: {} });
}

function change(people, { joins, leaves }) {
	for (const key of Object.keys(leaves ?? {}))
		people.delete(key);
	for (const [key, data] of Object.entries(joins ?? {}))
		people.set(key, data);
}

function keep(people, keys) {
	const gone = [...people.keys()].filter((key) => !keys.has(key));

	gone.forEach((key) => people.delete(key));
	return gone.length > 0;
}
