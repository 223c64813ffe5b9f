// preflight.js - asks over HTTP whether a WebSocket may be opened, so that the
// answer can set cookies.

const defaultPath = '/__ws/auth';

// The failure that it is, or undefined if the WebSocket may be opened.
export async function preflight(url, path) {
	const asked = new URL(path === true ? defaultPath : path, url.replace(/^ws/, 'http'));
	const response = await fetch(asked, {
		method: 'POST',
		credentials: 'include',
		headers: { 'x-requested-with': 'realtime' },
	}).catch(() => ({ ok: false, status: 0, statusText: 'network error' }));

	if (response.ok)
		return undefined;
	return {
		kind: 'auth-preflight',
		class: 'AUTH',
		status: response.status,
		reason: response.statusText || 'unauthorized',
		final: response.status >= 400 && response.status < 500 && response.status !== 429,
	};
}
