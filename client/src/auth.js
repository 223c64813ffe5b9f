// auth.js - who the client is, while it is connected: a token is renewed on the
// connection that there is.
import { RealtimeError } from './errors.js';

const pause = 5000;				// between two tokens, if they hardly last

export class Auth {
	#connection;
	#options;
	#asked = [];				// who waits for an answer, in order
	#refreshedAt = -Infinity;
	#refreshing;				// what was asked for on this connection

	constructor(connection, options) {
		this.#connection = connection;
		this.#options = options;
		connection.listen({
			received: (frame) => this.#received(frame),
			lost: () => this.#lost(),
		});
	}

	// A new token of the same user.  Resolves to its end in seconds since 1970,
	// null if it has none; without a connection it is used for the next one.
	renew(token) {
		const before = this.#options.token;

		if (typeof before !== 'function')
			this.#options.token = token;
		if (!this.#connection.send({ type: 'auth', token }))
			return Promise.resolve(null);
		return new Promise((resolve, reject) => this.#asked.push({ token, before, resolve, reject }));
	}

	#received(frame) {
		if (frame.type === 'auth')
			this.#answered(frame);
		else if (frame.type === 'auth-expiring' && typeof this.#options.token === 'function')
			this.#refreshSoon();
	}

	// A token that ends at once is followed by another of these frames.
	#refreshSoon() {
		const { clock } = this.#connection;

		// without a new one the server closes
		clock.after(Math.max(0, this.#refreshedAt + pause - clock.time), () => this.#refresh().catch(() => {}));
	}

	async #refresh() {
		const asked = this.#refreshing = {};

		this.#refreshedAt = this.#connection.clock.time;
		const token = await this.#options.token();

		// another connection has asked for its own, and may be somebody else's
		if (token && this.#refreshing === asked)
			await this.renew(token);
	}

	#answered(frame) {
		const waiting = this.#asked.shift();

		if (frame.ok)
			waiting?.resolve(frame.exp ?? null);
		else if (waiting)
			this.#refused(waiting, frame);
	}

	// It would be refused on the next connection, too, and for good.
	#refused({ token, before, reject }, frame) {
		if (this.#options.token === token)
			this.#options.token = before;
		for (const one of this.#asked.filter((later) => later.before === token))
			one.before = before;
		reject(RealtimeError.from(frame));
	}

	#lost() {
		this.#refreshedAt = -Infinity;
		this.#refreshing = undefined;
		for (const { reject } of this.#asked.splice(0))
			reject(new RealtimeError('DISCONNECTED', 'The connection was lost.'));
	}
}
