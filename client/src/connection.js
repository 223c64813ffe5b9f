// connection.js - one WebSocket, and another one when it is lost.
//
// It opens when somebody needs it.  What is said on it is not its business: who
// listens is told that it has opened, what has come, and that it has been lost.
import { Clock } from './clock.js';
import { guarded, report } from './errors.js';
import { parse, stringify } from './json.js';
import { preflight } from './preflight.js';
import { watchPage } from './page.js';
import { drop, openSocket, ownAddress } from './socket.js';
import { readable, Store } from './store.js';

const finalCodes = new Set([1008, 4401, 4403]);
const steady = 10000;			// a connection that lives so long was a good one
const answerTime = 5000;		// for who seems to be gone, after a sleep

export class Connection {
	#options;
	#listeners = [];
	#status = new Store('disconnected');
	#failure = new Store(null);
	#attempt = null;			// the one under way, or whose socket is open
	#failed = 0;				// attempts in a row
	#throttled = false;
	#timer;						// of the next attempt
	#openedAt;
	#heardAt;
	#frames = 0;				// so many have come
	#sessionId;
	#wasOpen = false;
	#unwatchPage;

	constructor(options) {
		this.#options = options;
		this.clock = new Clock(() => this.probe());
		this.status = readable(this.#status);
		this.failure = readable(this.#failure);
	}

	// {opened(), received(frame), lost(isFinal)}, each of them if wanted.  Returns
	// how to stop.
	listen(listener) {
		this.#listeners.push(listener);
		return () => this.#listeners.splice(this.#listeners.indexOf(listener), 1);
	}

	get isOpen() {
		return this.#attempt?.open === true;
	}

	get isOver() {
		return this.#status.current === 'failed';
	}

	get bufferedAmount() {
		return this.#attempt?.socket?.bufferedAmount ?? 0;
	}

	// A text, or a function that returns one or resolves to it.
	get token() {
		return this.#options.token;
	}

	set token(token) {
		this.#options.token = token;
	}

	get url() {
		return this.#options.url ?? ownAddress();
	}

	// While a page is rendered on a server there is nothing to connect to.
	get isPossible() {
		return this.#options.enabled && this.url !== undefined && this.#socketClass !== undefined;
	}

	get #socketClass() {
		return this.#options.WebSocket ?? globalThis.WebSocket;
	}

	// Sees to it that there is, or will be, a connection.
	connect() {
		if (this.isOver || this.#attempt || !this.isPossible)
			return;
		this.#unwatchPage ??= watchPage(this);
		if (this.#timer === undefined)
			this.#begin();
		else if (this.#failed < 5 && !this.#throttled)
			this.#beginIn(Math.min(this.#options.delay(0), this.#timer.due - Date.now()));
	}

	// At once, because something has changed: the network is back, the page is seen.
	// Not if the server has said that there is too much of that.
	hasten() {
		if (this.#timer === undefined || this.#throttled)
			return;
		this.#failed = 0;
		this.#begin();
	}

	send(frame) {
		return this.isOpen && this.sendBytes(stringify(frame));
	}

	// A frame as it is.
	sendBytes(bytes) {
		if (this.isOpen)
			this.#attempt.socket.send(bytes);
		return this.isOpen;
	}

	// For good.
	close() {
		this.#end('failed', null);
	}

	// Leaves, and comes back as whoever it is then, also if it was over.
	restart() {
		this.#failed = 0;
		this.#end('disconnected', null);
		this.connect();
	}

	// Is anybody there?  Every frame of this kind is answered.
	probe() {
		if (!this.send({ type: 'resume', sessionId: this.#sessionId ?? '', lastSeenSeqs: {} }))
			return;
		const attempt = this.#attempt;
		const frames = this.#frames;

		this.clock.after(answerTime, () => {
			if (this.#attempt === attempt && this.#frames === frames)
				this.#lose(attempt, 1006, 'no answer');
		});
	}

	showHidden(hidden) {
		if (this.isOpen)
			this.#status.set(hidden ? 'suspended' : 'open');
		if (hidden)
			return;
		this.probe();
		this.hasten();
	}

	// ---- attempts --------------------------------------------------------

	#begin() {
		clearTimeout(this.#timer?.handle);
		this.#timer = undefined;
		const attempt = this.#attempt = { open: false };

		this.#status.set('connecting');
		this.#prepare(attempt).catch((error) => ({ kind: 'prepare', class: 'AUTH', reason: String(error?.message ?? error) }))
			.then((failure) => {
				if (this.#attempt !== attempt)
					return;
				if (failure)
					this.#over(failure, failure.final);
				else
					this.#open(attempt);
			});
	}

	// What has to be known before: resolves to a failure, or nothing.
	async #prepare(attempt) {
		const { auth, beforeReconnect } = this.#options;
		const { token } = this;

		if (this.#wasOpen)
			await beforeReconnect?.();
		attempt.token = typeof token === 'function' ? await token() : token;
		return auth ? preflight(this.url, auth) : undefined;
	}

	#open(attempt) {
		try {
			attempt.socket = openSocket(this.#socketClass, this.url, attempt.token, {
				opened: () => this.#opened(attempt),
				received: (data) => this.#received(attempt, data),
				closed: (code, reason) => this.#lose(attempt, code, reason),
			});
		} catch (error) {
			this.#over({ kind: 'address', class: 'TERMINAL', reason: error.message }, true);
		}
	}

	#opened(attempt) {
		const isBack = this.#wasOpen;

		attempt.open = this.#wasOpen = true;
		this.#openedAt = this.#heardAt = this.clock.time;
		this.#throttled = false;
		this.#watch(attempt);
		this.send({ type: 'hello', caps: ['parts', 'pos', 'batch'] });
		this.#tell('opened');
		this.#failure.set(null);
		this.#status.set(globalThis.document?.hidden ? 'suspended' : 'open');
		if (isBack)
			this.#call('onConnect');
	}

	#received(attempt, data) {
		if (this.#attempt !== attempt || typeof data !== 'string')
			return;
		this.#heardAt = this.clock.time;
		this.#frames++;
		const frame = this.#read(data);

		if (frame.type === 'welcome')
			this.#sessionId = frame.sessionId;
		for (const one of frame.type === 'batch' ? frame.events : [frame])
			this.#tell('received', one);
	}

	#read(data) {
		try {
			return Object(parse(data, this.#options.bigint));
		} catch (error) {
			report(error);
			return {};
		}
	}

	// The server says something every minute.
	#watch(attempt) {
		const { silence } = this.#options;

		this.clock.after(silence / 5, () => {
			if (this.#attempt !== attempt)
				return;
			if (this.clock.time - this.#heardAt > silence)
				this.#lose(attempt, 1006, 'nothing was heard');
			else
				this.#watch(attempt);
		});
	}

	#lose(attempt, code, reason) {
		if (this.#attempt !== attempt)
			return;
		if (attempt.open && this.clock.time - this.#openedAt > steady)
			this.#failed = 0;
		this.#throttled = code === 4429;
		const isFinal = finalCodes.has(code);
		const kind = isFinal ? 'TERMINAL' : this.#throttled ? 'THROTTLE' : 'RETRY';

		this.#over({ kind: 'ws-close', class: kind, code, reason: String(reason ?? '') }, isFinal);
	}

	// An attempt or a connection is over: try again, if that may help.
	#over({ final, ...failure }, isFinal = false) {
		this.#failed++;
		if (!isFinal && this.#failed > this.#options.maxAttempts) {
			isFinal = true;
			failure.class = 'EXHAUSTED';
		}
		this.#end(isFinal ? 'failed' : 'disconnected', failure);
		if (!isFinal)
			this.#beginIn(this.#options.delay(this.#failed - 1, this.#throttled));
	}

	#beginIn(ms) {
		clearTimeout(this.#timer?.handle);
		this.#timer = { due: Date.now() + ms, handle: setTimeout(() => this.#begin(), ms) };
	}

	#end(status, failure) {
		const attempt = this.#attempt;

		clearTimeout(this.#timer?.handle);
		this.#timer = undefined;
		this.#attempt = null;
		drop(attempt?.socket);
		if (status === 'failed')
			this.#rest();
		this.#failure.set(failure);
		this.#tell('lost', status === 'failed');
		this.#status.set(status);
		if (attempt?.open)
			this.#call('onDisconnect');
	}

	#rest() {
		this.clock.stop();
		this.#unwatchPage?.();
		this.#unwatchPage = undefined;
	}

	#tell(what, detail) {
		for (const listener of [...this.#listeners])
			guarded(() => listener[what]?.(detail));
	}

	#call(hook) {
		guarded(() => this.#options[hook]?.());
	}
}
