// overlay.js - shows what the logs of a page's clients have.
const prettyMax = 200;
const rawMax = 500;
const tabs = ['Streams', 'Calls', 'Connection'];

const style = `
:host { all: initial; position: fixed; z-index: 2147483000; right: 12px; bottom: 12px; color-scheme: light dark; }
* { box-sizing: border-box; }
section { display: flex; flex-direction: column; width: min(560px, calc(100vw - 24px)); height: min(420px, 60vh);
	border: 1px solid light-dark(#d5d2ca, #3a4048); border-radius: 12px; overflow: hidden; background: light-dark(#fffffff2, #1c2025f2);
	color: light-dark(#1d2126, #e8e6e2); font: 12px/1.5 ui-sans-serif, system-ui, sans-serif; box-shadow: 0 12px 40px #0000002e; backdrop-filter: blur(8px); }
header { display: flex; gap: 4px; align-items: center; padding: 6px 8px; border-bottom: 1px solid light-dark(#e2dfd7, #31363d); }
header span { flex: 1; }
button { padding: 2px 8px; border: 0; border-radius: 6px; background: none; color: inherit; font: inherit; cursor: pointer; }
button:hover, button[aria-pressed="true"], button[aria-selected="true"] { background: light-dark(#0000000f, #ffffff17); }
main { flex: 1; overflow: auto; overscroll-behavior: contain; }
table { width: 100%; border-spacing: 0; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: light-dark(#f6f5f1, #23282e); color: light-dark(#5f656d, #a0a6ae); font-weight: 500; text-align: left; }
th, td { padding: 3px 8px; vertical-align: top; overflow-wrap: anywhere; }
tbody tr { cursor: default; }
tbody tr.row { cursor: pointer; }
tbody tr + tr td { border-top: 1px solid light-dark(#0000000a, #ffffff0d); }
code { font: 11px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; }
.bad { color: light-dark(#b3392f, #ef8d84); }
.soft { color: light-dark(#5f656d, #a0a6ae); }
p { padding: 10px; margin: 0; }
`;

function make(tag, properties = {}, ...children) {
	const element = Object.assign(document.createElement(tag), properties);

	element.append(...children);
	return element;
}

const ages = [[3600000, 'h'], [60000, 'min'], [1000, 's']];

function age(at) {
	const ms = Date.now() - at;
	const [unit, name] = ages.find(([limit]) => ms >= limit) ?? [1000, 's'];

	return `${Math.floor(ms / unit)} ${name} ago`;
}

export class Overlay {
	static #only;
	#logs = [];
	#host;
	#main;
	#opened = new Set();		// topics whose events are shown
	#kept;
	#due = false;

	// One for the page.
	static of(document) {
		Overlay.#only ??= new Overlay(document);
		return Overlay.#only;
	}

	constructor(document) {
		this.#kept = { tab: 'Streams', raw: false, paused: false, ...stored() };
		document.addEventListener('keydown', (event) => {
			if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'l') {
				event.preventDefault();
				this.toggle();
			}
		});
		setInterval(() => this.#later(), 1000);		// ages
	}

	add(log, open) {
		this.#logs.push(log);
		log.isPaused = this.#kept.paused;
		log.changed = () => this.#later();
		if (open)
			this.toggle(true);
	}

	get isOpen() {
		return this.#host?.isConnected === true;
	}

