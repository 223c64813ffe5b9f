// README and docs: each of their programs for pages and Node runs, against a server that
// says yes to all, except to bob.  SQL, and what else there is, is run by
// test/t/210_snippets.pl.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { compile } from 'svelte/compiler';
import { turn } from './lib.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(here, '../..');
const pages = ['README.md', 'client/README.md', 'create-realtime/template/README.md',
	...fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

// What a page says is not to be run is none of ours.
function programsOf(page) {
	const text = fs.readFileSync(path.join(root, page), 'utf8');

	return [...text.matchAll(/(<!-- not run: .* -->\n)?^```(js|jsx|svelte)\n([\s\S]*?)^```$/gm)].filter(([, skip]) => !skip)
		.map(([, , kind, program], i) => ({ page, kind, program, name: `${i + 1}: ${program.trim().split('\n')[0]}` }));
}

// The client of a program has this server.
const index = JSON.stringify(`${here}../index.js`);
const server = `
export * from ${index};
import { __client, configure, createClient as create } from ${index};

const clients = [__client];
const sockets = [];
export const createClient = (options) => {
	clients.push(create({ url: 'ws://nowhere', ...options, WebSocket: options?.WebSocket ?? Server }));
	return clients.at(-1);
};
const rows = [{ id: 1, title: 'milk', text: 'milk', done: false }];
const number = (bytes, at, size) => bytes.subarray(at, at + size).reduce((sum, byte) => sum * 256 + byte, 0);
const text = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
export class Server {
	bufferedAmount = 0;
	constructor() {
		sockets.push(this);
		queueMicrotask(() => this.onopen?.());
	}
	close() {}
	send(frame) {
		if (typeof frame !== 'string')
			return this.bytes(frame);
		const one = JSON.parse(frame);
		for (const { rpc, id, stream, args } of one.batch ?? [one]) {
			if (id)
				this.say('__rpc', id, args[0] === 'bob' ? { id, ok: false, code: 'FORBIDDEN', error: 'no' }
					: { id, ok: true, ...stream ? { data: rows, topic: rpc, merge: 'crud', key: 'id' } : { data: 1 } });
		}
	}
	bytes(frame) {
		if (frame[0] === 0)
			this.say('__rpc', text(frame.subarray(3, 3 + number(frame, 1, 2))).id, { ok: true, data: 1 });
		else if (frame[0] === 1 && frame[1] & 2)
			this.say('__upload', number(frame, 2, 4).toString(16).padStart(8, '0'), { ok: true, data: 1 });
	}
	say(topic, event, data) {
		queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ topic, event, data }) }));
	}
}
export function endAll() {
	clients.forEach((client) => client.close());
	sockets.forEach((socket) => socket.onclose?.({ code: 4403, reason: '' }));
}
globalThis.WebSocket = Server;
configure({ url: 'ws://nowhere', WebSocket: Server });
`;

// As servers make it of what docs/types.md declares (test/t/172_types.pl).
const todo = `import { __rpc, __stream, empty } from "/realtime/client.js";
export const add = __rpc("todo/add"), open = __stream("todo/open");
export { empty };`;

// A program, in a function that gives it what its page would have.
function moduleOf({ kind, program }) {
	const imports = program.split('\n').filter((line) => line.startsWith('import '));
	const own = imports.join('\n');
	const rest = program.split('\n').filter((line) => !line.startsWith('import ')).join('\n').replace(/^export default /m, 'return ');
	const isOwn = (name) => new RegExp(`[{,] ${name}\\b`).test(own);
	const ends = {
		jsx: `return (await import('react-dom/server')).renderToString(<Todos list={7} />);`,
		js: `return typeof setup === 'function' ? setup({ list: 7 }) : typeof followed === 'function' ? followed({ list: 7 }) : undefined;`,
	};

	return `${own}
		import { createClient as create, endAll } from 'realtime-client';
		${isOwn('createUploads') ? '' : "import { createUploads } from 'realtime-client/upload';"}
		export const end = endAll;
		export async function run(show) {
			const session = { userId: 'ann' };
			const console = { log: show };
			const location = { hostname: 'localhost' };
			const file = new File(['milk'], 'milk.txt');
			const [origin, request] = ['https://example.com', { headers: new Headers() }];
			const fetch = async (...asked) => show(...asked);
			const client = create();
			${isOwn('add') ? '' : "const [add, todos] = [client.rpc('todo/add'), client.query('todo/open')];"}
			const process = { env: { JWT_SECRET: 'a secret of more than thirty-two bytes' } };
			const [clear, ask, enter, quit, point] = Array(5).fill(async () => true);
			${kind === 'jsx' ? rest : `{ ${rest} ${ends.js} }`}
			${kind === 'jsx' ? ends.jsx : ''}
		}`;
}

async function bundle(program, folder) {
	const virtual = { server, todo };
	const { outputFiles: [file] } = await build({
		stdin: { contents: moduleOf(program), resolveDir: here, loader: 'jsx' },
		bundle: true, format: 'cjs', platform: 'node', write: false, jsx: 'automatic', logLevel: 'silent', ignoreAnnotations: true,
		plugins: [{
			name: 'server',
			setup(made) {
				made.onResolve({ filter: /^(realtime-client|\/realtime\/client\.js|\.\/client\/index\.js)$/ }, () => ({ path: 'server', namespace: 'server' }));
				made.onResolve({ filter: /^(\$live\/todo|\/realtime\/live\/todo\.js)$/ }, () => ({ path: 'todo', namespace: 'server' }));
				made.onLoad({ filter: /.*/, namespace: 'server' }, ({ path: name }) => ({ contents: virtual[name], resolveDir: here }));
			},
		}],
	});
	const name = path.join(folder, `${program.page.replaceAll('/', '_')}${program.name.split(':')[0]}.cjs`);

	fs.writeFileSync(name, file.contents);
	return createRequire(import.meta.url)(name);
}

const all = pages.map((page) => [page, programsOf(page)]).filter(([, programs]) => programs.length > 0);

it('there are programs', () => {
	assert.ok(all.flatMap(([, programs]) => programs).length >= 25);
	assert.ok(all.length >= 10);
});

for (const [page, programs] of all) {
	describe(`the programs of ${page}`, () => {
		let folder;

		before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-docs-')); });
		after(() => fs.rmSync(folder, { recursive: true, force: true }));

		for (const program of programs) {
			it(program.name, async () => {
				if (program.kind === 'svelte')
					return assert.ok(compile(program.program, { generate: 'client' }).js.code);
				await runs(program, folder);
			});
		}
	});
}

async function runs(program, folder) {
	const shown = [];
	const reported = [];
	const { reportError } = globalThis;

	globalThis.reportError = (error) => reported.push(error);
	const { run, end } = await bundle(program, folder);
	const result = await run((...what) => shown.push(what));
	for (let i = 0; i < 3; i++)
		await turn();
	end();
	globalThis.reportError = reportError;
	assert.deepEqual(reported, []);
	if (program.kind === 'jsx')
		assert.match(result, /^<ul title="/);
	if (program.program.includes('export default'))
		assert.equal(result.plugins[0].name, 'realtime-client');
	if (/show\(|console\.log\(|fetch\(/.test(program.program))
		assert.ok(shown.length > 0 || program.program.includes('onSignal'), 'something is shown');
}
