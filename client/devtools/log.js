// log.js - what has gone over the connection, as streams, calls and numbers.  What is
// kept is bounded, and redacted before it is.
import { readBytes, uploadId } from './binary.js';
import { redact } from './redact.js';

const envelopesMax = 20;		// of a stream
const callsMax = 50;
const systemPrefix = '__system:';

export class Log {
	streams = new Map();		// by topic, or by the id of the request
	pending = new Map();		// calls by id: { path, began }
	done = [];					// the newest last: { path, began, ms, ok, code }
	connection = { status: 'disconnected', opened: 0, in: 0, out: 0, bytesIn: 0, bytesOut: 0, session: null, since: null, closed: null };
	isPaused = false;
	changed = () => {};

	#asked = new Map();			// streams that are asked for, by id
	#socket = 0;
	#now;

	constructor(now = () => Date.now()) {
		this.#now = now;
	}

	// ---- the socket -------------------------------------------------------

	// Returns the number of the socket, of which only the last one counts.
	connecting() {
		this.#set({ status: 'connecting' });
		return ++this.#socket;
	}

	opened() {
		this.#set({ status: 'open', opened: this.connection.opened + 1, since: this.#now(), closed: null });
	}

	closed(socket, code, reason) {
		if (socket !== this.#socket)
			return;
		for (const [id, { path, began }] of this.pending)
			this.#finish(id, { path, began, ok: false, code: 'DISCONNECTED' });
		this.streams.clear();
		this.#asked.clear();
		this.#set({ status: 'disconnected', session: null, closed: { code, reason: String(reason ?? ''), at: this.#now() } });
	}

	#set(values) {
		Object.assign(this.connection, values);
		this.changed();
	}

	// A text, or bytes.
	sent(data) {
		this.connection.out++;
		this.connection.bytesOut += data.length ?? data.byteLength;
		const frame = read(data);

		for (const one of frame.batch === undefined ? [frame] : listOf(frame.batch))
			this.#out(Object(one));
		this.changed();
	}

	received(text) {
		this.connection.in++;
		this.connection.bytesIn += text.length;
		const frame = read(text);

		if (frame.type === 'welcome')
			this.connection.session = frame.sessionId;
		for (const one of frame.type === 'batch' || frame.type === 'round' ? listOf(frame.events) : [frame])
			this.#in(Object(one));
		this.changed();
	}

	// ---- what is said -------------------------------------------------------

	#out({ type, rpc, id, args, stream, topic, topics, cursor, cancelled }) {
		if (rpc !== undefined && stream && cursor === undefined)
			this.#ask(id, `${rpc}(${(args ?? []).map((arg) => JSON.stringify(redact(arg))).join(', ')})`);
		else if (rpc !== undefined && id !== undefined)
			this.pending.set(id, { path: rpc, began: this.#now() });
		else if (type === 'subscribe' || type === 'subscribe-batch')
			(topics ?? [topic]).forEach((name) => this.#stream(name, name, 'by name'));
		else if (type === 'unsubscribe')
			this.streams.delete(topic);
		else if (cancelled !== undefined)
			this.#reply({ id: cancelled, ok: false, code: 'CANCELLED' });
	}

	#ask(id, path) {
		this.#asked.set(id, path);
		if (![...this.streams.values()].some(({ paths }) => paths.has(path)))
			this.streams.set(id, this.#made('?', path, ''));
	}

	#made(topic, path, merge) {
		return { topic, merge, paths: new Set([path]), events: 0, last: null, error: null, envelopes: [] };
	}

	#stream(topic, path, merge) {
		const known = this.streams.get(topic);

		if (known)
			known.paths.add(path);
		else
			this.streams.set(topic, this.#made(topic, path, merge));
		return this.streams.get(topic);
	}

	#in({ type, topic, event, data, reason }) {
		if (topic === '__rpc')
			(event === '__batch' ? listOf(data?.batch) : [data]).forEach((reply) => this.#reply(Object(reply)));
		else if (topic === '__upload')
			this.#reply({ ...data, id: uploadId(event) });
		else if (type === 'subscribe-denied')
			this.#fail(topic, { code: reason, message: '' });
		else if (String(topic).startsWith(systemPrefix))
			this.#fail(topic.slice(systemPrefix.length), event === 'recovered' ? null : { code: data?.code ?? event, message: data?.message ?? data?.reason ?? '' });
		else if (event !== undefined)
			this.#event(this.streams.get(topic), event, data);
	}

	#fail(topic, error) {
		const stream = this.streams.get(topic);

		if (stream)
			stream.error = error;
	}

	#event(stream, event, data) {
		if (!stream)
			return;
		stream.events++;
		stream.last = { event, at: this.#now() };
		if (this.isPaused)
			return;
		stream.envelopes.push({ event, at: this.#now(), data: redact(data) });
		stream.envelopes.splice(0, stream.envelopes.length - envelopesMax);
	}

	#reply({ id, ok, code, error, topic, merge }) {
		const path = this.#asked.get(id);

		if (path !== undefined) {
			this.#asked.delete(id);
			this.#followed(id, path, { ok, code, error, topic, merge });
		} else if (this.pending.has(id)) {
			this.#finish(id, { ...this.pending.get(id), ok, code });
		}
	}

	#followed(id, path, { ok, code, error, topic, merge }) {
		const waiting = this.streams.get(id);

		if (ok && topic !== undefined) {
			this.#forget(path);
			Object.assign(this.#stream(topic, path, merge), { merge, error: null });
		} else if (waiting) {
			waiting.error = ok ? null : { code, message: error };
		}
	}

	// As what waits, whichever request of it has been answered.
	#forget(path) {
		for (const [id, { topic, paths }] of this.streams) {
			if (topic === '?' && paths.has(path))
				this.streams.delete(id);
		}
	}

	#finish(id, { path, began, ok, code }) {
		this.pending.delete(id);
		this.done.push({ path, began, ms: this.#now() - began, ok, code });
		this.done.splice(0, this.done.length - callsMax);
	}

	clear() {
		for (const stream of this.streams.values())
			stream.envelopes = [];
		this.done = [];
		this.changed();
	}
}

const listOf = (value) => Array.isArray(value) ? value : [];

function read(data) {
	try {
		return Object(typeof data === 'string' ? JSON.parse(data) : readBytes(data));
	} catch {
		return {};
	}
}
