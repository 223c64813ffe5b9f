// state.js - what a connection tells of itself: its status, and why it is not open.
import { readable, Store } from './store.js';

export class State {
	#status = new Store('disconnected');
	#failure = new Store(null);
	status = readable(this.#status);
	failure = readable(this.#failure);

	show(status) {
		this.#status.set(status);
	}

	// Sets both before anybody is told; returns how to tell it.
	assign(status, failure) {
		const others = [[this.#failure, failure], [this.#status, status]].filter(([store, value]) => store.assign(value));

		return () => others.forEach(([store]) => store.notify());
	}
}
