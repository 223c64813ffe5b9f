// people.js - what comes because of who is on the connection: signals, questions.
import { guarded } from './errors.js';

const signalPrefix = '__signal:';

export class People {
	#connection;
	#signals = new Set();
	#pushes = new Map();		// event -> handler
	#here = {};					// the connection, whose questions have numbers of its own

	constructor(connection) {
		this.#connection = connection;
		connection.listen({
			received: (frame) => this.#received(frame),
			lost: () => { this.#here = {}; },
		});
	}

	// (user, (event, data) => ...), or without the user.  Returns how to stop.
	onSignal(...args) {
		const listener = { run: args.pop(), user: args[0] };

		this.#signals.add(listener);
		this.#connection.connect();
		return () => this.#signals.delete(listener);
	}

	// What the handler returns, or resolves to, is the answer to the question.
	onPush(event, handler) {
		this.#pushes.set(event, handler);
		this.#connection.connect();
		return () => this.#pushes.get(event) === handler && this.#pushes.delete(event);
	}

	#received(frame) {
		if (frame.type === 'request')
			this.#answer(frame);
		else if (frame.topic?.startsWith(signalPrefix))
			this.#signal(frame.topic.slice(signalPrefix.length), frame);
	}

	#signal(user, { event, data }) {
		for (const listener of this.#signals) {
			if (listener.user === undefined || String(listener.user) === user)
				guarded(() => listener.run(event, data));
		}
	}

	async #answer({ ref, event, data }) {
		const here = this.#here;
		const reply = (members) => here === this.#here && this.#connection.send({ type: 'reply', ref, ...members });

		try {
			const handler = this.#pushes.get(event);
			if (!handler)
				throw new Error(`no handler for '${event}'`);
			reply({ data: await handler(data) ?? null });
		} catch (error) {
			reply({ error: String(error?.message ?? error) });
		}
	}
}
