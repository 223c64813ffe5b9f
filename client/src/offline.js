// offline.js - calls that are made while there is no connection, for later.
//
// With a store (see ../offline.js) they are kept there as well, until they have
// been answered; it gives those that a page has left behind to the next one.
import { closedError, guarded, RealtimeError, report } from './errors.js';

const together = 10;			// at a time, with replay: 'concurrent'
const refusals = 5;				// that may pass
const passing = new Set(['OVERLOADED', 'SERVICE_UNAVAILABLE', 'RATE_LIMITED']);		// it was not run

export class OfflineQueue {
	#connection;
	#calls;
	#options;
	#queue = [];
	#senders = 0;				// at work
	#claims = 0;				// likewise
	#closes = 0;				// how often the connection was closed for good

	constructor(connection, calls, options) {
		this.#connection = connection;
		this.#calls = calls;
		this.#options = options;
		connection.listen({
			opened: () => {
				this.#replay();
				this.claim();
			},
			lost: (isFinal) => isFinal && this.#refuseAll(),
			forgotten: () => this.#forgetAll(),
		});
		this.claim();
	}

	get isOn() {
		return this.#options.offline?.queue === true;
	}

	get #how() {
		return { maxQueue: 100, maxAge: Infinity, replay: 'sequential', ...this.#options.offline };
	}

