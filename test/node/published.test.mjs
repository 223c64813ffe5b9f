// The published client, svelte-realtime of npm, against our server.
//
// Its transport is ours (published/transport.mjs, written after the wire protocol),
// because the one that it asks for is not in the registry; all else is as people have
// it in their pages.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { register } from 'node:module';
import { patience, secret, startServer, token, until } from './lib.mjs';

register('./published/hook.mjs', import.meta.url);

let server;
const clients = [];

// A page of a user, or of somebody: modules of its own.
async function page(user) {
	const { realtime, testing, transport } = await import(`./published/client.mjs?${clients.length}`);
	const client = { ...realtime, testing, transport };

	clients.push(client);
	realtime.configure({ url: server.url + (user ? `?token=${token({ sub: user })}` : ''), timeout: 20000, resumeGraceMs: 0 });
	await settled(client.transport.status, (state) => state === 'open');
	return client;
}

// Resolves to what a store says once that is as expected.
function settled(store, is) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error('the store never says so')), patience);
		const end = store.subscribe((value) => {
			if (!is(value))
				return;
			clearTimeout(timer);
			resolve(value);
			queueMicrotask(() => end());
		});
	});
}

// Follows a stream until end() and keeps what it says.
function follow(stream) {
	const seen = { value: undefined, values: [] };
	seen.end = stream.subscribe((value) => { seen.value = structuredClone(value); seen.values.push(seen.value); });
	seen.until = (is) => until(() => is(seen.value), 'a value').catch((error) => {
		throw new Error(`${error.message}; it is ${JSON.stringify(seen.value)}`);
	});
	return seen;
}

const same = (expected) => (value) => { try { assert.deepEqual(value, expected); return true; } catch { return false; } };
const publish = (topic, event, data) =>
	server.psql(`SELECT realtime.publish('${topic}', '${event}', '${JSON.stringify(data)}')`);

