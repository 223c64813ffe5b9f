// feed.js - follows one path with its arguments: asks for the value, applies the
// events that come behind it, and asks for what it has missed when it was away.
import { closedError, passing, RealtimeError } from './errors.js';
import { createValue, howOf, isSameHow } from './merge.js';
import { Pages } from './pages.js';
import { Store } from './store.js';

export class Feed {
	value;						// undefined until something is known
	topic;						// while it is followed
	pages = new Pages();
	error = new Store(null);
	status = new Store('loading');

	#hub;
	#path;
	#args;
	#options;
	#tell;
	#how;						// the value is merged
	#seq;						// up to which the value has all events
	#version;
	#schemaVersion;
	#active = false;
	#request;					// the one that has not been answered
	#isStale = false;			// events have been lost
	#failures = 0;
	#disarm = () => {};

	// tell(what, event) hears of each change: 'loaded', 'refused', 'event', 'more', 'lost', 'forgotten'.
	constructor(hub, path, args, options, tell) {
		this.#hub = hub;
		this.#path = path;
		this.#args = args;
		this.#options = options;
		this.#tell = tell;
	}

	// Asked for, and not there yet.
	get isWaiting() {
		return this.#active && this.topic === undefined && ['loading', 'reconnecting'].includes(this.status.current);
	}

	// What another program has loaded, to begin with: not in the place of what is
	// followed already, which is newer.
	hydrate(data, known) {
		if (this.#active && this.value !== undefined)
			return;
		this.#how = howOf({ merge: Array.isArray(data) ? 'crud' : 'set', ...this.#options, ...known });
		this.value = createValue(this.#how);
		this.value.load(data);
		this.#seq = known.seq;
		this.#version = known.version;
		this.#schemaVersion = known.schemaVersion;
		this.pages.set(known);
		this.#tell('loaded');
	}

	start() {
		if (this.#active)
			return;
		this.#active = true;
		this.#wait();
		this.#hub.add(this);
		this.ask();
	}

	stop() {
		this.#active = false;
		this.#request = undefined;
		this.#disarm();
		this.#hub.remove(this);
		this.#leaveTopic();
	}

	// Nothing is known any more.
	forget() {
		this.value = this.#how = this.#seq = this.#version = this.#schemaVersion = undefined;
		this.pages.set({});
		this.#tell('forgotten');
		if (this.#active && this.#hub.isOpen)
			this.reload();
	}

	// ---- asking ----------------------------------------------------------

	ask() {
		this.#disarm();
		if (!this.#hub.isOpen)
			return this.#hub.connect();
		const request = this.#request = {};

		this.#hub.follow(this.#members(), (error, reply, isLeft) => {
			if (this.#request !== request)
				return this.#active || this.#hub.unwanted(reply);
			this.#request = undefined;
			if (error)
				this.#failed(error);
			else if (isLeft)
				this.ask();
			else
				this.#replied(reply);
		});
	}

	// Again, as if nothing were known; what is shown stays until then.
	reload() {
		this.#isStale = true;
		if (!this.#active)
			return;
		this.#wait();
		this.ask();
	}

	#members() {
		const members = { rpc: this.#path, args: this.#args, stream: true };

		if (this.value !== undefined && !this.#isStale) {
			members.seq = this.#seq;
			members.version = this.#version;
		}
		members.schemaVersion = this.#schemaVersion ?? this.#options.schemaVersion;
		return members;
	}

	#wait() {
		this.status.set(this.value === undefined ? 'loading' : 'reconnecting');
		this.#hub.unsettled(this, true);
	}

	#failed(error) {
		if (error.code === 'DISCONNECTED')
			return;				// the hub says when there is a connection
		this.#refuse(error);
		if (passing.has(error.code))
			this.#disarm = this.#hub.later(this.#failures++, () => this.ask());
	}

	#refuse(error) {
		this.error.set(error);
		this.status.set('error');
		this.#hub.unsettled(this, false);
		if (!passing.has(error.code))
			this.#tell('refused');
	}

	// ---- the reply -------------------------------------------------------

	#replied(reply) {
		if (reply.gated) {
			this.#close();
		} else if (!this.#take(reply)) {
			// something was left out that is not here
			this.#isStale = true;
			return this.ask();
		} else {
			this.#enterTopic(reply.topic);
		}
		this.#failures = 0;
		this.#isStale = false;
		this.error.set(null);
		this.status.set('connected');
		this.#hub.unsettled(this, false);
		this.#tell('loaded');
	}

	#close() {
		this.#leaveTopic();
		this.#how = undefined;
		this.value = createValue({ merge: 'set' });
		this.value.load(null);
		this.#seq = this.#version = undefined;
		this.pages.set({});
	}

