// Calls that wait for a connection, kept in Chromium's IndexedDB: over reloads and
// crashes, in several tabs, for several users.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Way } from '../../client/test/node.mjs';
import { reservePort, startServer, until } from '../node/lib.mjs';
import { isInstalled, launch } from './chromium.mjs';

const source = fileURLToPath(new URL('../../client', import.meta.url));
const skip = !isInstalled() && 'there is no chromium';
const limit = { timeout: 300000 };

const html = '<!doctype html><title>offline</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
const script = `
import { createClient } from './client/index.js';
import { createOfflineStore } from './client/offline.js';

const given = new URL(location).searchParams;

window.user = given.get('user');
window.replayed = [];
window.failed = [];
window.ended = [];
window.begin = () => {
	window.store = createOfflineStore({ user: () => window.user, name: given.get('name') });
	window.client = createClient({
		url: given.get('url'), delay: () => 50,
		offline: {
			queue: true, store: window.store, maxQueue: 40,
			onReplay: (call, data) => window.replayed.push({ path: call.path, text: call.args[0], restored: call.restored, data }),
			onReplayError: (call, error) => window.failed.push({ path: call.path, text: call.args[0], code: error.code }),
		},
	});
};
window.begin();
// Calls each text, and waits until that is on the disk.
window.call = async (path, texts, withKeys = true) => {
	for (const text of texts) {
		const rpc = window.client.rpc(path);
		(withKeys ? rpc.with({ idempotencyKey: 'key of ' + text }) : rpc)(text).then(
			() => window.ended.push(text), (error) => window.ended.push(text + ' ' + error.code));
	}
	await window.store.settled();
};
window.client.connect();
`;