before(async () => {
	server = await startServer({ settings: { 'realtime.jwt_secret': secret, 'realtime.presence_grace': 0 } });
	await server.psql(`
		CREATE SCHEMA app;
		GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
		CREATE TABLE app.card (id int PRIMARY KEY, list text, title text);
		INSERT INTO app.card SELECT i, 'a', 'card ' || i FROM generate_series(1, 3) i;
		GRANT ALL ON app.card TO realtime_anonymous, realtime_authenticated;
		CREATE FUNCTION app.add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT a + b';
		CREATE FUNCTION app.refuse() RETURNS void LANGUAGE sql AS
			$$ SELECT realtime.raise('SOLD_OUT', 'Nothing is left', '[{"path":["seat"],"message":"taken"}]') $$;
		CREATE FUNCTION app.count_up() RETURNS int LANGUAGE sql AS
			$$ INSERT INTO app.card VALUES ((SELECT max(id) + 1 FROM app.card), 'counted') RETURNING id $$;
		CREATE FUNCTION app.cards(list text) RETURNS SETOF app.card STABLE LANGUAGE sql AS
			'SELECT * FROM app.card WHERE card.list = cards.list ORDER BY id';
		CREATE FUNCTION app.rename(card_id int, to_title text) RETURNS void LANGUAGE sql AS
			'UPDATE app.card SET title = to_title WHERE id = card_id';
		CREATE FUNCTION app.pages() RETURNS realtime.page STABLE LANGUAGE sql AS $$
			SELECT jsonb_agg(jsonb_build_object('id', i) ORDER BY i), max(i) < 5, to_jsonb(max(i))
			FROM generate_series(coalesce((realtime.cursor() #>> '{}')::int, 0) + 1, coalesce((realtime.cursor() #>> '{}')::int, 0) + 2) i $$;
		CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[{"id": 1}, {"id": 2}]'::jsonb $$;
		CREATE FUNCTION app.none() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
		CREATE FUNCTION app.total() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '7'::jsonb $$;
		CREATE FUNCTION app.old_rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[{"id": 1, "name": "ann"}]'::jsonb $$;
		CREATE FUNCTION app.to_second(item jsonb) RETURNS jsonb LANGUAGE sql AS
			$$ SELECT item - 'name' || jsonb_build_object('full_name', item -> 'name') $$;
		CREATE FUNCTION app.only_me() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
		CREATE FUNCTION app.never() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
		CREATE FUNCTION app.flaky(fails boolean) RETURNS boolean LANGUAGE plpgsql AS $$
			BEGIN IF fails THEN RAISE EXCEPTION 'gone' USING ERRCODE = '08006'; END IF; RETURN true; END $$;
		CREATE FUNCTION app.digest(bytes bytea, name text DEFAULT NULL) RETURNS text LANGUAGE sql AS
			$$ SELECT concat_ws(' ', name, md5(bytes)) $$;
		CREATE FUNCTION app.keep(name text) RETURNS text LANGUAGE plpgsql AS $$
			DECLARE piece bytea; size bigint := 0; sum bigint := 0;
			BEGIN
				LOOP
					piece := realtime.upload_next();
					EXIT WHEN piece IS NULL;
					size := size + length(piece);
					sum := sum + get_byte(piece, 0);
					IF name = 'refuse' THEN PERFORM realtime.raise('NO_ROOM', 'The shelf is full'); END IF;
				END LOOP;
				RETURN name || ' ' || size;
			END $$;
		CREATE FUNCTION app.who(room text) RETURNS jsonb STABLE LANGUAGE sql AS
			$$ SELECT jsonb_build_object('name', realtime.user_id()) $$;
		CREATE FUNCTION app.state(room text) RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[{"id": 1}]'::jsonb $$;
		SELECT realtime.rpc('app/add', 'app.add(int,int)'), realtime.rpc('app/refuse', 'app.refuse()'),
			realtime.rpc('app/countUp', 'app.count_up()', idempotent => true),
			realtime.rpc('app/rename', 'app.rename(int,text)'),
			realtime.binary('app/digest', 'app.digest(bytea,text)', max_size => 1000), realtime.upload('app/keep', 'app.keep(text)', max_size => 3000000),
			realtime.breaker('behind', 1, '100 ms'), realtime.rpc('app/flaky', 'app.flaky(boolean)', breaker => 'behind'),
			realtime.query('app/cards', loader => 'app.cards(text)'),
			realtime.stream('app/pages', 'pages', 'app.pages()'),
			realtime.stream('app/crud', 'crud', 'app.rows()', prepend => true, max => 3),
			realtime.stream('app/latest', 'latest', 'app.none()', merge => 'latest', max => 2),
			realtime.stream('app/set', 'set', 'app.total()', merge => 'set'),
			realtime.stream('app/presence', 'presence', 'app.none()', merge => 'presence'),
			realtime.stream('app/cursor', 'cursor', 'app.none()', merge => 'cursor'),
			realtime.stream('app/kept', 'kept', 'app.none()', replay => true),
			realtime.stream('app/versioned', 'versioned', 'app.old_rows()', schema_version => 2, migrate => '{app.to_second(jsonb)}'),
			realtime.stream('app/mine', 'mine', 'app.rows()', access => 'app.only_me()'),
			realtime.stream('app/gated', 'gated', 'app.rows()', gate => 'app.never()'),
			realtime.channel('app/typing', 'typing:{1}', merge => 'presence'),
			realtime.room('app/room', 'room:{room}', 'app.state(text)', presence => 'app.who(text)', cursors => true);
	`);
	await server.declared('app/add', [1]);
	await server.declared('app/cards', ['a']);
});

after(async () => {
	for (const { transport } of clients)
		transport.close();
	await server.stop();
});

