// membership.js - which topics the connection follows, and for whom.
//
// For the server a connection follows a topic or it does not.  Here several may
// want the same one, a stream and somebody by its name: it is left when the last
// of them has gone.

export class Membership {
	#connection;
	#members = new Map();		// topic -> who wants it
	#steps = 0;					// requests and endings, in the order in which they are sent
	#left = new Map();			// topic -> the step in which it was left

	constructor(connection) {
		this.#connection = connection;
		connection.listen({ lost: () => this.#reset() });
	}

	// The number of a request that is being sent.
	step() {
		return ++this.#steps;
	}

	// Whether the topic was left after that request had been sent: then the server
	// takes the ending for what the request has begun, too.
	wasLeft(topic, step) {
		return this.#left.get(topic) > step;
	}

	// Nothing has been asked that has not been answered.
	settle() {
		this.#left.clear();
	}

	enter(topic, member) {
		const members = this.#members.get(topic) ?? new Set();

		this.#members.set(topic, members.add(member));
	}

	// Leaves the topic, if nobody else wants it.
	leave(topic, member) {
		this.lose(topic, member);
		if (!this.#members.has(topic) && this.#connection.send({ type: 'unsubscribe', topic }))
			this.#left.set(topic, this.step());
	}

	// The server has ended it already.
	lose(topic, member) {
		const members = this.#members.get(topic);

		members?.delete(member);
		if (members?.size === 0)
			this.#members.delete(topic);
	}

	#reset() {
		this.#members.clear();
		this.#left.clear();
	}
}
