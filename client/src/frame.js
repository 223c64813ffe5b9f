// frame.js - when those who watch are told: once per frame of the screen, or per
// turn where there is no screen, however many events have come.
//
// Of all stores that have changed the values are made first and then everybody
// is told, so who looks at two of them sees both as they are now.
import { guarded } from './errors.js';

// A page that is hidden gets no frames.
function nextFrame(run) {
	const frame = document.hidden ? undefined : requestAnimationFrame(() => go());
	const timer = setTimeout(() => go(), document.hidden ? 0 : 250);
	const go = () => {
		clearTimeout(timer);
		if (frame !== undefined)
			cancelAnimationFrame(frame);
		run();
	};
}

const screen = typeof requestAnimationFrame === 'function' && typeof document === 'object';

export const next = screen ? nextFrame : (run) => queueMicrotask(run);

export class Frame {
	#changed = new Set();
	#holds = new Map();
	#due = false;
	#schedule;
	#held;

	// schedule(run): another moment to tell; held: milliseconds, at most.
	constructor(schedule = next, held = 100) {
		this.#schedule = schedule;
		this.#held = held;
	}

	// The store is to be asked for its value and to tell it.
	changed(store) {
		if (this.#holds.has(store))
			return;
		this.#changed.add(store);
		if (this.#due)
			return;
		this.#due = true;
		try {
			this.#schedule(() => this.flush());
		} catch (error) {
			this.#due = false;
			throw error;
		}
	}

	// Likewise, but not before release(), or for a moment.
	hold(store) {
		if (this.#holds.has(store))
			return;
		this.#changed.delete(store);
		this.#holds.set(store, setTimeout(() => this.release(store), this.#held));
	}

	isHeld(store) {
		return this.#holds.has(store);
	}

	release(store) {
		clearTimeout(this.#holds.get(store));
		this.#holds.delete(store);
		this.changed(store);
	}

	stop() {
		for (const timer of this.#holds.values())
			clearTimeout(timer);
		this.#holds.clear();
	}

	flush() {
		const stores = [...this.#changed];

		this.#changed.clear();
		this.#due = false;
		for (const store of stores.filter((one) => guarded(() => one.recompute())))
			store.notify();
	}
}
