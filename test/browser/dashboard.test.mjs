// The dashboard example in a real browser: what sessions write is shown, without
// anybody who publishes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isInstalled, launch } from './chromium.mjs';
import { pgbenchTables, startSite } from './site.mjs';

const skip = !isInstalled() && 'there is no chromium';

describe('the dashboard', { skip }, () => {
	let server;
	let browser;
	let page;

	before(async () => {
		server = await startSite(['demo.sql', 'dashboard/dashboard.sql'], { sql: pgbenchTables });
		await server.declared('dashboard/total', []);
		browser = await launch();
		page = await browser.open(`http://127.0.0.1:${server.port}/dashboard/`);
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

	it('shows a deposit because it is one, not because it was told', async () => {
		await page.click('#give');
		await page.until(`document.querySelector('#branches-sum').textContent === '520'`, 'the sum of branches');
		await page.until(`document.querySelector('#tellers-sum').textContent === '520'`, 'the sum of tellers');
		await page.until(`document.querySelector('#agree').className === ''`, 'both to agree');
	});

	it('shows how to write from psql, and the SQL behind it', async () => {
		await page.until(`document.querySelector('#commands code').textContent.startsWith('psql -h ${server.dir} ')`, 'a command that would work');
		await page.click('[data-sql="branches"]');
		await page.until(`document.querySelector('.panel pre')?.textContent.includes('GROUP BY b.bid')`, 'the query');
		assert.deepEqual(page.errors, []);
	});
});
