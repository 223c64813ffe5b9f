// Three clients change the same rows at random, in every way, with failures, cuts
// and a restart of the server; in the end each shows what the database has.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limit, Made, shows, startServer, until, watch } from './lib.mjs';

const seed = Number(process.env.RT_SEED || 1 + Math.floor(Math.random() * 1e6));

// A generator of numbers that can be repeated.
function chance(start) {
	let state = start >>> 0;
	const next = () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};

	return { next, below: (n) => Math.floor(next() * n), is: (p) => next() < p };
}

describe(`clients at random (RT_SEED=${seed})`, () => {
	const made = new Made();
	let server;

	before(async () => {
		server = await startServer({ settings: { 'realtime.shutdown_timeout': '500ms' } });
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.row (id text PRIMARY KEY, n integer CHECK (n <> 13), note text);
			CREATE SEQUENCE app.id;
			GRANT ALL ON app.row TO PUBLIC; GRANT ALL ON SEQUENCE app.id TO PUBLIC;
			CREATE FUNCTION app.rows() RETURNS SETOF app.row STABLE LANGUAGE sql AS 'SELECT * FROM app.row ORDER BY id';
			CREATE FUNCTION app.add(k text, n integer) RETURNS text LANGUAGE sql AS
				$$INSERT INTO app.row VALUES (coalesce(k, 'server' || nextval('app.id')), n) RETURNING id$$;
			CREATE FUNCTION app.set(k text, v integer) RETURNS void LANGUAGE sql AS 'UPDATE app.row SET n = v WHERE id = k';
			CREATE FUNCTION app.note(k text, v text) RETURNS void LANGUAGE sql AS 'UPDATE app.row SET note = v WHERE id = k';
			CREATE FUNCTION app.remove(k text) RETURNS void LANGUAGE sql AS 'DELETE FROM app.row WHERE id = k';
			INSERT INTO app.row SELECT 'row' || i, i FROM generate_series(20, 40) i;
			SELECT realtime.stream('app/stream', 'rows', 'app.rows()', replay => true);
			SELECT realtime.live_table('app.row', 'rows'), realtime.rpc('app/add', 'app.add(text, integer)'), realtime.rpc('app/set', 'app.set(text, integer)'),
				realtime.rpc('app/note', 'app.note(text, text)'), realtime.rpc('app/remove', 'app.remove(text)'),
				realtime.query('app/query', 'SELECT id, n, note FROM app.row ORDER BY id COLLATE "C"')`);
		await server.declared('app/query');
	});
	after(async () => {
		made.end();
		await server?.stop();
	});

	// One operation with what it is hoped to do.
	function operation(client, random, temp) {
		const key = `row${20 + random.below(30)}`;
		const n = random.is(0.15) ? 13 : 100 + random.below(1000);
		const call = (path, ...args) => () => client.rpc(`app/${path}`).fresh(...args);

		return [
			() => [call('add', null, n), { event: 'created', data: { id: temp, n, note: null } }],
			() => [call('add', key, n), { event: 'created', data: { id: key, n, note: null } }],
			() => [call('set', key, n), { event: 'updated', data: { id: key, n } }],
			() => [call('note', key, `note${n}`), { event: 'updated', data: { id: key, note: `note${n}` } }],
			() => [call('remove', key), { event: 'deleted', data: { id: key } }],
			() => [call('set', key, n), (rows) => rows.map((row) => row.id === key ? { ...row, n } : row)],
			() => [call('remove', key), (rows) => rows.filter((row) => row.id !== key)],
		][random.below(7)]();
	}

	it('show in the end what the database has', limit, async (t) => {
		const random = chance(seed);
		const ends = { done: 0, failed: 0 };
		const clients = await Promise.all(['app/stream', 'app/stream', 'app/query'].map(async (path, i) => {
			const way = await made.way(server.port);
			const client = made.client(way.url, { hold: 100 });
			const store = client.stream(path);
			const seen = watch(store);

			await shows(seen, Array.isArray);
			return { way, client, store, seen, name: `temp${i}-` };
		}));

		const work = clients.map(async ({ client, store, name }, i) => {
			const own = chance(seed + 1 + i);
			let pending = [];

			for (let step = 0; step < 400; step++) {
				const [call, change] = operation(client, own, name + step);
				pending.push(store.mutate(call, change).then(() => ends.done++, () => ends.failed++));
				if (own.is(0.3)) {
					await Promise.all(pending);
					pending = [];
				}
			}
			await Promise.all(pending);
		});
		let over = false;
		const all = Promise.all(work).then(() => { over = true; });

		void all.catch(() => {});
		for (let cuts = 0; !over; cuts++) {
			if (cuts === 8)
				await server.restart();
			clients[random.below(3)].way.cut();
			const end = Date.now() + random.below(60);
			await until(() => over || Date.now() > end, 'a moment');
		}
		await all;
		t.diagnostic(JSON.stringify(ends));
		assert.ok(ends.done > 20 && ends.failed > 20);

		const lines = (rows) => rows.map(({ id, n, note }) => `${id} ${n} ${note}`);
		const inOrder = (rows) => [...rows].sort((a, b) => a.id < b.id ? -1 : 1);
		let real;
		let shown;

		await until(async () => {
			real = lines(JSON.parse(await server.psql(`SELECT json_agg(r ORDER BY id COLLATE "C") FROM app.row r`)));
			shown = clients.map(({ seen }, i) => lines(i === 2 ? seen.last : inOrder(seen.last)));
			return shown.every((one) => one.join() === real.join());
		}, 'all to show the same').catch(() => shown.forEach((one) => assert.deepEqual(one, real)));
	});
});
