// testing.js - a client for tests of applications, and a network between it and the
// server that does what networks do.
//
//	const { client, network, until, close } = createTestClient({ url, claims: { sub: 'ann' }, secret });
//	const todos = client.query('todo/open')(7);
//
//	await until(todos, (rows) => rows.length === 1);
//	network.cut();
import { createHmac } from 'node:crypto';
import { createClient, parse, RealtimeError, stringify } from './index.js';

// A token that realtime.jwt_secret has signed.
export function signToken(claims, secret) {
	const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;

	return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

// The value of a store as soon as the condition holds for it.
export function until(store, condition = (value) => value !== undefined, ms = 10000) {
	return new Promise((resolve, reject) => {
		let leave;
		let last;
		const end = (settle, value) => {
			clearTimeout(timer);
			queueMicrotask(() => leave?.());
			settle(value);
		};
		const timer = setTimeout(() => end(reject, new Error(
			`waited ${ms} ms; the value is ${JSON.stringify(last)?.slice(0, 1000)}`)), ms);

		leave = store.subscribe((value) => {
			last = value;
			try {
				if (condition(value))
					end(resolve, value);
			} catch (error) {
				end(reject, error);
			}
		});
	});
}

// The error with which a call or a store is refused, of this code.
export async function refusal(promise, code = 'FORBIDDEN') {
	const error = await promise.then((value) => {
		throw new Error(`expected ${code}, but got ${JSON.stringify(value)}`);
	}, (reason) => reason);

	if (!(error instanceof RealtimeError) || error.code !== code)
		throw Object.assign(new Error(`expected ${code}, but got ${error.code ?? error.message}`), { cause: error });
	return error;
}

// ---- the network -----------------------------------------------------------

// Numbers from 0 to 1, the same for the same seed.
function random(seed) {
	let state = seed >>> 0;

	return () => {
		state = (state + 0x6D2B79F5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);

		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

// What events are, and answers are not.
function isEvent({ topic }) {
	return typeof topic === 'string' && !topic.startsWith('__');
}

// What goes one way, in order, whatever the delay is meanwhile.
class Lane {
	#waiting = [];
	#timer;

	constructor(network) {
		this.network = network;
	}

	pass(run) {
		this.#waiting.push({ run, at: Date.now() + this.network.latency });
		this.go();
	}

	go() {
		clearTimeout(this.#timer);
		while (this.#waiting.length > 0 && !this.network.isHeld) {
			const wait = this.#waiting[0].at - Date.now();

			if (wait > 0) {
				this.#timer = setTimeout(() => this.go(), wait);
				return;
			}
			this.#waiting.shift().run();
		}
	}

	end() {
		clearTimeout(this.#timer);
		this.#waiting.length = 0;
	}
}

// A WebSocket as the client uses it.
class Socket {
	onopen = null;
	onmessage = null;
	onerror = null;
	onclose = null;
	isOver = false;

	constructor(network, Base, url, protocols) {
		this.network = network;
		this.down = new Lane(network);
		this.up = new Lane(network);
		if (network.isShut)
			queueMicrotask(() => this.fail());
		else
			this.#open(new Base(url, protocols));
	}

	#open(socket) {
		this.socket = socket;
		socket.onopen = () => this.down.pass(() => this.onopen?.());
		socket.onmessage = (message) => {
			const data = this.network.lets(message.data);

			if (data !== undefined)
				this.down.pass(() => this.onmessage?.({ data }));
		};
		socket.onerror = () => {};
		socket.onclose = ({ code, reason }) => this.down.pass(() => this.#over(code, reason));
	}

	#over(code, reason) {
		if (this.isOver)
			return;
		this.isOver = true;
		this.network.sockets.delete(this);
		this.onclose?.({ code, reason });
	}

	get bufferedAmount() {
		return this.socket?.bufferedAmount ?? 0;
	}

	send(data) {
		this.up.pass(() => this.isOver || this.socket.send(data));
	}

	close(code, reason) {
		this.up.pass(() => this.socket?.close(code, reason));
	}

	// Without a word of WebSocket, as far as the client knows.
	fail() {
		this.down.end();
		this.up.end();
		this.socket?.close();
		this.onerror?.();
		this.#over(1006, '');
	}
}

export class Network {
	sockets = new Set();
	latency = 0;
	isShut = false;
	isHeld = false;
	lost = 0;
	#chance = () => 1;
	#rate = 0;
	#next = 0;

	constructor(Base) {
		const network = this;

		this.WebSocket = class extends Socket {
			constructor(url, protocols) {
				super(network, Base, url, protocols);
				network.sockets.add(this);
			}
		};
	}

	// Ends the connections there are; the client makes another one.
	cut() {
		for (const socket of [...this.sockets])
			socket.fail();
	}

	// The same, and there is none until open() is called.
	shut() {
		this.isShut = true;
		this.cut();
	}

	open() {
		this.isShut = false;
	}

	// Everything takes so many milliseconds, each way.
	delay(ms) {
		this.latency = ms;
	}

	// Nothing comes through, and nobody is told, until release() is called.
	hold() {
		this.isHeld = true;
	}

	release() {
		this.isHeld = false;
		for (const { up, down } of [...this.sockets]) {
			down.go();
			up.go();
		}
	}

	// Loses the next events, or a part of all, the same ones for the same seed.
	// Answers are not lost: a connection that loses these is over.
	lose(next = 1) {
		this.#next = next;
	}

	loseSome(rate, seed = 1) {
		this.#rate = rate;
		this.#chance = random(seed);
	}

	// What of a frame comes through; undefined: nothing.
	lets(data) {
		if (this.#next <= 0 && this.#rate <= 0)
			return data;
		const frame = parse(data, true);

		if (Array.isArray(frame.events))
			return stringify({ ...frame, events: frame.events.filter((event) => !this.#loses(event)) });
		return this.#loses(frame) ? undefined : data;
	}

	#loses(frame) {
		if (!isEvent(frame) || (this.#next > 0 ? this.#next-- <= 0 : this.#chance() >= this.#rate))
			return false;
		this.lost++;
		return true;
	}
}

// A client on such a network.  claims, signed with secret, are who it is; or token,
// as with createClient, whose options all others are.
export function createTestClient({ claims, secret, token, WebSocket = globalThis.WebSocket, ...options }) {
	const network = new Network(WebSocket);
	const client = createClient({
		delay: () => 20, ...options, WebSocket: network.WebSocket, token: claims ? signToken(claims, secret) : token,
	});

	return {
		client,
		network,
		until,
		refusal,
		call: (path, ...args) => client.rpc(path)(...args),
		follow: (path, ...args) => client.stream(path)(...args),
		close: () => client.close(),
	};
}
