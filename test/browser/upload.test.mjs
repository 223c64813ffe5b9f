// Uploads from a page: files, streams, progress and cancel in a real browser.
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
const html = '<!doctype html><title>uploads</title><script type="module" src="page.js"></script>';
const script = `
import { createClient } from './client/index.js';
import { createUploads } from './client/upload.js';

const client = window.client = createClient();
const { upload, binary } = createUploads(client);
const bytes = new Uint8Array(3_000_000).map((_, i) => i * 7);
const sum = async (value) => [...new Uint8Array(await crypto.subtle.digest('SHA-256', value))].map((b) => b.toString(16).padStart(2, '0')).join('');

window.files = {
	async file() {
		const told = [];
		const handle = upload('app/sum')(new File([bytes], 'a.bin'), 'a.bin');
		handle.on('progress', ({ percent }) => told.push(percent));
		const { sum: got, name } = await handle;
		return { same: got === await sum(bytes), name, last: told.at(-1), rising: told.every((n, i) => i === 0 || n >= told[i - 1]) };
	},
	async stream() {
		return (await upload('app/sum')(new Blob([bytes]).stream(), null)).sum === await sum(bytes);
	},
	async binary() {
		return (await binary('app/size')(bytes.buffer.slice(0, 1000))) === 1000;
	},
	async cancel() {
		const handle = upload('app/sum')(new ReadableStream({ pull: (to) => new Promise((done) => setTimeout(() => { to.enqueue(new Uint8Array(10)); done(); }, 5)) }), null);
		await new Promise((done) => handle.on('progress', ({ chunks }) => chunks === 5 && done()));
		handle.cancel();
		return handle.then(() => 'done', (error) => error.code);
	},
};
window.ready = true;
`;

describe('uploads in a browser', { skip }, () => {
	let server;
	let browser;
	let page;
	let folder;

	before(async () => {
		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-page-'));
		for (const name of ['src', 'upload'])
			fs.cpSync(`${source}/${name}`, `${folder}/client/${name}`, { recursive: true });
		for (const name of ['index.js', 'upload.js'])
			fs.copyFileSync(`${source}/${name}`, `${folder}/client/${name}`);
		fs.writeFileSync(`${folder}/index.html`, html);
		fs.writeFileSync(`${folder}/page.js`, script);
		fs.chmodSync(folder, 0o755);
		server = await startServer({ settings: { 'realtime.document_root': folder, 'realtime.executors': 2, 'realtime.max_executors': 4 } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE FUNCTION app.size(payload bytea) RETURNS integer LANGUAGE sql AS 'SELECT length(payload)';
			CREATE FUNCTION app.sum(name text) RETURNS jsonb LANGUAGE sql AS $$
				SELECT jsonb_build_object('sum', encode(sha256(string_agg(chunk, NULL ORDER BY n)), 'hex'), 'name', name) FROM realtime.upload_chunks() WITH ORDINALITY c (chunk, n)$$;
			SELECT realtime.binary('app/size', 'app.size(bytea)'), realtime.upload('app/sum', 'app.sum(text)')`);
		await server.declared('app/sum');
		browser = await launch();
		page = await browser.open(`http://127.0.0.1:${server.port}/`);
		await page.until(`window.ready`, 'the page');
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
		fs.rmSync(folder, { recursive: true, force: true });
	});

	it('sends a file, a stream, bytes', async () => {
		assert.deepEqual(await page.value(`files.file()`), { same: true, name: 'a.bin', last: 100, rising: true });
		assert.equal(await page.value(`files.stream()`), true);
		assert.equal(await page.value(`files.binary()`), true);
	});

	it('cancels', async () => {
		assert.equal(await page.value(`files.cancel()`), 'CANCELLED');
		// there is room for another one when the server has ended it
		await page.until(`files.stream().catch(() => false)`, 'another one');
	});
});
