// lib.mjs - clients of a private server, and a way between them that can be cut.
import { createClient } from '../index.js';
import { patience, sign, startServer, until, Way, WebSocket } from './node.mjs';

export { createClient, patience, startServer, until, WebSocket };

export const limit = { timeout: 300000 };
export const secret = 'a secret of more than thirty-two bytes, as it should be';

export function token(claims) {
	const part = (value) => btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
	const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;

	return `${text}.${sign(text, secret)}`;
}

// All that a test has made, to be ended behind it.  Rows wait for the answers that may
// be their own however slow the machine is.
export class Made {
	#list = [];

	client(url, options = {}) {
		const client = createClient({ url, WebSocket: spied(options.spy), delay: () => 20, hold: patience, ...options });

		this.#list.push(() => client.close());
		return client;
	}

	async way(port) {
		const way = await Way.to(port);

		this.#list.push(() => way.stop());
		return way;
	}

	end() {
		for (const end of this.#list.splice(0).reverse())
			end();
	}
}

// A WebSocket that lets a test see the frames, and change what comes.
function spied({ sent, received } = {}) {
	return class extends WebSocket {
		constructor(url, protocols) {
			super(url, protocols, { perMessageDeflate: false });
		}

		send(text) {
			sent?.(JSON.parse(text));
			super.send(text);
		}

		set onmessage(run) {
			super.onmessage = run && ((message) => {
				received?.(JSON.parse(message.data));
				run(message);
			});
		}
	};
}

// Watches a store; values are all that it has told.
export function watch(store) {
	const seen = { values: [], get last() { return this.values.at(-1); } };

	seen.stop = store.subscribe((value) => seen.values.push(value));
	return seen;
}

// Waits until what a store tells is as it should be.
export async function shows(seen, condition, what) {
	await until(() => condition(seen.last), what ?? 'a value').catch((error) => {
		throw new Error(`${error.message}; the last one is ${JSON.stringify(seen.last)}`);
	});
	return seen.last;
}

export const isStatus = (client, status) => until(() => client.status.current === status, `the status ${status}`);

// A WebSocket whose other end is the test: frames come in the order that it says.
export function scripted() {
	const script = {
		sent: [],
		say(frame) { this.socket.onmessage?.({ data: JSON.stringify(frame) }); },
		event(topic, event, data, more = {}) { this.say({ topic, event, data, ...more }); },
		// The last request of a path.
		request(path) { return this.sent.flatMap((frame) => frame.batch ?? [frame]).findLast((frame) => frame.rpc === path); },
		answer(path, data, more = {}) {
			const { id } = this.request(path);
			this.say({ topic: '__rpc', event: id, data: { id, ok: true, data, ...more } });
		},
		refuse(path, code) {
			const { id } = this.request(path);
			this.say({ topic: '__rpc', event: id, data: { id, ok: false, code, error: code } });
		},
		break(code = 1006) { this.socket.onclose?.({ code, reason: '' }); },
	};

	script.WebSocket = class {
		bufferedAmount = 0;
		constructor() {
			script.socket = this;
			queueMicrotask(() => this.onopen?.());
		}
		send(text) { script.sent.push(JSON.parse(text)); }
		close() {}
	};
	return script;
}

// Lets all that is due be done; in a browser those who watch are told by a frame.
export const turn = () => new Promise((resolve) => {
	const wait = globalThis.requestAnimationFrame ?? ((run) => run());

	wait(() => setTimeout(resolve, 1));
});
