// What is shown before the server says it: forced orders with a scripted server,
// and many of them with a real one.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { createClient, limit, Made, patience, scripted, shows, startServer, turn, until, watch } from './lib.mjs';

describe('in every order of events and answers', () => {
	let script;
	let client;
	let list;
	let seen;

	async function begin(rows = [{ id: 1, done: false }], reply = {}, path = 'app/list', hold = patience) {
		script = scripted();
		client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket, delay: () => 0, hold });
		list = client.stream(path)();
		seen = watch(list);
		await turn();
		script.answer(path, rows, { topic: 'list', merge: 'crud', key: 'id', ...reply });
		await turn();
		return list;
	}
	afterEach(() => client.close());

	const ids = (value) => value.map((row) => row.id);
	const call = (path = 'app/do') => client.rpc(path).fresh();

	it('the event comes before the answer: nothing is there twice', async () => {
		await begin([]);
		const done = list.mutate(() => call(), { event: 'created', data: { id: 'temp', text: 'x' } });

		assert.deepEqual(ids(seen.last), ['temp']);
		await turn();
		script.event('list', 'created', { id: 17, text: 'x' });
		await turn();
		assert.deepEqual(ids(seen.last), ['temp'], 'it waits for the answer');
		script.answer('app/do', 17);
		assert.equal(await done, 17);
		await turn();
		assert.deepEqual(seen.values.map((value) => value && ids(value)), [undefined, [], ['temp'], [17]]);
	});

	it('and the same with a function', async () => {
		await begin([]);
		const done = list.mutate(() => call(), (rows) => [...rows, { id: 'temp' }]);

		await turn();
		script.event('list', 'created', { id: 17 });
		script.answer('app/do', 17);
		await done;
		await turn();
		assert.deepEqual(seen.values.map((value) => value && ids(value)), [undefined, [], ['temp'], [17]]);
	});

	it('of several calls nothing is there twice, nor away, whatever their events and answers do', async () => {
		await begin([]);
		const add = (n) => list.mutate(() => call(`app/${n}`), { event: 'created', data: { id: `temp${n}`, n } });
		const first = add(1);
		const second = add(2);
		const came = (n) => script.event('list', 'created', { id: n, n });
		const which = () => seen.last.map(({ n }) => n).sort().join();

		await turn();
		came(2);
		came(1);
		const third = add(3);
		assert.equal(which(), '1,2,3');
		script.answer('app/1', 1);
		await first;
		await turn();
		assert.equal(which(), '1,2,3', 'the first is answered, and the event of the second is there');
		script.refuse('app/3', 'NO');
		await assert.rejects(third);
		assert.equal(which(), '1,2');
		script.answer('app/2', 2);
		await second;
		await turn();
		assert.deepEqual(ids(seen.last), [2, 1]);
		for (const value of seen.values.filter(Boolean))
			assert.equal(new Set(value.map(({ n }) => n)).size, value.length);
		assert.ok(seen.values.slice(4).every((value) => [1, 2].every((n) => value.some((row) => row.n === n))));
	});

	it('a new row of somebody else waits for a moment only', async () => {
		await begin([], {}, 'app/list', 50);
		void list.mutate(() => call(), { event: 'created', data: { id: 'temp' } }).catch(() => {});
		await turn();
		script.event('list', 'created', { id: 99 });
		await until(() => ids(seen.last).includes(99), 'it to be shown');
		assert.deepEqual(ids(seen.last), [99, 'temp']);
	});

	it('a key of the client\'s own: the row never goes', async () => {
		await begin([]);
		const done = list.mutate(() => call(), { event: 'created', data: { id: 'uuid', text: 'x' } });

		await turn();
		script.event('list', 'created', { id: 'uuid', text: 'x', at: 'now' });
		script.answer('app/do', 1);
		await done;
		await turn();
		assert.deepEqual(seen.last, [{ id: 'uuid', text: 'x', at: 'now' }]);
		assert.ok(seen.values.slice(2).every((value) => value.length === 1));
	});

	it('two quick toggles: the event of the first does not undo the second', async () => {
		await begin();
		const toggle = (path, done) => list.mutate(() => call(path), { event: 'updated', data: { id: 1, done } });
		const first = toggle('app/a', true);
		const second = toggle('app/b', false);
		const from = seen.values.length;

		await turn();
		script.event('list', 'updated', { id: 1, done: true });
		script.answer('app/a', null);
		await first;
		await turn();
		assert.equal(seen.last[0].done, false);
		script.event('list', 'updated', { id: 1, done: false });
		script.answer('app/b', null);
		await second;
		await turn();
		assert.equal(seen.last[0].done, false);
		assert.ok(seen.values.slice(from).every(([row]) => row.done === false));
	});

	it('each refusal takes back its own change, and no other', async () => {
		await begin([{ id: 1, a: 0, b: 0, c: 0 }]);
		const change = (path, data) => list.mutate(() => call(path), { event: 'updated', data: { id: 1, ...data } });
		const all = [change('app/a', { a: 1 }), change('app/b', { b: 1 }), change('app/c', { c: 1 })];

		await turn();
		assert.deepEqual(seen.last, [{ id: 1, a: 1, b: 1, c: 1 }]);
		script.refuse('app/b', 'FORBIDDEN');
		await assert.rejects(all[1], { code: 'FORBIDDEN' });
		await turn();
		assert.deepEqual(seen.last, [{ id: 1, a: 1, b: 0, c: 1 }]);
		script.event('list', 'updated', { id: 1, a: 5, b: 5, c: 5 });
		await turn();
		assert.deepEqual(seen.last, [{ id: 1, a: 1, b: 5, c: 1 }]);
		script.refuse('app/a', 'CONFLICT');
		script.refuse('app/c', 'CONFLICT');
		await Promise.allSettled(all);
		await turn();
		assert.deepEqual(seen.last, [{ id: 1, a: 5, b: 5, c: 5 }]);
	});

	it('a lost connection takes all of them back at once', async () => {
		await begin();
		const all = [1, 2, 3].map((n) => list.mutate(() => call(`app/${n}`), { event: 'created', data: { id: `t${n}` } }));

		await turn();
		const before = seen.values.length;
		script.break();
		assert.deepEqual((await Promise.allSettled(all)).map((end) => end.reason.code), Array(3).fill('DISCONNECTED'));
		await turn();
		assert.equal(seen.values.length, before + 1);
		assert.deepEqual(ids(seen.last), [1]);
	});

	it('of a live query the change stays until its round has come', async () => {
		await begin([{ id: 1, n: 0 }], { topic: 'query:q', seq: 1 });
		script.say({ type: 'round', events: [], pos: 100 });
		const done = list.mutate(() => call(), { event: 'updated', data: { id: 1, n: 1 } });
		const from = seen.values.length;

		await turn();
		script.answer('app/do', 'ok', { pos: 250 });
		assert.equal(await done, 'ok');
		await turn();
		script.say({ type: 'round', events: [], pos: 249 });
		await turn();
		assert.equal(seen.last[0].n, 1);
		script.say({ type: 'round', events: [{ topic: 'query:q', event: 'updated', data: { id: 1, n: 1 }, seq: 2 }], more: true });
		await turn();
		script.say({ type: 'round', events: [], pos: 250 });
		await turn();
		assert.deepEqual(seen.last, [{ id: 1, n: 1 }]);
		assert.ok(seen.values.slice(from).every(([row]) => row.n === 1));
		script.event('query:q', 'updated', { id: 1, n: 2 }, { seq: 3 });
		await turn();
		assert.equal(seen.last[0].n, 2, 'nothing lies over it any more');
	});

	it('or until another connection has its rows', async () => {
		await begin([{ id: 1, n: 0 }], { topic: 'query:q', seq: 1 });
		const done = list.mutate(() => call(), { event: 'updated', data: { id: 1, n: 1 } });

		await turn();
		script.answer('app/do', 'ok', { pos: 250 });
		await done;
		script.break();
		await until(() => script.request('app/list')?.seq === 1, 'it to ask again');
		assert.equal(seen.last[0].n, 1);
		script.answer('app/list', [{ id: 1, n: 7 }], { topic: 'query:q', merge: 'crud', key: 'id', seq: 9, replay: false });
		await turn();
		assert.equal(seen.last[0].n, 7);
	});

	it('an event by hand goes when it is taken back, or when the server speaks of its key', async () => {
		await begin([]);
		const back = list.optimistic('created', { id: 'a' });

		assert.deepEqual(ids(seen.last), ['a']);
		back();
		await turn();
		assert.deepEqual(ids(seen.last), []);
		list.optimistic('created', { id: 'b', mine: true });
		script.event('list', 'created', { id: 'c' });
		await turn();
		assert.deepEqual(ids(seen.last), ['c', 'b']);
		script.event('list', 'created', { id: 'b' });
		script.event('list', 'deleted', { id: 'b' });
		await turn();
		assert.deepEqual(ids(seen.last), ['c']);
	});

	it('a value of another kind: set and latest', async () => {
		await begin({ n: 1 }, { merge: 'set', key: undefined });
		const done = list.mutate(() => call(), (now) => ({ ...now, n: now.n + 1 }));

		assert.deepEqual(seen.last, { n: 2 });
		await turn();
		script.event('list', 'any', { n: 10 });
		await turn();
		assert.deepEqual(seen.last, { n: 11 });
		script.refuse('app/do', 'NO');
		await assert.rejects(done, { code: 'NO' });
		await turn();
		assert.deepEqual(seen.last, { n: 10 });
	});

	it('can be spelled in three ways', async () => {
		await begin([]);
		const change = (rows, [id]) => [...rows, { id }];
		const rpc = client.rpc('app/do');
		const ends = [rpc.createOptimistic(list, ['x'], change), rpc.createOptimistic(list, change)('y'), list.createOptimistic(rpc, ['z'], change)];

		assert.deepEqual(ids(seen.last), ['x', 'y', 'z']);
		await turn();
		script.break();
		assert.equal((await Promise.allSettled(ends)).length, 3);
	});

	it('is undone and done again', async () => {
		await begin([]);
		list.enableHistory(10);
		const texts = () => ids(seen.last).join('');

		for (const id of ['a', 'b', 'c']) {
			script.event('list', 'created', { id });
			await turn();
		}
		list.undo();
		list.undo();
		assert.deepEqual([texts(), list.canUndo, list.canRedo], ['a', true, true]);
		list.redo();
		assert.equal(texts(), 'ab');
		script.event('list', 'created', { id: 'd' });
		await turn();
		assert.deepEqual([texts(), list.canRedo], ['abcd', false]);
		list.undo();
		assert.equal(texts(), 'ab');
	});
});

