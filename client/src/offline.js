// offline.js - calls that are made while there is no connection, for later.
import { guarded, RealtimeError } from './errors.js';

const together = 10;			// at a time, with replay: 'concurrent'

export class OfflineQueue {
	#connection;
	#calls;
	#options;
	#queue = [];
	#senders = 0;				// at work

	constructor(connection, calls, options) {
		this.#connection = connection;
		this.#calls = calls;
		this.#options = options;
		connection.listen({
			opened: () => this.#replay(),
			lost: (isFinal) => isFinal && this.#refuseAll(),
		});
	}

	get #isOn() {
		return this.#options.offline?.queue === true;
	}

	get #how() {
		return { maxQueue: 100, maxAge: Infinity, replay: 'sequential', ...this.#options.offline };
	}

	// Calls have to wait here: nobody would take them, or others wait already.
	wants() {
		const { isOver, isOpen, isPossible } = this.#connection;

		return this.#isOn && isPossible && !isOver && (!isOpen || this.#senders > 0);
	}

	// Resolves to the reply, whenever that comes.
	add(members, timeout) {
		return new Promise((resolve, reject) => {
			this.#queue.push({ members, timeout, resolve, reject, path: members.rpc, args: members.args, queuedAt: Date.now() });
			if (this.#queue.length > this.#how.maxQueue)
				this.#queue.shift().reject(new RealtimeError('QUEUE_FULL', 'Too many calls wait for a connection.'));
			this.#connection.connect();
		});
	}

	// What has a key is done once, however often it is asked.  Not what the
	// connection was lost for: it was too long.
	mayRepeat(members, error) {
		return this.#isOn && error.code === 'DISCONNECTED' && members.idempotencyKey !== undefined &&
			this.#connection.failure.current?.code !== 1009;
	}

	#refuseAll() {
		for (const call of this.#queue.splice(0))
			call.reject(new RealtimeError('CONNECTION_CLOSED', 'The connection is closed for good.'));
	}

	#replay() {
		const most = this.#how.replay === 'sequential' ? 1 : together;

		for (let i = this.#senders; i < most; i++)
			this.#send();
	}

	async #send() {
		this.#senders++;
		while (this.#queue.length > 0 && this.#connection.isOpen)
			await this.#repeat(this.#queue.shift());
		this.#senders--;
	}

	async #repeat(call) {
		try {
			if (this.#isWanted(call))
				call.resolve(await this.#calls.ask(call.members, call.timeout));
		} catch (error) {
			if (this.mayRepeat(call.members, error))
				this.#queue.unshift(call);
			else
				this.#refuse(call, error);
		}
	}

	#refuse(call, error) {
		call.reject(error);
		guarded(() => this.#how.onReplayError?.(call, error));
	}

	#isWanted(call) {
		const isStale = Date.now() - call.queuedAt > this.#how.maxAge;

		if (!isStale && this.#how.beforeReplay?.(call) !== false)
			return true;
		call.reject(new RealtimeError('STALE', isStale ? 'The call has waited for too long.' : 'The call is not wanted any more.'));
		return false;
	}
}
