// socket.js - a WebSocket, whoever makes it: the browser, Node, the package ws.

// The address on the page's own server, if there is a page.
export function ownAddress() {
	const { location } = globalThis;

	return location?.host ? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws` : undefined;
}

// A token goes with the upgrade, where no log of a proxy has it.
export function openSocket(WebSocket, url, token, { opened, received, closed }) {
	const socket = new WebSocket(url, token ? ['realtime', `token.${token}`] : []);

	socket.onopen = opened;
	socket.onmessage = ({ data }) => received(data);
	socket.onerror = () => {};
	socket.onclose = ({ code, reason }) => closed(code, reason);
	return socket;
}

// Closes it; nothing is heard of it any more, whatever its network does.
export function drop(socket) {
	if (!socket)
		return;
	socket.onopen = socket.onmessage = socket.onclose = null;
	socket.onerror = () => {};
	try {
		socket.close(1000);
	} catch {
		// it was none
	}
}
