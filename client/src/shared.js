// shared.js - one client for the whole page, under the names that code for the
// published client uses.
import { createClient } from './client.js';
import { switched } from './derive.js';

const shared = /* @__PURE__ */ createClient();

export { shared as __client };
export const { status, failure, quiescent, health } = shared;

// Before the first call or stream, as a rule.
export function configure(options) {
	shared.configure(options);
}

export function __rpc(path, options) {
	return shared.rpc(path, options);
}

export function __stream(path, options) {
	return shared.stream(path, options);
}

export function __aggregate(path, windows) {
	return shared.aggregate(path, windows);
}

export function batch(fn, options) {
	return shared.batch(fn, options);
}

export function on(topic) {
	return shared.topic(topic);
}

// A topic whose name depends on a store.
export function onDerived(name, source) {
	return switched(source, (value) => on(name(value)));
}

export function onSignal(...args) {
	return shared.onSignal(...args);
}

export function onPush(event, handler) {
	return shared.onPush(event, handler);
}