describe('calls', () => {
	let client;
	before(async () => { client = await page(); });

	it('resolve, and are refused, with all that an error has', async () => {
		assert.equal(await client.__rpc('app/add')(20, 22), 42);
		assert.equal(await client.__rpc('app/add')(1), 2);
		await assert.rejects(client.__rpc('app/refuse')(), {
			code: 'SOLD_OUT', message: 'Nothing is left', issues: [{ path: ['seat'], message: 'taken' }] });
		await assert.rejects(client.__rpc('app/add')('x'), { code: 'VALIDATION' });
		await assert.rejects(client.__rpc('app/nothing')(), { code: 'NOT_FOUND' });
	});

	it('of a batch have an answer each', async () => {
		const add = client.__rpc('app/add');
		assert.deepEqual(await client.batch(() => [add(1, 1), add(2, 2), add(3, 3)]), [2, 4, 6]);
		const mixed = await client.batch(() => [add(1, 1), client.__rpc('app/refuse')().catch(({ code }) => code)], { sequential: true });
		assert.deepEqual(mixed, [2, 'SOLD_OUT']);
	});

	it('with a key happen once', async () => {
		const countUp = client.__rpc('app/countUp').with({ idempotencyKey: crypto.randomUUID() });
		const first = await countUp();
		assert.equal(await countUp(), first);
	});
});

describe('bytes', () => {
	let client;
	before(async () => { client = await page('carl'); });

	it('are the payload of a call', async () => {
		const bytes = crypto.randomBytes(900);
		const md5 = crypto.createHash('md5').update(bytes).digest('hex');
		assert.equal(await client.__binaryRpc('app/digest')(bytes), md5);
		assert.equal(await client.__binaryRpc('app/digest')(bytes, 'named'), `named ${md5}`);
		await assert.rejects(client.__binaryRpc('app/digest')(crypto.randomBytes(1001)), { code: 'PAYLOAD_TOO_LARGE' });
		await assert.rejects(client.__binaryRpc('app/add')(bytes), { code: 'INVALID_REQUEST' });
	});

	it('are uploaded, of any length, and refused or taken back', async () => {
		const keep = client.__upload('app/keep');
		const seen = [];
		const handle = keep(crypto.randomBytes(2500000), 'large');
		handle.on('progress', ({ sent }) => seen.push(sent));
		assert.equal(await handle, 'large 2500000');
		assert.ok(seen.length > 1 && seen.at(-1) === 2500000, `progress ${seen}`);
		assert.equal(await keep(new Blob(['abc', 'de']), 'blob'), 'blob 5');
		await assert.rejects(keep(crypto.randomBytes(3500000), 'long'), { code: 'PAYLOAD_TOO_LARGE' });
		await assert.rejects(keep(crypto.randomBytes(100000), 'refuse'), { code: 'NO_ROOM' });
		const cancelled = keep(new ReadableStream({ start(stream) { stream.enqueue(crypto.randomBytes(100000)); } }), 'cancelled');
		await until(() => server.psql(`SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%app/keep%' AND state = 'active'`).then((is) => is === 't'));
		cancelled.cancel();
		await assert.rejects(cancelled, ({ code }) => code === 'CANCELLED' || assert.fail(code));
	});
});

