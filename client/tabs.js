// tabs.js - the tabs of a page share one WebSocket.
//
//	const client = createClient({ WebSocket: sharedSocket({ user: session.userId }) });
//
// It is a WebSocket for the client, so nothing else changes for that.  One of the
// tabs leads: it has the real one, and the others' frames go through it.  Who
// leads is who holds a lock of the browser, which takes it back however the tab
// ends; the next one in the queue has it then, connects anew, and all of them
// come back as they do after any break.
import { Member } from './tabs/member.js';

// user: who is logged in, a text or null for nobody, or a function that returns
// it.  Tabs of others, or with a token of other claims, do not share.  patience:
// milliseconds for one who leads and does not answer, and whose lead is taken.
export function sharedSocket({ user, name = 'realtime', WebSocket = globalThis.WebSocket, locks = globalThis.navigator?.locks,
	BroadcastChannel = globalThis.BroadcastChannel, patience = 3000 } = {}) {
	if (user === undefined)
		throw new TypeError('sharedSocket: say who is logged in: user, a text, null for nobody, or a function');

	// Without locks (a page without TLS) each tab has its own.
	return class SharedSocket {
		constructor(url, protocols = []) {
			if (!locks || !BroadcastChannel)
				return new WebSocket(url, protocols);
			const group = JSON.stringify([name, 1, url, (typeof user === 'function' ? user() : user) ?? null, claimsOf(protocols)]);

			return new Member({ group, locks, BroadcastChannel, patience, connect: () => new WebSocket(url, protocols) });
		}
	};
}

// What a token says of its user; when it begins and ends does not matter.
function claimsOf(protocols) {
	const token = protocols.find((one) => one.startsWith('token.'))?.slice(6);

	try {
		const { exp, iat, nbf, jti, ...claims } = JSON.parse(textOf(token.split('.')[1]));
		return Object.entries(claims).sort(([a], [b]) => a < b ? -1 : 1);
	} catch {
		return token ?? null;
	}
}

function textOf(base64url) {
	const bytes = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));

	return new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
}
