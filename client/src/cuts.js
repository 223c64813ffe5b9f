// cuts.js - notices that who is between cuts connections as soon as they are open.
const brief = 1000;				// milliseconds

export class Cuts {
	#row = 0;					// so many in a row

	// A connection has ended with this code, after so many milliseconds and frames.
	// That is said once.
	note(code, ms, frames) {
		if (this.#row > 1)
			return;
		this.#row = code === 1006 && ms < brief && frames === 0 ? this.#row + 1 : 0;
		if (this.#row > 1)
			console.warn('realtime: two connections were cut at once; a proxy?');
	}
}
