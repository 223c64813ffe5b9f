// devtools.js - an overlay that shows what a client does, for those who develop a page.
//
//	import { inspect } from 'realtime-client/devtools';	// or /realtime/client/devtools.js
//	const client = createClient(inspect({ url }));			// Ctrl+Shift+L shows it
//
// It is an entry of its own: a page that does not import it has nothing of it, and the
// client does not know of it.  It sees what goes over the WebSocket.
import { Log } from './devtools/log.js';
import { Overlay } from './devtools/overlay.js';
import { redactKeys } from './devtools/redact.js';
import { watched } from './devtools/watched.js';

export { redactKeys };

// The same options, for a client that is watched.  enabled: false changes nothing.
export function inspect(options = {}, { enabled = true, open = false } = {}) {
	if (!enabled || typeof document === 'undefined')
		return options;
	const log = new Log();

	Overlay.of(document).add(log, open);
	return { ...options, WebSocket: watched(options.WebSocket ?? globalThis.WebSocket, log) };
}
