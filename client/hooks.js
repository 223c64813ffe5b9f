// hooks.js - errors that cross from a server that renders pages to them, and keep their
// code: SvelteKit's "transport" hook, in src/hooks.js.
//
//	export const transport = realtimeTransport();
import { RealtimeError } from './index.js';

const own = {
	encode: (value) => value instanceof RealtimeError && value.toJSON(),
	decode: (json) => RealtimeError.fromJSON(json),
};

// extras: {Name: {encode, decode}}, of the application; they win, because whose coder
// comes first is asked first.
export function realtimeTransport(extras = {}) {
	for (const [name, coder] of Object.entries(extras)) {
		if (typeof coder?.encode !== 'function' || typeof coder.decode !== 'function')
			throw new TypeError(`realtimeTransport: ${name} needs the functions encode and decode`);
	}
	return { ...extras, RealtimeError: extras.RealtimeError ?? own };
}
