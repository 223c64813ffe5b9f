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

	constructor(connection, hub, frame) {
		this.#hub = hub;
		this.#frame = frame;
		connection.listen({ forgotten: () => this.#known.forEach((stream) => stream.forget()) });
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
			const made = stream = new Stream(this.#hub, this.#frame, path, args, options);

			stream.watchers = (are) => this.#watched(key, made, are);
			this.#known.set(key, stream);
			this.#keep(key, false);
		}
		return stream;
	}

	// Somebody may have kept one for longer than it was kept here.
	#watched(key, stream, isWatched) {
		if (isWatched && !this.#known.has(key))
			this.#known.set(key, stream);
		if (this.#known.get(key) === stream)
			this.#keep(key, isWatched, stream.linger);
		else if (!isWatched)
			stream.forget();
	}

	#keep(key, isWatched, linger = 0) {
		clearTimeout(this.#idle.get(key));
		this.#idle.delete(key);
		if (isWatched)
			return;
		const timer = setTimeout(() => this.#forget(key), grace + linger);

		timer.unref?.();
		this.#idle.set(key, timer);
		if (this.#idle.size > most)
			this.#forget(this.#idle.keys().next().value);
	}

	#forget(key) {
		clearTimeout(this.#idle.get(key));
		this.#idle.delete(key);
		this.#known.get(key).forget();
		this.#known.delete(key);
	}

	stop() {
		for (const timer of this.#idle.values())
			clearTimeout(timer);
		this.#idle.clear();
	}
}

const members = ['error', 'status', 'subscribe', 'map', 'current', 'watched', ...Object.getOwnPropertyNames(Stream.prototype)]
	.filter((name) => name !== 'constructor' && name !== 'recompute');
