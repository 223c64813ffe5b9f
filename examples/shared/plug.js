// plug.js - a network cable that the page can pull: WebSockets that are made while
// it is out do not connect, and those that are there close.
const dead = 1006;

export class Plug {
	#sockets = new Set();
	isOut = false;

	// For createClient({ WebSocket }).
	get WebSocket() {
		const plug = this;

		return function (url, protocols) {
			return plug.isOut ? nowhere() : plug.#open(url, protocols);
		};
	}

	#open(url, protocols) {
		const socket = new WebSocket(url, protocols);

		this.#sockets.add(socket);
		socket.addEventListener('close', () => this.#sockets.delete(socket));
		return socket;
	}

	pull() {
		this.isOut = true;
		for (const socket of this.#sockets) {
			const { onclose } = socket;

			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.close();
			onclose?.call(socket, { code: dead, reason: '' });
		}
		this.#sockets.clear();
	}

	// The browser says so, too, when its network is back.
	insert() {
		this.isOut = false;
		dispatchEvent(new Event('online'));
	}
}

// A WebSocket that finds nobody.
function nowhere() {
	const socket = { bufferedAmount: 0, readyState: 3, send() {}, close() {} };

	setTimeout(() => socket.onclose?.({ code: dead, reason: '' }));
	return socket;
}
