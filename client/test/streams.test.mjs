// Streams: every way of merging, coming back, what is lost, pages, parts.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { combine, Store, switched } from '../index.js';
import { createClient, isStatus, limit, Made, shows, startServer, until, watch, WebSocket } from './lib.mjs';

const made = new Made();
let server;
let way;
let client;
let sent;
let received;

before(async () => {
	server = await startServer({ settings: { 'realtime.max_backpressure': 64 * 1024, 'realtime.replay_memory': '1MB' } });
	await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE TABLE app.item (id integer PRIMARY KEY, city text, n integer DEFAULT 0, pad text);
		GRANT SELECT ON app.item TO PUBLIC;
		CREATE FUNCTION app.items(city text) RETURNS SETOF app.item STABLE LANGUAGE sql AS
			$$SELECT * FROM app.item i WHERE i.city = items.city ORDER BY id$$;
		CREATE FUNCTION app.put(city text, id integer, n integer) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
			INSERT INTO app.item VALUES (id, city, n) ON CONFLICT (id) DO UPDATE SET n = excluded.n$$;
		CREATE FUNCTION app.number() RETURNS integer STABLE LANGUAGE sql AS $$SELECT coalesce(sum(n), 0)::integer FROM app.item$$;
		CREATE FUNCTION app.open() RETURNS boolean STABLE LANGUAGE sql AS $$SELECT current_setting('app.gate', true) IS DISTINCT FROM 'shut'$$;
		CREATE FUNCTION app.may(city text) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT city <> 'secret'$$;
		CREATE FUNCTION app.pages() RETURNS realtime.page STABLE LANGUAGE sql AS
			$$SELECT realtime.keyset_page('SELECT n AS id FROM generate_series(1, 25) n', 'id', 10)$$;
		CREATE FUNCTION app.long() RETURNS jsonb STABLE LANGUAGE sql AS
			$$SELECT jsonb_agg(jsonb_build_object('id', n, 'text', repeat('x', 1000))) FROM generate_series(1, 3000) n$$;
		CREATE FUNCTION app.shaky() RETURNS jsonb STABLE LANGUAGE plpgsql AS
			$$BEGIN IF EXISTS (SELECT FROM app.broken) THEN RAISE 'no'; END IF; RETURN '[{"id": 1}]'; END$$;
		CREATE TABLE app.broken (); GRANT SELECT ON app.broken TO PUBLIC;
		CREATE FUNCTION app.version() RETURNS text STABLE LANGUAGE sql AS $$SELECT coalesce(sum(n), 0)::text FROM app.item$$;
		CREATE FUNCTION app.changed(since text) RETURNS jsonb STABLE LANGUAGE sql AS
			$$SELECT jsonb_agg(to_jsonb(i)) FROM app.item i WHERE city = 'delta' AND n > since::integer$$;
		CREATE FUNCTION app.delta() RETURNS SETOF app.item STABLE LANGUAGE sql AS $$SELECT * FROM app.item WHERE city = 'delta'$$;
		SELECT realtime.stream('app/items', 'items:{city}', 'app.items(text)', replay => true, access => 'app.may(text)');
		SELECT realtime.live_table('app.item', 'items:{city}'),
			realtime.stream('app/number', 'number', 'app.number()', merge => 'set'),
			realtime.stream('app/pages', 'pages', 'app.pages()'),
			realtime.stream('app/long', 'long', 'app.long()'),
			realtime.stream('app/shaky', 'shaky', 'app.shaky()'),
			realtime.stream('app/delta', 'deltas', 'app.delta()', delta_version => 'app.version()', delta_diff => 'app.changed(text)'),
			realtime.channel('app/lines', 'lines:{room}', merge => 'latest', max => 3, replay => true),
			realtime.channel('app/notes', 'notes:{room}', merge => 'crud'),
			realtime.channel('app/same', 'notes:{room}', merge => 'crud'),
			realtime.channel('app/people', 'people:{room}', merge => 'presence'),
			realtime.channel('app/mice', 'mice:{room}', merge => 'cursor'),
			realtime.channel('app/value', 'value:{room}', merge => 'set', replay => true),
			realtime.topic('named:{x}', 'replay', open => true),
			realtime.rpc('app/put', 'app.put(text, integer, integer)')`);
	await server.declared('app/put', ['x', 0, 0]);
});
after(() => server?.stop());
afterEach(() => made.end());

async function connected(options = {}) {
	[sent, received] = [[], []];
	way = await made.way(server.port);
	client = made.client(way.url, { spy: { sent: (frame) => sent.push(frame), received: (frame) => received.push(frame) }, ...options });
	return client;
}

const publish = (topic, event, data, how = '') =>
	server.psql(`SELECT realtime.publish('${topic}', '${event}', '${JSON.stringify(data)}'${how})`);
const isConnected = (store) => until(() => store.status.current === 'connected', 'the stream');
const followers = (topic) => server.psql(`SELECT realtime.subscribers('${topic}')`).then(Number);
const asks = () => sent.flatMap((frame) => frame.batch ?? [frame]).filter((frame) => frame.stream);
const replies = () => received.filter((frame) => frame.topic === '__rpc').map((frame) => frame.data);

async function follow(store) {
	const seen = watch(store);

	await isConnected(store);
	return seen;
}

describe('a stream', () => {
	it('has its rows, and what happens to them', limit, async () => {
		await connected();
		const berlin = client.stream('app/items')('berlin');
		const status = watch(berlin.status);
		const seen = await follow(berlin);

		await shows(seen, (rows) => rows?.length === 0);
		await client.rpc('app/put')('berlin', 1, 5);
		await client.rpc('app/put')('berlin', 2, 6);
		await client.rpc('app/put')('berlin', 1, 7);
		await shows(seen, (rows) => rows.length === 2 && rows[0].n === 7);
		await server.psql('DELETE FROM app.item WHERE id = 1');
		await shows(seen, (rows) => rows.length === 1 && rows[0].id === 2);
		assert.deepEqual(status.values, ['loading', 'connected']);
		assert.equal(seen.values[0], undefined);
	});

	it('is merged as its declaration says', limit, async () => {
		await connected();
		const room = (path) => client.stream(path)('x');
		const [lines, notes, people, mice, value] = await Promise.all(
			['app/lines', 'app/notes', 'app/people', 'app/mice', 'app/value'].map((path) => follow(room(path))));

		for (const n of [1, 2, 3, 4])
			await publish('lines:x', 'any', n);
		await publish('notes:x', 'created', { id: 1, a: 1 });
		await publish('notes:x', 'updated', { id: 1, a: 2 });
		await publish('people:x', 'join', { key: 'ann', n: 1 });
		await publish('people:x', 'join', { key: 'bob' });
		await publish('people:x', 'leave', { key: 'ann' });
		await publish('mice:x', 'update', { key: 'ann', x: 1 });
		await publish('mice:x', 'update', { key: 'ann', x: 2 });
		await publish('value:x', 'any', { deep: [1] });
		await shows(lines, (list) => JSON.stringify(list) === '[2,3,4]');
		await shows(notes, (list) => JSON.stringify(list) === '[{"a":2,"id":1}]');
		await shows(people, (list) => JSON.stringify(list) === '[{"key":"bob"}]');
		await shows(mice, (list) => JSON.stringify(list) === '[{"x":2,"key":"ann"}]');
		await shows(value, (one) => JSON.stringify(one) === '{"deep":[1]}');
	});

	it('is one for its arguments, and left when the last one leaves', limit, async () => {
		await connected();
		const notes = client.stream('app/notes');
		const [a, b, other] = [watch(notes('left')), watch(notes('left')), watch(notes('other'))];

		assert.equal(notes('left'), notes('left'));
		await isConnected(notes('left'));
		await isConnected(notes('other'));
		assert.equal(asks().length, 2);
		assert.equal(await followers('notes:left'), 1);
		a.stop();
		await publish('notes:left', 'created', { id: 1 });
		await shows(b, (rows) => rows.length === 1);
		b.stop();
		await until(async () => await followers('notes:left') === 0, 'it to be left');
		assert.deepEqual(other.last, []);
	});

	it('is left that was wanted for a moment only', limit, async () => {
		await connected();
		client.connect();
		await isStatus(client, 'open');
		for (let i = 0; i < 20; i++) {
			const one = watch(client.stream('app/notes')(`moment${i}`));
			await new Promise((resolve) => setTimeout(resolve, i % 3));
			one.stop();
		}
		await until(async () => replies().length >= asks().length, 'the replies');
		await until(async () => await server.psql(`SELECT sum(realtime.subscribers('notes:moment' || n)) FROM generate_series(0, 19) n`) === '0', 'them to be left');
	});

	it('stays when another one of its topic goes, whatever order things come in', limit, async () => {
		await connected();
		const [one, other] = [client.stream('app/notes')('both'), client.stream('app/same')('both')];

		for (let i = 0; i < 10; i++) {
			const a = await follow(one);
			const b = watch(other);
			a.stop();					// its unsubscribe comes between the question and the answer
			await isConnected(other);
			await publish('notes:both', 'created', { id: i });
			await shows(b, (rows) => rows?.some((row) => row.id === i));
			b.stop();
			await until(async () => await followers('notes:both') === 0, 'it to be left');
		}
	});

	it('gets no event of another one', limit, async () => {
		await connected();
		const rooms = await Promise.all(Array.from({ length: 20 }, (_, i) => follow(client.stream('app/notes')(`r${i}`))));
		const notes = await server.connect();

		await server.psql(`SELECT realtime.publish('notes:r' || (n % 20), 'created', jsonb_build_object('id', n, 'room', n % 20)) FROM generate_series(0, 399) n`);
		await notes.close();
		await Promise.all(rooms.map((seen) => shows(seen, (rows) => rows.length === 20)));
		rooms.forEach((seen, i) => assert.ok(seen.last.every((row) => row.room === i)));
	});

	it('that may not be followed says so, and keeps what it has', limit, async () => {
		await connected();
		const secret = client.stream('app/items')('secret');
		const none = client.stream('app/none');
		const seen = watch(secret);

		watch(none);
		await until(() => secret.error.current && none.error.current, 'errors');
		assert.deepEqual([secret.error.current.code, secret.status.current, seen.last], ['UNAUTHENTICATED', 'error', undefined]);
		assert.equal(none.error.current.code, 'NOT_FOUND');
		assert.equal(client.quiescent.current, true);
	});

	it('keeps its rows when the connection is over for good', limit, async () => {
		await connected();
		const store = client.stream('app/items')('berlin');
		const seen = await follow(store);

		await shows(seen, (rows) => rows?.length === 1);
		client.close();
		assert.deepEqual([store.error.current.code, store.status.current], ['CONNECTION_CLOSED', 'error']);
		assert.equal(seen.last.length, 1);
	});
});

describe('coming back', () => {
	it('brings what was missed, and nothing twice', limit, async () => {
		await connected();
		const lines = client.stream('app/value')('back');
		const items = client.stream('app/items')('back');
		const [value, rows] = [await follow(lines), await follow(items)];

		await publish('value:back', 'any', 1);
		await client.rpc('app/put')('back', 11, 1);
		await shows(value, (one) => one === 1);
		await shows(rows, (list) => list.length === 1);
		way.shut();
		await until(() => items.status.current === 'reconnecting', 'the end');
		await publish('value:back', 'any', 2);
		await server.psql(`INSERT INTO app.item VALUES (12, 'back'), (13, 'back'); DELETE FROM app.item WHERE id = 11`);
		sent.length = 0;
		way.open();
		await shows(value, (one) => one === 2);
		await shows(rows, (list) => JSON.stringify(list.map((row) => row.id)) === '[12,13]');
		assert.ok(asks().every((frame) => frame.seq > 0), JSON.stringify(asks()));
		assert.equal(replies().filter((reply) => reply.replay === true).length, 2);
		await until(() => client.quiescent.current, 'quiet');
	});

	it('brings what has changed since a version', limit, async () => {
		await connected();
		await server.psql(`INSERT INTO app.item VALUES (21, 'delta', 1), (22, 'delta', 2)`);
		const seen = await follow(client.stream('app/delta'));

		way.cut();
		await until(() => replies().some((reply) => reply.unchanged), 'nothing to be told');
		assert.equal(seen.last.length, 2);
		way.shut();
		await server.psql(`INSERT INTO app.item VALUES (23, 'delta', 1000000)`);
		way.open();
		await shows(seen, (rows) => rows.length === 3);
		assert.equal(replies().at(-1).delta, true);
		await server.psql(`DELETE FROM app.item WHERE city = 'delta'`);
	});

	it('keeps a hundred streams, through cuts and a restart of the server', limit, async () => {
		await connected();
		const stores = Array.from({ length: 100 }, (_, i) => client.stream('app/value')(`many${i}`));
		const seen = stores.map(watch);

		await Promise.all(stores.map(isConnected));
		for (const [round, disturb] of [() => way.cut(), () => server.restart(), () => way.cut()].entries()) {
			await disturb();
			await server.psql(`SELECT realtime.publish('value:many' || n, 'any', to_jsonb(${round + 1} * 1000 + n)) FROM generate_series(0, 99) n`);
			await Promise.all(seen.map((one, i) => shows(one, (value) => value === (round + 1) * 1000 + i)));
		}
	});

	it('shows in the end what the database has, however often it is cut', limit, async () => {
		await connected();
		const items = await follow(client.stream('app/items')('torn'));
		const lines = await follow(client.stream('app/lines')('torn'));
		let last;
		const writing = server.psql(Array.from({ length: 600 }, (_, i) => `
			INSERT INTO app.item VALUES (${1000 + i}, 'torn', ${i});
			UPDATE app.item SET n = n + 1 WHERE id = ${1000 + Math.floor(i / 2)};
			DELETE FROM app.item WHERE id = ${1000 + i - 20};
			SELECT realtime.publish('lines:torn', 'any', '${i}'), pg_sleep(0.002);`).join('')).then(() => { last = true; });

		await until(() => {
			way.cut();
			return last;
		}, 'the writer');
		await writing;
		const rows = JSON.parse(await server.psql(`SELECT json_agg(i ORDER BY id) FROM app.item i WHERE city = 'torn'`));
		await shows(items, (list) => JSON.stringify([...list].sort((a, b) => a.id - b.id)) === JSON.stringify(rows));
		await shows(lines, (list) => JSON.stringify(list) === '[597,598,599]');
	});

	it('after a minute without anybody begins with what was there', limit, async () => {
		await connected();
		const store = client.stream('app/value')('again');
		let seen = await follow(store);

		await publish('value:again', 'any', 'first');
		await shows(seen, (one) => one === 'first');
		seen.stop();
		await until(async () => await followers('value:again') === 0, 'it to be left');
		await publish('value:again', 'any', 'second');
		seen = watch(store);
		assert.equal(seen.values[0], 'first');
		await shows(seen, (one) => one === 'second');
		assert.ok(asks().at(-1).seq > 0);
	});
});

describe('what is lost', () => {
	it('is loaded anew: the marker', limit, async () => {
		await connected();
		const items = client.stream('app/notes')('slow');
		const seen = await follow(items);

		way.hold();
		await server.psql(`SELECT realtime.publish('notes:slow', 'created', jsonb_build_object('id', n, 'text', repeat('x', 8000))) FROM generate_series(1, 4000) n`);
		way.resume();
		await until(() => received.some((frame) => frame.event === 'truncated'), 'the marker');
		await until(() => asks().length >= 2 && items.status.current === 'connected', 'another question');
		assert.equal(asks().at(-1).seq, undefined);
		await publish('notes:slow', 'created', { id: 5000 });
		await shows(seen, (rows) => rows.at(-1).id === 5000);
	});

	it('of numbered topics comes later', limit, async () => {
		await connected();
		const seen = await follow(client.stream('app/items')('slow'));

		way.hold();
		await server.psql(`INSERT INTO app.item SELECT 5000 + n, 'slow', 0, repeat('x', 8000) FROM generate_series(1, 900) n`);
		way.resume();
		await shows(seen, (rows) => rows.length === 900);
		await server.psql(`DELETE FROM app.item WHERE city = 'slow'`);
		await shows(seen, (rows) => rows.length === 0);
	});

	it('a value that is loaded anew takes the place of what there is', limit, async () => {
		await connected();
		const seen = await follow(client.stream('app/number'));

		await server.psql(`INSERT INTO app.item VALUES (31, 'x', 1234567); SELECT realtime.invalidate('number')`);
		await shows(seen, (n) => n >= 1234567);
		await server.psql(`DELETE FROM app.item WHERE id = 31; SELECT realtime.invalidate('number')`);
		await shows(seen, (n) => n < 1234567);
	});

	it('what cannot be loaded is told, and that it can be again', limit, async () => {
		await connected();
		const store = client.stream('app/shaky');
		const seen = await follow(store);

		await server.psql(`ALTER TABLE app.broken ADD COLUMN x integer; INSERT INTO app.broken VALUES (1); SELECT realtime.invalidate('shaky')`);
		await until(() => store.error.current, 'the error');
		assert.deepEqual([store.status.current, store.error.current.code, seen.last], ['error', 'INTERNAL_ERROR', [{ id: 1 }]]);
		await server.psql(`TRUNCATE app.broken; SELECT realtime.invalidate('shaky')`);
		await until(() => store.error.current === null && store.status.current === 'connected', 'its end');
		await server.psql(`SELECT realtime.mark_degraded('shaky', 'maybe')`);
		await until(() => store.error.current?.code === 'DEGRADED' && store.status.current === 'connected', 'a word');
	});
});

describe('long values', () => {
	it('come in parts', limit, async () => {
		await connected();
		const seen = await follow(client.stream('app/long'));

		await shows(seen, (rows) => rows?.length === 3000);
		assert.ok(received.some((frame) => frame.topic === '__parts'));
		assert.deepEqual([seen.last[0].id, seen.last[2999].id], [1, 3000]);
	});

	it('come in pages', limit, async () => {
		await connected();
		const store = client.stream('app/pages');
		const seen = await follow(store);

		await shows(seen, (rows) => rows?.length === 10);
		assert.equal(store.hasMore, true);
		assert.deepEqual(await Promise.all([store.loadMore(), store.loadMore()]), [true, true]);
		await shows(seen, (rows) => rows.length === 20);
		assert.equal(await store.loadMore(), true);
		await shows(seen, (rows) => rows.length === 25 && rows.every((row, i) => row.id === i + 1));
		assert.deepEqual([store.hasMore, await store.loadMore()], [false, false]);
	});
});

describe('what a page begins with', () => {
	it('is shown at once, and followed from there', limit, async () => {
		await connected();
		await server.psql(`INSERT INTO app.item VALUES (41, 'page')`);
		const page = await server.request('/__realtime/load/app/items?args=%5B%22page%22%5D');
		await server.psql(`INSERT INTO app.item VALUES (42, 'page')`);
		const store = client.stream('app/items')('page').hydrate(JSON.parse(page.body));
		const seen = watch(store);

		assert.deepEqual(seen.values[0].map((row) => row.id), [41]);
		await shows(seen, (rows) => rows.length === 2);
		assert.ok(asks()[0].seq > 0);
		assert.equal(replies()[0].replay, true);
		assert.ok(seen.values.every((value) => value !== undefined));
	});

	it('is shown without a word of more', limit, async () => {
		await connected();
		const seen = watch(client.stream('app/number').hydrate(7));

		assert.equal(seen.values[0], 7);
		await shows(seen, (n) => n !== 7);
	});

	it('is not kept where pages are rendered', () => {
		const renderer = createClient({ url: server.url, WebSocket, enabled: false });
		const stream = renderer.stream('app/items');

		assert.deepEqual(stream('a').hydrate([{ id: 1 }]).current, [{ id: 1 }]);
		assert.equal(stream('a').current, undefined);
		assert.equal(stream.hydrate([{ id: 2 }]).current[0].id, 2);
		assert.equal(stream.current, undefined);
		assert.equal(createClient().stream('app/items').hydrate([{ id: 3 }]).current[0].id, 3);
		watch(stream('a')).stop();
		assert.equal(renderer.status.current, 'disconnected');
	});
});

describe('which stream', () => {
	it('depends on a store, or on a condition', limit, async () => {
		await connected();
		const [room, on] = [new Store('s1'), new Store(false)];
		const values = client.stream('app/value');
		const seen = watch(switched(room, (name) => values(name)));
		const gated = watch(values('s1').when(on));

		await publish('value:s1', 'any', 'one');
		await publish('value:s2', 'any', 'two');
		await isConnected(values('s1'));
		await publish('value:s1', 'any', 'one');
		await shows(seen, (value) => value === 'one');
		assert.equal(gated.last, undefined);
		on.set(true);
		await shows(gated, (value) => value === 'one');
		on.set(false);
		assert.equal(gated.last, undefined);
		room.set('s2');
		await isConnected(values('s2'));
		await publish('value:s2', 'any', 'two');
		await shows(seen, (value) => value === 'two');
		await until(async () => await followers('value:s1') === 0, 'the first to be left');
	});

	it('is combined with others', limit, async () => {
		await connected();
		const [a, b] = [client.stream('app/value')('c1'), client.stream('app/notes')('c2')];
		const both = watch(combine(a, b.map((row) => row.id), (value, ids) => `${value}:${ids}`));

		await Promise.all([isConnected(a), isConnected(b)]);
		await publish('value:c1', 'any', 5);
		await publish('notes:c2', 'created', { id: 8 });
		await shows(both, (text) => text === '5:8');
	});
});

describe('a topic by its name', () => {
	it('tells each event, and what was missed', limit, async () => {
		await connected();
		const events = [];
		const topic = client.topic('named:a');
		const stop = topic.subscribe((event) => event && events.push(event.data));

		await until(async () => await followers('named:a') === 1, 'it to be followed');
		await publish('named:a', 'x', 1);
		await until(() => events.length === 1, 'the event');
		way.shut();
		await until(() => client.status.current !== 'open', 'the end');
		await publish('named:a', 'x', 2);
		await publish('named:a', 'x', 3);
		way.open();
		await until(() => events.length === 3, 'what was missed');
		await publish('named:a', 'x', 4);
		await until(() => events.length === 4, 'what is new');
		assert.deepEqual(events, [1, 2, 3, 4]);
		stop();
		await until(async () => await followers('named:a') === 0, 'it to be left');
	});

	it('that may not be followed says so', limit, async () => {
		await connected();
		const topic = client.topic('closed');

		watch(topic);
		await until(() => topic.error.current, 'the refusal');
		assert.match(topic.error.current.code, /FORBIDDEN|UNAUTHENTICATED/);
	});

	it('loses nothing while it is cut', limit, async () => {
		await connected();
		const events = [];
		let last;

		client.topic('named:torn').subscribe((event) => event && events.push(event.data));
		await until(async () => await followers('named:torn') === 1, 'it to be followed');
		await publish('named:torn', 'x', 0);
		await until(() => events.length === 1, 'the first one');
		const writing = server.psql(Array.from({ length: 300 }, (_, i) =>
			`SELECT realtime.publish('named:torn', 'x', '${i + 1}'), pg_sleep(0.003);`).join('')).then(() => { last = true; });
		await until(() => {
			way.cut();
			return last;
		}, 'the writer');
		await writing;
		await until(() => events.length >= 301, 'all events');
		assert.deepEqual(events, Array.from({ length: 301 }, (_, i) => i));
	});
});
