// hub.js - the real WebSocket, and who of the tabs wants what of it.
//
// Frames go through as they are: the ids of calls are others in each tab.  What
// belongs to one tab goes to it, all else to all of them, which ignore what they
// have not asked for.  For the server they are one connection, so a topic is left
// when the last of them leaves it.
import { later } from '../upload/moment.js';
import { readBytes } from './bytes.js';

const most = 1000;				// questions that have not been answered
const low = 1024 * 1024;		// bytes that may wait in the socket
const look = 10;				// milliseconds

export class Hub {
	#own;
	#post;
	#ended;
	#socket;
	#isOpen = false;
	#over = false;
	#welcome;					// the frame, for those who come later
	#degraded;					// likewise, while the server is
	#isGreeted = false;
	#members = new Map();		// id -> { seen, gone }
	#calls = new Map();			// id of a call -> { member, stream, topic }
	#streams = 0;				// of these, those that begin to follow something
	#topics = new Map();		// topic -> ids of members
	#leaving = new Set();		// topics that nobody wants
	#auths = [];				// who has sent a token, in order
	#questions = new Map();		// ref -> the frame, and members that have not been asked
	#uploads = new Map();		// name of the stream -> { member, cancel }
	#taken = [];				// bytes of members whose frames wait in the socket
	#stopLooking;

	// post(message): to one member or to all; ended(member, signal): resolves when
	// that tab has ended.
	constructor({ own, connect, post, ended }) {
		this.#own = own;
		this.#post = post;
		this.#ended = ended;
		this.#members.set(own, { seen: Date.now(), gone: new AbortController() });
		// the client has not set its handlers yet
		queueMicrotask(() => this.#connect(connect));
	}

	get bufferedAmount() {
		return this.#socket?.bufferedAmount ?? 0;
	}

	#connect(connect) {
		if (this.#over)
			return;
		try {
			const socket = this.#socket = connect();

			socket.onopen = () => this.#opened();
			socket.onmessage = ({ data }) => this.#received(data);
			socket.onerror = () => {};
			socket.onclose = ({ code, reason }) => this.#post({ close: [code, reason] });
		} catch (error) {
			this.#post({ close: [1006, error.message] });
		}
	}

	#opened() {
		this.#isOpen = true;
		this.#post({ open: true });
	}

