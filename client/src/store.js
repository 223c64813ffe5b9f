// store.js - values that can be watched: the contract of Svelte's stores.
//
//	const stop = store.subscribe((value) => ...);	// at once, and when it changes
import { guarded } from './errors.js';

// fn, which is not called again as long as its arguments are the same: who
// compares what it makes sees that nothing has changed.
export function remembered(fn) {
	let known;
	let made;

	return (...values) => {
		if (!known?.every((value, i) => Object.is(value, values[i]))) {
			made = fn(...values);
			known = values;
		}
		return made;
	};
}

export class Store {
	static dev;					// whether to say what may be a mistake: a client has that option

	#value;
	#watchers = new Set();
	#start;
	#peek;
	#stop;

	// start(store) is called when somebody begins to watch, and what it returns
	// when nobody does any more; peek() is what a value that is made of others
	// would be, while nobody does.
	constructor(value, start, peek) {
		this.#value = value;
		this.#start = start;
		this.#peek = peek;
	}

	get current() {
		return this.#peek && !this.watched ? this.#peek() : this.#value;
	}

	get watched() {
		return this.#watchers.size > 0;
	}

	set(value) {
		if (this.assign(value))
			this.notify();
	}

	// For who changes several stores before anybody is told: true if it is
	// another value.
	assign(value) {
		const other = !Object.is(value, this.#value);

		this.#value = value;
		return other;
	}

	// One who fails must not keep the others from being told.
	notify() {
		for (const watcher of [...this.#watchers]) {
			if (this.#watchers.has(watcher))
				guarded(() => watcher.run(this.#value));
		}
	}

	subscribe(run) {
		const watcher = { run() {} };
		const isFirst = !this.watched;

		this.#watchers.add(watcher);
		try {
			// that may have somebody else watch it, too
			if (isFirst)
				this.#stop = this.#start?.(this);
			watcher.run = run;
			run(this.#value);
		} catch (error) {
			this.#leave(watcher);		// nobody else could
			throw error;
		}
		return () => this.#leave(watcher);
	}

	#leave(watcher) {
		if (!this.#watchers.delete(watcher) || this.#watchers.size > 0)
			return;
		const stop = this.#stop;

		this.#stop = undefined;
		stop?.();
	}

	// A store of what fn makes of each item; of no list it makes an empty one.
	map(fn) {
		let isSaid = false;
		const project = remembered((list) => {
			if (Array.isArray(list))
				return list.map((item) => fn(item));
			if (Store.dev && !isSaid && list != null) {
				isSaid = true;
				console.warn('realtime: map() of no list is empty');
			}
			return [];
		});

		return new Store([], (mapped) => this.subscribe((list) => mapped.set(project(list))), () => project(this.current));
	}
}

// What nobody may change from outside.
export function readable(store) {
	return {
		subscribe: (run) => store.subscribe(run),
		get current() { return store.current; },
	};
}
