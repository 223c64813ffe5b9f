// The overlay for developers, and the page of the server, in a browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer, until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const skip = !isInstalled() && 'there is no chromium';
const source = fileURLToPath(new URL('../../examples/server', import.meta.url));
const script = `
import { createClient } from '/realtime/client.js';
import { inspect } from '/realtime/client/devtools.js';

const client = window.client = createClient(inspect());
client.stream('app/rows')('x').subscribe(() => {});
`;

describe('devtools', { skip }, () => {
	let folder;
	let server;
	let browser;

	before(async () => {
		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-devtools-'));
		fs.cpSync(source, `${folder}/server`, { recursive: true });
		fs.writeFileSync(`${folder}/index.html`, '<!doctype html><title>x</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>');
		fs.writeFileSync(`${folder}/page.js`, script);
		fs.chmodSync(folder, 0o755);
		server = await startServer({ settings: { 'realtime.document_root': folder, 'realtime.devtools': 'on' } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE FUNCTION app.rows(x text) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '[{"id": 1}]'::jsonb$$;
			CREATE FUNCTION app.fail(token text) RETURNS void LANGUAGE sql AS $$SELECT realtime.raise('NOPE', 'no')$$;
			SELECT realtime.stream('app/rows', 'rows:{x}', 'app.rows(text)'), realtime.rpc('app/fail', 'app.fail(text)');
			GRANT pg_monitor TO realtime_anonymous; SELECT realtime.devtools()`);
		await server.declared('realtime/server');
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
		fs.rmSync(folder, { recursive: true, force: true });
	});

	it('shows streams, calls and the connection when asked', async () => {
		const page = await browser.open(`http://127.0.0.1:${server.port}/`);
		const text = `document.querySelector('realtime-devtools')?.shadowRoot.querySelector('main').innerText`;
		const tab = (name) => page.value(`[...document.querySelector('realtime-devtools').shadowRoot.querySelectorAll('header button')].find((one) => one.textContent === '${name}').click()`);

		await page.until(`window.client?.status.current === 'open'`);
		assert.equal(await page.value(text), undefined);
		await page.chord('Ctrl', 'Shift', 'L');
		await page.until(`/app\\/rows\\("x"\\)\\s+rows:x\\s+crud/.test(${text})`, 'the stream');
		await server.psql(`SELECT realtime.publish('rows:x', 'created', '{"id": 2, "secret": "hush"}')`);
		await page.until(`/created, \\d+ s ago/.test(${text})`, 'the event');
		await page.value(`document.querySelector('realtime-devtools').shadowRoot.querySelector('tr.row').click()`);
		await page.until(`/"id": 2/.test(${text}) && /REDACTED/.test(${text})`, 'its data');
		assert.equal(await page.value(`/hush/.test(${text})`), false);
		await page.value(`client.rpc('app/fail')('hush').catch((error) => error.code)`);
		await tab('Calls');
		await page.until(`/app\\/fail\\s+NOPE/.test(${text})`, 'the call');
		await tab('Connection');
		await page.until(`/status\\s+open/.test(${text})`, 'the connection');
		await page.chord('Ctrl', 'Shift', 'L');
		assert.equal(await page.value(text), undefined);
		assert.deepEqual(page.errors, []);
	});

	it('shows what the server does', async () => {
		const page = await browser.open(`http://127.0.0.1:${server.port}/server/`);

		await page.until(`/app\\/rows/.test(document.querySelector('#tables').innerText)`, 'its loads');
		await page.until(`document.querySelector('#numbers').innerText.includes('connections')`, 'numbers');
		assert.deepEqual(page.errors, []);
		await server.psql(`ALTER SYSTEM SET realtime.devtools = off`);
		await server.psql(`SELECT pg_reload_conf()`);
		await until(async () => {
			await page.go(`http://127.0.0.1:${server.port}/server/`);
			await page.until(`document.querySelector('#closed').textContent !== '' || document.querySelector('#numbers').children.length > 0`, 'an answer');
			return page.value(`/switched off/.test(document.querySelector('#closed').textContent)`);
		}, 'it to be closed');
	});
});
