// merge.js - how events change the value of a stream, for each way of merging.
//
// A merged value has
//	load(data)				is this from now on
//	apply(event, data, after)	follows an event: 'new' if something has come by it
//	amend(event, data)		likewise for what is only shown in advance
//	without(data)			a copy that does not have what has come by an event
//	about({event, data})	what that is about: an event may be what a change about the same has hoped for
//	append(data, first, since)	has some more, from another page; since: events that it may
//							not contain, though they have been applied
//	patch(rows)				has these rows, or has lost those that are _deleted
//	snapshot()				as it is, for those who watch
//	copy()					another one, to be changed without changing this one
import { Rows } from './rows.js';

// What the events of a way with keys do.
const verbs = {
	crud: { created: 'put', updated: 'change', deleted: 'remove' },
	presence: { join: 'put', leave: 'remove', set: 'load' },
	cursor: { update: 'put', remove: 'remove', set: 'load' },
};

// 1 and "1" are one key: numbers that are too long come as text.
function keyOf(row, member) {
	const key = row !== null && typeof row === 'object' ? row[member] : undefined;

	return key === undefined || key === null ? undefined : String(key);
}

class Keyed {
	#rows = new Rows();
	#how;

	constructor(how) {
		this.#how = how;
	}

	load(data) {
		this.#rows = new Rows();
		this.append(data);
	}

	append(data, first = false, since = []) {
		const rows = Array.isArray(data) ? data : [];

		for (const row of first ? [...rows].reverse() : rows)
			this.#place(keyOf(row, this.#how.key), row, first);
		for (const { event, data: change, after } of since)
			this.apply(event, change, after);
	}

	apply(event, data, after) {
		return this.#do(this.#how.verbs[event], data, after);
	}

	// Members that are not told stay as they are, whoever else changes them.
	// What has been made is there with all its members once the server has told it.
	amend(event, data) {
		const old = this.#rows.get(keyOf(data, this.#how.key));
		const verb = this.#how.verbs[event];

		if (event === 'created' && old !== undefined)
			return undefined;
		return this.#do(verb, verb === 'change' && old ? { ...old, ...data } : data);
	}

	without(data) {
		const copy = this.copy();

		copy.#rows.remove(keyOf(data, this.#how.key));
		return copy;
	}

	about({ data }) {
		return keyOf(data, this.#how.key);
	}

	patch(rows) {
		for (const row of Array.isArray(rows) ? rows : [])
			this.#do(row?._deleted ? 'remove' : 'put', row);
	}

	#do(verb, data, after) {
		if (verb === 'load')
			return this.load(data);
		const key = keyOf(data, this.#how.key);

		if (key === undefined || verb === undefined)
			return undefined;
		if (verb === 'remove')
			return this.#rows.remove(key) && undefined;
		const known = this.#rows.has(key);

		if (after !== undefined)
			this.#rows.putAfter(key, data, after === null ? null : String(after));
		else if (known || verb === 'put')
			this.#place(key, data, this.#how.prepend);
		if (after === undefined && !known)
			this.#limit();
		return known || verb !== 'put' ? undefined : 'new';
	}

	#place(key, row, first) {
		if (key === undefined)
			return;
		if (first)
			this.#rows.putFirst(key, row);
		else
			this.#rows.put(key, row);
	}

	// Who has come last stays.
	#limit() {
		const { max, prepend } = this.#how;

		if (!(max > 0) || this.#rows.size <= max)
			return;
		if (prepend)
			this.#rows.removeLast();
		else
			this.#rows.removeFirst();
	}

	snapshot() {
		return this.#rows.toArray();
	}

	copy() {
		const copy = new Keyed(this.#how);

		copy.#rows = this.#rows.copy();
		return copy;
	}
}

// The last data, whatever the events are called.
class Latest {
	#list = [];
	#max;

	constructor(max) {
		this.#max = max;
	}

	load(data) {
		this.#list = Array.isArray(data) ? data.slice(-this.#max) : [];
	}

	apply(event, data) {
		this.#list.push(data);
		if (this.#list.length > 2 * this.#max)
			this.#list = this.snapshot();
		return 'new';
	}

	amend(event, data) {
		return this.apply(event, data);
	}

	append(data, first = false) {
		const more = Array.isArray(data) ? data : [];

		this.#max = Math.max(this.#max, Math.min(this.#list.length, this.#max) + more.length);
		this.#list = first ? [...more, ...this.#list] : [...this.#list, ...more];
	}

	without() {
		const copy = this.copy();

		copy.#list.pop();
		return copy;
	}

	about({ event }) {
		return event;
	}

	patch(rows) {
		this.load(rows);
	}

	snapshot() {
		return this.#list.slice(-this.#max);
	}

	copy() {
		const copy = new Latest(this.#max);

		copy.load(this.#list);
		return copy;
	}
}

// The data of the newest event.
class Single {
	#value;

	load(data) {
		this.#value = data;
	}

	apply(event, data) {
		this.#value = data;
	}

	amend(event, data) {
		this.#value = data;
	}

	append(data, first = false) {
		const lists = Array.isArray(this.#value) && Array.isArray(data);

		if (lists)
			this.#value = first ? [...data, ...this.#value] : [...this.#value, ...data];
		else
			this.#value = data;
	}

	about({ event }) {
		return event && 'it';
	}

	patch(data) {
		this.#value = data;
	}

	snapshot() {
		return this.#value;
	}

	copy() {
		const copy = new Single();

		copy.load(this.#value);
		return copy;
	}
}

// How a value is merged, as a reply says it.
export function howOf({ merge, key, prepend, max }) {
	return { merge, key: key ?? 'id', prepend: prepend ?? false, max: max ?? 0 };
}

export function isSameHow(a, b) {
	return a !== undefined && Object.keys(a).every((name) => a[name] === b[name]);
}

export function createValue({ merge = 'crud', key = 'id', prepend = false, max = 0 }) {
	if (merge === 'set')
		return new Single();
	if (merge === 'latest')
		return new Latest(max || 50);
	return new Keyed({ key: merge === 'crud' ? key : 'key', prepend, max, verbs: verbs[merge] ?? {} });
}
