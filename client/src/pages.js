// pages.js - a value that comes page by page.

export class Pages {
	hasMore = false;
	#cursor;
	#loading;

	// What a reply says about what comes behind it.
	set({ hasMore, cursor }) {
		this.hasMore = hasMore === true;
		this.#cursor = cursor;
		this.#loading = undefined;
	}

	// ask(cursor) resolves to {reply, use()}.  Resolves to whether a page has
	// come; who asks while one is on its way waits for that.
	load(ask, tell) {
		if (!this.hasMore || this.#cursor === undefined || this.#cursor === null)
			return Promise.resolve(false);
		this.#loading ??= this.#load(ask, tell);
		return this.#loading;
	}

	async #load(ask, tell) {
		const cursor = this.#cursor;

		try {
			const { reply, use } = await ask(cursor);
			if (this.#cursor !== cursor)
				return false;		// the value is another one by now
			use();
			this.set(reply);
			tell();
			return true;
		} finally {
			this.#loading = undefined;
		}
	}
}
