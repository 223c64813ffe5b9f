import { hydrate, unmount } from 'svelte';
import App from './App.svelte';

export function mount(element, todos) {
	const app = hydrate(App, { target: element, props: { todos } });

	return () => unmount(app);
}
