// As the compiler of Solid writes it, for a page and for a server.
import { createMemo, createSignal } from 'solid-js';
import { escape, getNextElement, insert, isServer, ssr, ssrHydrationKey, template } from 'solid-js/web';
import { fromStore, fromStream } from 'realtime-client/solid';

const page = isServer || template('<main><p id="status"></p><p id="error"></p><p id="count"></p><p id="lengths"></p><p id="rows">');
const text = ['<main', '><p id="status">', '</p><p id="error">', '</p><p id="count">', '</p><p id="lengths">', '</p><p id="rows">', '</p></main>'];

export function App({ todos }) {
	const [list, show] = createSignal(1);
	const { data, error, status } = fromStream(() => todos(list()));
	const mapped = createMemo(() => todos(list()).map((row) => row.text.length));
	const lengths = fromStore(mapped);
	const parts = [status, () => error()?.code ?? '', () => String(data()?.length ?? 0), () => lengths().join(),
		() => (data() ?? []).map((row) => `${row.text},`).join('')];

	if (isServer)
		return ssr(text, ssrHydrationKey(), ...parts.map((part) => escape(part())));
	globalThis.show = show;
	const main = getNextElement(page);

	[...main.children].forEach((element, i) => insert(element, parts[i]));
	return main;
}