describe('streams', () => {
	let client;
	before(async () => { client = await page(); });

	it('merge created, updated and deleted rows', async () => {
		const rows = follow(client.__stream('app/crud', { merge: 'crud', key: 'id' }));
		await rows.until(same([{ id: 1 }, { id: 2 }]));
		await publish('crud', 'created', { id: 3, text: 'new' });
		await rows.until(same([{ id: 3, text: 'new' }, { id: 1 }, { id: 2 }]));
		await publish('crud', 'updated', { id: 1, text: 'changed' });
		await publish('crud', 'deleted', { id: 2 });
		await rows.until(same([{ id: 3, text: 'new' }, { id: 1, text: 'changed' }]));
		rows.end();
	});

	it('merge in each other way', async () => {
		const latest = follow(client.__stream('app/latest', { merge: 'latest' }));
		const set = follow(client.__stream('app/set', { merge: 'set' }));
		const presence = follow(client.__stream('app/presence', { merge: 'presence' }));
		const cursor = follow(client.__stream('app/cursor', { merge: 'cursor' }));
		await Promise.all([latest.until(same([])), set.until(same(7)), presence.until(same([])), cursor.until(same([]))]);
		for (const n of [1, 2, 3])
			await publish('latest', 'said', { n });
		await publish('set', 'set', { total: 8 });
		await publish('presence', 'join', { key: 'ann', name: 'Ann' });
		await publish('presence', 'join', { key: 'bob', name: 'Bob' });
		await publish('presence', 'leave', { key: 'ann' });
		await publish('cursor', 'update', { key: 'ann', x: 1 });
		await latest.until(same([{ n: 2 }, { n: 3 }]));
		await set.until(same({ total: 8 }));
		await presence.until(same([{ key: 'bob', name: 'Bob' }]));
		await cursor.until(same([{ key: 'ann', x: 1 }]));
		[latest, set, presence, cursor].forEach((stream) => stream.end());
	});

	it('load more', async () => {
		const stream = client.__stream('app/pages', { merge: 'crud', key: 'id' });
		const rows = follow(stream);
		await rows.until(same([{ id: 1 }, { id: 2 }]));
		assert.equal(stream.hasMore, true);
		await stream.loadMore();
		await stream.loadMore();
		await rows.until(same([1, 2, 3, 4, 5, 6].map((id) => ({ id }))));
		assert.equal(stream.hasMore, false);
		rows.end();
	});

	it('of an older version are brought to the one of the server', async () => {
		const rows = follow(client.testing.subscribeAt(client.__stream('app/versioned', { merge: 'crud', key: 'id' }), { schemaVersion: 1 }));
		await rows.until(same([{ id: 1, full_name: 'ann' }]));
		rows.end();
	});

	it('that one may not see, and that are closed, say so', async () => {
		const denied = client.__stream('app/mine', { merge: 'crud', key: 'id' });
		const rows = follow(denied);
		const error = await settled(denied.error, (now) => now !== null);
		assert.equal(error.code, 'UNAUTHENTICATED');
		rows.end();
		const gated = follow(client.__stream('app/gated', { merge: 'crud', key: 'id' }));
		await gated.until(same(null));
		gated.end();
	});

	it('of a channel have what is said', async () => {
		const typing = follow(client.__stream('app/typing', { merge: 'presence' }, true)('r1'));
		await typing.until(same([]));
		await publish('typing:r1', 'join', { key: 'ann' });
		await typing.until(same([{ key: 'ann' }]));
		typing.end();
	});

	it('of a live query follow the tables, and what is shown before it is said', async () => {
		const stream = client.__stream('app/cards', { merge: 'crud', key: 'id' }, true)('a');
		const cards = follow(stream);
		await cards.until((rows) => rows?.length === 3);
		await server.psql(`UPDATE app.card SET title = 'renamed' WHERE id = 2; INSERT INTO app.card VALUES (10, 'a', 'ten')`);
		await cards.until((rows) => rows.length === 4 && rows.find(({ id }) => id === 2).title === 'renamed');
		const rename = client.__rpc('app/rename');
		await stream.mutate(() => rename(10, 'X'), { event: 'updated', data: { id: 10, list: 'a', title: 'X' } });
		await cards.until((rows) => rows.find(({ id }) => id === 10).title === 'X');
		assert.equal(await server.psql('SELECT title FROM app.card WHERE id = 10'), 'X');
		await assert.rejects(stream.mutate(() => client.__rpc('app/refuse')(), { event: 'deleted', data: { id: 10 } }), { code: 'SOLD_OUT' });
		await cards.until((rows) => rows.some(({ id }) => id === 10));
		await server.psql(`UPDATE app.card SET list = 'b' WHERE id = 10`);
		await cards.until((rows) => rows.length === 3);
		cards.end();
	});
});

