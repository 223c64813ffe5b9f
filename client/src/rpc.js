// rpc.js - calls as functions.
import { newKey, stringify } from './json.js';
import { OfflineQueue } from './offline.js';
import { createOptimistic } from './optimistic.js';

const maxBuffered = 4 * 1024 * 1024;	// beyond it what is not answered is dropped

export class Rpcs {
	#connection;
	#calls;
	#queue;
	#options;
	#same = new Map();			// calls of this turn, which may be asked once
	#warned = new Set();
	#collected;					// by batch()

	constructor(connection, calls, options) {
		this.#connection = connection;
		this.#calls = calls;
		this.#options = options;
		this.#queue = new OfflineQueue(connection, calls, options);
	}

	// Others than before.
	configured() {
		this.#queue.claim();
	}

	// A function that calls what is declared under the path; idempotent: and what
	// keeps the answer for a key, so that a call may be made again.
	of(path, { idempotent = false } = {}) {
		const call = (args, options) => this.#call(path, args, idempotent && this.#queue.isOn ? { idempotencyKey: newKey(), ...options } : options);
		const rpc = (...args) => this.#collected ? call(args) : this.#once(path, args, call);

		rpc.path = path;
		rpc.fresh = (...args) => call(args);
		rpc.with = (options) => (...args) => call(args, options);
		rpc.volatile = rpc.fireAndForget = (...args) => this.#throw(path, args);
		rpc.createOptimistic = (store, ...rest) => createOptimistic(rpc, store, ...rest);
		return rpc;
	}

	// What is called while fn runs goes in one frame.
	batch(fn, { sequential = false } = {}) {
		const before = this.#collected;
		const collected = this.#collected = { entries: [], results: [] };

		try {
			fn();
		} finally {
			this.#collected = before;
		}
		const replies = this.#calls.askTogether(collected.entries, sequential);

		replies.forEach((reply, i) => reply.then(collected.entries[i].resolve, collected.entries[i].reject));
		return Promise.all(collected.results);
	}

	#call(path, args, options) {
		const result = this.#run(path, args, options);

		if (this.#collected) {
			result.catch(() => {});		// the batch's promise tells
			this.#collected.results.push(result);
		}
		return result;
	}

	async #run(path, args, { timeout, idempotencyKey } = {}) {
		const members = idempotencyKey === undefined ? { rpc: path, args } : { rpc: path, args, idempotencyKey };
		const reply = await this.#ask(members, timeout);

		return reply.data;
	}

	#ask(members, timeout) {
		if (this.#collected)
			return this.#collect(members, timeout);
		if (this.#queue.wants())
			return this.#queue.add(members, timeout);
		const { era } = this.#connection;

		return this.#calls.ask(members, timeout).catch((error) => {
			if (this.#connection.era === era && this.#queue.mayRepeat(members, error))
				return this.#queue.add(members, timeout);
			throw error;
		});
	}

	#collect(members, timeout) {
		return new Promise((resolve, reject) => {
			this.#collected.entries.push({ members, timeout, resolve, reject });
		});
	}

	// Calls that are the same, in the same turn, are one.
	#once(path, args, call) {
		const key = keyOf(path, args);
		const before = this.#same.get(key);

		if (before) {
			this.#warn(path);
			return before;
		}
		if (this.#same.size === 0)
			queueMicrotask(() => this.#same.clear());
		const promise = call(args);

		this.#same.set(key, promise);
		return promise;
	}

	#warn(path) {
		if (!this.#options.dev || this.#warned.has(path))
			return;
		this.#warned.add(path);
		console.warn(`realtime: equal calls of '${path}' were sent once, see .fresh()`);
	}

	// Without an answer; not at all while there is no connection, or a slow one.
	#throw(path, args) {
		if (this.#connection.bufferedAmount <= maxBuffered && !this.#connection.send({ rpc: path, args }))
			this.#connection.connect();
	}
}

// What cannot be written is nothing that is the same as another one.
function keyOf(path, args) {
	try {
		return `${path}\0${stringify(args)}`;
	} catch {
		return Symbol(path);
	}
}
