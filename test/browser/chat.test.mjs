// The chat example in a real browser: two people see each other's messages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer, until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const example = fileURLToPath(new URL('../../examples/chat', import.meta.url));
const skip = !isInstalled() && 'there is no chromium';

describe('the chat', { skip }, () => {
	let server;
	let browser;
	let alice;
	let bob;

	before(async () => {
		server = await startServer({ settings: { 'realtime.document_root': example, 'realtime.presence_grace': '300ms' } });
		await server.psql(fs.readFileSync(`${example}/chat.sql`, 'utf8'));
		await server.declared('chat/messages', ['lobby']);
		browser = await launch();
		alice = await enter('alice');
		bob = await enter('bob');
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
	});

	const isConnected = `document.querySelector('#status').className === 'connected'`;
	const bodies = `[...document.querySelectorAll('#messages li p')].map((p) => p.textContent)`;

	async function enter(name, room = '') {
		const page = await browser.open(`http://127.0.0.1:${server.port}/${room}`);

		await page.until(isConnected, `${name}'s page to be connected`);
		await page.fill('#name', name);
		return page;
	}

	async function say(page, text) {
		await page.fill('#text', text);
		await page.press('Enter');
		await page.until(`document.querySelector('#text').value === ''`, 'the message to be accepted');
	}

	async function sees(page, text) {
		await page.until(`${bodies}.includes(${JSON.stringify(text)})`, `"${text}" on the page`);
	}

	it('shows everybody what one says', async () => {
		await say(alice, 'hello bob');
		await sees(alice, 'hello bob');
		await sees(bob, 'hello bob');
	});

	it('and the other way round', async () => {
		await say(bob, 'hello alice');
		await sees(bob, 'hello alice');
		await sees(alice, 'hello alice');
	});

	it('shows who has said it', async () => {
		assert.deepEqual(
			await alice.value(`[...document.querySelectorAll('#messages li b')].map((b) => b.textContent)`),
			['alice', 'bob']);
	});

	it('shows both the same, in the same order', async () => {
		await Promise.all([alice, bob].map(async (page, who) => {
			for (let i = 0; i < 10; i++)
				await say(page, `${who}-${i}`);
		}));
		await until(async () => (await alice.value(bodies)).length === 22 &&
			(await bob.value(bodies)).length === 22, '22 messages on both pages');
		assert.deepEqual(await alice.value(bodies), await bob.value(bodies));
	});

	it('shows what is said in SQL', async () => {
		await server.psql(`SELECT chat.send('lobby', 'psql', 'from the other side')`);
		await sees(alice, 'from the other side');
		await sees(bob, 'from the other side');
	});

	it('shows a newcomer what was said before', async () => {
		const carol = await enter('carol');
		await sees(carol, 'hello bob');
		assert.deepEqual(await carol.value(bodies), await alice.value(bodies));
	});

	it('keeps rooms apart', async () => {
		const dave = await enter('dave', '#elsewhere');
		await say(dave, 'anybody here?');
		await sees(dave, 'anybody here?');
		await say(alice, 'the next');
		await sees(bob, 'the next');
		assert.deepEqual(await dave.value(bodies), ['anybody here?']);
		assert.equal((await bob.value(bodies)).includes('anybody here?'), false);
	});

	const people = `[...document.querySelectorAll('#people li')].map((li) => li.textContent).sort().join(' ')`;
	const isThere = (name) => `${people}.split(' ').includes('${name}')`;

	it('shows who is there', async () => {
		await alice.until(isThere('bob'), 'bob to be there');
		await bob.until(isThere('alice'), 'alice to be there');
		assert.equal(await bob.value(isThere('dave')), false);	// he is elsewhere
		const erin = await enter('erin');
		await erin.value(`document.querySelector('#text').focus()`);	// the name counts from now on
		await alice.until(isThere('erin'), 'erin to come');
		await erin.command('Page.close');
		await alice.until(`!${isThere('erin')}`, 'erin to leave');
	});

	it('shows who types', async () => {
		const types = `[...document.querySelectorAll('#people .typing')].map((li) => li.textContent).join()`;
		await bob.fill('#text', 'well');
		await alice.until(`${types} === 'bob'`, 'bob to type');
		await say(bob, 'well');
		await alice.until(`${types} === ''`, 'bob to be done');
	});

	it('shows markup as text', async () => {
		const evil = '<img src=x onerror="window.hacked = true"><b>bold</b>';
		await say(alice, evil);
		await sees(bob, evil);
		assert.equal(await bob.value('window.hacked'), undefined);
	});

	it('tells what is wrong with a message', async () => {
		await alice.fill('#text', 'x'.repeat(1001));
		await alice.press('Enter');
		await alice.until(`!document.querySelector('#error').hidden`, 'an error message');
		await say(alice, 'shorter');
		await sees(bob, 'shorter');
		await alice.until(`document.querySelector('#error').hidden`, 'the error message to go');
	});

	it('has caused no error in a page', () => {
		assert.deepEqual([...alice.errors, ...bob.errors], []);
	});

	it('comes back after a restart of the server', async () => {
		await server.restart();
		await until(async () => await alice.value(isConnected) && await bob.value(isConnected),
			'the pages to be connected again');
		await server.declared('chat/messages', ['lobby']);
		await say(bob, 'we are back');
		await sees(alice, 'we are back');
	});
});
