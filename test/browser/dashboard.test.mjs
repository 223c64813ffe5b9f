// The dashboard example in a real browser: what sessions write is shown, without
// anybody who publishes.
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const example = fileURLToPath(new URL('../../examples/dashboard', import.meta.url));
const skip = !isInstalled() && 'there is no chromium';

// The tables as pgbench makes them, with two branches.
const tables = `
CREATE TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer, filler char(88));
CREATE TABLE pgbench_tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler char(84));
INSERT INTO pgbench_branches SELECT i, 0 FROM generate_series(1, 2) i;
INSERT INTO pgbench_tellers SELECT i, 1 + (i - 1) / 10, 0 FROM generate_series(1, 20) i;`;

describe('the dashboard', { skip }, () => {
	let server;
	let browser;
	let page;

	before(async () => {
		server = await startServer({ settings: { 'realtime.document_root': example } });
		await server.psql(tables);
		await server.psql(fs.readFileSync(`${example}/dashboard.sql`, 'utf8'));
		await server.declared('dashboard/total', []);
		browser = await launch();
		page = await browser.open(`http://127.0.0.1:${server.port}/`);
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
	});

	const add = (teller, amount) => server.psql(`BEGIN;
		UPDATE pgbench_tellers SET tbalance = tbalance + ${amount} WHERE tid = ${teller};
		UPDATE pgbench_branches SET bbalance = bbalance + ${amount} WHERE bid = (SELECT bid FROM pgbench_tellers WHERE tid = ${teller});
		COMMIT`);
	const cells = (id, row) => `[...document.querySelectorAll('#${id} tr')][${row}]?.innerText.trim().split(/\\s+/).join(' ')`;
	const shows = (id, row, text) => page.until(`${cells(id, row)} === ${JSON.stringify(text)}`, `"${text}" in ${id}`);

	it('shows what is there', async () => {
		await shows('branches', 0, '1 0 10 0');
		await shows('branches', 1, '2 0 10 0');
		await shows('tellers', 0, '1 1 0');
	});

	it('and what is written', async () => {
		await add(15, 50);
		await shows('branches', 1, '2 50 10 50');
		await shows('tellers', 0, '15 2 50');
		await add(3, 70);
		await shows('tellers', 0, '3 1 70');
		await shows('tellers', 1, '15 2 50');
		await page.until(`document.querySelector('#branches-sum').textContent === '120'`, 'the sum of branches');
		await page.until(`document.querySelector('#tellers-sum').textContent === '120'`, 'the sum of tellers');
	});

	it('of which ten tellers are in the list', async () => {
		await add(3, -100);
		await shows('tellers', 0, '15 2 50');
		await page.until(`document.querySelectorAll('#tellers tr').length === 10`, 'ten tellers');
		await page.until(`![...document.querySelectorAll('#tellers tr td:first-child')].some((td) => td.textContent === '3')`, 'the third is none of them');
	});
});
