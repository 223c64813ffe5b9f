// Two browsers do things at random on one board, one of them cut off from the network
// meanwhile: in the end both show what the database has, and neither was loaded anew.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';
import { Relay } from './relay.mjs';
import { startSite } from './site.mjs';

const skip = !isInstalled() && 'there is no chromium';
const rounds = Number(process.env.RT_ROUNDS || 2);
const first = Number(process.env.RT_SEED || 1 + Math.floor(Math.random() * 1e6));

// In a page: n things are done by keys and buttons, by chance that can be repeated.
const act = (seed, n) => `(() => {
	let state = ${seed} >>> 0;
	const below = (n) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % 65536 % n;
	const key = (key) => (card) => card.dispatchEvent(new KeyboardEvent('keydown', { key, altKey: key.startsWith('Arrow'), bubbles: true }));
	const press = (name) => (card) => card.querySelector(name).click();
	const chord = (more) => () => dispatchEvent(new KeyboardEvent('keydown', { key: 'z', ctrlKey: true, ...more }));
	const add = () => {
		const form = document.querySelectorAll('.lane form')[below(3)];
		form.firstElementChild.value = 'card ' + ${seed} + '.' + below(1000);
		form.requestSubmit();
	};
	const all = [key('ArrowLeft'), key('ArrowRight'), key('ArrowUp'), key('ArrowDown'), key('ArrowDown'), press('.tint'), add,
		add, press('.remove'), chord({}), chord({}), chord({ shiftKey: true })];
	for (let i = 0; i < ${n}; i++) {
		const cards = document.querySelectorAll('.card');
		const what = all[below(all.length)];
		if (cards.length > 0 || what === add)
			what(cards[below(cards.length || 1)]);
	}
})()`;

const shown = `JSON.stringify([...document.querySelectorAll('.lane')].map((lane) =>
	[...lane.querySelectorAll('.card')].map((card) => [card.dataset.id, Number(card.dataset.tint), card.querySelector('p').textContent])))`;
const isAtRest = `!document.querySelector('.waiting') && document.querySelector('#status').classList.contains('open')`;
const stored = (board) => `SELECT json_agg((SELECT coalesce(json_agg(json_build_array(id, tint, title) ORDER BY place, id), '[]')
	FROM board.card WHERE board = '${board}' AND lane = l) ORDER BY i) FROM unnest('{next,doing,done}'::text[]) WITH ORDINALITY AS u (l, i)`;

describe(`two browsers on a board (RT_SEED=${first})`, { skip }, () => {
	let server;
	let browser;
	let relay;

	before(async () => {
		server = await startSite(['board/board.sql']);
		await server.declared('board/room', ['demo']);
		relay = await Relay.to(server.port);
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await relay?.close();
		await server?.stop();
	});

	async function enter(port, board) {
		const page = await browser.open(`http://127.0.0.1:${port}/board/#${board}`);

		await page.until(isAtRest, 'the page to be connected');
		await page.value('window.isTheSamePage = true');
		return page;
	}

	async function run(seed, away, here, board) {
		await away.value(act(seed, 12));
		await here.value(act(seed + 1, 12));
		relay.cut();
		await away.until(`!document.querySelector('#status').classList.contains('open')`, 'it to be cut off');
		for (let i = 0; i < 4; i++) {
			await away.value(act(seed + 10 + i, 8));
			await here.value(act(seed + 20 + i, 8));
		}
		await here.until(isAtRest, 'the one that is connected to be at rest');
		relay.heal();
		await away.value(`dispatchEvent(new Event('online'))`);
		await away.value(act(seed + 30, 5));
		await here.value(act(seed + 31, 5));
		await until(async () => await away.value(isAtRest) && await here.value(isAtRest), 'both to be at rest');
		await until(async () => {
			const truth = JSON.stringify(JSON.parse(await server.psql(stored(board))));
			return await away.value(shown) === truth && await here.value(shown) === truth;
		}, 'both to show what is stored').catch(async (error) => {
			assert.equal(await away.value(shown), await server.psql(stored(board)), error.message);
			assert.equal(await here.value(shown), await server.psql(stored(board)), error.message);
		});
		assert.equal(await away.value('window.isTheSamePage') && await here.value('window.isTheSamePage'), true);
	}

	for (let seed = first; seed < first + rounds; seed++) {
		it(`converge, seed ${seed}`, async () => {
			const board = `random-${seed}`;
			await server.psql(`INSERT INTO board.card (board, lane, title, place)
				SELECT '${board}', (ARRAY['next', 'doing', 'done'])[1 + i % 3], 'card ' || i, '0' || lpad(i::text, 3, '0') || '8' FROM generate_series(1, 9) i`);
			const away = await enter(relay.port, board);
			const here = await enter(server.port, board);
			await run(seed * 100, away, here, board);
			assert.deepEqual(here.errors, []);
			await away.command('Page.close');
			await here.command('Page.close');
		});
	}
});
