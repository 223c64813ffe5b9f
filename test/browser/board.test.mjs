// The board example in real browsers: several people move its cards, with a mouse, a
// finger and keys, with and without a connection.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';
import { startSite } from './site.mjs';

const skip = !isInstalled() && 'there is no chromium';

// What a page shows: for each lane its cards.
const shown = `JSON.stringify([...document.querySelectorAll('.lane')].map((lane) =>
	[...lane.querySelectorAll('.card p')].map((p) => p.textContent)))`;
const isOpen = `document.querySelector('#status').classList.contains('open')`;

// Whether a call is on the disk, in the database that is there by then.
const isKept = `indexedDB.databases().then((all) => all.some(({ name }) => name === 'board-offline') && new Promise((resolve) => {
	const open = indexedDB.open('board-offline');
	open.onsuccess = () => {
		const count = open.result.transaction('calls').objectStore('calls').count();
		count.onsuccess = () => resolve(open.result.close() ?? count.result > 0);
	};
}))`;

describe('the board', { skip }, () => {
	let server;
	let browser;
	let ann;
	let ben;

	before(async () => {
		server = await startSite(['board/board.sql']);
		await server.declared('board/room', ['demo']);
		browser = await launch();
		ann = await enter('ann');
		ben = await enter('ben');
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
	});

	async function enter(name, screen = { width: 1200, height: 900 }) {
		const page = await browser.open('about:blank');

		await page.screen(screen);
		await page.go(`http://127.0.0.1:${server.port}/board/`);
		await page.until(isOpen, `${name}'s page to be connected`);
		await page.until(`document.querySelectorAll('.card').length > 0`, 'cards');
		await page.fill('#name', name);
		await page.value(`document.querySelector('#name').blur()`);
		return page;
	}

	const card = (title) => `[...document.querySelectorAll('.card')].find((one) => one.querySelector('p').textContent === ${JSON.stringify(title)})`;
	const lane = (title) => `${card(title)}?.closest('.lane').dataset.lane`;
	const titles = async (page, of) => (await page.value(`[...document.querySelectorAll('.lane[data-lane="${of}"] .card p')].map((p) => p.textContent)`));

	async function write(page, of, title) {
		await page.fill(`.lane[data-lane="${of}"] input`, title);
		await page.press('Enter');
		await page.until(`${lane(title)} === '${of}'`, `"${title}" in ${of}`);
	}

	function middle(page, title) {
		return page.value(`(() => {
			const { left, top, width, height } = ${card(title)}.getBoundingClientRect();
			return { x: left + width / 2, y: top + height / 2 };
		})()`);
	}

	async function inView(page, title) {
		await page.value(`${card(title)}.scrollIntoView({ block: 'center', behavior: 'instant' })`);
		return middle(page, title);
	}

	const same = () => until(async () => await ann.value(shown) === await ben.value(shown), 'both to see the same');

	it('shows what one writes to the others', async () => {
		await write(ann, 'next', 'one');
		await write(ann, 'next', 'two');
		await ben.until(`${lane('two')} === 'next'`);
		assert.deepEqual((await titles(ben, 'next')).slice(-2), ['one', 'two']);
	});

	it('lets a mouse carry a card', async () => {
		const from = await middle(ann, 'two');
		const to = await ann.middle('.lane[data-lane="done"] .card');

		await ann.mouse('mouseMoved', from);
		await ann.mouse('mousePressed', from, 1);
		await ann.mouse('mouseMoved', { x: from.x + 20, y: from.y }, 1);
		await ann.mouse('mouseMoved', { x: to.x, y: to.y - 15 }, 1);
		await ben.until(`${card('two')}.classList.contains('held')`, 'ben to see who holds it');
		assert.equal(await ben.value(lane('two')), 'next');
		await ann.mouse('mouseReleased', { x: to.x, y: to.y - 15 });
		await ben.until(`${lane('two')} === 'done' && !${card('two')}.classList.contains('held')`, 'it to be put down');
		assert.equal((await titles(ben, 'done'))[0], 'two');
		await ann.until(`!document.querySelector('.ghost, .lifted')`, 'it to have landed');
		await same();
	});

	it('and puts it back with Escape', async () => {
		const from = await middle(ann, 'one');
		const before = await ann.value(shown);

		await ann.mouse('mousePressed', from, 1);
		await ann.mouse('mouseMoved', { x: from.x + 500, y: from.y }, 1);
		await ann.until(`${lane('one')} === 'doing'`);
		await ann.chord('Escape');
		assert.equal(await ann.value(shown), before);
		await ann.mouse('mouseReleased', from);
		assert.equal(await ben.value(shown), before);
	});

	it('lets a finger carry a card after it has rested, and else move the page', async () => {
		const phone = await enter('cyd', { width: 390, height: 800, touch: true });
		const from = await inView(phone, 'one');
		const to = await middle(phone, (await titles(phone, 'next')).at(-2));

		await phone.touch('touchStart', from);
		await phone.until(`!!document.querySelector('.ghost')`, 'it to be lifted');
		await phone.touch('touchMove', { x: to.x, y: to.y - 5 });
		await phone.touch('touchEnd');
		await until(async () => (await titles(ben, 'next')).at(-2) === 'one', 'ben to see it before the last one');
		await phone.until(`!document.querySelector('.ghost')`, 'it to have landed');

		const before = await phone.value('scrollY');
		// one behind the other: a finger that rests would carry the card
		await Promise.all([phone.touch('touchStart', from), phone.touch('touchMove', { x: from.x, y: from.y + 60 })]);
		await phone.touch('touchEnd');
		await phone.until(`scrollY < ${before} - 20`, 'the page to move');
		assert.equal(await phone.value(`document.querySelector('.ghost')`), null);
		await phone.command('Page.close');
	});

	it('has keys for all of it', async () => {
		await ann.value(`${card('one')}.focus()`);
		await ann.chord('Alt', 'ArrowRight');
		await ben.until(`${lane('one')} === 'doing'`);
		await ann.chord('Alt', 'ArrowUp');
		await ann.chord('Alt', 'ArrowUp');
		await until(async () => (await titles(ben, 'doing'))[0] === 'one', 'it to be the first');
		assert.equal(await ann.value(`document.activeElement === ${card('one')}`), true);
	});

	it('takes back and does again, for everybody', async () => {
		await ann.value(`${card('one')}.querySelector('.remove').click()`);
		await ben.until(`!${card('one')}`, 'it to be gone');
		await ann.chord('Ctrl', 'z');
		await ben.until(`${lane('one')} === 'doing'`, 'it to be back');
		await same();
		await ann.chord('Ctrl', 'Shift', 'z');
		await ben.until(`!${card('one')}`, 'it to be gone again');
		await ann.click('#undo');
		await ben.until(`${lane('one')} === 'doing'`, 'it to be back again');
	});

	it('shows who is there, and where he points', async () => {
		const faces = (page) => page.value(`[...document.querySelectorAll('#people li')].map((li) => li.title).join()`);
		await until(async () => /ben.*ann \(you\)/.test(await faces(ann)) && /ann.*ben \(you\)/.test(await faces(ben)), 'both to be there');
		const at = await middle(ann, 'two');
		await ann.mouse('mouseMoved', at);
		await ben.until(`document.querySelector('.cursor span')?.textContent === 'ann'`, `ann's cursor`);
		const there = await middle(ben, 'two');
		await until(async () => {
			const { left, top } = await ben.value(`document.querySelector('.cursor').getBoundingClientRect().toJSON()`);
			return Math.abs(left - there.x) < 3 && Math.abs(top - there.y) < 3;
		}, 'it to be over the same card');
	});

	it('shows what psql commits, and nothing of what it rolls back', async () => {
		await server.psql(`BEGIN; DELETE FROM board.card; ROLLBACK; INSERT INTO board.card (title) VALUES ('from psql')`);
		await ben.until(`${lane('from psql')} === 'next'`);
		await server.psql(`UPDATE board.card SET lane = 'done' WHERE title = 'from psql'`);
		await ann.until(`${lane('from psql')} === 'done'`);
		await same();
	});

	it('goes on without a connection, and nothing is lost or loaded anew', async () => {
		await ann.value('window.isTheSamePage = true');
		await ann.click('#plug');
		await ann.until(`!${isOpen}`, 'the plug to be pulled');
		await write(ann, 'next', 'written without a network');
		await ann.value(`${card('two')}.focus()`);
		await ann.chord('Alt', 'ArrowLeft');
		await ann.value(`${card('one')}.querySelector('.tint').click()`);
		assert.equal(await ann.value(lane('two')), 'doing');
		assert.equal(await ann.value(`document.querySelectorAll('.waiting').length`), 3);
		await write(ben, 'done', 'written meanwhile');
		await ben.value(`${card('two')}.querySelector('.edit').click()`);
		await ben.command('Input.insertText', { text: 'two, renamed' });
		await ben.press('Enter');
		assert.equal(await ben.value(card('written without a network')), undefined);
		await ann.click('#plug');
		await ben.until(`${lane('written without a network')} === 'next' && ${lane('two, renamed')} === 'doing'`, 'what ann has done');
		await ann.until(`${lane('written meanwhile')} === 'done' && !document.querySelector('.waiting')`, 'what ben has done');
		await same();
		assert.equal(await ann.value('window.isTheSamePage'), true);
		assert.equal(await server.psql(`SELECT count(*) FROM board.card WHERE title = 'written without a network'`), '1');
	});

	it('and not even when the page is closed before it is back', async () => {
		await ann.click('#plug');
		await ann.until(`!${isOpen}`, 'the plug to be pulled');
		await write(ann, 'next', 'written before the end');
		await ann.until(isKept, 'it to be on the disk');
		await ann.go(`http://127.0.0.1:${server.port}/board/`);
		await ben.until(`${lane('written before the end')} === 'next'`, 'it to be sent by the next page');
		await ann.until(`${lane('written before the end')} === 'next' && ${isOpen}`, 'it to be there');
		await same();
	});

	it('takes back what the server refuses, and says why', async () => {
		await server.psql(`INSERT INTO board.card (title, board) SELECT 'x', 'full' FROM generate_series(1, 500)`);
		const full = await browser.open(`http://127.0.0.1:${server.port}/board/#full`);
		await full.until(`document.querySelectorAll('.card').length === 500`, 'all cards');
		await full.fill('.lane input', 'one more');
		await full.press('Enter');
		await full.until(`/500 cards/.test(document.querySelector('.notice')?.textContent)`, 'why it was refused');
		await full.until(`document.querySelectorAll('.card').length === 500`, 'it to be taken back');
		assert.deepEqual(full.errors, []);
		await full.command('Page.close');
	});

	it('shows the SQL behind it', async () => {
		await ann.click('[data-sql="card"]');
		await ann.until(`document.querySelector('.panel pre')?.textContent.includes('CREATE TABLE IF NOT EXISTS board.card')`, 'the table');
		assert.equal(await ann.value(`document.querySelector('.panel pre').textContent.includes('realtime.room(')`), false);
		await ann.value(`[...document.querySelectorAll('.parts button')].find((one) => one.textContent === 'room').click()`);
		await ann.until(`document.querySelector('.panel pre').textContent.includes('realtime.room(')`, 'the room');
		await ann.chord('Escape');
		await ann.until(`document.querySelector('.panel').hidden`, 'it to be closed');
	});

	it('shows markup as text', async () => {
		await write(ben, 'next', '<img src=x onerror="window.hacked = true">');
		await same();
		assert.equal(await ann.value('window.hacked'), undefined);
	});

	// A browser that has much else to do may not say in time what is on its disk.
	it('has caused no error in a page', () => {
		assert.deepEqual([...ann.errors, ...ben.errors].filter((error) => !error.includes('signal timed out')), []);
	});
});
