// The client of client/ in a real browser, without a bundler: modules, frames of
// the screen, the page's own address.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const source = fileURLToPath(new URL('../../client', import.meta.url));
const skip = !isInstalled() && 'there is no chromium';

// Not in the page itself: scripts of pages are files.
const html = '<!doctype html><title>client</title><script type="module" src="page.js"></script>';
const script = `
import { createClient } from './client/index.js';

const client = window.client = createClient();
const todos = window.todos = client.stream('app/todos');
window.told = [];
todos.subscribe((rows) => window.told.push(rows));
`;

describe('the client in a browser', { skip }, () => {
	let server;
	let browser;
	let page;
	let folder;

	before(async () => {
		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-page-'));
		fs.cpSync(`${source}/src`, `${folder}/client/src`, { recursive: true });
		fs.copyFileSync(`${source}/index.js`, `${folder}/client/index.js`);
		fs.writeFileSync(`${folder}/index.html`, html);
		fs.writeFileSync(`${folder}/page.js`, script);
		fs.chmodSync(folder, 0o755);
		server = await startServer({ settings: { 'realtime.document_root': folder } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.todo (id integer PRIMARY KEY, text text);
			GRANT ALL ON app.todo TO PUBLIC;
			CREATE FUNCTION app.todos() RETURNS SETOF app.todo STABLE LANGUAGE sql AS 'SELECT * FROM app.todo ORDER BY id';
			CREATE FUNCTION app.add(k integer, text text) RETURNS void LANGUAGE sql AS 'INSERT INTO app.todo VALUES (k, text)';
			SELECT realtime.stream('app/todos', 'todos', 'app.todos()', replay => true);
			SELECT realtime.live_table('app.todo', 'todos'), realtime.rpc('app/add', 'app.add(integer, text)')`);
		await server.declared('app/add');
		browser = await launch();
		page = await browser.open(`http://127.0.0.1:${server.port}/`);
		await page.until(`window.todos?.status.current === 'connected'`, 'the stream');
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
		fs.rmSync(folder, { recursive: true, force: true });
	});

	it('tells many events at once', async () => {
		await server.psql(`INSERT INTO app.todo SELECT n, 'text ' || n FROM generate_series(1, 1000) n`);
		await page.until(`told.at(-1).length === 1000`, 'all rows');
		assert.ok(await page.value(`told.length`) < 500);
	});

	it('shows what is hoped for, and what has become of it', async () => {
		await page.value(`void (window.done = todos.mutate(() => client.rpc('app/add')(2000, 'x'), { event: 'created', data: { id: 2000, text: 'x' } })
			.then(() => 'added', (error) => error.code))`);
		assert.equal(await page.value(`told.at(-1).at(-1).id`), 2000);
		assert.equal(await page.value(`done`), 'added');
		await page.value(`void (window.done = todos.mutate(() => client.rpc('app/add')(2000, 'twice'), (rows) => [...rows, { id: 'temp' }])
			.then(() => 'added', (error) => error.code))`);
		assert.equal(await page.value(`done`), 'CONFLICT');
		await page.until(`told.at(-1).length === 1001 && told.at(-1).at(-1).id === 2000`, 'it to be taken back');
	});

	it('comes back after a restart of the server', async () => {
		await server.restart();
		await server.psql(`INSERT INTO app.todo VALUES (3000, 'after')`);
		await page.until(`client.status.current === 'open' && told.at(-1).some((row) => row.id === 3000)`, 'the row');
	});
});
