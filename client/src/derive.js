// derive.js - stores that are made of stores.
import { Store } from './store.js';

// A store without a value, to stand for one that is not there yet.
export const empty = new Store(undefined);

function isStore(value) {
	return typeof value?.subscribe === 'function';
}

// combine(a, b, ..., (a, b, ...) => value)
//
// Stores of ours say what they are now, so that what changes together is seen
// together, whichever of them tells first.
export function combine(...sources) {
	const fn = sources.pop();

	return new Store(undefined, (store) => {
		const values = [];
		let ready = false;
		const now = (source, i) => 'current' in source ? source.current : values[i];
		const tell = () => ready && store.set(fn(...sources.map(now)));
		const stops = sources.map((source, i) => source.subscribe((value) => {
			values[i] = value;
			tell();
		}));

		ready = true;
		tell();
		return () => stops.forEach((stop) => stop());
	});
}

// Follows the store that choose(value) returns for the source's value, and
// another one when that changes: streams whose arguments come from a store.
export function switched(source, choose) {
	return new Store(undefined, (store) => {
		let stop = () => {};
		const leave = source.subscribe((value) => {
			const before = stop;
			stop = (choose(value) ?? empty).subscribe((inner) => store.set(inner));
			before();
		});

		return () => {
			leave();
			stop();
		};
	});
}

// A store that follows another one only while the condition holds: a boolean,
// a store, or a function that is asked once, when somebody begins to watch.
export function when(store, condition) {
	const choose = (holds) => holds ? store : empty;

	if (isStore(condition))
		return switched(condition, choose);
	return new Store(undefined, (made) =>
		choose(typeof condition === 'function' ? condition() : condition).subscribe((value) => made.set(value)));
}
