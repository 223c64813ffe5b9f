// binary.js - calls with bytes.
import { RealtimeError } from '../index.js';
import { bytesOf } from './sources.js';
import { callFrame, headerOf } from './wire.js';

export class BinaryCalls {
	#connection;
	#options;
	#open = new Map();			// by id
	#prefix = `b${Math.random().toString(36).slice(2, 10)}`;	// another one in each tab
	#lastId = 0;

	constructor(connection, options) {
		this.#connection = connection;
		this.#options = options;
		connection.listen({
			opened: () => this.#opened(),
			received: (frame) => this.#received(frame),
			lost: (isFinal) => this.#lost(isFinal),
		});
	}

	// A function of bytes and arguments.
	of(path) {
		const call = (bytes, ...args) => this.#call(path, bytes, args, this.#options.timeout);

		call.path = path;
		call.with = ({ timeout = this.#options.timeout } = {}) => (bytes, ...args) => this.#call(path, bytes, args, timeout);
		return call;
	}

	async #call(path, source, args, timeout) {
		const { era } = this.#connection;
		const bytes = typeof source?.arrayBuffer === 'function' ? new Uint8Array(await source.arrayBuffer()) : bytesOf(source);
		const id = this.#prefix + (++this.#lastId).toString(36);
		const header = headerOf(args.length > 0 ? { rpc: path, id, args } : { rpc: path, id });

		if (this.#connection.era !== era)
			throw new RealtimeError('DISCONNECTED', 'Somebody else has come meanwhile.');
		if (!bytes)
			throw new TypeError('binary: give an ArrayBuffer, a view of one, a Blob or a text');
		if (!header)
			throw new RealtimeError('PAYLOAD_TOO_LARGE', 'The arguments are too long.');
		if (this.#connection.isOver)
			throw new RealtimeError('CONNECTION_CLOSED', 'The connection is closed for good.');
		if (!this.#connection.isPossible)
			throw new RealtimeError('DISCONNECTED', 'There is no address to connect to, or no WebSocket.');
		return new Promise((resolve, reject) => this.#ask(id, callFrame(header, bytes), timeout, resolve, reject));
	}

	#ask(id, frame, timeout, resolve, reject) {
		const disarm = this.#connection.clock.after(timeout, () => this.#finish(id,
			new RealtimeError('TIMEOUT', `No answer within ${timeout} ms`)));

		this.#open.set(id, { frame, resolve, reject, disarm, isSent: false });
		if (this.#connection.isOpen)
			this.#opened();
		else
			this.#connection.connect();
	}

	#finish(id, error, data) {
		const call = this.#open.get(id);

		this.#open.delete(id);
		call?.disarm?.();
		if (error)
			call?.reject(error);
		else
			call?.resolve(data);
	}

	#opened() {
		for (const call of this.#open.values()) {
			if (call.isSent)
				continue;
			call.isSent = this.#connection.sendBytes(call.frame);
			call.frame = undefined;
		}
	}

	#received({ topic, event, data }) {
		if (topic !== '__rpc' || !this.#open.has(event))
			return;
		if (data?.ok)
			this.#finish(event, null, data.data);
		else
			this.#finish(event, RealtimeError.from(data ?? {}));
	}

	#lost(isFinal) {
		const error = isFinal ? new RealtimeError('CONNECTION_CLOSED', 'The connection is closed for good.')
			: new RealtimeError('DISCONNECTED', 'The connection was lost.');

		for (const id of [...this.#open.keys()])
			this.#finish(id, error);
	}
}