describe('calls that are kept', { skip }, () => {
	let server;
	let browser;
	let folder;
	let way;
	let names = 0;

	before(async () => {
		const port = await reservePort();

		folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-page-'));
		fs.cpSync(`${source}/src`, `${folder}/client/src`, { recursive: true });
		for (const name of ['index.js', 'offline.js'])
			fs.copyFileSync(`${source}/${name}`, `${folder}/client/${name}`);
		fs.writeFileSync(`${folder}/index.html`, html);
		fs.writeFileSync(`${folder}/page.js`, script);
		fs.chmodSync(folder, 0o755);
		server = await startServer({ settings: { 'realtime.port': port, 'realtime.allowed_origins': `http://127.0.0.1:${port}`, 'realtime.document_root': folder } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.note (id integer GENERATED ALWAYS AS IDENTITY, text text);
			CREATE FUNCTION app.add(text text) RETURNS integer LANGUAGE sql SECURITY DEFINER AS
				$$SELECT pg_advisory_xact_lock_shared(7); INSERT INTO app.note (text) VALUES (text) RETURNING id$$;
			SELECT realtime.rpc('app/once', 'app.add(text)', idempotent => true), realtime.rpc('app/add', 'app.add(text)')`);
		await server.declared('app/once', ['declared']);
		way = await Way.to(server.port);
		browser = await launch();
	});
	after(async () => {
		way?.stop();
		await browser?.close();
		await server?.stop();
		fs.rmSync(folder, { recursive: true, force: true });
	});

	// Each test has a database of its own; a tab beside another shares it.
	const newName = () => `test${++names}`;
	const open = (name, beside, user = 'ann') =>
		browser.open(`http://127.0.0.1:${server.port}/?${new URLSearchParams({ url: way.url, name, user })}`, { beside });
	// A tab that nobody sees is 'suspended', not 'open', and has a connection.
	const isCut = (tab) => tab.until(`['connecting', 'disconnected'].includes(client.status.current)`);
	const call = (tab, path, texts, withKeys = true) => tab.value(`call(${JSON.stringify(path)}, ${JSON.stringify(texts)}, ${withKeys})`);
	const kept = (tab) => tab.value(`store.kept.current.map((call) => call.args[0]).join()`);
	const notes = (prefix) => server.psql(`SELECT coalesce(string_agg(text, ',' ORDER BY id), '') FROM app.note WHERE text LIKE '${prefix}%'`);
	const made = (texts) => texts[0].slice(0, -2);
	const list = (prefix, n) => Array.from({ length: n }, (_, i) => `${prefix}${String(i).padStart(2, '0')}`);
	const has = (texts) => until(async () => await notes(made(texts)) === texts.join(), `all of ${made(texts)}`);

	it('are made in their order by the page that comes behind one that has crashed', limit, async () => {
		const name = newName();
		const texts = list('crash', 12);

		way.shut();
		const first = await open(name);
		await call(first, 'app/once', texts);
		assert.equal(await kept(first), texts.join());
		await first.crash();
		const second = await open(name, first);
		await second.until(`store.kept.current.length === 12`, 'those of the first page');
		assert.equal(await notes('crash'), '');
		way.open();
		await has(texts);
		await second.until(`store.kept.current.length === 0 && replayed.length === 12`, 'the end');
		assert.ok(await second.value('replayed.every((call) => call.restored && call.data > 0)'));
		await second.close();
	});

	it('happen once, whenever pages crash', limit, async () => {
		const name = newName();
		const texts = list('again', 40);

		way.shut();
		let tab = await open(name);
		await call(tab, 'app/once', texts);
		way.open();
		for (let n = 0; n < 4; n++) {
			await until(async () => (await notes('again')).split(',').length > n * 8, 'some of them');
			const before = tab;
			await before.crash();
			tab = await open(name, before);
		}
		await has(texts);
		await tab.until('store.kept.current.length === 0', 'nothing to be left');
		await tab.close();
	});

	it('without a key are not made again, and that is told', limit, async () => {
		const name = newName();

		way.shut();
		const first = await open(name);
		await call(first, 'app/add', ['plain00', 'plain01'], false);
		const holder = server.psql(`SELECT pg_advisory_lock(7); SELECT pg_sleep(60)`).catch(() => {});
		const waits = (is) => until(async () => await server.psql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = ${!is}`) !== '0', 'the lock');
		await waits(false);
		way.open();
		await waits(true);
		await first.crash();
		await server.psql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted`);
		await holder;
		const second = await open(name, first);
		await second.until('failed.length === 1 && replayed.length === 1', 'both ends');
		assert.deepEqual(await second.value('failed'), [{ path: 'app/add', text: 'plain00', code: 'DISCONNECTED' }]);
		assert.equal(await second.value('store.kept.current.length'), 0);
		const there = await notes('plain');
		assert.ok(['plain00,plain01', 'plain01'].includes(there), there);
		await second.close();
	});

	it('of several tabs are made by one of them, those of a tab that ends by another one', limit, async () => {
		const name = newName();
		const [mine, others] = [list('tabA', 10), list('tabB', 10)];

		way.shut();
		const first = await open(name);
		const second = await open(name, first);
		await call(first, 'app/once', mine);
		await call(second, 'app/once', others);
		way.open();
		await Promise.all([has(mine), has(others)]);
		await first.until('ended.length === 10');
		await second.until('ended.length === 10');

		way.shut();
		await isCut(first);
		const left = list('tabC', 10);
		await call(first, 'app/once', left);
		assert.equal(await kept(first), left.join());
		// it sees that they are somebody's who lives, and waits for his end
		await second.value(`void (window.claimed = client.configure({}))`);
		await second.until(`navigator.locks.query().then(({ pending }) => pending.some((lock) => lock.name.includes(':page:')))`, 'it to wait');
		await first.crash();
		await second.until('store.kept.current.length === 10', 'those of the first tab');
		way.open();
		await has(left);
		await second.close();
	});

	it('of somebody else are left alone', limit, async () => {
		const name = newName();
		const texts = list('user', 5);

		way.shut();
		const ann = await open(name);
		await call(ann, 'app/once', texts);
		await ann.crash();
		way.open();
		const bob = await open(name, ann, 'bob');
		await bob.value(`client.rpc('app/add')('bob')`);
		assert.equal(await bob.value('store.kept.current.length'), 0);
		assert.equal(await notes('user'), '');
		// and of himself, before he was somebody else
		way.shut();
		await isCut(bob);
		await call(bob, 'app/once', ['become00']);
		await bob.value(`(window.user = 'carl', client.become(undefined))`);
		way.open();
		await bob.value(`client.rpc('app/add').fresh('carl')`);
		assert.equal(await notes('become'), '');
		await bob.value(`(window.user = 'bob', client.become(undefined))`);
		await has(['become00']);
		await bob.until(`ended.join() === 'become00'`, 'its answer');
		await bob.close();
		const again = await open(name, ann, 'ann');
		await has(texts);
		await again.close();
	});

	it('are as many as there may be, on the disk too', limit, async () => {
		const name = newName();
		const texts = list('many', 45);

		way.shut();
		const first = await open(name);
		await call(first, 'app/once', texts);
		assert.equal(await kept(first), texts.slice(5).join());
		assert.equal(await first.value('ended.length'), 5);
		await first.value('location.reload()').catch(() => {});
		await first.until(`window.store?.kept.current.length === 40`, 'those that are left');
		way.open();
		await has(texts.slice(5));
		await first.close();
	});

	it('outlive a client that is closed', limit, async () => {
		const name = newName();

		way.shut();
		const first = await open(name);
		await call(first, 'app/once', ['closed00']);
		await first.value('client.close()');
		await first.until(`ended.join() === 'closed00 CONNECTION_CLOSED'`);
		way.open();
		await first.value('begin()');
		await has(['closed00']);
		await first.until('store.kept.current.length === 0');
		await first.close();
	});

	it('and one that is closed while it looks for others', limit, async () => {
		const name = newName();

		way.shut();
		const first = await open(name);
		await first.value(`navigator.locks.request('${name}-offline:claim', () => new Promise((resolve) => { window.letGo = resolve; })) && 1`);
		await first.until('window.letGo');
		await first.value('begin()');
		await call(first, 'app/once', ['looking00']);
		await first.value('client.close()');
		await first.value('letGo()');
		await first.until(`navigator.locks.query().then(({ held, pending }) => [...held, ...pending].every((lock) => lock.name !== '${name}-offline:claim'))`);
		way.open();
		await first.value('begin()');
		await has(['looking00']);
		await first.until('store.kept.current.length === 0');
		await first.close();
	});
});
