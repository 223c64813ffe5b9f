// history.js - what has been shown before, to go back to and forth.

export class History {
	#list = [];
	#at = -1;
	#max;

	constructor(max) {
		this.#max = max;
	}

	// Something else is shown now: what had been undone is forgotten.
	record(value) {
		if (this.#at >= 0 && Object.is(this.#list[this.#at], value))
			return;
		this.#list.length = this.#at + 1;
		this.#list.push(value);
		if (this.#list.length > this.#max)
			this.#list.shift();
		this.#at = this.#list.length - 1;
	}

	clear() {
		this.#list = [];
		this.#at = -1;
	}

	get canUndo() {
		return this.#at > 0;
	}

	get canRedo() {
		return this.#at < this.#list.length - 1;
	}

	// What to show then, in an array; undefined if there is nothing.
	undo() {
		return this.canUndo ? [this.#list[--this.#at]] : undefined;
	}

	redo() {
		return this.canRedo ? [this.#list[++this.#at]] : undefined;
	}
}