describe('a connection that is cut', () => {
	it('comes back to all its streams, with what they have missed', async () => {
		const client = await page();
		const kept = follow(client.__stream('app/kept', { merge: 'crud', key: 'id' }));
		const cards = follow(client.__stream('app/cards', { merge: 'crud', key: 'id' }, true)('a'));
		const crud = follow(client.__stream('app/crud', { merge: 'crud', key: 'id' }));
		await Promise.all([kept.until(same([])), cards.until((rows) => rows?.length > 0), crud.until(same([{ id: 1 }, { id: 2 }]))]);
		await publish('kept', 'created', { id: 1 });
		await kept.until(same([{ id: 1 }]));
		for (const round of [1, 2]) {
			const lost = settled(client.transport.status, (state) => state === 'disconnected');
			client.transport.cut();
			await lost;
			await publish('kept', 'created', { id: 10 * round });
			await publish('kept', 'created', { id: 10 * round + 1 });
			await server.psql(`INSERT INTO app.card VALUES (${100 + round}, 'a', 'while away')`);
			await kept.until((rows) => rows.length === 1 + 2 * round && rows.at(-1).id === 10 * round + 1);
			await cards.until((rows) => rows.some(({ id }) => id === 100 + round));
		}
		await publish('kept', 'created', { id: 30 });
		await kept.until(same([1, 10, 11, 20, 21, 30].map((id) => ({ id }))));
		await settled(client.quiescent, (is) => is === true);
		[kept, cards, crud].forEach((stream) => stream.end());
	});
});

describe('people', () => {
	let ann;
	let bob;
	before(async () => { [ann, bob] = [await page('ann'), await page('bob')]; });

	it('are asked, told and signalled', async () => {
		const told = [];
		bob.onPush('confirm', ({ n }) => ({ yes: n + 1 }));
		bob.onPush('fail', () => { throw new Error('not today'); });
		bob.onPush('told', (data) => { told.push(data); });
		bob.onSignal('bob', (event, data) => { told.push([event, data]); });
		assert.equal(await server.psql(`SELECT realtime.push('bob', 'confirm', '{"n": 1}')`), '{"yes": 2}');
		await assert.rejects(server.psql(`SELECT realtime.push('bob', 'fail')`), /not today/);
		await assert.rejects(server.psql(`SELECT realtime.push('bob', 'other')`), /no push handler registered/);
		await server.psql(`SELECT realtime.notify('bob', 'told', '1'), realtime.signal('bob', 'ring', '{"from": "ann"}')`);
		await until(() => told.length === 2);
		assert.deepEqual(told, [1, ['ring', { from: 'ann' }]]);
	});

	it('are in a room, with its data and its cursors', async () => {
		const here = (client) => client.__stream('app/room/__presence', { merge: 'presence' }, true)('r');
		const data = follow(ann.__stream('app/room/__data', { merge: 'crud', key: 'id' }, true)('r'));
		const people = follow(here(ann));
		await data.until(same([{ id: 1 }]));
		await people.until((who) => who?.length === 1 && who[0].key === 'ann');
		const others = follow(here(bob));
		await people.until((who) => who.length === 2);
		assert.deepEqual(people.value.map(({ key }) => key).sort(), ['ann', 'bob']);
		const bobs = follow(bob.__stream('app/room/__cursors', { merge: 'cursor' }, true)('r'));
		await bobs.until(same([]));
		const cursors = follow(ann.__stream('app/room/__cursors', { merge: 'cursor' }, true)('r'));
		await cursors.until(same([]));
		bob.transport.connect().send({ type: 'cursor', topic: 'room:r', data: { x: 3 } });
		await cursors.until((all) => all.some(({ key, data }) => key === 'bob' && data.x === 3));
		[others, bobs].forEach((stream) => stream.end());
		await people.until((who) => who.length === 1);
		[data, people, cursors].forEach((stream) => stream.end());
	});

	it('are told that something behind is not well, and that it is well again', async () => {
		const states = [];
		const end = ann.health.subscribe((state) => states.push(state));
		await assert.rejects(ann.__rpc('app/flaky')(true), { code: 'SERVICE_UNAVAILABLE' });
		await until(() => states.at(-1) === 'degraded');
		await until(() => ann.__rpc('app/flaky')(false).catch(() => false));
		await until(() => states.at(-1) === 'healthy');
		end();
	});

	it('who are turned away for good do not come back', async () => {
		await server.psql(`SELECT realtime.disconnect(user_id => 'bob', code => 4403)`);
		await settled(bob.transport.status, (state) => state === 'failed');
	});
});
