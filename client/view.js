// view.js - a stream in a plain page: one of three views at a time.
//
//	const stop = bindView(todos(7), {
//		loading: () => { list.textContent = '...'; },
//		ready: (rows, { status }) => { list.replaceChildren(...rows.map(item)); },
//		error: (error, rows) => { note.textContent = error.message; },
//	});
import { combine, empty } from './index.js';

// What is there stays while something is wrong, and error is told beside it;
// without a view for errors they are left out.  Returns how to stop.
export function bindView(stream, { loading, ready, error }) {
	const all = combine(stream, stream.error ?? empty, stream.status ?? empty, (value, problem, status) => ({ value, problem, status }));

	let told;

	return all.subscribe(({ value, problem, status }) => {
		if (value !== undefined)
			ready?.(value, { status, error: problem ?? null });
		else if (!problem)
			loading?.();
		if (problem && problem !== told)
			error?.(problem, value);
		told = problem;
	});
}
