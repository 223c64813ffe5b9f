// rounds.js - live queries that move together: what a round brings is applied
// when all of it is there.

export class Rounds {
	#apply;
	#answered;
	#events = [];				// of a round that is not complete

	// Up to which position of changes the queries have them all.
	position = 0;

	// answered() is the highest position that a call's answer has named.
	constructor(apply, answered) {
		this.#apply = apply;
		this.#answered = answered;
	}

	// True if the round is complete now.
	take({ events, more, pos }) {
		for (const event of events)
			this.#events.push(event);
		if (more)
			return false;
		for (const event of this.#events.splice(0))
			this.#apply(event);
		if (pos !== undefined)
			this.position = Number(pos);
		return true;
	}

	// Where the queries have to be to contain what has been answered so far;
	// undefined if they are there, or if it is none of a query.
	awaited(topic) {
		const position = this.#answered();

		return topic?.startsWith('query:') && position > this.position ? position : undefined;
	}

	// Positions are those of one connection.
	reset() {
		this.#events = [];
		this.position = 0;
	}
}
