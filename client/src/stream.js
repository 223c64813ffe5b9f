// stream.js - the value of a path as a store: what the server has said, what is
// hoped for on top of it, and what was shown before.
import { when } from './derive.js';
import { Feed } from './feed.js';
import { History } from './history.js';
import { guarded } from './errors.js';
import { applyChange, Layers } from './layers.js';
import { createOptimistic } from './optimistic.js';
import { readable, Store } from './store.js';

export class Stream extends Store {
	#feed;
	#hub;
	#frame;
	#options;
	// What a function changes nobody knows.
	#about = (change) => this.#feed.value?.about(change) ?? {};
	#layers = new Layers(this.#about);
	#history;
	#isBack = false;			// from another connection
	#held;						// the value without what waits for an answer
	#leaving;

	// watchers(are): told when somebody begins to watch, and when nobody does.
	watchers;

	// Options: merge, key, prepend, max, schemaVersion (until the server has said them), more
	// ('first' or 'last': where further pages belong), linger.
	constructor(hub, frame, path, args = [], options = {}) {
		super(undefined, () => this.#begin());
		this.#hub = hub;
		this.#frame = frame;
		this.#options = options;
		this.#feed = new Feed(hub, path, args, options, (what, event) => this.#changed(what, event));
		this.error = readable(this.#feed.error);
		this.status = readable(this.#feed.status);
	}

	// ---- following -------------------------------------------------------

	#begin() {
		clearTimeout(this.#leaving);
		this.watchers?.(true);
		if (this.#hub.isPossible)
			this.#feed.start();
		return () => this.#end();
	}

	// Who leaves a page and comes back at once has not been away.
	#end() {
		this.watchers?.(false);
		this.#leaving = setTimeout(() => this.#feed.stop(), this.linger);
	}

	get linger() {
		return this.#options.linger ?? 0;
	}

	#changed(what, event) {
		if (what === 'lost')
			this.#isBack = true;
		else if (what === 'loaded' || what === 'forgotten')
			this.#loaded();
		else if (what === 'refused')
			this.#layers.load(false);		// nothing will be that contains what was answered
		else if (what === 'reached')
			return this.#reached();
		else if (event)
			this.#layers.absorb((change) => this.#about(change) === this.#about(event));
		if (what === 'forgotten')
			this.#history?.clear();
		if (what === 'lost')
			return;
		// It may be what somebody waits for, under another key.
		if (what === 'new' && this.#layers.waiting)
			this.#hold(event.data);
		else if (what === 'refused')
			this.#frame.release(this);
		else
			this.#frame.changed(this);
	}

	// For a moment, see Frame.  Until then it is shown without what has come.
	#hold(data) {
		if (this.#frame.isHeld(this))
			return;
		this.#held = this.#feed.value.without(data);
		this.#frame.hold(this);
	}

	#loaded() {
		this.#layers.absorb(() => true);
		this.#layers.load(this.#isBack);	// what was answered is in it
		this.#isBack = false;
		this.#frame.release(this);
	}

	#reached() {
		if (this.#layers.reach(this.#hub.rounds.position).length > 0)
			this.#frame.release(this);
	}

	// For the frame: makes the value; true if it is another one.
	recompute() {
		const shown = this.#shown();

		this.#history?.record(shown);
		return this.assign(shown);
	}

	#shown() {
		const value = this.#frame.isHeld(this) ? this.#held : this.#feed.value;

		if (value === undefined)
			return undefined;
		return (this.#layers.size > 0 ? this.#layers.over(value) : value).snapshot();
	}

	#show() {
		if (this.recompute())
			this.notify();
	}

	// ---- what is hoped for -----------------------------------------------

	// Shows a change before the server tells it: {event, data}, or a function
	// that makes another value of a copy.  It goes when the operation fails, and
	// when the server's own value contains it.
	async mutate(operation, change) {
		const layer = this.#layers.add(change, true, this.#feed.value);

		this.#show();
		try {
			const result = await operation();

			this.#confirm(layer);
			return result;
		} catch (error) {
			this.#withdraw(layer);
			throw error;
		}
	}

	#confirm(layer) {
		const { isWaiting, topic } = this.#feed;
		const gone = this.#layers.confirm(layer, isWaiting ? Infinity : this.#hub.rounds.awaited(topic));

		if (gone.length > 0)
			this.#settled(gone);
	}

	#withdraw(layer) {
		const gone = this.#layers.remove(layer);

		if (gone.length > 0)
			this.#settled(gone.filter((one) => one !== layer));
	}

	// These are contained in what the server has said.  While others wait, and what
	// has come is not shown, it is not seen without them.
	#settled(contained) {
		if (!this.#frame.isHeld(this) || !this.#layers.waiting)
			return this.#frame.release(this);
		for (const { change } of contained)
			guarded(() => applyChange(this.#held, change));
		this.#show();
	}

	// Shows an event until the server says something about the same key, or the
	// function that it returns is called.
	optimistic(event, data) {
		const layer = this.#layers.add({ event, data }, false, this.#feed.value);

		this.#show();
		return () => this.#withdraw(layer);
	}

	createOptimistic(rpc, ...rest) {
		return createOptimistic(rpc, this, ...rest);
	}

	// ---- more of it ------------------------------------------------------

	// Begins with what another program has loaded: the data, with what else is
	// known of it (seq, version, merge, key), or a whole reply.
	hydrate(data, known = {}) {
		const isReply = data !== null && typeof data === 'object' && 'data' in data && 'merge' in data;

		if (isReply)
			this.#feed.hydrate(data.data, data);
		else
			this.#feed.hydrate(data, known);
		this.#show();
		return this;
	}

	get hasMore() {
		return this.#feed.pages.hasMore;
	}

	loadMore(...args) {
		return this.#feed.more(args);
	}

	// Asks for the whole value anew.
	reload() {
		this.#feed.reload();
	}

	// Nothing of it is known any more.
	forget() {
		this.#feed.forget();
	}

	when(condition) {
		return when(this, condition);
	}

	// ---- back and forth --------------------------------------------------

	enableHistory(max = 50) {
		this.#history ??= new History(max);
		this.#history.record(this.current);
	}

	get canUndo() {
		return this.#history?.canUndo === true;
	}

	get canRedo() {
		return this.#history?.canRedo === true;
	}

	// Shows what was there before, until something changes.
	undo() {
		this.#revisit(this.#history?.undo());
	}

	redo() {
		this.#revisit(this.#history?.redo());
	}

	#revisit(found) {
		if (found)
			this.set(found[0]);
	}
}
