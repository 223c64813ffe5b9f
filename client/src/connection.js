// connection.js - one WebSocket, and another one when it is lost.
//
// It opens when somebody needs it.  What is said on it is not its business: who
// listens is told that it has opened, what has come, and that it has been lost.
import { reconnectDelay } from './backoff.js';
import { Clock } from './clock.js';
import { Cuts } from './cuts.js';
import { guarded } from './errors.js';
import { parse, stringify } from './json.js';
import { prepare } from './preflight.js';
import { watchPage } from './page.js';
import { drop, openSocket, ownAddress } from './socket.js';
import { State } from './state.js';

const finalCodes = new Set([1008, 4401, 4403]);
const steady = 10000;			// a connection that lives so long was a good one
const answerTime = 5000;		// for who seems to be gone, after a sleep

export class Connection {
	#options;
	#listeners = [];
	#state = new State();
	#cuts = new Cuts();
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

	isOver = false;				// for good
	era = 0;					// how often somebody else has come

	constructor(options) {
		this.#options = options;
		this.clock = new Clock(() => this.probe());
		this.status = this.#state.status;
		this.failure = this.#state.failure;
	}

	// {opened(), received(frame), lost(isFinal), forgotten()}, each of them if wanted:
	// forgotten, because somebody else comes.  Returns how to stop.
	listen(listener) {
		this.#listeners.push(listener);
		return () => { this.#listeners = this.#listeners.filter((one) => one !== listener); };
	}

	get isOpen() { return this.#attempt?.open === true; }

	get bufferedAmount() { return this.#attempt?.socket?.bufferedAmount ?? 0; }

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

	// Again, what was refused for now; returns how to take it back.
	later(failures, run) {
		return this.clock.after(reconnectDelay(failures + 1), run);
	}

	// For good.
	close() {
		this.#end('failed', null);
	}

	// Leaves, and comes back as whoever it is then, also if it was over: all that is
	// known is somebody else's.
	restart() {
		this.era++;
		this.#failed = 0;
		this.#end('disconnected', null, { forgets: this.era });
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
			this.#state.show(hidden ? 'suspended' : 'open');
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

		this.#state.show('connecting');
		prepare(this.#options, this.url, this.#wasOpen).then(({ token, failure }) => {
			if (this.#attempt !== attempt)
				return;
			if (failure)
				this.#over(failure, failure.final);
			else
				this.#open(attempt, token);
		});
	}

	#open(attempt, token) {
		try {
			attempt.socket = openSocket(this.#socketClass, this.url, token, {
				opened: () => this.#opened(attempt),
				received: (data) => this.#received(attempt, data),
				closed: (code, reason) => this.#lose(attempt, code, reason),
			});
		} catch (error) {
			return this.#over({ kind: 'address', class: 'TERMINAL', reason: error.message }, true);
		}
		// networks take what they are given and say nothing
		this.clock.after(this.#options.silence / 5, () => attempt.open || this.#lose(attempt, 1006, 'no connection'));
	}

	#opened(attempt) {
		const isBack = this.#wasOpen;

		attempt.open = this.#wasOpen = true;
		this.#openedAt = this.#heardAt = this.clock.time;
		attempt.frames = this.#frames;
		this.#throttled = false;
		this.#watch(attempt);
		this.send({ type: 'hello', caps: ['parts', 'pos', 'batch'] });
		const tell = this.#state.assign(globalThis.document?.hidden ? 'suspended' : 'open', null);

		this.#tell('opened', undefined, attempt);
		tell();
		if (isBack && this.#attempt === attempt)
			this.#call('onConnect');
	}

	#received(attempt, data) {
		if (this.#attempt !== attempt || typeof data !== 'string')
			return;
		this.#heardAt = this.clock.time;
		this.#frames++;
		// what nobody can read is told, and is nothing
		const frame = Object(guarded(() => parse(data, this.#options.bigint)));

		if (frame.type === 'welcome')
			this.#sessionId = frame.sessionId;
		for (const one of frame.type === 'batch' ? frame.events : [frame])
			this.#tell('received', one, attempt);
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
		if (attempt.open)
			this.#lived(attempt, code, this.clock.time - this.#openedAt);
		this.#throttled = code === 4429;
		const isFinal = finalCodes.has(code);
		const kind = isFinal ? 'TERMINAL' : this.#throttled ? 'THROTTLE' : 'RETRY';

		this.#over({ kind: 'ws-close', class: kind, code, reason: String(reason ?? '') }, isFinal);
	}

	#lived({ frames }, code, ms) {
		if (ms > steady)
			this.#failed = 0;
		this.#cuts.note(code, ms, this.#frames - frames);
	}

	// An attempt or a connection is over: try again, if that may help.
	#over({ final, ...failure }, isFinal = false) {
		this.#failed++;
		if (!isFinal && this.#failed > this.#options.maxAttempts) {
			isFinal = true;
			failure.class = 'EXHAUSTED';
		}
		if (isFinal)
			this.#end('failed', failure);
		else
			this.#end('disconnected', failure, { wait: this.#options.delay(this.#failed - 1, this.#throttled) });
	}

	#beginIn(ms) {
		clearTimeout(this.#timer?.handle);
		this.#timer = { due: Date.now() + ms, handle: setTimeout(() => this.#begin(), ms) };
	}

	// Who is told may call, close or become somebody else, so before that all is as it
	// will be.  wait: until the next attempt; forgets: since the era that begins, if
	// none of them has begun another one.
	#end(status, failure, { wait, forgets } = {}) {
		const attempt = this.#attempt;

		clearTimeout(this.#timer?.handle);
		this.#timer = undefined;
		this.#attempt = null;
		this.isOver = status === 'failed';
		drop(attempt?.socket);
		if (this.isOver)
			this.#rest();
		else if (wait !== undefined)
			this.#beginIn(wait);
		const tell = this.#state.assign(status, failure);

		this.#tell('lost');
		if (forgets === this.era)
			this.#tell('forgotten');
		tell();
		if (attempt?.open)
			this.#call('onDisconnect');
	}

	#rest() {
		this.clock.stop();
		this.#unwatchPage?.();
		this.#unwatchPage = undefined;
	}

	// attempt: what is told is of it, and not told any more if one of them ends it.
	#tell(what, frame, attempt) {
		for (const listener of [...this.#listeners]) {
			if (!attempt || this.#attempt === attempt)
				guarded(() => listener[what]?.(what === 'lost' ? this.isOver : frame));
		}
	}

	#call(hook) {
		guarded(() => this.#options[hook]?.());
	}
}
