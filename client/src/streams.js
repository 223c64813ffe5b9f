// streams.js - one store for each path with its arguments.
import { stringify } from './json.js';
import { Stream } from './stream.js';

const grace = 60000;			// how long the value is kept that nobody looks at
const most = 1000;				// of such

export class Streams {
	#hub;
	#frame;
	#known = new Map();
	#idle = new Map();			// key -> the timer that forgets it

	constructor(hub, frame) {
		this.#hub = hub;
		this.#frame = frame;
	}

	// A function that returns the store for its arguments, and is the store for
	// none itself.
	of(path, options = {}) {
		const open = (...args) => this.get(path, args, options);

		for (const name of members) {
			Object.defineProperty(open, name, {
				get() {
					const store = open();
					const value = store[name];
					return typeof value === 'function' ? value.bind(store) : value;
				},
			});
		}
		return open;
	}

	// On a server that renders pages nothing is kept: the next page is somebody
	// else's.
	get(path, args, options) {
		if (!this.#hub.isPossible)
			return new Stream(this.#hub, this.#frame, path, args, options);
		const key = `${path}\0${stringify(args)}\0${stringify(options)}`;
		let stream = this.#known.get(key);

		if (!stream) {
			stream = new Stream(this.#hub, this.#frame, path, args, options);
			stream.watchers = (are) => this.#watched(key, are);
			this.#known.set(key, stream);
			this.#watched(key, false);
		}
		return stream;
	}

	#watched(key, isWatched) {
		clearTimeout(this.#idle.get(key));
		this.#idle.delete(key);
		if (isWatched)
			return;
		const timer = setTimeout(() => this.#forget(key), grace);

		timer.unref?.();
		this.#idle.set(key, timer);
		if (this.#idle.size > most)
			this.#forget(this.#idle.keys().next().value);
	}

	#forget(key) {
		clearTimeout(this.#idle.get(key));
		this.#idle.delete(key);
		this.#known.delete(key);
	}

	// For who is somebody else now.
	forgetAll() {
		for (const stream of this.#known.values())
			stream.forget();
	}

	stop() {
		for (const key of [...this.#idle.keys()])
			this.#forget(key);
	}
}

const members = ['error', 'status', ...['subscribe', 'map', 'current', 'watched',
	...Object.getOwnPropertyNames(Stream.prototype)].filter((name) => name !== 'constructor' && name !== 'recompute')];
