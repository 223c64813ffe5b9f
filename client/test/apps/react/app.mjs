import { createElement as h, useEffect, useMemo, useState } from 'react';
import { useStore, useStream } from 'realtime-client/react';

export function App({ todos }) {
	const [list, show] = useState(1);
	const { data, error, status } = useStream(todos(list));
	const count = useStore(todos(list), (rows) => rows?.length ?? 0);
	const lengths = useStore(useMemo(() => todos(list).map((row) => row.text.length), [todos, list]));

	useEffect(() => { globalThis.show = show; }, []);
	return h('main', null,
		h('p', { id: 'status' }, status),
		h('p', { id: 'error' }, error?.code ?? ''),
		h('p', { id: 'count' }, String(count)),
		h('p', { id: 'lengths' }, lengths.join()),
		h('ul', { id: 'rows' }, data?.map(({ id, text }) => h('li', { key: id }, `${text},`))));
}
