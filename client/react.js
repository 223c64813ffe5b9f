// react.js - stores in React components.
//
//	const rows = useStore(todos(list));
//	const count = useStore(todos(list), (rows) => rows?.length);
//	const { data, error, status } = useStream(todos(list));
//
// A store that is made for one component, as of presence or of combine(), has to
// be the same at each render: useMemo(() => client.presence(...), [...]).
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { empty } from './index.js';

const same = (value) => value;

// What select makes of a store's value: another one only when that is another one.
function selected(store, select) {
	let seen;
	let made;
	let isMade = false;

	return () => {
		const value = store.current;

		if (!isMade || !Object.is(value, seen))
			made = select(value);
		seen = value;
		isMade = true;
		return made;
	};
}

// What a store has, or what select makes of it: it is rendered again when that is
// another one.  undefined for no store.
export function useStore(store, select = same) {
	const of = store ?? empty;
	const look = useMemo(() => selected(of, select), [of, select]);
	const subscribe = useCallback((changed) => of.subscribe(changed), [of]);

	return useSyncExternalStore(subscribe, look, look);
}

// What a stream has, and what is to be known of it.
export function useStream(stream) {
	const data = useStore(stream);
	const error = useStore(stream?.error) ?? null;
	const status = useStore(stream?.status) ?? 'loading';

	return { data, error, status, hasMore: stream?.hasMore === true };
}
