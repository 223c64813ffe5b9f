// subscriber.mjs - a client that is killed at random, goes on where it was, and
// does not forget what it has seen.
//
// Topics are followed in one of two ways (docs/protocol.md):
//
//	channel		a call with "stream":true, "seq" telling what it has
//	plain		a subscribe frame, and a replay frame with "since"; events that
//				arrive before the end of that replay are in it
//
// Of each topic the client has the events 1, 2, 3 ... without a gap, so the
// next one is known; whatever else arrives is a failure.
import { transient, UnsteadyClient } from './unsteady.mjs';

// An event as one number
const publishersMax = 1000;
export function eventKey(publisher, counter) {
	return counter * publishersMax + publisher;
}

export class Subscriber extends UnsteadyClient {
	constructor(round, number, topics) {
		super(round, `subscriber ${number}`, round.life);
		this.topics = new Map(topics.map((topic) => [topic.name, {
			...topic,
			history: [],		// event seq is at seq - 1
			last: 0,			// number of the last event on this connection
			state: 'away',		// asked: waits for the answer; live: gets events
			asked: null,		// the newest question, see ask()
		}]));
	}

	// It behaves before the first event and behind the last one.
	get behaves() {
		return this.round.phase !== 'publishing';
	}

	// Whether it has all events up to these numbers, and would get more.
	isAt(newest) {
		return [...this.topics.values()].every((topic) => topic.state === 'live' &&
			topic.last >= (newest.get(topic.name) ?? 0));
	}

	// What isAt() finds missing
	describe(newest) {
		return [...this.topics.values()].filter((topic) => topic.state !== 'live' ||
			topic.last < (newest.get(topic.name) ?? 0)).map((topic) =>
			`${topic.name} (${topic.state}) is at ${topic.last} of ${newest.get(topic.name)}`).join(', ');
	}

	// ---- connections ----

	begin() {
		this.pending = new Map();	// id of a call or a replay → question
		for (const topic of this.topics.values())
			topic.state = 'away';
	}

	greet() {
		this.resume();
		for (const topic of this.random.shuffle([...this.topics.values()]))
			this.ask(topic);
	}

	// What the published client sends when it comes back
	resume() {
		const seen = [...this.topics].filter(([, { history }]) => history.length > 0)
			.map(([name, { history }]) => [name, history.length]);

		if (this.random.chance(0.5))
			this.send({ type: 'hello', caps: ['batch'] });
		if (seen.length > 0 && this.random.chance(0.2))
			this.send({ type: 'resume', sessionId: 'of-before', lastSeenSeqs: Object.fromEntries(seen) });
	}

	// ---- asking for a topic ----

	// From where it is, or from before: then it sees some events again.
	ask(topic) {
		const { length } = topic.history;
		const since = this.random.chance(0.2) ? Math.max(0, length - this.random.between(1, 50)) : length;

		topic.state = 'asked';
		topic.asked = { topic, since };
		if (topic.kind === 'plain')
			this.askPlain(topic);
		else
			this.askChannel(topic);
	}

	askChannel({ argument, asked }) {
		const id = this.newId();
		const frame = { rpc: 'torture/stream', id, args: [argument], stream: true };

		// Without a number it begins with what is published next.
		if (this.round.phase !== 'subscribing' || this.random.chance(0.5))
			frame.seq = asked.since;
		asked.numbered = frame.seq !== undefined;
		this.pending.set(id, asked);
		this.send(frame);
	}

	askPlain({ name, asked }) {
		const reqId = ++this.lastId;

		this.pending.set(reqId, asked);
		this.send({ type: 'subscribe', topic: name, ref: reqId });
		this.send({ type: 'replay', topic: name, since: asked.since, reqId });
	}

	// The question that an answer belongs to, unless there is a newer one
	question(id) {
		const asked = this.pending.get(id);

		return asked && asked.topic.asked === asked ? asked : null;
	}

	askAgain(topic, why) {
		this.round.count(`refused with ${why}`);
		this.later(() => this.ask(topic));
	}

	// ---- what comes ----

	receive(frame) {
		if (frame.topic === '__rpc')
			this.onReply(frame.event, frame.data);
		else if (frame.topic?.startsWith('__replay:'))
			this.onReplay(frame.topic.slice('__replay:'.length), frame.event, frame.data);
		else if (this.topics.has(frame.topic) && frame.event !== undefined)
			this.onEvent(this.topics.get(frame.topic), frame);
		else if (frame.type === 'batch')
			frame.events.forEach((event) => this.receive(event));
		else if (frame.type === 'subscribe-denied')
			this.onDenied(this.topics.get(frame.topic), frame.reason);

		if (this.socket && !this.behaves)
			this.misbehave();
	}

