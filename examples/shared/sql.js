// sql.js - the panel that shows the SQL behind a part of the page: the file itself
// that the database has loaded, cut where a line says "-- [name] Title".
import { make, animate } from './page.js';

const keywords = new Set(`add all alter and as asc begin between by case check coalesce collate column comment commit conflict
	constraint create default delete desc distinct do domain drop else elsif end exists extension filter for from function
	grant group having if in index insert into is join key language limit loop not nothing null of on or order perform
	primary raise references replace return returning returns revoke schema select set setof stable strict table then to
	trigger type unique update using values view volatile when where with immutable security definer identity generated
	always role left lateral inner over partition`.split(/\s+/));

// Comments, texts, bodies in dollars, words, everything else.
const tokens = /(--[^\n]*)|('(?:[^']|'')*')|(\$[a-z]*\$)|([A-Za-z_][A-Za-z_0-9.]*)|(\s+|.)/g;

function coloured(text) {
	return [...text.matchAll(tokens)].map(([all, comment, string, dollars, word]) => {
		if (comment || string || dollars)
			return make('span', { className: comment ? 'sql-comment' : 'sql-string', textContent: all });
		if (word && keywords.has(word.toLowerCase()))
			return make('span', { className: 'sql-keyword', textContent: all });
		if (word?.startsWith('realtime.'))
			return make('span', { className: 'sql-name', textContent: all });
		return all;
	});
}

// [{ name, title, text }, ...]
export function partsOf(source) {
	const parts = [];

	for (const line of source.split('\n')) {
		const [, name, title] = /^-- \[(\w+)\] (.*)$/.exec(line) ?? [];
		if (name)
			parts.push({ name, title, lines: [] });
		else
			parts.at(-1)?.lines.push(line);
	}
	return parts.map(({ name, title, lines }) => ({ name, title, text: lines.join('\n').trim() }));
}

// Every element with data-sql="name" opens its part of the file.
export function showsSql(file, root = document) {
	let panel;
	let parts;

	async function open(name) {
		parts ??= partsOf(await (await fetch(file)).text());
		panel ??= build();
		show(parts.find((part) => part.name === name) ?? parts[0]);
	}

	function build() {
		const close = make('button', { className: 'button square', type: 'button', textContent: '×', ariaLabel: 'Close' });
		const title = make('h2');
		const built = make('aside', { className: 'panel', hidden: true, ariaLabel: 'The SQL behind it' },
			make('header', {}, make('div', {}, title, make('p', { textContent: `from ${file.split('/').pop()}, all there is on the server` })), close),
			make('div', { className: 'parts' }, ...parts.map((part) => {
				const button = make('button', { className: 'behind', type: 'button', textContent: part.name });
				button.onclick = () => show(part);
				return button;
			})),
			make('pre', { tabIndex: 0 }));

		close.onclick = shut;
		addEventListener('keydown', (event) => event.key === 'Escape' && shut());
		return document.body.appendChild(built);
	}

	function shut() {
		if (panel)
			panel.hidden = true;
	}

	function show(part) {
		const wasHidden = panel.hidden;

		panel.querySelector('h2').textContent = part.title;
		panel.querySelector('pre').replaceChildren(...coloured(part.text));
		panel.querySelector('pre').scrollTop = 0;
		for (const button of panel.querySelectorAll('.parts button'))
			button.toggleAttribute('aria-current', button.textContent === part.name);
		panel.hidden = false;
		if (wasHidden)
			animate(panel, [{ opacity: 0, transform: 'translate(1.5rem, 0)' }, { opacity: 1, transform: 'none' }]);
	}

	root.addEventListener('click', ({ target }) => {
		const name = target.closest?.('[data-sql]')?.dataset.sql;
		if (name)
			open(name);
	});
}
