// watched.js - a WebSocket whose frames somebody else sees, too.

// A class for createClient({ WebSocket }) that makes sockets of another one.
export function watched(WebSocket, log) {
	return function (...args) {
		const socket = new WebSocket(...args);
		const send = socket.send.bind(socket);
		const wrap = (name, tell) => {
			let handler = socket[name];

			Object.defineProperty(socket, name, {
				get: () => handler,
				set: (run) => { handler = run; },
			});
			socket.addEventListener?.(name.slice(2), (event) => {
				tell(event);
				handler?.call(socket, event);
			});
		};

		if (!socket.addEventListener)
			return socket;			// it is none
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