	// For the tab that leads no more.
	end() {
		const socket = this.#socket;

		if (this.#over)
			return;
		this.#over = true;
		this.#stopLooking?.();
		for (const { gone } of this.#members.values())
			gone.abort();
		if (!socket)
			return;
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.close(1000);
	}

	// ---- what other tabs say ---------------------------------------------

	heard({ from, join, seen, send, leave }) {
		if (join)
			this.#join(from);
		else if (leave)
			this.#remove(from);
		else if (send !== undefined)
			this.send(from, send);
		if (seen && this.#members.has(from))
			this.#members.get(from).seen = Date.now();
	}

	#join(member) {
		if (!this.#members.has(member)) {
			const gone = new AbortController();

			this.#members.set(member, { seen: 0, gone });
			this.#ended(member, gone.signal).then(() => this.#remove(member), () => {});
		}
		this.#post(this.#isOpen ? { to: member, open: true, welcome: this.#welcome } : { to: member, wait: true });
		if (this.#isOpen && this.#degraded)
			this.#post({ to: member, frame: this.#degraded });
	}

	#remove(member) {
		if (this.#over || !this.#members.has(member))
			return;
		this.#members.get(member).gone.abort();
		this.#members.delete(member);
		for (const topic of [...this.#topics.keys()])
			this.#leave(topic, member);
		for (const [upload, { member: whose, cancel }] of this.#uploads) {
			if (whose === member && this.#uploads.delete(upload))
				this.#socket.send(cancel);
		}
	}

	// ---- to the server ---------------------------------------------------

	send(member, data) {
		if (!this.#isOpen || !this.#members.has(member))
			return;
		if (typeof data !== 'string')
			this.#sendBytes(member, data);
		else if (this.#note(member, JSON.parse(data)))
			this.#socket.send(data);
	}

	#sendBytes(member, bytes) {
		const { call, upload, cancel, begins, isOver } = readBytes(bytes);

		if (call !== undefined)
			this.#noteCall(member, call);
		if (isOver)
			this.#uploads.delete(upload);
		else if (begins)
			this.#uploads.set(upload, { member, cancel });
		this.#socket.send(bytes);
		this.#taken.push({ to: member, taken: bytes.byteLength });
		this.#tellTaken();
	}

	// Who sends has to know how much of it waits: it has another socket's eyes.
	#tellTaken() {
		if (this.bufferedAmount > low) {
			this.#stopLooking ??= later(look, () => this.#look());
			return;
		}
		for (const message of this.#taken.splice(0))
			this.#post(message);
	}

	#look() {
		this.#stopLooking = undefined;
		this.#tellTaken();
	}

	// What is to be known of a frame; false if it is not for the server.
	#note(member, frame) {
		for (const call of Array.isArray(frame.batch) ? frame.batch : [frame])
			this.#noteCall(member, call);
		switch (frame.type) {
			case 'hello': {
				const isFirst = !this.#isGreeted;
				this.#isGreeted = true;
				return isFirst;
			}
			case 'auth': return this.#auths.push(member) > 0;
			case 'subscribe': return this.#enter(frame.topic, member);
			case 'subscribe-batch': return frame.topics.forEach((topic) => this.#enter(topic, member)) ?? true;
			case 'unsubscribe': return this.#leave(frame.topic, member);
			case 'reply': return this.#answered(frame);
			default: return true;
		}
	}

	#noteCall(member, { rpc, id, stream }) {
		if (rpc === undefined || id === undefined)
			return;
		this.#calls.set(id, { member, stream: stream === true });
		if (stream)
			this.#streams++;
	}

	// ---- topics ----------------------------------------------------------

	#enter(topic, member) {
		const members = this.#topics.get(topic) ?? new Set();

		this.#topics.set(topic, members.add(member));
		this.#leaving.delete(topic);
		return true;
	}

	#leave(topic, member) {
		const members = this.#topics.get(topic);

		members?.delete(member);
		if (!members?.size) {
			this.#topics.delete(topic);
			this.#leaving.add(topic);
		}
		this.#flush();
		return false;
	}

	// The server takes an ending for what a request before it has begun, too, and
	// whose topic a request is to be is not known: so it waits for the answers.
	#flush() {
		if (this.#streams > 0 || !this.#isOpen)
			return;
		for (const topic of this.#leaving)
			this.#socket.send(JSON.stringify({ type: 'unsubscribe', topic }));
		this.#leaving.clear();
	}

	// ---- from the server -------------------------------------------------

	#received(data) {
		if (typeof data !== 'string')
			return;
		const frame = Object(JSON.parse(data));

		if (frame.type === 'welcome')
			this.#welcome = data;
		if (frame.topic === '__realtime')
			this.#degraded = frame.event === 'degraded' ? data : undefined;
		for (const to of this.#addressees(frame, data))
			this.#post({ to, frame: data });
	}

	// Members, or undefined for all.
	#addressees(frame, data) {
		if (frame.topic === '__rpc')
			return this.#replied(frame.event === '__batch' ? frame.data.batch : [{ ...frame.data, id: frame.event }]);
		// the first of them says to all how long frames may be
		if (frame.topic === '__upload')
			this.#uploads.delete(frame.event);
		if (frame.topic === '__parts')
			return this.#ofCall(frame.event, frame.data.more, frame.data);
		switch (frame.type) {
			case 'auth': return known(this.#auths.shift());
			case 'auth-expiring': return [this.#own];
			case 'request': return known(this.#question(frame.ref, data));
			default: return [undefined];
		}
	}

	#replied(replies) {
		return [...new Set(replies.flatMap((reply) => this.#ofCall(reply.id, reply.more, reply)))];
	}

	#ofCall(id, more, { topic }) {
		const call = this.#calls.get(id);

		if (!call)
			return [];
		call.topic = topic ?? call.topic;
		if (!more)
			this.#ending(id, call);
		return [call.member];
	}

	#ending(id, { member, stream, topic }) {
		this.#calls.delete(id);
		if (!stream)
			return;
		this.#streams--;
		if (topic !== undefined && this.#members.has(member))
			this.#enter(topic, member);
		else if (topic !== undefined)
			this.#leave(topic, member);
		this.#flush();
	}

	// ---- questions to the user -------------------------------------------

	// The tab that was looked at last is asked, then the others, until one of them
	// knows what to do with it.
	#question(ref, frame) {
		const others = [...this.#members].sort(([, a], [, b]) => b.seen - a.seen).map(([id]) => id);
		const first = others.shift();

		this.#questions.set(ref, { frame, others });
		if (this.#questions.size > most)
			this.#questions.delete(this.#questions.keys().next().value);
		return first;
	}

	// False if the next one is asked instead.
	#answered({ ref, error }) {
		const { frame, others } = this.#questions.get(ref) ?? { others: [] };
		const isKnown = error === undefined || !String(error).startsWith('no handler for ');

		if (isKnown || others.length === 0) {
			this.#questions.delete(ref);
			return true;
		}
		this.#post({ to: others.shift(), frame });
		return false;
	}
}

function known(member) {
	return member === undefined ? [] : [member];
}
