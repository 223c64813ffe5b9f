// docs/client.md: each of its programs runs, against a server that says yes to all.
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
const text = fs.readFileSync(`${here}../../docs/client.md`, 'utf8');
const programs = [...text.matchAll(/^```(js|jsx|svelte)\n([\s\S]*?)^```$/gm)].map(([, kind, program], i) => ({ kind, program, name: `${i + 1}: ${program.trim().split('\n')[0]}` }));

// The client of a program has this server.
const server = `
export * from ${JSON.stringify(`${here}../index.js`)};
import { createClient as create } from ${JSON.stringify(`${here}../index.js`)};

export const clients = [];
export const createClient = (options) => {
	clients.push(create({ url: 'ws://nowhere', ...options, WebSocket: options?.WebSocket ?? Server }));
	return clients.at(-1);
};
export class Server {
	bufferedAmount = 0;
	constructor() { queueMicrotask(() => this.onopen?.()); }
	close() {}
	send(frame) {
		const one = JSON.parse(frame);
		for (const { rpc, id, stream } of one.batch ?? [one]) {
			const value = stream ? { data: [{ id: 1, title: 'milk', text: 'milk', done: false }], topic: rpc, merge: 'crud', key: 'id' } : { data: 1 };
			if (id)
				queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ topic: '__rpc', event: id, data: { id, ok: true, ...value } }) }));
		}
	}
}
globalThis.WebSocket ??= Server;
`;

// A program, in a function that gives it what its page would have.
function moduleOf({ kind, program }) {
	const imports = program.split('\n').filter((line) => line.startsWith('import '));
	const rest = program.split('\n').filter((line) => !line.startsWith('import '));
	const ends = {
		jsx: `return (await import('react-dom/server')).renderToString(<Todos list={7} />);`,
		js: `return typeof setup === 'function' ? setup({ list: 7 }) : typeof followed === 'function' ? followed({ list: 7 }) : undefined;`,
	};

	return `${imports.join('\n')}
		import { createClient as create, clients as all } from 'realtime-client';
		export const clients = all;
		export async function run(show) {
			const session = { userId: 'ann' };
			const client = create();
			const [add, todos] = [client.rpc('todo/add'), client.query('todo/open')];
			const [clear, ask, enter, quit, point] = Array(5).fill(async () => true);
			${kind === 'jsx' ? rest.join('\n') : `{ ${rest.join('\n')} ${ends.js} }`}
			${kind === 'jsx' ? ends.jsx : ''}
		}`;
}

async function bundle(program, folder) {
	const { outputFiles: [file] } = await build({
		stdin: { contents: moduleOf(program), resolveDir: here, loader: 'jsx' },
		bundle: true, format: 'cjs', platform: 'node', write: false, jsx: 'automatic', logLevel: 'silent', ignoreAnnotations: true,
		plugins: [{
			name: 'server',
			setup(made) {
				made.onResolve({ filter: /^(realtime-client|\/realtime\/client\.js)$/ }, () => ({ path: 'server', namespace: 'server' }));
				made.onLoad({ filter: /.*/, namespace: 'server' }, () => ({ contents: server, resolveDir: here }));
			},
		}],
	});
	const name = path.join(folder, `${program.name.split(':')[0]}.cjs`);

	fs.writeFileSync(name, file.contents);
	return createRequire(import.meta.url)(name);
}

describe('the programs of docs/client.md', () => {
	let folder;

	before(() => { folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-docs-')); });
	after(() => fs.rmSync(folder, { recursive: true, force: true }));

	it('are there', () => assert.ok(programs.length >= 10));

	for (const program of programs) {
		it(program.name, async () => {
			if (program.kind === 'svelte')
				return assert.ok(compile(program.program, { generate: 'client' }).js.code);
			const shown = [];
			const reported = [];
			const { reportError } = globalThis;

			globalThis.reportError = (error) => reported.push(error);
			const { run, clients } = await bundle(program, folder);
			const result = await run((...what) => shown.push(what));
			await turn();
			await turn();
			for (const client of clients)
				client.close();
			globalThis.reportError = reportError;
			assert.deepEqual(reported, []);
			if (program.kind === 'jsx')
				assert.match(result, /^<ul title="/);
			if (program.program.includes('show('))
				assert.ok(shown.length > 0 || program.program.includes('onSignal'), 'something is shown');
		});
	}
});
