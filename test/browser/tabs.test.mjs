// Tabs that share one socket, in Chromium: one leads, dies, sleeps; nothing is lost.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { secret, token } from '../../client/test/lib.mjs';
import { Way } from '../../client/test/node.mjs';
import { reservePort, startServer, until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const source = fileURLToPath(new URL('../../client', import.meta.url));
const skip = !isInstalled() && 'there is no chromium';
const limit = { timeout: 300000 };

const html = '<!doctype html><title>tabs</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
const script = `
import { createClient } from './client/index.js';
import { sharedSocket } from './client/tabs.js';
import { createUploads } from './client/upload.js';

const given = new URL(location).searchParams;
const asked = window.asked = [];

window.leads = 0;
window.token = given.get('token');
const Shared = sharedSocket({
	user: given.get('user'), patience: 30000,
	WebSocket: class extends WebSocket {
		constructor(...args) {
			super(...args);
			window.leads++;
			this.addEventListener('close', () => window.leads--);
		}
	},
});
window.client = createClient({
	url: given.get('url'), delay: () => 20, token: () => window.token || undefined,
	WebSocket: given.get('plain') ? undefined : Shared,
});
const todos = window.todos = window.client.stream('app/todos');
window.pushes = [];
if (given.get('handler'))
	window.client.onPush('ask', (data) => { window.pushes.push(data); return given.get('handler'); });
const bytes = createUploads(window.client);
window.measure = (n) => bytes.binary('app/size')(new Uint8Array(n));
window.send = (n) => bytes.upload('app/long')(new Blob([new Uint8Array(n)])).then((size) => size);
window.heard = [];
window.client.onSignal((event, data) => window.heard.push(data));
window.stop = todos.subscribe((rows) => { window.rows = rows; });
`;

describe('tabs that share a socket', { skip }, () => {
	let server;
	let browser;
	let folder;
	let way;
	let tabs = [];
	let last = 0;

	before(async () => {
		const port = await reservePort();

		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-page-'));
		for (const name of ['src', 'tabs', 'upload'])
			fs.cpSync(`${source}/${name}`, `${folder}/client/${name}`, { recursive: true });
		for (const name of ['index.js', 'tabs.js', 'upload.js'])
			fs.copyFileSync(`${source}/${name}`, `${folder}/client/${name}`);
		fs.writeFileSync(`${folder}/index.html`, html);
		fs.writeFileSync(`${folder}/page.js`, script);
		fs.chmodSync(folder, 0o755);
		server = await startServer({
			settings: {
				'realtime.port': port, 'realtime.allowed_origins': `http://127.0.0.1:${port}`, 'realtime.document_root': folder,
				'realtime.jwt_secret': secret, 'realtime.jwt_leeway': '0',
			},
		});
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.todo (id integer PRIMARY KEY, text text);
			GRANT ALL ON app.todo TO PUBLIC;
			CREATE FUNCTION app.todos() RETURNS SETOF app.todo STABLE LANGUAGE sql AS 'SELECT * FROM app.todo ORDER BY id';
			CREATE FUNCTION app.size(payload bytea) RETURNS integer LANGUAGE sql AS 'SELECT length(payload)';
			CREATE FUNCTION app.long() RETURNS bigint LANGUAGE sql AS 'SELECT coalesce(sum(length(chunk)), 0) FROM realtime.upload_chunks() chunk';
			SELECT realtime.binary('app/size', 'app.size(bytea)'), realtime.upload('app/long', 'app.long()');
			CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS $$SELECT coalesce(realtime.user_id(), 'nobody')$$;
			SELECT realtime.stream('app/todos', 'todos', 'app.todos()', replay => true);
			SELECT realtime.live_table('app.todo', 'todos'), realtime.rpc('app/me', 'app.me()')`);
		await server.declared('app/todos');
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
		fs.rmSync(folder, { recursive: true, force: true });
	});
	afterEach(async () => {
		for (const tab of tabs.splice(0))
			await tab.close().catch(() => {});
		way?.stop();
	});

	async function open(given = {}) {
		way = tabs.length > 0 ? way : await Way.to(server.port);
		const tab = await browser.open(`http://127.0.0.1:${server.port}/?${new URLSearchParams({ url: way.url, user: 'ann', ...given })}`, { beside: tabs[0] });

		tabs.push(tab);
		return tab;
	}
	const openAll = async (n, given) => {
		for (let i = 0; i < n; i++)
			await open(given);
		await Promise.all(tabs.map((tab) => tab.until(`todos.status.current === 'connected'`)));
		return tabs;
	};
	const leads = async () => {
		const are = await Promise.all(tabs.map((tab) => tab.value('leads > 0')));
		return are.filter(Boolean).length === 1 ? tabs[are.indexOf(true)] : undefined;
	};
	const insert = (text = 'x') => server.psql(`INSERT INTO app.todo VALUES (${++last}, '${text}')`);
	const agree = (which = tabs) => until(async () => {
		const rows = await server.psql(`SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM app.todo`);
		const shown = await Promise.all(which.map((tab) => tab.value(`rows?.map((row) => row.id).join()`)));
		return shown.every((one) => one === rows);
	}, 'all tabs to show what there is');
	const followers = () => server.psql(`SELECT realtime.subscribers('todos')`);

	it('have one connection, and each what it has asked for', limit, async () => {
		await openAll(3);
		assert.equal(way.count(), 1);
		assert.ok(await leads());
		await insert();
		await agree();
		assert.deepEqual(await Promise.all(tabs.map((tab) => tab.value(`client.rpc('app/me')()`))), ['nobody', 'nobody', 'nobody']);
		await tabs[1].value('stop()');
		assert.equal(await followers(), '1');
		await insert();
		await agree([tabs[0], tabs[2]]);
		await tabs[0].value('stop()');
		await tabs[2].value('stop()');
		await until(async () => await followers() === '0', 'the last one to leave');
	});

	it('send bytes, each its own, and no more than the socket takes', limit, async () => {
		await openAll(2);
		assert.deepEqual(await Promise.all(tabs.map((tab, i) => tab.value(`measure(${1000 * (i + 1)})`))), [1000, 2000]);
		assert.deepEqual(await Promise.all(tabs.map((tab, i) => tab.value(`send(${6000000 + i})`))), [6000000, 6000001]);
	});

	it('go on when the one that leads dies, is closed or sleeps', limit, async () => {
		await openAll(4);
		for (const ends of [(tab) => tab.crash(), (tab) => tab.close(), (tab) => tab.value('client.close()')]) {
			const first = await until(leads, 'one to lead');

			await ends(first);
			tabs.splice(tabs.indexOf(first), 1);
			await insert();
			await agree();
			await until(leads, 'another one to lead');
			await until(() => way.count() === 1, 'one connection');
		}
		await Promise.all([open(), open()]);
		const sleeper = await until(leads, 'one to lead');
		const others = tabs.filter((tab) => tab !== sleeper);
		await sleeper.freeze(true);
		await insert();
		await agree(others);
		await sleeper.freeze(false);
		await agree();
		await until(() => way.count() === 1, 'one connection');
	});

	it('lose nothing, whoever dies and however the connection is cut', limit, async () => {
		await openAll(3);
		let over = false;
		const first = last + 1;
		const writing = server.psql(Array.from({ length: 200 }, (_, i) =>
			`INSERT INTO app.todo VALUES (${first + i}, 'w'); DELETE FROM app.todo WHERE id = ${first + i - 15}; SELECT pg_sleep(0.01);`).join('')).then(() => { over = true; });

		last += 200;
		for (let n = 0; !over && n < 6; n++) {
			if (n % 2)
				way.cut();
			else {
				const dying = await until(leads, 'one to lead');
				await dying.crash();
				tabs.splice(tabs.indexOf(dying), 1);
				await open();
			}
			await agreeOnce();
		}
		await writing;
		await agree();

		async function agreeOnce() {
			await Promise.all(tabs.map((tab) => tab.until(`todos.status.current === 'connected'`)));
		}
	});

	it('of somebody else have their own', limit, async () => {
		await open({ user: 'ann', token: token({ sub: 'ann' }) });
		await open({ user: 'ann', token: token({ sub: 'ann', exp: 4000000000 }) });
		await open({ user: 'bob', token: token({ sub: 'bob' }) });
		await open({ user: 'ann', token: token({ sub: 'ann', admin: true }) });
		assert.deepEqual(await Promise.all(tabs.map((tab) => tab.value(`client.rpc('app/me')()`))), ['ann', 'ann', 'bob', 'ann']);
		assert.equal(way.count(), 3);
	});

	it('are asked one by one who knows the answer, and all hear a signal', limit, async () => {
		await open({ token: token({ sub: 'ann' }) });
		await open({ token: token({ sub: 'ann' }), handler: 'yes' });
		await open({ token: token({ sub: 'ann' }) });
		// one is in front, the others are hidden
		await Promise.all(tabs.map((tab) => tab.until(`['open', 'suspended'].includes(client.status.current)`)));
		assert.equal(await server.psql(`SELECT realtime.push('ann', 'ask', '5', '60 s')`), '"yes"');
		await assert.rejects(server.psql(`SELECT realtime.push('ann', 'unknown', '5', '60 s')`), /no handler for 'unknown'/);
		await server.psql(`SELECT realtime.signal('ann', 'hello', '7')`);
		await Promise.all(tabs.map((tab) => tab.until(`heard.join() === '7'`)));
		assert.deepEqual(await Promise.all(tabs.map((tab) => tab.value('pushes.length'))), [0, 1, 0]);
	});

	it('or do not, and have slept over their token, come back by themselves', limit, async () => {
		for (const plain of ['', '1']) {
			const now = () => Math.floor(Date.now() / 1000);
			const tab = await open({ plain, token: token({ sub: 'ann', exp: now() + 60 }) });

			await tab.until(`todos.status.current === 'connected'`);
			const exp = now() + 2;
			// on a machine that is busy it may be over already: then the first one ends
			await tab.value(`client.authenticate(${JSON.stringify(token({ sub: 'ann', exp }))}).catch(() => {})`);
			await tab.freeze(true);
			await until(() => way.count() === 0 && Date.now() / 1000 > exp, 'the server to close');
			await insert();
			// it wakes with a new one: with the old one it would be refused for good
			await tab.value(`void (window.token = ${JSON.stringify(token({ sub: 'ann' }))})`);
			await tab.freeze(false);
			await agree();
			assert.equal(await tab.value(`client.rpc('app/me').fresh()`), 'ann');
			tabs.splice(0);
			await tab.close();
			way.stop();
		}
	});
});
