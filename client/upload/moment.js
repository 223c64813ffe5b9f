// moment.js - a moment to wait before one looks again.
//
// A page that is hidden gets timers that are set by timers once a minute, after a while,
// and others once a second: so a message sets this one.

// Calls run in so many milliseconds, unless the function that it returns is called before.
export function later(ms, run) {
	const { port1, port2 } = new MessageChannel();
	let timer;

	port1.onmessage = () => {
		port1.close();
		timer = setTimeout(run, ms);
	};
	port2.postMessage(null);
	return () => {
		port1.close();
		clearTimeout(timer);
	};
}
