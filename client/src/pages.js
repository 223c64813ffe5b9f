// pages.js - a value that comes page by page.

export class Pages {
	hasMore = false;
	#cursor;
	#loading;					// the page that is on its way, and events since it was asked for

	// What a reply says about what comes behind it.
	set({ hasMore, cursor }) {
		this.hasMore = hasMore === true;
		this.#cursor = cursor;
		this.#loading = undefined;
	}

	// An event has changed the value: a page that is on its way may not contain it.
	changed(event) {
		this.#loading?.since.push(event);
	}

	// The value is all that it is now.
	refreshed() {
		this.#loading?.since.splice(0);
	}

	// ask(cursor) resolves to {reply, use(since)}.  Resolves to whether a page has
	// come; who asks while one is on its way waits for that.
	load(ask, tell) {
		if (!this.hasMore || this.#cursor === undefined || this.#cursor === null)
			return Promise.resolve(false);
		if (!this.#loading) {
			const loading = this.#loading = { since: [] };

			loading.end = this.#load(loading, ask, tell).finally(() => {
				if (this.#loading === loading)
					this.#loading = undefined;
			});
		}
		return this.#loading.end;
	}

	async #load(loading, ask, tell) {
		const { reply, use } = await ask(this.#cursor);

		if (this.#loading !== loading)
			return false;			// the value is another one by now
		use(loading.since);
		this.set(reply);
		tell();
		return true;
	}
}
