// derive.js - stores that are made of stores.
import { remembered, Store } from './store.js';

// A store without a value, to stand for one that is not there yet.
export const empty = new Store(undefined);

function isStore(value) {
	return typeof value?.subscribe === 'function';
}

// What a store is now, whoever has made it.
export function valueOf(store) {
	let value;

	if ('current' in store)
		return store.current;
	store.subscribe((now) => { value = now; })();
	return value;
}

// combine(a, b, ..., (a, b, ...) => value)
//
// Stores of ours say what they are now, so that what changes together is seen
// together, whichever of them tells first.
export function combine(...sources) {
	const fn = sources.pop();
	const make = remembered(fn);

	return new Store(undefined, (store) => {
		const values = [];
		let ready = false;
		const now = (source, i) => 'current' in source ? source.current : values[i];
		const stops = sources.map((source, i) => source.subscribe((value) => {
			values[i] = value;
			// stores of others tell what has changed inside, too
			if (ready)
				store.set(('current' in source ? make : fn)(...sources.map(now)));
		}));

		ready = true;
		store.set(make(...sources.map(now)));
		return () => stops.forEach((stop) => stop());
	}, () => make(...sources.map(valueOf)));
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
	}, () => valueOf(choose(valueOf(source)) ?? empty));
}

// A store that follows another one only while the condition holds: a boolean,
// a store, or a function that is asked once, when somebody begins to watch.
export function when(store, condition) {
	const choose = (holds) => holds ? store : empty;

	if (isStore(condition))
		return switched(condition, choose);
	const chosen = () => choose(typeof condition === 'function' ? condition() : condition);

	return new Store(undefined, (made) => chosen().subscribe((value) => made.set(value)), () => valueOf(chosen()));
}
