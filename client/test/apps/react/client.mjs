import { createElement as h, StrictMode } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { App } from './app.mjs';

// In strict mode: effects run, end and run again.
export function mount(element, todos) {
	const root = hydrateRoot(element, h(StrictMode, null, h(App, { todos })), {
		onRecoverableError: (error) => console.error(error),
	});

	return () => root.unmount();
}
