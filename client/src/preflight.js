// preflight.js - what has to be known before a WebSocket is opened: the token, and over
// HTTP whether it may be, so that the answer can set cookies.

const defaultPath = '/__ws/auth';

// Resolves to { token, failure }; failure is undefined if it may be opened.
export async function prepare(options, url, isBack) {
	try {
		if (isBack)
			await options.beforeReconnect?.();
		const { auth, token } = options;

		return {
			token: typeof token === 'function' ? await token() : token,
			failure: auth ? await preflight(url, auth) : undefined,
		};
	} catch (error) {
		return { failure: { kind: 'prepare', class: 'AUTH', reason: String(error?.message ?? error) } };
	}
}

async function preflight(url, path) {
	const asked = new URL(path === true ? defaultPath : path, url.replace(/^ws/, 'http'));
	const response = await fetch(asked, {
		method: 'POST',
		credentials: 'include',
		headers: { 'x-requested-with': 'realtime' },
	}).catch(() => ({ status: 0, statusText: 'network error' }));

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
