// React, Vue, Solid and Svelte in Chromium, each as it comes from npm: what a server
// has rendered is taken over, followed, changed and left.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../client/index.js';
import { startServer, until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const skip = !isInstalled() && 'there is no chromium';
const apps = fileURLToPath(new URL('../../client/test/apps', import.meta.url));
const require = createRequire(new URL('../../client/package.json', import.meta.url));
const { build } = require('esbuild');
const { compile } = require('svelte/compiler');

// For the one framework whose components have a language of their own.
function components(generate) {
	return {
		name: 'svelte',
		setup(made) {
			made.onLoad({ filter: /\.svelte$/ }, ({ path: name }) =>
				({ contents: compile(fs.readFileSync(name, 'utf8'), { generate, filename: name, dev: generate === 'client' }).js.code, loader: 'js' }));
		},
	};
}

const shared = {
	bundle: true, write: false, absWorkingDir: apps, logLevel: 'error',
	define: { 'process.env.NODE_ENV': '"development"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true' },
};

async function script(framework) {
	const { outputFiles: [file] } = await build({
		...shared, entryPoints: ['page.mjs'], format: 'esm', platform: 'browser', conditions: ['browser', 'development', 'svelte'],
		alias: { '@app': `./${framework}/client.mjs` }, plugins: [components('client')],
	});

	return file.text;
}

// The function that renders, for the server's side.
async function renderer(framework, folder) {
	const file = path.join(folder, `${framework}.cjs`);
	const { outputFiles: [output] } = await build({
		...shared, entryPoints: [`${framework}/server.mjs`], format: 'cjs', platform: 'node', conditions: ['node', 'svelte'], plugins: [components('server')],
	});

	fs.writeFileSync(file, output.contents);
	return createRequire(import.meta.url)(file).render;
}

const page = (framework, html, value) => `<!doctype html><title>${framework}</title><link rel="icon" href="data:,"><div id="app">${html}</div>
<script type="application/json" id="value">${value}</script><script type="module" src="${framework}.js"></script>`;

describe('frameworks', { skip }, () => {
	let server;
	let browser;
	let folder;
	let outside;

	before(async () => {
		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-page-'));
		outside = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-render-'));
		fs.chmodSync(folder, 0o755);
		server = await startServer({ settings: { 'realtime.document_root': folder } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.todo (id integer PRIMARY KEY, list integer, text text);
			GRANT ALL ON app.todo TO PUBLIC;
			CREATE FUNCTION app.todos(list integer) RETURNS SETOF app.todo STABLE LANGUAGE sql AS 'SELECT * FROM app.todo t WHERE t.list = todos.list ORDER BY id';
			CREATE FUNCTION app.may(list integer) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT list < 10';
			SELECT realtime.stream('app/todos', 'todos:{list}', 'app.todos(integer)', replay => true, access => 'app.may(integer)');
			SELECT realtime.live_table('app.todo', 'todos:{list}');
			INSERT INTO app.todo VALUES (1, 1, 'milk'), (2, 1, 'bread'), (3, 2, 'tea')`);
		await server.declared('app/todos', [1]);
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
		for (const made of [folder, outside])
			fs.rmSync(made, { recursive: true, force: true });
	});

	const followers = (list) => server.psql(`SELECT realtime.subscribers('todos:${list}')`);
	let last = 100;

	for (const framework of ['react', 'vue', 'solid', 'svelte']) {
		it(`${framework} takes over what was rendered, follows, and leaves`, { timeout: 300000 }, async () => {
			const before = (await server.psql('SELECT text FROM app.todo WHERE list = 1 ORDER BY id')).split('\n');
			const { body } = await server.request('/__realtime/load/app/todos?args=%5B1%5D');
			const store = createClient({ enabled: false }).stream('app/todos')(1).hydrate(JSON.parse(body));
			const html = await (await renderer(framework, outside))(() => store);
			const rows = (...more) => [...before, ...more].map((text) => `${text},`).join('');

			assert.match(html, /milk/);
			fs.writeFileSync(`${folder}/${framework}.js`, await script(framework));
			fs.writeFileSync(`${folder}/${framework}.html`, page(framework, html, body));
			// committed between the page and its first question
			await server.psql(`INSERT INTO app.todo VALUES (${++last}, 1, '${framework}')`);
			const tab = await browser.open(`http://127.0.0.1:${server.port}/${framework}.html`);
			const text = (id) => `document.querySelector('#${id}')?.textContent`;

			await tab.until(`window.begun && ${text('rows')} === '${rows(framework)}'`, 'what was missed');
			assert.equal(await tab.value(`document.querySelector('#rows').isFirst`), true, 'the elements of the server are kept');
			await tab.until(`${text('status')} === 'connected' && ${text('count')} === '${before.length + 1}'`, 'the rest');
			assert.equal(await tab.value(text('lengths')), [...before, framework].map((one) => one.length).join());
			assert.equal(await tab.value('asked.length'), 1, 'it was asked once');
			assert.ok(await tab.value('asked[0].seq > 0'), 'with what was there');

			await server.psql(`UPDATE app.todo SET text = text || '!' WHERE id = ${last}`);
			await tab.until(`${text('rows')} === '${rows(`${framework}!`)}'`, 'a change');
			await tab.value('show(2)');
			await tab.until(`${text('rows')} === 'tea,' && ${text('lengths')} === '3'`, 'another list');
			await until(async () => await followers(1) === '0' && await followers(2) === '1', 'the first one to be left');
			await tab.value('show(99)');
			await tab.until(`${text('error')} === 'UNAUTHENTICATED' && ${text('status')} === 'error'`, 'a refusal');
			await tab.value('show(2)');
			await tab.until(`${text('rows')} === 'tea,' && ${text('error')} === ''`, 'the other list again');
			await tab.value('unmount()');
			await until(async () => await followers(2) === '0', 'it to be left');
			assert.deepEqual(tab.errors, []);
			await tab.close();
		});
	}
});
