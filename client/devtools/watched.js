// watched.js - a WebSocket whose frames somebody else sees, too.

// A class for createClient({ WebSocket }) that makes sockets of another one: those of the
// platform, and what only has their handlers.
export function watched(WebSocket, log) {
	return function (...args) {
		const socket = new WebSocket(...args);
		const send = socket.send.bind(socket);
		const wrap = (name, tell) => {
			let handler = socket[name];
			const run = (event) => {
				tell(event);
				handler?.call(socket, event);
			};

			Object.defineProperty(socket, name, {
				get: () => socket.addEventListener ? handler : run,
				set: (other) => { handler = other; },
			});
			socket.addEventListener?.(name.slice(2), run);
		};
		const number = log.connecting();

		wrap('onopen', () => log.opened());
		wrap('onmessage', ({ data }) => log.received(data));
		wrap('onclose', ({ code, reason }) => log.closed(number, code, reason));
		wrap('onerror', () => {});
		socket.send = (data) => {
			log.sent(data);
			send(data);
		};
		return socket;
	};
}