	toggle(open = !this.isOpen) {
		if (!open)
			return this.#host?.remove();
		this.#host ??= this.#build();
		document.body.append(this.#host);
		this.#show();
		return undefined;
	}

	// ---- what it is made of -------------------------------------------------

	#build() {
		const host = make('realtime-devtools');
		const root = host.attachShadow({ mode: 'open' });
		const sheet = new CSSStyleSheet();

		sheet.replaceSync(style);
		root.adoptedStyleSheets = [sheet];
		this.#main = make('main');
		root.append(make('section', {}, make('header', {},
			...tabs.map((tab) => this.#button(tab, () => this.#keep({ tab }))),
			make('span'),
			this.#button('Raw', () => this.#keep({ raw: !this.#kept.raw })),
			this.#button('Pause', () => this.#keep({ paused: !this.#kept.paused })),
			this.#button('Clear', () => this.#logs.forEach((log) => log.clear())),
			this.#button('×', () => this.toggle(false))), this.#main));
		return host;
	}

	#button(textContent, onclick) {
		return make('button', { type: 'button', textContent, onclick });
	}

	#keep(values) {
		Object.assign(this.#kept, values);
		this.#logs.forEach((log) => { log.isPaused = this.#kept.paused; });
		try {
			localStorage.setItem('realtime-devtools', JSON.stringify(this.#kept));
		} catch {
			// then not over a reload
		}
		this.#show();
	}

	#later() {
		if (this.#due || !this.isOpen)
			return;
		this.#due = true;
		setTimeout(() => {
			this.#due = false;
			if (this.isOpen)
				this.#show();
		}, 100);
	}

	#show() {
		const { tab, raw, paused } = this.#kept;

		for (const button of this.#host.shadowRoot.querySelectorAll('header button')) {
			if (tabs.includes(button.textContent))
				button.ariaSelected = String(button.textContent === tab);
			else if (button.textContent === 'Raw' || button.textContent === 'Pause')
				button.ariaPressed = String(button.textContent === 'Raw' ? raw : paused);
		}
		this.#main.replaceChildren(...this.#logs.flatMap((log) => this[`show${tab}`](log)));
	}

	#table(heads, rows, empty) {
		if (rows.length === 0)
			return make('p', { className: 'soft', textContent: empty });
		return make('table', {}, make('thead', {}, make('tr', {}, ...heads.map((textContent) => make('th', { textContent })))),
			make('tbody', {}, ...rows));
	}

	// ---- what is shown ------------------------------------------------------

	showStreams({ streams }) {
		const rows = [...streams.values()].flatMap((stream) => {
			const row = cells({ className: 'row' }, make('code', { textContent: [...stream.paths].join('\n') }), stream.topic, stream.merge,
				stream.paths.size, stream.last ? `${stream.last.event}, ${age(stream.last.at)}` : '', problem(stream.error));

			row.onclick = () => {
				this.#opened.has(stream.topic) ? this.#opened.delete(stream.topic) : this.#opened.add(stream.topic);
				this.#show();
			};
			return this.#opened.has(stream.topic) ? [row, ...stream.envelopes.toReversed().map((one) => this.#envelope(one))] : [row];
		});

		return [this.#table(['path', 'topic', 'merge', 'paths', 'last', ''], rows, 'No stream is followed.')];
	}

	#envelope({ event, at, data }) {
		const max = this.#kept.raw ? rawMax : prettyMax;
		const text = JSON.stringify(data, null, this.#kept.raw ? 0 : 1) ?? '';
		const cell = make('td', { colSpan: 6 }, make('code', {
			textContent: `${new Date(at).toLocaleTimeString()} ${event} ${text.slice(0, max)}${text.length > max ? ` … ${text.length - max} more` : ''}`,
		}));

		return make('tr', { className: 'soft' }, cell);
	}

	showCalls({ pending, done }) {
		const rows = [
			...[...pending.values()].map(({ path, began }) => cells({}, path, 'waits', `${Date.now() - began} ms`, '')),
			...done.toReversed().map(({ path, ms, ok, code, began }) =>
				cells({}, path, ok ? 'ok' : problem({ code, message: '' }), `${ms} ms`, age(began))),
		];

		return [this.#table(['call', 'answer', 'time', ''], rows, 'Nothing has been called.')];
	}

	showConnection({ connection, streams, pending, done }) {
		const { status, session, since, opened, closed } = connection;
		const rows = [
			['status', status + (status === 'open' ? `, since ${age(since).replace(' ago', '')}` : '')],
			['connection id', session ?? ''],
			['opened', `${opened} times`],
			['last closed', closed ? `${closed.code} ${closed.reason}, ${age(closed.at)}` : 'not yet'],
			['frames', `${connection.in} in, ${connection.out} out`],
			['characters', `${connection.bytesIn} in, ${connection.bytesOut} out`],
			['streams', streams.size],
			['calls', `${pending.size} wait, ${done.filter(({ ok }) => !ok).length} of the last ${done.length} have failed`],
		];

		return [this.#table(['', ''], rows.map((row) => cells({}, ...row)), '')];
	}
}

function cells(properties, ...values) {
	return make('tr', properties, ...values.map((value) => make('td', {}, value instanceof Node ? value : String(value))));
}

function problem(error) {
	return error ? make('span', { className: 'bad', textContent: `${error.code ?? ''} ${error.message ?? ''}`.trim() }) : '';
}

function stored() {
	try {
		return JSON.parse(localStorage.getItem('realtime-devtools')) ?? {};
	} catch {
		return {};
	}
}
