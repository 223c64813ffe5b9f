// auth.js - who the client is, while it is connected: a token is renewed on the
// connection that there is.
import { RealtimeError } from './errors.js';

const pause = 5000;				// between two tokens, if they hardly last

export class Auth {
	#connection;
	#asked = [];				// who waits for an answer, in order
	#refreshedAt = -Infinity;

	constructor(connection) {
		this.#connection = connection;
		connection.listen({
			received: (frame) => this.#received(frame),
			lost: () => this.#lost(),
		});
	}

	// A new token of the same user.  Resolves to its end in seconds since 1970,
	// null if it has none; without a connection it is used for the next one.
	renew(token) {
		if (typeof this.#connection.token !== 'function')
			this.#connection.token = token;
		if (!this.#connection.send({ type: 'auth', token }))
			return Promise.resolve(null);
		return new Promise((resolve, reject) => this.#asked.push({ resolve, reject }));
	}

	#received(frame) {
		if (frame.type === 'auth')
			this.#answered(frame);
		else if (frame.type === 'auth-expiring' && typeof this.#connection.token === 'function')
			this.#refreshSoon();
	}

	// A token that ends at once is followed by another of these frames.
	#refreshSoon() {
		const { clock } = this.#connection;
		const wait = this.#refreshedAt + pause - clock.time;

		if (wait > 0)
			clock.after(wait, () => this.#refresh().catch(() => {}));
		else
			this.#refresh().catch(() => {});		// without a new one the server closes
	}

	async #refresh() {
		this.#refreshedAt = this.#connection.clock.time;
		const token = await this.#connection.token();

		if (token)
			await this.renew(token);
	}

	#answered(frame) {
		const waiting = this.#asked.shift();

		if (frame.ok)
			waiting?.resolve(frame.exp ?? null);
		else
			waiting?.reject(RealtimeError.from(frame));
	}

	#lost() {
		this.#refreshedAt = -Infinity;
		for (const { reject } of this.#asked.splice(0))
			reject(new RealtimeError('DISCONNECTED', 'The connection was lost.'));
	}
}