describe('with a server', () => {
	const made = new Made();
	let server;

	before(async () => {
		server = await startServer();
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE TABLE app.todo (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, text text CHECK (text <> 'bad'), done boolean DEFAULT false, turn integer DEFAULT 0);
			CREATE TABLE app.task (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, text text CHECK (text <> 'bad'), done boolean DEFAULT false, turn integer DEFAULT 0);
			GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
			CREATE FUNCTION app.todos() RETURNS SETOF app.todo STABLE LANGUAGE sql AS 'SELECT * FROM app.todo ORDER BY id';
			CREATE FUNCTION app.add(text text) RETURNS integer LANGUAGE sql AS 'INSERT INTO app.todo (text) VALUES (text) RETURNING id';
			CREATE FUNCTION app.set(k integer, v boolean, t integer DEFAULT NULL) RETURNS void LANGUAGE sql AS 'UPDATE app.todo SET done = v, turn = coalesce(t, turn) WHERE id = k AND (t IS NULL OR turn < t)';
			CREATE FUNCTION app.add_task(text text) RETURNS integer LANGUAGE sql AS 'INSERT INTO app.task (text) VALUES (text) RETURNING id';
			CREATE FUNCTION app.set_task(k integer, v boolean, t integer DEFAULT NULL) RETURNS void LANGUAGE sql AS 'UPDATE app.task SET done = v, turn = coalesce(t, turn) WHERE id = k AND (t IS NULL OR turn < t)';
			SELECT realtime.stream('app/todos', 'todos', 'app.todos()', replay => true);
			SELECT realtime.live_table('app.todo', 'todos'), realtime.rpc('app/add', 'app.add(text)'), realtime.rpc('app/set', 'app.set(integer, boolean, integer)'),
				realtime.rpc('app/add_task', 'app.add_task(text)'), realtime.rpc('app/set_task', 'app.set_task(integer, boolean, integer)'),
				realtime.query('app/tasks', 'SELECT id, text, done FROM app.task ORDER BY id'),
				realtime.query('app/count', 'SELECT 1 AS id, count(*) AS n, count(*) FILTER (WHERE done) AS done FROM app.task')`);
		await server.declared('app/count');
	});
	after(() => server?.stop());
	afterEach(() => made.end());

	for (const [kind, path, add, set] of [['a live table', 'app/todos', 'app/add', 'app/set'], ['a live query', 'app/tasks', 'app/add_task', 'app/set_task']]) {
		it(`rows of ${kind} that are added appear once, at once and for good`, limit, async () => {
			const client = made.client(server.url);
			const store = client.stream(path);
			const seen = watch(store);
			let id = 0;

			await until(() => store.status.current === 'connected', 'the stream');
			await Promise.all(Array.from({ length: 40 }, async (_, i) => {
				const text = `text ${i}`;
				await until(() => Math.random() < 0.3, 'chance');
				const added = client.rpc(add).createOptimistic(store, [text], (rows, args) => [...rows, { id: `temp${++id}`, text: args[0] }]);
				assert.equal(store.current.filter((row) => row.text === text).length, 1);
				await added;
			}));
			await shows(seen, (rows) => rows.filter((row) => /^text/.test(row.text) && typeof row.id === 'number').length === 40 && rows.every((row) => typeof row.id === 'number'));
			for (const rows of seen.values.filter(Boolean)) {
				const texts = rows.map((row) => row.text);
				assert.equal(new Set(texts).size, texts.length, 'nothing twice');
			}
			// from the moment that it was added each is there
			for (let i = 0; i < 40; i++) {
				const first = seen.values.findIndex((rows) => rows?.some((row) => row.text === `text ${i}`));
				assert.ok(seen.values.slice(first).every((rows) => rows.some((row) => row.text === `text ${i}`)), `text ${i} went away`);
			}
		});

		it(`a row of ${kind} that is toggled quickly never jumps back`, limit, async () => {
			const client = made.client(server.url);
			const store = client.stream(path);
			const seen = watch(store);
			const key = await client.rpc(add)('toggled');

			await shows(seen, (rows) => rows?.some((row) => row.id === key));
			const calls = [];
			/* executors run them in any order, so the function has the latest count */
			for (let i = 1; i <= 30; i++) {
				const done = i % 2 === 1;
				calls.push(store.mutate(() => client.rpc(set).fresh(key, done, i), { event: 'updated', data: { id: key, done } }));
				assert.equal(store.current.find((row) => row.id === key).done, done);
				if (i % 5 === 0) {
					const from = seen.values.length;
					await Promise.all(calls);
					await client.rpc(set).fresh(-1, true);
					assert.ok(seen.values.slice(from).every((rows) => rows.find((row) => row.id === key).done === done), 'it jumped');
				}
			}
		});

		it(`what is refused of ${kind} is taken back and told`, limit, async () => {
			const client = made.client(server.url);
			const store = client.stream(path);
			const seen = watch(store);

			await shows(seen, Array.isArray);			// in a browser only with the next frame
			const before = seen.last.length;
			const refused = client.rpc(add).createOptimistic(store, ['bad'], (rows, [text]) => [...rows, { id: 't', text }]);
			assert.equal(seen.last.length, before + 1);
			await assert.rejects(refused);
			await shows(seen, (rows) => rows.length === before);
		});
	}

	it('a list and its count agree, whenever they are looked at', limit, async () => {
		const client = made.client(server.url);
		const [tasks, count] = [client.query('app/tasks'), client.query('app/count')];
		const { combine } = await import('../index.js');
		const seen = [];

		combine(tasks, count, (rows, [one] = []) => seen.push(rows && one ? [rows.length, rows.filter((row) => row.done).length, one.n, one.done] : null)).subscribe(() => {});
		await until(() => tasks.status.current === 'connected' && count.status.current === 'connected', 'both');
		await client.rpc('app/add_task')('begin');
		await until(() => seen.at(-1)?.[0] > 0 && seen.at(-1)[0] === seen.at(-1)[2], 'a first round');
		const from = seen.length;
		for (let i = 0; i < 30; i++)
			await Promise.all([client.rpc('app/add_task')(`more ${i}`), client.rpc('app/set_task').fresh(i + 1, true)]);
		await until(async () => String(seen.at(-1)[0]) === await server.psql('SELECT count(*) FROM app.task'), 'all rows');
		assert.ok(seen.length > from);
		for (const [rows, done, n, counted] of seen.slice(from))
			assert.deepEqual([rows, done], [Number(n), Number(counted)]);
	});

	it('live queries come back with what was missed, in their order', limit, async () => {
		const way = await made.way(server.port);
		const sent = [];
		const received = [];
		const client = made.client(way.url, { spy: { sent: (frame) => sent.push(frame), received: (frame) => received.push(frame) } });
		const seen = watch(client.query('app/tasks'));
		let over = false;

		await shows(seen, Array.isArray);
		const writing = server.psql(Array.from({ length: 300 }, (_, i) => `INSERT INTO app.task (text) VALUES ('w${i}'); UPDATE app.task SET done = NOT done
			WHERE id = (SELECT id FROM app.task ORDER BY random() LIMIT 1); DELETE FROM app.task WHERE text = 'w${i - 10}'; SELECT pg_sleep(0.003);`).join('')).then(() => { over = true; });
		await until(() => {
			way.cut();
			return over;
		}, 'the writer');
		await writing;
		const rows = await server.psql('SELECT json_agg(t ORDER BY id) FROM (SELECT id, text, done FROM app.task) t');
		await shows(seen, (list) => JSON.stringify(list) === JSON.stringify(JSON.parse(rows)));
		assert.ok(sent.some((frame) => frame.stream && frame.seq > 0));
		assert.ok(received.some((frame) => frame.data?.replay === true), 'some of it from numbers');
	});
});
