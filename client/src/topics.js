// topics.js - topics that are followed by their names.
import { RealtimeError } from './errors.js';
import { readable, Store } from './store.js';

const chunk = 100;				// topics in a frame, which has to be short
const maxBytes = 7000;
const replayPrefix = '__replay:';

// A store of the newest event: {topic, event, data, seq}.  Who watches is told of
// each of them, one by one.
class Topic extends Store {
	#error = new Store(null);
	#seq;						// of the last event
	#reqId;						// of the replay that is on its way

	constructor(name, era, start) {
		super(undefined, start);
		this.name = name;
		this.era = era;
		this.error = readable(this.#error);
	}

	// The frame that asks for what was missed, if anything can be told of that.
	missed(reqId) {
		if (this.#seq === undefined)
			return undefined;
		this.#reqId = reqId;
		return { type: 'replay', topic: this.name, since: this.#seq, reqId };
	}

	lost() {
		this.#reqId = undefined;
	}

	// As another one of this name, which is the connection's.
	follow(other) {
		const stops = [
			other.subscribe((frame) => {
				this.era = other.era;
				this.#seq = other.#seq;
				this.set(frame);
			}),
			other.#error.subscribe((error) => this.#error.set(error)),
		];

		return () => stops.forEach((stop) => stop());
	}

	// What was seen was somebody else's.
	forget() {
		this.#seq = undefined;
		this.set(undefined);
	}

	deny(reason) {
		this.#error.set(reason ? new RealtimeError(reason, 'The topic may not be followed.') : null);
	}

	// What comes before the end of a replay is in it.
	event(frame) {
		if (this.#reqId === undefined)
			this.#tell(frame);
	}

	replayed(event, data) {
		if (data?.reqId !== this.#reqId || this.#reqId === undefined)
			return;
		if (event === 'msg')
			this.#tell({ topic: this.name, event: data.event, data: data.data, seq: data.seq });
		else if (event === 'end')
			this.#end(data.truncated);
		else if (event === 'denied')
			this.deny(data.code);
	}

	#end(truncated) {
		this.#reqId = undefined;
		if (truncated)
			this.#tell({ topic: this.name, event: 'truncated', data: { truncated } });
	}

	#tell(frame) {
		if (frame.seq !== undefined && frame.seq <= this.#seq)
			return;
		this.#seq = frame.seq ?? this.#seq;
		this.set(frame);
	}
}

export class Topics {
	#connection;
	#membership;
	#topics = new Map();		// that are watched
	#lastRef = Math.floor(Math.random() * 2 ** 40);	// others in each tab
	#asked = [];				// names, in this turn

	constructor(connection, membership) {
		this.#connection = connection;
		this.#membership = membership;
		connection.listen({
			opened: () => this.#opened(),
			received: (frame) => this.#received(frame),
			lost: () => this.#topics.forEach((topic) => topic.lost()),
			forgotten: () => this.#topics.forEach((topic) => this.#bring(topic)),
		});
	}

	get(name) {
		return this.#topics.get(name) ?? new Topic(name, this.#connection.era, (topic) => this.#begin(topic));
	}

	#begin(topic) {
		const other = this.#topics.get(topic.name);

		if (other)
			return topic.follow(other);
		this.#topics.set(topic.name, topic);
		this.#bring(topic);
		this.#connection.connect();
		if (this.#connection.isOpen)
			this.#ask([topic.name]);
		return () => this.#end(topic);
	}

	// Into this time.
	#bring(topic) {
		const { era } = this.#connection;

		if (topic.era === era)
			return;
		topic.era = era;
		topic.forget();
	}

	#end({ name }) {
		this.#topics.delete(name);
		if (isWired(name))
			this.#membership.leave(name, this);
	}

	#ask(names) {
		if (this.#asked.length === 0)
			queueMicrotask(() => this.#flush());
		this.#asked.push(...names.filter(isWired));
	}

	#flush() {
		const names = this.#asked.splice(0).filter((name) => this.#topics.has(name));

		for (const topics of pieces(names)) {
			this.#connection.send({ type: 'subscribe-batch', topics, ref: ++this.#lastRef });
			topics.forEach((name) => this.#askMissed(name));
		}
	}

	#askMissed(name) {
		const frame = this.#topics.get(name).missed(++this.#lastRef);

		this.#membership.enter(name, this);
		if (frame)
			this.#connection.send(frame);
	}

	#opened() {
		this.#ask([...this.#topics.keys()]);
	}

	#received({ type, topic, event, data, seq, reason }) {
		if (type === 'subscribe-denied' || type === 'subscribed')
			this.#topics.get(topic)?.deny(reason);
		else if (typeof topic === 'string' && topic.startsWith(replayPrefix))
			this.#topics.get(topic.slice(replayPrefix.length))?.replayed(event, data);
		else if (event !== undefined)
			this.#topics.get(topic)?.event({ topic, event, data, seq });
	}
}

// The server has a hand in the others without being asked.
function isWired(name) {
	return !name.startsWith('__');
}

// Names for frames, none of which is too long.
function pieces(names) {
	const list = [];
	let bytes = maxBytes;

	for (const name of names) {
		const size = Math.max(name.length + 3, maxBytes / chunk);

		bytes += size;
		if (bytes > maxBytes) {
			list.push([]);
			bytes = size;
		}
		list.at(-1).push(name);
	}
	return list;
}
