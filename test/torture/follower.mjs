// follower.mjs - a client that follows streams, leaves them, comes back with and
// without the number that it has, and is killed.
//
// A topic is "away", "asked" for, or "live".  What comes while it is asked for is
// of the subscription before: the answer has all of it, or it comes again.  Who
// has asked without leaving it before may get an event again that the answer has,
// if a number tells that it is one.
import { Copy } from './copy.mjs';
import { transient, UnsteadyClient } from './unsteady.mjs';

export class Follower extends UnsteadyClient {
	// One with a fault behaves otherwise, so that it comes to it; see Copy.
	constructor(round, number, topics, fault) {
		super(round, `follower ${number}`, round.life);
		this.behaves = fault !== undefined;
		this.topics = new Map(topics.map((topic) => [topic.name, {
			...topic, state: 'away', asked: null, stays: false, copy: new Copy(topic, (text) => this.fail(text), fault),
		}]));
	}

	isAt(clocks) {
		return [...this.topics.values()].every(({ state, copy, name }) => state === 'live' &&
			[...clocks.get(name)].every(([writer, c]) => copy.clock.get(writer) >= c));
	}

	// What isAt() finds missing
	describe(clocks) {
		return [...this.topics.values()].filter(({ state, copy, name }) => state !== 'live' ||
			[...clocks.get(name)].some(([writer, c]) => !(copy.clock.get(writer) >= c)))
			.map(({ state, copy, name }) => `${name} (${state}) is at ${JSON.stringify([...copy.clock ?? []])} of ` +
				JSON.stringify([...clocks.get(name)])).join(', ');
	}

	begin() {
		this.pending = new Map();	// id of a question → topic
		for (const topic of this.topics.values()) {
			topic.state = 'away';
			topic.stays = false;
		}
	}

	// Several are mounted together.
	greet() {
		const questions = this.random.shuffle([...this.topics.values()]).map((topic) => this.question(topic));

		if (this.random.chance(0.5))
			this.send({ batch: questions });
		else
			questions.forEach((question) => this.send(question));
	}

	ask(topic) {
		this.send(this.question(topic));
	}

	question(topic) {
		const id = this.newId();
		const { path, argument, copy, numbered } = topic;
		const frame = { rpc: path, id, args: [argument], stream: true };

		if (numbered && copy.loaded && this.random.chance(0.8))
			frame.seq = copy.seq;
		topic.state = 'asked';
		topic.asked = id;
		this.pending.set(id, topic);
		return frame;
	}

	receive(frame) {
		if (frame.topic === '__rpc')
			this.onReply(frame.event, frame.data);
		else if (this.topics.has(frame.topic) && frame.event !== undefined)
			this.onEvent(this.topics.get(frame.topic), frame);
		else if (frame.type !== 'welcome' && frame.type !== 'ping')
			this.fail(`was told ${JSON.stringify(frame).slice(0, 300)}`);
		if (this.socket && !this.round.quiet && !this.behaves)
			this.misbehave();
	}

	onReply(id, reply) {
		this.settled = id;
		const topic = this.pending.get(id);

		this.pending.delete(id);
		if (!topic || topic.asked !== id)
			return;
		if (!reply.ok) {
			if (!transient.includes(reply.code))
				this.fail(`${topic.name} was answered ${JSON.stringify(reply)}`);
			this.round.count(`refused with ${reply.code}`);
			this.later(() => topic.asked === id && this.ask(topic));
			return;
		}
		if (reply.topic !== topic.name || reply.merge !== topic.merge)
			this.fail(`${topic.name}: the reply is about ${reply.topic}, ${reply.merge}`);
		this.enter(topic, reply);
		topic.state = 'live';
		topic.known = topic.stays && topic.copy.seq;
	}

	// What it has now: all of it, or what it has missed.
	enter({ name, copy }, { replay, data, seq }) {
		if (replay !== true) {
			this.round.count(replay === false ? 'values in place of a replay' : 'values');
			copy.load(data, seq);
			return;
		}
		this.round.count('replays');
		data.forEach((event) => copy.take(event));
		if (copy.seq !== seq)
			this.fail(`${name}: a replay up to ${copy.seq} says that it is one up to ${seq}`);
	}

	onEvent(topic, frame) {
		if (topic.state !== 'live')
			return;
		switch (frame.event) {
			case 'truncated':
				this.round.count('markers');
				topic.copy.loaded = false;
				topic.stays = true;
				this.ask(topic);
				break;
			case 'refreshed':
				this.round.count('values anew');
				topic.copy.load(frame.data, frame.seq);
				break;
			default:
				if (topic.known && frame.seq <= topic.known) {
					this.round.count('events again');
					break;
				}
				this.round.count('events delivered');
				topic.known = false;
				topic.copy.take(frame);
		}
	}

	misbehave() {
		const once = (frames) => this.random.chance(1 / (frames * this.round.patience));

		if (--this.framesToLive <= 0)
			this.die();
		else if (once(1))
			this.wander();
		else if (once(20))
			this.doze();
	}

	// Asks for a topic again, with or without leaving it; who has asked and not
	// got it yet leaves it: the answer to come then means nothing.
	wander() {
		const topic = this.random.pick([...this.topics.values()]);

		for (let times = this.random.chance(0.3) ? 2 : 1; times > 0; times--) {
			this.round.count('topics asked for again');
			topic.stays = topic.state === 'live' && this.random.chance(0.5);
			if (!topic.stays)
				this.send({ type: 'unsubscribe', topic: topic.name });
			this.ask(topic);
		}
	}
}
