// uploads.js - sources on their way to handlers.
//
// An upload is one of a connection: when that is lost the server keeps nothing of
// it, and it fails.
import { UploadHandle, nameOf } from './handle.js';
import { sizeOf } from './sources.js';

const smallFrame = 12288;			// until the server has said how long they may be

export class Uploads {
	#connection;
	#options;
	#open = new Map();				// handles by name of their stream
	#cap;
	#warned = false;
	// Tabs may share a socket, and must not have the same numbers.
	#lastStream = Math.floor(Math.random() * 0x7fffffff);

	constructor(connection, options) {
		this.#connection = connection;
		this.#options = options;
		connection.listen({
			opened: () => this.#opened(),
			received: (frame) => this.#received(frame),
			lost: (isFinal) => this.#lost(isFinal),
		});
	}

	// A function of a source and arguments.
	of(path, defaults) {
		const upload = (source, ...args) => this.#begin(path, source, args, defaults);

		upload.path = path;
		upload.with = (options) => (source, ...args) => this.#begin(path, source, args, { ...defaults, ...options });
		return upload;
	}

	#begin(path, source, args, options) {
		const stream = this.#nextStream();
		const handle = new UploadHandle(stream, sizeOf(source));

		// who is told that it connects may close the client
		this.#open.set(handle.streamIdHex, handle);
		handle.run({ path, source, args, options, connection: this.#connection, timeout: this.#options.timeout,
			frameMax: () => this.#frameMax(options.frameSize), cap: () => this.#cap ?? Infinity, over: () => this.#open.delete(handle.streamIdHex) });
		return handle;
	}

	#nextStream() {
		do
			this.#lastStream = (this.#lastStream + 1) >>> 0;
		while (this.#lastStream === 0 || this.#open.has(nameOf(this.#lastStream)));
		return this.#lastStream;
	}

	#frameMax(frameSize = this.#options.upload?.frameSize) {
		const cap = this.#cap ?? smallFrame;

		if (frameSize > cap && this.#cap !== undefined && !this.#warned) {
			this.#warned = true;
			console.warn(`realtime: frameSize ${frameSize} is more than the ${cap} bytes that the server takes in a frame.`);
		}
		return Math.min(frameSize ?? cap, cap);
	}

	#opened() {
		for (const handle of this.#open.values())
			handle.opened();
	}

	#received({ topic, event, data }) {
		if (topic !== '__upload')
			return;
		if (data?.__cap > 0)
			this.#cap = Number(data.__cap);
		this.#open.get(event)?.replied(data ?? {});
	}

	// The next one may take less.
	#lost(isFinal) {
		this.#cap = undefined;
		for (const handle of [...this.#open.values()])
			handle.lost(isFinal);
	}
}
