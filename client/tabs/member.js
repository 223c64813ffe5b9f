// member.js - what a tab has for a WebSocket: a way to that of the tab that leads,
// or the one that leads itself.
//
// On the channel go
//	{ from, join, seen }		I want to come in; whether I am looked at
//	{ from, send }				a frame for the server, a text or bytes
//	{ from, seen }				I am looked at
//	{ from, leave }				I have gone
// to the one that leads, and from it, to one or to all,
//	{ lead }					I do now: those of another one are cut off
//	{ from, to, wait }			you are in; it is being connected
//	{ from, to, open, welcome }	it is connected
//	{ from, to, frame }			a frame of the server
//	{ from, to, taken }			so many bytes are on their way
//	{ from, to, close: [code, reason] }
import { Hub } from './hub.js';

const farewell = 100;			// milliseconds, for the last words of who has led

export class Member {
	onopen = null;
	onmessage = null;
	onclose = null;
	onerror = null;

	#id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
	#options;
	#channel;
	#leader;					// whose socket is used, once somebody has answered
	#hub;						// if it is ours
	#isOpen = false;
	#over = false;
	#untaken = 0;				// bytes for the one that leads
	#timer;
	#ends = new AbortController();
	#release = () => {};		// lets the locks go
	#unwatch;

	constructor(options) {
		const { group, BroadcastChannel } = this.#options = options;

		this.#channel = new BroadcastChannel(group);
		this.#channel.onmessage = ({ data }) => this.#heard(data);
		this.#channel.unref?.();
		this.#unwatch = watchPage(() => this.#post({ seen: true }), () => this.#close(1006, 'the page sleeps'));
		this.#begin(new Promise((resolve) => { this.#release = resolve; }));
	}

	get bufferedAmount() {
		return this.#hub?.bufferedAmount ?? this.#untaken;
	}

	send(data) {
		if (this.#hub)
			return this.#hub.send(this.#id, data);
		this.#untaken += typeof data === 'string' ? 0 : data.byteLength;
		this.#post({ send: data });
	}

	close() {
		this.#end();
	}

	// ---- who leads -------------------------------------------------------

	// One lock says that this tab lives, another one who leads.
	#begin(end) {
		const { group, locks } = this.#options;
		const { signal } = this.#ends;

		locks.request(lockOf(group, this.#id), { signal }, () => {
			this.#join();
			return end;
		}).catch((error) => this.#close(1006, error.message));
		locks.request(group, { signal }, () => this.#lead(end)).catch((error) => this.#robbed(error));
	}

	#lead(end) {
		const { group, locks, connect } = this.#options;

		if (this.#leader !== undefined)
			return this.#left();
		if (this.#over)
			return undefined;
		clearTimeout(this.#timer);
		this.#leader = this.#id;
		this.#hub = new Hub({
			own: this.#id, connect,
			post: (message) => this.#tell({ from: this.#id, ...message }),
			// resolves when that tab has ended
			ended: (member, signal) => locks.request(lockOf(group, member), { signal }, () => {}),
		});
		this.#channel.postMessage({ lead: this.#id });
		return end;
	}

	// Who has led has gone.  If it could it has said why, and that is on its way.
	async #left() {
		await new Promise((resolve) => setTimeout(resolve, farewell));
		this.#close(1006, 'the tab that led has gone');
	}

	// Somebody has taken the lead from one who did not answer.
	#robbed(error) {
		if (this.#over)
			return;
		if (this.#hub || error.name !== 'AbortError')
			this.#close(1006, 'another tab leads');
	}

	#join() {
		if (this.#over || this.#hub)
			return;
		this.#post({ join: true, seen: isSeen() });
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#steal(), this.#options.patience * (1 + Math.random()));
	}

	// Who leads does not answer: it is frozen, or hangs.
	#steal() {
		const { group, locks } = this.#options;
		const end = new Promise((resolve) => {
			const before = this.#release;
			this.#release = () => { before(); resolve(); };
		});

		locks.request(group, { steal: true }, () => this.#lead(end)).catch((error) => this.#robbed(error));
	}

	// ---- what is heard ---------------------------------------------------

	#post(message) {
		if (!this.#hub && !this.#over)
			this.#channel.postMessage({ from: this.#id, ...message });
	}

	// The one that leads says something, to itself perhaps.
	#tell(message) {
		if (message.to !== this.#id && !this.#over)
			this.#channel.postMessage(message);
		if (message.to === undefined || message.to === this.#id)
			this.#told(message);
	}

	#heard(message) {
		if (this.#over)
			return;
		if (this.#hub)
			this.#hub.heard(message);
		else if (message.lead !== undefined)
			this.#led(message.lead);
		else if (message.to === this.#id || (message.from === this.#leader && message.to === undefined))
			this.#told(message);
	}

	#led(leader) {
		if (this.#leader !== undefined && this.#leader !== leader)
			this.#close(1006, 'another tab leads');
		else
			this.#join();
	}

	#told({ from, open, welcome, frame, taken = 0, close }) {
		clearTimeout(this.#timer);
		this.#leader = from;
		this.#untaken -= taken;
		if (close)
			this.#close(...close);
		else if (open && !this.#isOpen)
			this.#opened(welcome);
		else if (frame !== undefined && this.#isOpen)
			this.onmessage?.({ data: frame });
	}

	#opened(welcome) {
		this.#isOpen = true;
		this.onopen?.({});
		if (welcome !== undefined)
			this.onmessage?.({ data: welcome });
	}

	#close(code, reason) {
		if (this.#over)
			return;
		const { onclose } = this;

		this.#end();
		onclose?.({ code, reason });
	}

	#end() {
		if (this.#over)
			return;
		if (this.#hub)
			this.#channel.postMessage({ from: this.#id, close: [1006, 'the tab that led has gone'] });
		else
			this.#post({ leave: true });
		this.#over = true;
		this.#hub?.end();
		clearTimeout(this.#timer);
		this.#ends.abort();
		this.#release();
		this.#unwatch();
		this.#channel.close();
	}
}

function lockOf(group, member) {
	return `${group}:${member}`;
}

function isSeen() {
	return globalThis.document?.hidden === false;
}

// A page that the browser puts to sleep must not lead.  Returns how to stop.
function watchPage(seen, sleeps) {
	const { document } = globalThis;
	const shown = () => isSeen() && seen();

	if (typeof document?.addEventListener !== 'function')
		return () => {};
	document.addEventListener('visibilitychange', shown);
	document.addEventListener('freeze', sleeps);
	globalThis.addEventListener?.('pagehide', sleeps);
	return () => {
		document.removeEventListener('visibilitychange', shown);
		document.removeEventListener('freeze', sleeps);
		globalThis.removeEventListener?.('pagehide', sleeps);
	};
}
