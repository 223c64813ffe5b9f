// handle.js - an upload under way: what is seen of it, and how it is sent.
//
// A source is read as the socket takes what was read before.
import { RealtimeError } from '../index.js';
import { later } from './moment.js';
import { isSource, piecesOf, stopSource } from './sources.js';
import { cancelFrame, chunkFrame, headerOf, overheadOf } from './wire.js';

const high = 4 * 1024 * 1024;		// bytes that wait in the socket
const low = 1024 * 1024;
const look = 10;					// milliseconds

// One who fails does not keep the others from going on.
function call(fn, detail) {
	try {
		fn(detail);
	} catch (error) {
		queueMicrotask(() => { throw error; });
	}
}

export function nameOf(stream) {
	return stream.toString(16).padStart(8, '0');
}

function closedError() {
	return new RealtimeError('CONNECTION_CLOSED', 'The connection is closed for good.');
}

function tooLong() {
	return new RealtimeError('PAYLOAD_TOO_LARGE', 'The arguments are too long.');
}

export class UploadHandle {
	#job;
	#listeners = { progress: new Set(), complete: new Set(), cancel: new Set(), error: new Set() };
	#promise;
	#settle;
	#began;
	#open;							// called when there is a connection
	#isOpen = new Promise((resolve) => { this.#open = resolve; });
	#disarm;
	#stopListening;
	#stopSource;

	sent = 0;						// bytes
	chunks = 0;
	isOver = false;

	constructor(stream, total) {
		this.streamId = stream;
		this.streamIdHex = nameOf(stream);
		this.total = total;
		this.#promise = new Promise((resolve, reject) => { this.#settle = { resolve, reject }; });
		this.#promise.catch(() => {});	// who waits for it is told all the same
	}

	// ---- what is seen of it ----------------------------------------------

	then(...args) {
		return this.#promise.then(...args);
	}

	catch(...args) {
		return this.#promise.catch(...args);
	}

	finally(...args) {
		return this.#promise.finally(...args);
	}

	// event: progress, complete, cancel or error.  Returns how to stop.
	on(event, fn) {
		this.#listeners[event].add(fn);
		return () => this.#listeners[event].delete(fn);
	}

	// 0 to 1; undefined while nobody knows how much there is.
	get progress() {
		return this.total === undefined ? undefined : this.total === 0 ? 1 : this.sent / this.total;
	}

	get bytesPerSec() {
		const seconds = this.#began === undefined ? 0 : (Date.now() - this.#began) / 1000;

		return seconds > 0 ? this.sent / seconds : 0;
	}

	cancel(reason) {
		if (this.isOver)
			return;
		const error = new RealtimeError('CANCELLED', typeof reason === 'string' ? reason : 'upload cancelled by client',
			{ cause: reason });

		this.#takeBack();
		this.#end();
		this.#tell('cancel', reason);
		this.#refuse(error);
	}

	#tell(event, detail) {
		for (const fn of [...this.#listeners[event]])
			call(fn, detail);
	}

	// ---- its end ---------------------------------------------------------

	#end() {
		this.isOver = true;
		this.#disarm?.();
		this.#stopListening?.();
		this.#stopSource?.();
		this.#open();
		this.#job.over();
	}

	#fail(error) {
		if (this.isOver)
			return;
		this.#end();
		this.#refuse(error);
	}

	#refuse(error) {
		this.#tell('error', error);
		this.#settle.reject(error);
	}

	#takeBack() {
		if (this.chunks > 0)
			this.#job.connection.sendBytes(cancelFrame(this.streamId));
	}

	replied(reply) {
		if (this.isOver)
			return;
		if (!reply.ok) {
			this.#fail(RealtimeError.from(reply));
			return;
		}
		this.#end();
		this.#tell('complete', reply.data);
		this.#settle.resolve(reply.data);
	}

	lost(isFinal) {
		this.#fail(isFinal ? closedError() : new RealtimeError('DISCONNECTED', 'The connection was lost.'));
	}

	opened() {
		this.#disarm?.();
		this.#open();
	}

	// ---- sending ---------------------------------------------------------

	run(job) {
		const { path, args, source, options: { signal } } = this.#job = job;

		try {
			this.header = headerOf({ rpc: path, args });
		} catch (error) {
			this.#fail(error);
			return;
		}
		if (!isSource(source))
			this.#fail(new RealtimeError('SOURCE_ERROR', 'upload: give bytes, a Blob, a stream or an iterable'));
		else if (!this.header)
			this.#fail(tooLong());
		else if (job.connection.isOver)
			this.#fail(closedError());
		else if (!job.connection.isPossible)
			this.#fail(new RealtimeError('DISCONNECTED', 'There is no address to connect to, or no WebSocket.'));
		else
			this.#take(source, signal);
	}

	// It is this one's from now on, who ends it even if nothing has been read.
	#take(source, signal) {
		this.#stopSource = () => stopSource(source);
		if (signal?.aborted)
			queueMicrotask(() => this.cancel(signal.reason));
		else
			this.#start(signal);
	}

	#start(signal) {
		const { connection, timeout } = this.#job;
		const cancel = () => this.cancel(signal.reason);

		signal?.addEventListener('abort', cancel);
		this.#stopListening = () => signal?.removeEventListener('abort', cancel);
		if (connection.isOpen)
			this.#open();
		else {
			this.#disarm = connection.clock.after(timeout, () => this.#fail(
				new RealtimeError('TIMEOUT', `No connection within ${timeout} ms`)));
			connection.connect();
		}
		// not before whoever has called listens
		queueMicrotask(() => this.#send().catch((error) => {
			if (this.isOver)
				return;
			this.#takeBack();
			this.#fail(error instanceof RealtimeError ? error
				: new RealtimeError('SOURCE_ERROR', `The source failed: ${error?.message ?? error}`, { cause: error }));
		}));
	}

	// Bytes of a piece that has room in the next frame.
	#room() {
		return this.#job.frameMax() - overheadOf(this.chunks, this.header);
	}

	// Arguments that leave no room go alone.
	#putHeader() {
		if (overheadOf(0, this.header) > this.#job.cap())
			throw tooLong();
		if (this.#room() < 1)
			this.#put(new Uint8Array(0), false);
	}

	async #send() {
		await this.#isOpen;
		if (this.isOver)
			return;
		this.#began = Date.now();
		this.#putHeader();
		for await (const piece of piecesOf(this.#job.source, () => Math.max(1, this.#room()), (stop) => { this.#stopSource = stop; })) {
			await this.#drained();
			if (this.isOver)
				return;
			this.#put(piece, this.total !== undefined && this.sent + piece.length >= this.total);
		}
		if (!this.isOver && (this.total === undefined || this.total === 0))
			this.#put(new Uint8Array(0), true);
		else if (!this.isOver && this.sent < this.total)
			throw new Error('it has less than was told');
	}

	#put(piece, isLast) {
		this.#job.connection.sendBytes(chunkFrame(this.streamId, this.chunks, this.header, piece, isLast));
		this.chunks++;
		this.sent += piece.length;
		this.#tell('progress', {
			sent: this.sent, total: this.total, chunks: this.chunks, bytesPerSec: this.bytesPerSec,
			percent: this.progress === undefined ? undefined : Math.round(this.progress * 100),
		});
	}

	// The socket takes what it is given, however slow the network is.
	async #drained() {
		const { connection } = this.#job;

		if (connection.bufferedAmount <= high)
			return;
		while (!this.isOver && connection.bufferedAmount > low)
			await new Promise((resolve) => { later(look, resolve); });
	}
}
