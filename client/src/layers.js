// layers.js - what is shown before the server has said it.
//
// A layer is one change that somebody hopes for.  What is shown is what the
// server has said with the layers on top, in the order in which they were made,
// so each of them can go by itself: when it is refused, or when what the server
// has said contains it.  Answers come in any order: one that is contained stays
// while an earlier one about the same key waits for its answer, which would be
// seen again without it.
import { assert } from './assert.js';
import { guarded, RealtimeError } from './errors.js';

export const MAX_OPTIMISTIC_QUEUE_DEPTH = 1000;

function shallow(value) {
	if (Array.isArray(value))
		return [...value];
	return value !== null && typeof value === 'object' ? { ...value } : value;
}

// A change is {event, data}, or a function that makes a new value of a copy.
export function applyChange(value, change) {
	if (typeof change === 'function')
		value.load(change(shallow(value.snapshot())));
	else
		value.amend(change.event, change.data);
}

export class Layers {
	#list = [];
	#about;

	// about(change): what it is about; changes of which it is the same concern each other.
	constructor(about = () => ({})) {
		this.#about = about;
	}

	get size() {
		return this.#list.length;
	}

	// Somebody waits for an answer to one of them.
	get waiting() {
		return this.#list.some((layer) => layer.pending);
	}

	// pending: until somebody says what has become of it; otherwise until the
	// server says something about the same key.
	add(change, pending, value) {
		if (this.#list.length >= MAX_OPTIMISTIC_QUEUE_DEPTH)
			throw new RealtimeError('QUEUE_FULL', `MAX_OPTIMISTIC_QUEUE_DEPTH=${MAX_OPTIMISTIC_QUEUE_DEPTH}`);
		const layer = { change, pending, position: undefined, contained: false };

		if (value)
			applyChange(this.over(value), change);		// throws if it cannot be made
		this.#list.push(layer);
		return layer;
	}

	remove(layer) {
		layer.pending = false;
		return [...this.#keep((one) => one !== layer), ...this.#sweep()];
	}

	// The call has succeeded, and the server's rows contain it from a position on;
	// Infinity: when they have been loaded; undefined: already.  Like others, returns those
	// that go by it.
	confirm(layer, position) {
		assert(layer.change && layer.pending, 'optimistic.queue.entry.shape');
		Object.assign(layer, { position, pending: false, contained: position === undefined });
		return this.#sweep();
	}

	// Removes those that are contained in what has been said up to a position.
	reach(position) {
		for (const layer of this.#list)
			layer.contained ||= layer.position <= position;
		return this.#sweep();
	}

	// The value has been loaded, by another connection perhaps, whose positions are
	// others.
	load(isAnother) {
		return this.#keep(({ position }) => position !== Infinity && !(isAnother && position !== undefined));
	}

	// An event has come: what nobody waits for and has the same key is over.
	absorb(same) {
		return this.#keep((layer) => layer.pending || layer.position !== undefined || !same(layer.change));
	}

	// What is contained, but for what an earlier one would be seen instead of.
	#sweep() {
		const waiting = new Set();

		return this.#keep(({ pending, contained, change }) => {
			const about = this.#about(change);

			if (pending)
				waiting.add(about);
			return !contained || waiting.has(about);
		});
	}

	// Returns the others, for which nobody waits; once through the list, however long it is.
	#keep(condition) {
		const gone = [];

		this.#list = this.#list.filter((layer) => condition(layer) || gone.push(layer) < 0);
		assert(!gone.some(({ pending }) => pending), 'optimistic.queue.drain-precondition');
		return gone;
	}

	// A copy of the value with all layers on top.
	over(value) {
		const copy = value?.copy();

		assert(copy, 'optimistic.queue.serverValue-iff-nonempty');
		for (const { change } of this.#list)
			guarded(() => applyChange(copy, change));
		return copy;
	}
}