	// False if the reply is about a value that is not there.
	#take(reply) {
		const how = howOf(reply);
		const isKnown = this.value !== undefined && isSameHow(this.#how, how);

		if (reply.unchanged || reply.delta || reply.replay) {
			if (!isKnown || this.#isStale || (reply.replay && reply.data.some((one) => this.#isShort(one))))
				return false;
			this.#takeChanges(reply);
		} else if (!isKnown || !reply.channel) {
			this.#takeWhole(reply, how);
		}
		this.#seq = reply.seq;
		this.#version = reply.version;
		return true;
	}

	// It brings the first page, and there have been others.
	#isShort({ event }) {
		return event === 'refreshed' && this.pages.isPaged;
	}

	#takeChanges(reply) {
		this.pages.stop();
		if (reply.delta)
			this.value.patch(reply.data);
		else if (reply.replay)
			reply.data.forEach(({ event, data, after }) => this.#merge(event, data, after));
		this.#schemaVersion = reply.schemaVersion ?? this.#schemaVersion;
	}

	#takeWhole(reply, how) {
		this.#how = how;
		this.value = createValue(how);
		this.value.load(reply.data);
		this.#schemaVersion = reply.schemaVersion;
		this.pages.set(reply);
	}

	#enterTopic(topic) {
		if (this.topic === topic)
			return;
		this.#leaveTopic();
		this.topic = topic;
		this.#hub.attach(topic, this);
	}

	#leaveTopic() {
		const { topic } = this;

		this.topic = undefined;
		if (topic !== undefined)
			this.#hub.detach(topic, this);
	}

	// ---- what comes ------------------------------------------------------

	event({ event, data, seq, after }) {
		if (data?.reqId !== undefined) {
			if (data.truncated === true)
				this.reload();
			return;
		}
		if (this.#isStale || this.value === undefined)
			return;				// the value that was asked for has it
		if (this.#isShort({ event }))
			this.reload();
		else if (event === 'refreshed' || seq === undefined || this.#seq === undefined || seq > this.#seq)
			this.#advance({ event, data, seq, after });
	}

	#advance({ event, data, seq, after }) {
		this.#seq = seq ?? this.#seq;
		this.pages.changed({ event, data, after });
		this.#tell(this.#merge(event, data, after) ?? 'event', { event, data });
	}

	#merge(event, data, after) {
		return event === 'refreshed' ? this.value.load(data) ?? 'loaded' : this.value.apply(event, data, after);
	}

	// Of the stream, not of its value.
	system(event, data) {
		if (event === 'error')
			this.#refuse(RealtimeError.from(data));
		else if (event === 'degraded')
			this.error.set(new RealtimeError('DEGRADED', data?.reason ?? 'What is shown may be out of date.'));
		else if (event === 'recovered') {
			this.error.set(null);
			this.status.set('connected');
		}
	}

	// A round is complete.
	reached() {
		this.#tell('reached');
	}

	denied(reason) {
		this.topic = undefined;
		this.#refuse(new RealtimeError(reason, 'The topic may not be followed.'));
	}

	lost(isFinal) {
		this.#request = this.topic = undefined;
		this.#disarm();
		if (isFinal)
			this.#refuse(closedError());
		else
			this.#wait();
		this.#tell('lost');
	}

	// Resolves to whether there was another page.
	more(args) {
		return this.pages.load(async (cursor) => {
			const reply = await this.#hub.ask({ rpc: this.#path, args: [...this.#args, ...args], stream: true, cursor });
			const { more = this.#how?.prepend ? 'first' : 'last' } = this.#options;

			return { reply, use: (since) => this.value.append(reply.data, more === 'first', since) };
		}, () => this.#tell('more'));
	}
}
