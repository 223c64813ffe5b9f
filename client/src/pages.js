// pages.js - a value that comes page by page.

export class Pages {
	hasMore = false;
	isPaged = false;			// there has been more, which may have come
	#cursor;
	#loading;					// the page that is on its way, and events since it was asked for

	// What a reply says about what comes behind it.
	set({ hasMore, cursor }) {
		this.hasMore = hasMore === true;
		this.isPaged ||= this.hasMore;
		this.#cursor = cursor;
		this.stop();
	}

	// What is on its way is of a value that has become another one.
	stop() {
		this.#loading = undefined;
	}

	// An event has changed the value: a page that is on its way may not contain it.
	changed(event) {
		this.#loading?.since.push(event);
	}

	// ask(cursor) resolves to {reply, use(since)}.  Resolves to whether a page has
	// come; who asks while one is on its way waits for that.
	async load(ask, tell) {
		if (!this.hasMore || this.#cursor == null)
			return false;
		if (!this.#loading) {
			const loading = this.#loading = { since: [] };

			loading.end = this.#load(loading, ask, tell);
		}
		return this.#loading.end;
	}

	async #load(loading, ask, tell) {
		try {
			await null;			// who is told that it is asked for may ask, too
			const { reply, use } = await ask(this.#cursor);

			if (this.#loading !== loading)
				return false;
			use(loading.since);
			this.set(reply);
			tell();
			return true;
		} finally {
			if (this.#loading === loading)
				this.stop();
		}
	}
}
