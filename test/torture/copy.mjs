// copy.mjs - what a client has of a stream: its value, by the rules of merging
// (docs/protocol.md), and what must come next.
//
// complain is told of an event that comes twice, too late or too early, at once:
// each event has the number that its writer counts by on the topic, and on topics
// with numbers, that as well.
import { keyOf } from './handoff_schema.mjs';

const linesKept = 50;

export class Copy {
	// A fault, {what, after}, is to be found out: after so many events one is
	// dropped or taken twice, or from then on all are forgotten, though counted.
	constructor({ merge, numbered, name }, complain, fault) {
		this.merge = merge;
		this.key = keyOf[merge];
		this.numbered = numbered;
		this.complain = (text) => complain(`${name}: ${text}`);
		this.fault = fault;
		this.loaded = false;
	}

	// The whole value, with the clock of its snapshot as the last item
	load(value, seq) {
		if (this.merge === 'set') {
			const { clock, ...rest } = value;
			this.clock = new Map(Object.entries(clock));
			this.value = rest;
		} else {
			const items = [...value];
			this.clock = new Map(Object.entries(items.pop().clock));
			this.value = this.key ? new Map(items.map((item) => [item[this.key], item])) : items;
		}
		if (this.numbered !== Number.isInteger(seq))
			this.complain(`a value with the number ${seq}`);
		this.seq = seq;
		this.loaded = true;
	}

	// An event that comes next
	take({ event, data, seq }) {
		const fault = this.spoil();

		if (fault === 'drop')
			return;
		this.tick(data, seq);
		if (fault === 'twice')
			this.tick(data, seq);
		if (fault !== 'forget')
			this.merging(event, data);
	}

	// The fault, when its time has come
	spoil() {
		if (this.fault === undefined || this.fault.after-- > 0)
			return undefined;
		return this.fault.what === 'forget' || this.fault.after === -1 ? this.fault.what : undefined;
	}

	tick({ w, c }, seq) {
		const last = this.clock.get(String(w)) ?? 0;

		if (c !== last + 1)
			this.complain(`event ${c} of writer ${w} follows ${last}`);
		this.clock.set(String(w), c);
		if (this.numbered && seq !== this.seq + 1)
			this.complain(`number ${seq} follows ${this.seq}`);
		if (!this.numbered && seq !== undefined)
			this.complain(`an event has the number ${seq}`);
		this.seq = seq;
	}

	merging(event, data) {
		if (this.merge === 'set') {
			this.value = data;
		} else if (this.merge === 'latest') {
			this.value.push(data);
			this.value.splice(0, this.value.length - linesKept);
		} else if (['deleted', 'leave', 'remove'].includes(event)) {
			this.value.delete(data[this.key]);
		} else if (event !== 'updated' || this.value.has(data[this.key])) {
			this.value.set(data[this.key], data);
		}
	}

	// All it knows, in one form
	text() {
		const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
		const items = this.key ? [...this.value.values()].sort((a, b) => a[this.key] - b[this.key])
			: [this.value].flat();

		return JSON.stringify({
			clock: sorted(Object.fromEntries(this.clock)), seq: this.seq, items: items.map(sorted),
		});
	}
}
