import { createSSRApp } from 'vue';
import { App } from './app.mjs';

export function mount(element, todos) {
	const app = createSSRApp(App, { todos });

	app.mount(element);
	return () => app.unmount();
}