	get #store() {
		return this.isOn ? this.#options.offline.store : undefined;
	}

	// Whose calls these are: nobody else's are made by him.
	get #user() {
		const { store, user = store?.user } = this.#how;

		return (typeof user === 'function' ? user() : user) ?? null;
	}

	// Calls have to wait here: nobody would take them, or others wait already.
	wants() {
		const { isOver, isOpen, isPossible } = this.#connection;

		return this.isOn && isPossible && !isOver && (!isOpen || this.#senders > 0 || this.#claims > 0);
	}

	// Resolves to the reply, whenever that comes.
	add(members, timeout) {
		if (this.#connection.isOver)
			return Promise.reject(closedError());
		return new Promise((resolve, reject) => {
			const call = {
				members, timeout, resolve, reject, path: members.rpc, args: members.args,
				queuedAt: Date.now(), user: this.#user, era: this.#connection.era, restored: false,
			};

			this.#queue.push(call);
			this.#keep(call);
			this.#makeRoom(call);
			if (this.#connection.isOpen)
				this.#replay();
			else
				this.#connection.connect();
		});
	}

	// Nobody's calls are given up for those of somebody else.
	#makeRoom({ user }) {
		const own = this.#queue.filter((call) => call.user === user);

		if (own.length <= this.#how.maxQueue)
			return;
		this.#queue.splice(this.#queue.indexOf(own[0]), 1);
		this.#drop(own[0], new RealtimeError('QUEUE_FULL', 'Too many calls wait for a connection.'));
	}

	// What has a key is done once, however often it is asked.  Not what the
	// connection was lost for: it was too long.
	mayRepeat(members, error) {
		return this.isOn && error.code === 'DISCONNECTED' && members.idempotencyKey !== undefined &&
			this.#connection.failure.current?.code !== 1009;
	}

	// For who is somebody else now.  What is kept waits for its user; whoever has
	// been told before us may have called already.
	#forgetAll() {
		const gone = this.#queue.filter((call) => this.#isOthers(call));

		this.#queue = this.#queue.filter((call) => !this.#isOthers(call));
		for (const call of gone)
			call.reject(staleError());
	}

	#refuseAll() {
		this.#closes++;
		for (const call of this.#queue.splice(0))
			call.reject(closedError());
		this.#store?.release();
	}

	// ---- what is kept ----------------------------------------------------

	#keep(call) {
		call.kept = this.#store?.put(call).catch((error) => {
			call.kept = undefined;
			report(error);
		});
	}

	// It is over.  What could not be kept in time may be on the disk all the same.
	#forget(call) {
		if (call.id !== undefined)
			this.#store?.remove(call).catch((error) => call.kept && report(error));
	}

	#drop(call, error) {
		call.reject(error);
		this.#forget(call);
	}

	// Takes what pages have left behind.  Nothing is sent meanwhile that belongs
	// behind it.
	async claim() {
		const store = this.#store;

		if (!store || !this.#connection.isPossible || this.#connection.isOver)
			return;
		const closes = this.#closes;

		this.#claims++;
		store.onOrphans = () => this.claim();
		try {
			const calls = await store.claim(this.#user);

			if (closes === this.#closes)
				this.#take(calls);		// otherwise the store has been told
		} catch (error) {
			report(error);
		}
		this.#claims--;
		this.#replay();
	}

	#take(calls) {
		for (const { members, ...call } of calls) {
			this.#queue.push({
				...call, members, path: members.rpc, args: members.args, restored: true, kept: true,
				resolve() {}, reject() {},
			});
		}
		this.#queue.sort((a, b) => a.queuedAt - b.queuedAt);
		if (calls.length > 0)
			this.#connection.connect();
	}

	// ---- when there is a connection again --------------------------------

	#replay() {
		const most = this.#how.replay === 'sequential' ? 1 : together;

		for (let i = this.#senders; i < most && this.#claims === 0; i++)
			this.#send();
	}

	async #send() {
		this.#senders++;
		try {
			for (let call; this.#connection.isOpen && (call = this.#next());)
				await this.#repeat(call);
		} catch (error) {
			report(error);
		}
		this.#senders--;
	}

	#next() {
		const user = this.#user;
		const at = this.#queue.findIndex((call) => call.user === user);

		return at < 0 ? undefined : this.#queue.splice(at, 1)[0];
	}

	// Who is told of it, and the store, take their time: the connection may be another
	// one by then, or nobody's.
	async #repeat(call) {
		const closes = this.#closes;

		try {
			if (!this.#isWanted(call))
				return;
			await this.#mark(call);
			if (!this.#mayGo(call)) {
				this.#putBack(call, closes);
				return;
			}
			const reply = await this.#calls.ask(call.members, call.timeout);

			this.#forget(call);
			call.resolve(reply);
			guarded(() => this.#how.onReplay?.(call, reply.data));
		} catch (error) {
			await this.#failed(call, error, closes);
		}
	}

	#isOthers({ kept, era }) {
		return !kept && era !== this.#connection.era;
	}

	// As its user, at once.
	#mayGo(call) {
		return this.#connection.isOpen && !this.#isOthers(call) && guarded(() => this.#user) === call.user;
	}

	async #failed(call, error, closes) {
		const isPassing = passing.has(error.code) && (call.refusals = (call.refusals ?? 0) + 1) < refusals;

		if (this.#isOthers(call) || (!isPassing && !this.mayRepeat(call.members, error))) {
			this.#refuse(call, error);
			return;
		}
		this.#putBack(call, closes);
		if (isPassing)
			await new Promise((resolve) => setTimeout(resolve, this.#options.delay(call.refusals)));
	}

	// It was not run, and waits again; not for a client that was closed meanwhile.
	#putBack(call, closes) {
		if (closes !== this.#closes)
			return this.#refuse(call, closedError());
		if (this.#isOthers(call))
			return this.#drop(call, staleError());
		this.#queue.unshift(call);
		if (call.sent) {
			call.sent = false;
			this.#keep(call);
		}
		return undefined;
	}

	// What has no key is sent once: a page that comes behind this one must know
	// that it was.
	async #mark(call) {
		if (!call.kept || call.members.idempotencyKey !== undefined)
			return;
		if (call.sent)
			throw new RealtimeError('DISCONNECTED', 'The page has ended meanwhile.');
		call.sent = true;
		await this.#store?.put(call).catch(report);
	}

	// What is kept outlives the client.
	#refuse(call, error) {
		if (error.code === 'CONNECTION_CLOSED')
			call.reject(error);
		else
			this.#drop(call, error);
		guarded(() => this.#how.onReplayError?.(call, error));
	}

	#isWanted(call) {
		if (Date.now() - call.queuedAt <= this.#how.maxAge && this.#how.beforeReplay?.(call) !== false)
			return true;
		this.#drop(call, staleError());
		return false;
	}
}

function staleError() {
	return new RealtimeError('STALE', 'The call is too old, or not wanted any more.');
}
