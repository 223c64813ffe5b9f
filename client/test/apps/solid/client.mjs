import { createComponent, hydrate } from 'solid-js/web';
import { App } from './app.mjs';

export function mount(element, todos) {
	globalThis._$HY ??= { events: [], completed: new WeakSet(), r: {} };
	return hydrate(() => createComponent(App, { todos }), element);
}
