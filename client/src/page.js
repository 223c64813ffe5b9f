// page.js - what the page's window tells a connection: that it is hidden or
// seen again, and that there is a network.

// Returns how to stop.
export function watchPage(connection) {
	const { document } = globalThis;
	const seen = () => connection.showHidden(document.hidden);
	const online = () => connection.hasten();

	if (typeof document?.addEventListener !== 'function')
		return () => {};
	document.addEventListener('visibilitychange', seen);
	globalThis.addEventListener?.('online', online);
	return () => {
		document.removeEventListener('visibilitychange', seen);
		globalThis.removeEventListener?.('online', online);
	};
}
