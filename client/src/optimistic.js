// optimistic.js - a call together with what it is hoped to change.

// (store, args, change) calls; (store, change) makes a function that does.
export function createOptimistic(rpc, store, ...rest) {
	const change = rest.at(-1);
	const mutate = (args) => store.mutate(() => rpc.fresh(...args),
		typeof change === 'function' ? (current) => change(current, args) : change);

	return rest.length > 1 ? mutate(rest[0]) : (...args) => mutate(args);
}
