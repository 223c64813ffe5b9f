// transport.js - errors that cross from a server that renders pages to them, and
// keep their code: for SvelteKit's "transport" hook.
import { RealtimeError } from './errors.js';

// extras: {Name: {encode, decode}}, of the application; they win.
export function realtimeTransport(extras = {}) {
	for (const [name, coder] of Object.entries(extras)) {
		if (typeof coder?.encode !== 'function' || typeof coder.decode !== 'function')
			throw new TypeError(`realtimeTransport: ${name} needs the functions encode and decode`);
	}
	return {
		RealtimeError: {
			encode: (value) => value instanceof RealtimeError && value.toJSON(),
			decode: (json) => RealtimeError.fromJSON(json),
		},
		...extras,
	};
}
