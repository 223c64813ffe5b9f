// svelte.js - stores as runes of Svelte 5.  As stores they need nothing: $rows.
//
//	const rows = rune(todos(7));
//	const rows = rune(() => todos(list));		// another one when that changes
//	const feed = stream(() => todos(list));		// feed.current, .error, .status, .hasMore
//
// They are followed while an effect or the markup looks at them.
import { createSubscriber } from 'svelte/reactivity';
import { empty } from './index.js';

const known = new WeakMap();	// store -> what has an effect run again when it tells

// A store, or a function that returns one.
function chosen(source) {
	return typeof source?.subscribe === 'function' ? () => source : () => source?.() ?? empty;
}

// What it has is read behind this: only what it tells later is news.
function follow(store, update) {
	let isNews = false;
	const stop = store.subscribe(() => isNews && update());

	isNews = true;
	return stop;
}

function look(store) {
	if (store === undefined)
		return undefined;
	if (!known.has(store))
		known.set(store, createSubscriber((update) => follow(store, update)));
	known.get(store)();
	return store.current;
}

// { current }
export function rune(source) {
	const store = chosen(source);

	return {
		get current() { return look(store()); },
	};
}

export function stream(source) {
	const store = chosen(source);

	return {
		get current() { return look(store()); },
		get error() { return look(store().error) ?? null; },
		get status() { return look(store().status) ?? 'loading'; },
		get hasMore() {
			look(store());
			return store().hasMore === true;
		},
	};
}
