// calls.js - requests and their replies.
//
// A request is sent when there is a connection, and waits for one if not.  It
// ends once: with its reply, its time-out or the end of the connection.  Who
// asks is called back while the reply's frame is being dealt with, because the
// next frame may be an event that belongs to it.
import { closedError, RealtimeError } from './errors.js';

const maxBatch = 50;
const maxWaiting = 1000;		// parcels, while a connection is made

export class Calls {
	#connection;
	#options;
	#sent = new Map();			// by id
	#waiting = [];				// parcels that nobody has taken yet
	#prefix = Math.random().toString(36).slice(2, 10);	// another one in each tab
	#lastId = 0;

	// The highest position that an answer on this connection has named.
	position = 0;

	constructor(connection, options) {
		this.#connection = connection;
		this.#options = options;
		connection.listen({
			opened: () => this.#opened(),
			received: (frame) => this.#received(frame),
			lost: (isFinal) => this.#lost(isFinal),
		});
	}

	// members: of the frame.  done(error, reply) is called once.
	request(members, done, timeout = this.#options.timeout) {
		const id = this.#prefix + (++this.#lastId).toString(36);

		return { frame: { ...members, id }, done, timeout, items: undefined, disarm: undefined };
	}

	// Sends requests in one frame.
	submit(requests, sequential = false) {
		if (this.#connection.isOver)
			return this.#finishAll(requests, closedError());
		if (!this.#connection.isPossible)
			return this.#finishAll(requests, new RealtimeError('DISCONNECTED', 'There is no address to connect to, or no WebSocket.'));
		for (const request of requests)
			this.#arm(request);
		this.#waiting.push({ requests, sequential });
		if (this.#waiting.length > maxWaiting)
			this.#finishAll(this.#waiting.shift().requests, new RealtimeError('QUEUE_FULL', 'Too many calls wait for a connection.'));
		if (this.#connection.isOpen)
			this.#flush();
		else
			this.#connection.connect();
	}

	// One request, as a promise of its reply.
	ask(members, timeout) {
		return new Promise((resolve, reject) => {
			this.submit([this.request(members, settle(resolve, reject), timeout)]);
		});
	}

	// Several, each with a promise of its own.
	askTogether(list, sequential) {
		if (list.length > maxBatch)
			return list.map(() => Promise.reject(new RealtimeError('INVALID_REQUEST', `Batch exceeds maximum of ${maxBatch} calls`)));
		const requests = [];
		const promises = list.map(({ members, timeout }) => new Promise((resolve, reject) => {
			requests.push(this.request(members, settle(resolve, reject), timeout));
		}));

		if (requests.length > 0)
			this.submit(requests, sequential);
		return promises;
	}

	#arm(request) {
		request.disarm?.();
		request.disarm = this.#connection.clock.after(request.timeout, () => this.#finish(request,
			new RealtimeError('TIMEOUT', `No answer within ${request.timeout} ms`)));
	}

	#flush() {
		for (const { requests, sequential } of this.#waiting.splice(0)) {
			const open = requests.filter((request) => !request.over);

			for (const request of open)
				this.#sent.set(request.frame.id, request);
			if (open.length > 0)
				this.#send(open, sequential);
		}
	}

	// What cannot be written as JSON is the caller's error.
	#send(requests, sequential) {
		try {
			this.#connection.send(parcel(requests, sequential));
		} catch (error) {
			this.#finishAll(requests, error);
		}
	}

	#finishAll(requests, error) {
		for (const request of requests)
			this.#finish(request, error);
	}

	#finish(request, error, reply) {
		if (request.over)
			return;
		request.over = true;
		request.disarm?.();
		this.#sent.delete(request.frame.id);
		request.done(error, reply);
	}

	// ---- what comes ------------------------------------------------------

	#opened() {
		this.position = 0;
		this.#flush();
	}

	#received({ topic, event, data }) {
		if (topic === '__rpc' && event === '__batch')
			data.batch.forEach((reply) => this.#replied(reply.id, reply));
		else if (topic === '__rpc')
			this.#replied(event, data);
		else if (topic === '__parts')
			this.#part(event, data);
	}

	#replied(id, reply) {
		const request = this.#sent.get(id);

		if (reply?.pos !== undefined)
			this.position = Math.max(this.position, Number(reply.pos));
		if (!request)
			return;
		if (!reply?.ok)
			this.#finish(request, RealtimeError.from(reply ?? {}));
		else if (reply.more)
			this.#begin(request, reply);
		else
			this.#finish(request, null, reply);
	}

	// A value that comes in parts: the last one is the reply.
	#begin(request, reply) {
		request.reply = reply;
		request.items = [...reply.data];
		this.#arm(request);
	}

	#part(id, { items, more }) {
		const request = this.#sent.get(id);

		if (!request?.items)
			return;
		for (const item of items)
			request.items.push(item);
		if (more)
			this.#arm(request);
		else
			this.#finish(request, null, { ...request.reply, data: request.items });
	}

	#lost(isFinal) {
		const requests = [...this.#sent.values(), ...this.#waiting.splice(0).flatMap((one) => one.requests)];
		const error = isFinal ? closedError() : new RealtimeError('DISCONNECTED', 'The connection was lost.');

		this.#finishAll(requests, error);
	}
}

function parcel(requests, sequential) {
	if (requests.length === 1)
		return requests[0].frame;
	const batch = requests.map(({ frame }) => frame);

	return sequential ? { batch, sequential } : { batch };
}

function settle(resolve, reject) {
	return (error, reply) => error ? reject(error) : resolve(reply);
}