	misbehave() {
		if (--this.framesToLive <= 0) {
			this.die();
		} else if (this.random.chance(1 / 2000)) {
			// leaves a topic and comes back at once
			const topic = this.random.pick([...this.topics.values()]);
			if (topic.state === 'live') {
				this.round.count('topics left and asked for again');
				this.send({ type: 'unsubscribe', topic: topic.name });
				this.ask(topic);
			}
		} else if (this.random.chance(1 / 4000)) {
			this.doze();
		}
	}

	onReply(id, reply) {
		this.settled = id;
		const asked = this.question(id);

		if (!asked)
			return;
		const { topic } = asked;
		this.pending.delete(id);
		if (!reply.ok) {
			if (!transient.includes(reply.code))
				this.fail(`${topic.name} was answered ${JSON.stringify(reply)}`);
			this.askAgain(topic, reply.code);
			return;
		}
		if (reply.topic !== topic.name)
			this.fail(`${topic.name}: the reply is about ${reply.topic}`);
		if (asked.numbered)
			this.onMissed(asked, reply);
		else if (reply.channel !== true || reply.replay !== undefined || (reply.seq ?? 0) !== 0)
			this.fail(`${topic.name}: the first reply is ${JSON.stringify(reply).slice(0, 300)}`);
		topic.state = 'live';
		topic.last = asked.since;
		// As the published client does; it must change nothing.
		if (this.random.chance(0.5))
			this.send({ type: 'subscribe', topic: topic.name, ref: ++this.lastId });
	}

	// What it has missed in a channel
	onMissed(asked, reply) {
		const { topic, since } = asked;

		if (reply.replay !== true) {
			this.fail(`${topic.name}: no replay since ${since} (${JSON.stringify(reply).slice(0, 300)})`);
			return;
		}
		this.replay(asked, reply.data);
		if (reply.seq !== (reply.data.at(-1)?.seq ?? since))
			this.fail(`${topic.name}: the number of the reply is ${reply.seq}, that of its last item ${reply.data.at(-1)?.seq}`);
	}

	onReplay(name, event, data) {
		const topic = this.topics.get(name);

		if (topic && event === 'msg' && data.reqId === undefined)
			this.onResumed(topic, data);
		const asked = this.question(data?.reqId);
		if (!asked || asked.topic !== topic)
			return;
		switch (event) {
			case 'msg':
				this.replay(asked, [{ topic: name, ...data }]);
				break;
			case 'end':
				this.pending.delete(data.reqId);
				if (data.truncated)
					this.fail(`${name}: the replay is truncated at ${asked.since}`);
				topic.state = 'live';
				topic.last = asked.since;
				break;
			case 'denied':
				this.pending.delete(data.reqId);
				if (!transient.includes(data.code))
					this.fail(`${name}: the replay was denied: ${JSON.stringify(data)}`);
				this.askAgain(topic, data.code);
				break;
			default:
				this.fail(`${name}: ${event} ${JSON.stringify(data)}`);
		}
	}

	// An answer to "resume": for those who follow a topic in neither way
	onResumed(topic, { seq, data }) {
		const key = eventKey(data.p, data.c);

		if (seq <= topic.history.length && topic.history[seq - 1] !== key)
			this.fail(`${topic.name}: resume has ${key} as event ${seq}, it was ${topic.history[seq - 1]}`);
	}

	onDenied(topic, reason) {
		if (!topic || !transient.includes(reason))
			this.fail(`subscribe-denied ${reason} for ${topic?.name}`);
		else if (topic.kind === 'plain')
			this.askAgain(topic, reason);
	}

	// Events that were missed: exactly those behind asked.since, which moves on.
	replay(asked, items) {
		const { topic } = asked;

		for (const item of items) {
			const seq = ++asked.since;
			if (item.seq !== seq || item.topic !== topic.name) {
				this.fail(`${topic.name}: a replay has ${item.topic} ${item.seq} at the place of ${seq}`);
				return;
			}
			this.see(topic, seq, item.data);
			this.round.count('events replayed');
		}
	}

	onEvent(topic, { event, data, seq }) {
		if (event === 'truncated') {
			this.fail(`${topic.name}: told that events are lost, at ${topic.last}`);
			return;
		}
		// Whoever asked for a replay gets these in it; who has left a channel and
		// asked again may see the last events of before.
		if (topic.state !== 'live' && topic.kind === 'plain')
			return;
		if (seq !== topic.last + 1)
			this.fail(`${topic.name}: event ${seq} follows ${topic.last} (${topic.state})`);
		topic.last = seq;
		this.see(topic, seq, data);
		this.round.count('events delivered');
	}

	// Either a new event, or one that it has asked for once more
	see(topic, seq, { p, c }) {
		const { history } = topic;
		const key = eventKey(p, c);

		if (seq > history.length)
			history[seq - 1] = key;
		else if (history[seq - 1] !== key)
			this.fail(`${topic.name}: event ${seq} is ${key} now, it was ${history[seq - 1]}`);
	}
}
