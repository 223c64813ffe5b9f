// assert.js - what must be true: where it is not that is counted and told, and what
// goes on does so, because it may be half done; in tests it is an error.
import { stringify } from './json.js';

const counters = new Map();

export function assert(condition, category, context) {
	if (condition)
		return;
	counters.set(category, (counters.get(category) ?? 0) + 1);
	const message = `[realtime/assert] ${written(category, context)}`;
	const { NODE_ENV, VITEST } = globalThis.process?.env ?? {};

	console.error(message);
	if (VITEST || NODE_ENV === 'test')
		throw new Error(message);
}

// Without a context that is nothing that can be written.
function written(category, context) {
	try {
		return stringify({ category, context });
	} catch {
		return stringify({ category });
	}
}

// Category -> how often, since the page was loaded.
export function getAssertionCounters() {
	return counters;
}
