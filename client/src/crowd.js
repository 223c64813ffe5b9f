// crowd.js - stores of those who are on a topic: who is present, where cursors are.
//
// The server tells it to whom a function of the application has let in, for as
// long as the connection is there: so that function is called again on the next.
import { passing } from './errors.js';
import { readable, Store } from './store.js';

const pause = 50;				// milliseconds between positions that are sent

export class Crowd extends Store {
	#connection;
	#frame;
	#prefix;
	#topic;
	#verbs;
	#entrance;
	#error = new Store(null);
	#members = new Map();		// by key
	#here;						// the connection, and what has been asked on it
	#unlisten;

	// enter() is called on each new connection, and has the caller be there or
	// see who is; leave() when nobody watches any more.
	constructor(connection, frame, { prefix, topic, verbs }, entrance = {}) {
		super([], () => this.#begin());
		this.#connection = connection;
		this.#frame = frame;
		this.#prefix = prefix;
		this.#topic = topic;
		this.#verbs = verbs;
		this.#entrance = entrance;
		this.error = readable(this.#error);
	}

	#begin() {
		if (!this.#unlisten)
			this.#listen();
		this.#connection.connect();
		this.#settle();
		return () => this.#settle();
	}

	#listen() {
		this.#here = { isIn: false, failures: 0 };
		this.#unlisten = this.#connection.listen({
			opened: () => this.#settle(),
			received: (frame) => this.#received(frame),
			lost: () => { this.#here = { isIn: false, failures: 0 }; },
			forgotten: () => this.#empty(),
		});
	}

	// Enters or leaves until it is as it should be: one after the other, because the
	// server may answer in any order.
	async #settle() {
		const here = this.#here;
		const isDue = () => here === this.#here && this.#connection.isOpen && here.isIn !== this.watched;

		if (here.isBusy)
			return;
		here.isBusy = true;
		while (isDue()) {
			here.isIn = this.watched;
			if (!here.isIn)
				this.#empty();
			await (here.isIn ? this.#enter(here) : this.#leave());
		}
		here.isBusy = false;
		if (!this.watched)
			this.#rest();
	}

	#rest() {
		this.#unlisten?.();
		this.#unlisten = undefined;
		this.#empty();
	}

	// Who is there is not known any more.
	#empty() {
		this.#members.clear();
		this.#frame.changed(this);
	}

	async #enter(here) {
		here.disarm?.();
		try {
			await this.#entrance.enter?.();
			here.failures = 0;
			this.#error.set(null);
		} catch (error) {
			this.#error.set(error);
			if (passing.has(error?.code))
				here.disarm = this.#connection.later(here.failures++, () => this.#again(here));
		}
	}

	#again(here) {
		here.isIn = false;
		this.#settle();
	}

	async #leave() {
		try {
			await this.#entrance.leave?.();
		} catch {
			// the connection's end does the same
		}
	}

	#received({ topic, event, data }) {
		if (topic !== this.#prefix + this.#topic || !this.#verbs[event])
			return;
		this.#verbs[event](this.#members, data);
		this.#frame.changed(this);
	}

	// For the frame, see there.
	recompute() {
		return this.assign([...this.#members.values()]);
	}
}

// [{key, data}, ...]
export function createPresence(connection, frame, topic, entrance) {
	const join = (members, joins) => Object.entries(joins ?? {}).forEach(([key, data]) => members.set(key, { key, data }));

	return new Crowd(connection, frame, {
		prefix: '__presence:', topic, verbs: {
			presence_state(members, data) {
				members.clear();
				join(members, data);
			},
			presence_diff(members, { joins, leaves }) {
				Object.keys(leaves ?? {}).forEach((key) => members.delete(key));
				join(members, joins);
			},
			heartbeat: keepOnly,
		},
	}, entrance);
}

// What has not been told that it is gone, because the server has been.
function keepOnly(members, list) {
	const keys = new Set(list);

	for (const key of [...members.keys()])
		keys.has(key) || members.delete(key);
}

// [{key, user, data}, ...], and move(data), which may be called as often as the
// pointer moves: the last position is always sent.
export function createCursors(connection, frame, topic, entrance) {
	const put = (members, list) => list.forEach((one) => members.set(one.key, one));
	const store = new Crowd(connection, frame, {
		prefix: '__cursor:', topic, verbs: {
			snapshot(members, list) {
				members.clear();
				put(members, list);
			},
			bulk: put,
			update: (members, one) => put(members, [one]),
			remove: (members, { key }) => members.delete(key),
		},
	}, entrance);

	store.move = throttled((data) => connection.send({ type: 'cursor', topic, data }));
	return store;
}

// At once, and then the last of those that come within the pause.
function throttled(send) {
	const waiting = [];
	let timer;
	const next = () => {
		timer = undefined;
		if (waiting.length > 0) {
			send(...waiting.splice(0));
			timer = setTimeout(next, pause);
		}
	};

	return (data) => {
		waiting[0] = data;
		if (timer === undefined)
			next();
	};
}
