// Whoever is told of something does anything at that moment, at random: calls, follows,
// leaves, closes, becomes somebody else; and the network does what networks do.  There is
// never more than one connection, and in the end nothing is followed that nobody watches,
// nothing waits, and what is closed stays closed.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient } from '../index.js';
import { until } from './lib.mjs';

const first = Number(process.env.RT_SEED ?? 1);
const rounds = 60;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function randomOf(seed) {
	let state = seed;

	return () => {
		state = (state * 1664525 + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}

// A server of which each connection is a WebSocket of the class that it has.
class Server {
	live = new Set();
	made = 0;

	constructor(random) {
		const server = this;

		this.WebSocket = class {
			bufferedAmount = 0;
			topics = new Set();

			constructor() {
				server.made++;
				server.live.add(this);
				setTimeout(() => random() < 0.8 ? this.open() : this.end(), random() * 3);
			}

			open() {
				this.isOpen = server.live.has(this);
				if (this.isOpen)
					this.onopen?.();
			}

			end(code = 1006) {
				if (server.live.delete(this))
					this.onclose?.({ code, reason: '' });
			}

			close() { server.live.delete(this); }

			send(text) {
				const frame = JSON.parse(text);

				for (const call of (frame.batch ?? [frame]).filter(({ id }) => id))
					this.#called(call);
				frame.topics?.forEach((topic) => this.topics.add(topic));
				if (frame.type === 'unsubscribe')
					this.topics.delete(frame.topic);
			}

			#called({ id, rpc, stream }) {
				const data = random() < 0.15 ? { id, ok: false, code: 'OVERLOADED', error: 'later' }
					: { id, ok: true, data: 1, ...stream && { data: [{ id: 1 }], topic: rpc, merge: 'crud', key: 'id', seq: 1 } };

				if (stream && data.ok)
					this.topics.add(rpc);
				setTimeout(() => server.live.has(this) && this.onmessage?.({ data: JSON.stringify({ topic: '__rpc', event: id, data }) }), random() * 3);
			}
		};
	}
}

class Round {
	#depth = 0;
	#stops = [];
	isOver = false;

	constructor(seed) {
		const random = this.random = randomOf(seed);

		this.server = new Server(random);
		this.client = createClient({
			url: 'ws://nowhere', WebSocket: this.server.WebSocket, delay: () => random() * 4, timeout: 200,
			token: random() < 0.5 ? 'ann' : async () => 'ben', offline: { queue: random() < 0.5 },
		});
		for (const store of [this.client.status, this.client.failure, this.client.quiescent])
			store.subscribe(() => random() < 0.2 && this.act());
	}

	watch(...stores) {
		for (const store of stores)
			this.#stops.push(store.subscribe(() => this.random() < 0.1 && this.act()));
	}

	stream() {
		return this.client.stream(`s/${Math.floor(this.random() * 3)}`)();
	}

	// Not for ever within one of them.
	act() {
		if (this.isOver || this.#depth > 4)
			return;
		this.#depth++;
		const can = this.can[Math.floor(this.random() * this.can.length)];

		can(this.client);
		this.#depth--;
	}

	can = [
		(client) => client.rpc('a/b')(Math.floor(this.random() * 5)).catch(() => {}),
		(client) => client.rpc('a/b').with({ idempotencyKey: String(this.random()) })(1).catch(() => {}),
		(client) => client.rpc('a/b').volatile(1),
		(client) => client.become(`c${this.random()}`),
		(client) => this.random() < 0.3 && client.close(),
		(client) => client.connect(),
		(client) => client.authenticate('other').catch(() => {}),
		(client) => this.watch(client.topic(`t${Math.floor(this.random() * 2)}`)),
		() => this.#stops.splice(Math.floor(this.random() * this.#stops.length), 1).forEach((stop) => stop()),
		() => this.#stops.splice(0).forEach((stop) => stop()),
		() => { const stream = this.stream(); this.watch(stream, stream.error, stream.status); },
		() => { const stream = this.stream(); this.watch(stream); },
		() => this.stream().reload(),
		() => this.stream().forget(),
		() => this.stream().mutate(() => this.client.rpc('a/b').fresh(1), { event: 'created', data: { id: this.random() } }).catch(() => {}),
	];

	async run() {
		for (let i = 0; i < 60; i++) {
			this.act();
			if (this.random() < 0.3)
				[...this.server.live].forEach((socket) => socket.isOpen && socket.end(this.random() < 0.1 ? 4429 : 1006));
			await wait(this.random() * 4);
			assert.ok(this.server.live.size <= 1, `${this.server.live.size} connections`);
		}
	}

	async end() {
		const { client, server } = this;

		this.isOver = true;
		this.#stops.splice(0).forEach((stop) => stop());
		await until(() => client.quiescent.current && [...server.live].every(({ topics }) => topics.size === 0), 'nothing to be followed', 10000);
		client.close();
		const { made } = server;
		await wait(20);
		assert.deepEqual([client.status.current, client.quiescent.current, server.live.size, server.made], ['failed', true, 0, made]);
	}
}

it(`whatever anybody does when he is told of something (RT_SEED=${first})`, async (t) => {
	t.mock.method(console, 'warn', () => {});
	await Promise.all(Array.from({ length: rounds }, async (_, i) => {
		const round = new Round(first + i);

		await round.run().then(() => round.end()).catch((error) => {
			throw new Error(`RT_SEED=${first + i}: ${error.message}`, { cause: error });
		});
	}));
});
