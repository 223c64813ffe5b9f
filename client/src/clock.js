// clock.js - time as a device counts it while it is awake.
//
// A laptop that is closed for the night has not waited for eight hours: what it
// has asked may still be answered.  So time is counted in slices of a second,
// of which none counts for much more than it should have taken; the computer's
// clock may be set meanwhile, too.

const slice = 1000;
const tolerance = 1000;			// how late a timer may be without having slept
const nap = 15000;				// how late means that the device was asleep

export class Clock {
	#entries = new Set();
	#passed = 0;
	#at;						// when the slice began, by the computer's clock
	#length = 0;				// of the slice
	#timer;
	#now;
	#onWake;

	// onWake is called after a sleep, while something is waited for.
	constructor(onWake = () => {}, now = () => Date.now()) {
		this.#onWake = onWake;
		this.#now = now;
	}

	// Milliseconds since the beginning, but for those that nobody was awake.
	get time() {
		this.#count();
		return this.#passed;
	}

	// Calls run in so many milliseconds, unless the function that it returns is
	// called before.
	after(ms, run) {
		const entry = { due: this.time + ms, run };

		this.#entries.add(entry);
		if (this.#timer === undefined || ms < this.#length)
			this.#arm(ms);
		return () => this.#entries.delete(entry);
	}

	stop() {
		this.#entries.clear();
		clearTimeout(this.#timer);
		this.#timer = undefined;
	}

	#arm(ms) {
		this.#count();
		clearTimeout(this.#timer);
		this.#length = Math.max(0, Math.min(slice, ms));
		this.#timer = setTimeout(() => this.#tick(), this.#length);
	}

	#count() {
		const now = this.#now();
		const late = now - (this.#at ?? now);

		this.#at = now;
		this.#passed += Math.max(0, Math.min(late, this.#length + tolerance));
		return late;
	}

	#tick() {
		const slept = this.#count() > this.#length + nap;
		const due = [...this.#entries].filter((entry) => entry.due <= this.#passed);

		this.#timer = undefined;
		for (const entry of due) {
			// another one may have taken it back
			if (this.#entries.delete(entry))
				entry.run();
		}
		this.#rearm();
		if (slept)
			this.#onWake();
	}

	#rearm() {
		let next = Infinity;

		for (const entry of this.#entries)
			next = Math.min(next, entry.due - this.#passed);
		if (next < Infinity && (this.#timer === undefined || next < this.#length))
			this.#arm(next);
	}
}
