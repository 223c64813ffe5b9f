// relay.mjs - a network between browsers and a server that can be cut.
import { once } from 'node:events';
import net from 'node:net';

export class Relay {
	#server;
	#sockets = new Set();
	#isCut = false;

	static async to(port) {
		const relay = new Relay();

		relay.#server = net.createServer((socket) => relay.#connect(socket, port));
		relay.#server.listen(0, '127.0.0.1');
		await once(relay.#server, 'listening');
		relay.port = relay.#server.address().port;
		return relay;
	}

	#connect(socket, port) {
		if (this.#isCut)
			return socket.destroy();
		const other = net.connect(port, '127.0.0.1');

		for (const [one, two] of [[socket, other], [other, socket]]) {
			this.#sockets.add(one);
			one.on('error', () => {});
			one.on('close', () => {
				this.#sockets.delete(one);
				two.destroy();
			});
			one.pipe(two);
		}
		return undefined;
	}

	cut() {
		this.#isCut = true;
		for (const socket of this.#sockets)
			socket.destroy();
	}

	heal() {
		this.#isCut = false;
	}

	async close() {
		this.cut();
		this.#server.close();
		await once(this.#server, 'close');
	}
}
