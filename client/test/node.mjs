// node.mjs - what the tests of the client take from Node: a server of their own, a way
// to it that can be cut, signatures.  In Chromium test/browser/suite/page.mjs stands
// in its place.
import crypto from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

export { patience, startServer, until, WebSocket } from '../../test/node/lib.mjs';

export function sign(text, secret) {
	return crypto.createHmac('sha256', secret).update(text).digest('base64url');
}

// A way to a port that can be cut, closed and watched.
export class Way {
	#pairs = new Set();
	isOpen = true;

	static async to(port) {
		const way = new Way();

		way.server = net.createServer((client) => way.#join(client, port));
		way.server.listen(0, '127.0.0.1');
		await once(way.server, 'listening');
		way.url = `ws://127.0.0.1:${way.server.address().port}/ws`;
		return way;
	}

	#join(client, port) {
		if (!this.isOpen) {
			client.destroy();
			return;
		}
		const server = net.connect(port, '127.0.0.1');
		const pair = { client, server };

		this.#pairs.add(pair);
		for (const [from, to] of [[client, server], [server, client]]) {
			from.on('error', () => {});
			from.on('data', (data) => to.write(data));
			from.on('close', () => {
				this.#pairs.delete(pair);
				to.destroy();
			});
		}
	}

	// How many connections there are.
	count() {
		return this.#pairs.size;
	}

	// Ends all connections without a word of WebSocket.
	cut() {
		for (const { client, server } of this.#pairs) {
			client.destroy();
			server.destroy();
		}
	}

	// Lets nothing of the server through until resume() is called.
	hold() {
		for (const { server } of this.#pairs)
			server.pause();
	}

	resume() {
		for (const { server } of this.#pairs)
			server.resume();
	}

	// Cut, and nobody comes through until it is opened.
	shut() {
		this.isOpen = false;
		this.cut();
	}

	open() {
		this.isOpen = true;
	}

	stop() {
		this.shut();
		this.server.close();
	}
}
