// solid.js - stores as signals of Solid.
//
//	const rows = fromStore(todos(7));
//	const rows = fromStore(() => todos(props.list));	// another one when that changes
//	const { data, error, status } = fromStream(() => todos(props.list));
//
// A store is followed by effects, so not where pages are rendered on a server.
import { createEffect, createMemo, createSignal, onCleanup } from 'solid-js';
import { empty } from './index.js';

// A store, or a function that returns one.
function chosen(source) {
	return typeof source?.subscribe === 'function' ? () => source : () => source?.() ?? empty;
}

// An accessor.
export function fromStore(source) {
	const store = createMemo(chosen(source));
	const [track, tell] = createSignal(undefined, { equals: false });

	createEffect(() => onCleanup(store().subscribe(() => tell())));
	return createMemo(() => (track(), store().current));
}

export function fromStream(source) {
	const store = createMemo(chosen(source));
	const data = fromStore(store);
	const error = fromStore(() => store().error);
	const status = fromStore(() => store().status);

	return {
		data,
		error: () => error() ?? null,
		status: () => status() ?? 'loading',
		hasMore: () => (data(), store().hasMore === true),
	};
}
