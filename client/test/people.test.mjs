// Signals, questions, who is there; rooms; the page's own client.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { realtimeTransport } from '../hooks.js';
import * as published from '../index.js';
import { createClient, limit, Made, scripted, secret, shows, startServer, token, turn, until, watch, WebSocket } from './lib.mjs';

const made = new Made();
let server;

before(async () => {
	server = await startServer({ settings: { 'realtime.jwt_secret': secret, 'realtime.presence_grace': '100ms', 'realtime.presence_heartbeat': '200ms' } });
	await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS $$SELECT realtime.user_id()$$;
		CREATE FUNCTION app.enter(room text) RETURNS void LANGUAGE sql AS
			$$SELECT realtime.presence_join('room:' || room, jsonb_build_object('name', realtime.user_id()))$$;
		CREATE FUNCTION app.quit(room text) RETURNS void LANGUAGE sql AS $$SELECT realtime.presence_leave('room:' || room)$$;
		CREATE FUNCTION app.point(board text) RETURNS void LANGUAGE sql AS
			$$SELECT realtime.cursor_join('point:' || board, jsonb_build_object('name', realtime.user_id()))$$;
		CREATE FUNCTION app.cards(board text) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '[]'::jsonb$$;
		CREATE FUNCTION app.seen(board text) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT jsonb_build_object('name', realtime.user_id())$$;
		CREATE FUNCTION app.add_card(board text, title text) RETURNS void LANGUAGE sql AS
			$$SELECT realtime.room_publish('created', jsonb_build_object('id', title))$$;
		SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter(text)'), realtime.rpc('app/quit', 'app.quit(text)'),
			realtime.rpc('app/point', 'app.point(text)'),
			realtime.room('app/board', 'board:{board}', 'app.cards(text)', presence => 'app.seen(text)', actions => '{"app.add_card(text, text)"}')`);
	await server.declared('app/me');
});
after(() => server?.stop());
afterEach(() => made.end());

const user = async (name, url = server.url) => {
	const client = made.client(url, { token: token({ sub: name }) });
	assert.equal(await client.rpc('app/me')(), name);
	return client;
};

describe('people', () => {
	it('get signals, each their own', limit, async () => {
		const [ann, bob] = [await user('ann'), await user('bob')];
		const [heard, other] = [[], []];
		const stop = ann.onSignal('ann', (event, data) => heard.push([event, data]));

		bob.onSignal((event) => other.push(event));
		await server.psql(`SELECT realtime.signal('ann', 'invited', '{"room": 1}')`);
		await until(() => heard.length === 1, 'the signal');
		assert.deepEqual([heard, other], [[['invited', { room: 1 }]], []]);
		stop();
		await server.psql(`SELECT realtime.signal('ann', 'again'), realtime.signal('bob', 'end')`);
		await until(() => other.length === 1, 'the other signal');
		await ann.rpc('app/me').fresh();
		assert.equal(heard.length, 1);
	});

	it('answer questions', limit, async () => {
		const ann = await user('ann');
		const ask = (event) => server.psql(`SELECT realtime.push('ann', '${event}', '{"amount": 5}', '60 s')`);

		ann.onPush('confirm', async ({ amount }) => ({ ok: amount < 10 }));
		ann.onPush('nothing', () => {});
		ann.onPush('refuse', () => { throw new Error('not now'); });
		assert.equal(await ask('confirm'), '{"ok": true}');
		assert.equal(await ask('nothing'), '');
		await assert.rejects(ask('refuse'), /not now/);
		await assert.rejects(ask('unknown'), /no handler for 'unknown'/);
	});

	it('see each other', limit, async () => {
		const way = await made.way(server.port);
		const [ann, bob] = [await user('ann'), await user('bob', way.url)];
		const room = (client) => client.presence('room:x', { enter: () => client.rpc('app/enter').fresh('x'), leave: () => client.rpc('app/quit')('x') });
		const [seen, other] = [watch(room(ann)), watch(room(bob))];
		const names = (people) => people.map(({ data }) => data.name).sort().join(' ');

		await shows(seen, (people) => names(people) === 'ann bob');
		await shows(other, (people) => names(people) === 'ann bob');
		way.shut();
		await shows(seen, (people) => names(people) === 'ann');
		way.open();
		await shows(seen, (people) => names(people) === 'ann bob');
		other.stop();
		await shows(seen, (people) => names(people) === 'ann');
	});

	it('see where the others point', limit, async () => {
		const way = await made.way(server.port);
		const [ann, bob] = [await user('ann'), await user('bob', way.url)];
		const board = (client) => client.cursors('point:x', { enter: () => client.rpc('app/point').fresh('x') });
		const [mine, his] = [board(ann), board(bob)];
		const [seen, other] = [watch(mine), watch(his)];

		// who has not been let in yet moves nothing
		await until(() => {
			mine.move({ x: 0 });
			return other.last.some(({ key }) => key === 'ann');
		}, 'the first position');
		for (let x = 1; x <= 100; x++)
			mine.move({ x });
		await shows(other, (cursors) => cursors.find(({ key }) => key === 'ann')?.data.x === 100);
		assert.deepEqual(other.last.find(({ key }) => key === 'ann').user, { name: 'ann' });
		assert.ok(other.values.length < 50, 'not each of them was sent');
		way.shut();
		await until(() => bob.status.current !== 'open', 'the end');
		mine.move({ x: 500 });
		way.open();
		await shows(other, (cursors) => cursors.find(({ key }) => key === 'ann')?.data.x === 500);
		await until(() => {
			his.move({ x: 7 });
			return seen.last.some(({ key }) => key === 'bob');
		}, 'the other one');
		bob.close();
		await shows(seen, (cursors) => cursors.every(({ key }) => key !== 'bob'));
	});

	it('enter and leave in the order in which they come and go, whatever the server answers first', async () => {
		const script = scripted();
		const client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket });
		const asked = () => script.sent.flatMap(({ rpc }) => rpc ?? []).join(' ');
		const call = (path) => () => client.rpc(path).fresh();
		const store = client.presence('x', { enter: call('enter'), leave: call('leave') });
		const join = (key) => script.event('__presence:x', 'presence_state', { [key]: {} });
		const keys = () => store.current.map(({ key }) => key).join();

		let seen = watch(store);
		await until(() => asked() === 'enter', 'the first question');
		join('ann');
		// gone and back before there is an answer: it has been in all the time
		seen.stop();
		seen = watch(store);
		await turn();
		assert.deepEqual([asked(), keys()], ['enter', 'ann']);
		seen.stop();
		await turn();
		assert.equal(asked(), 'enter', 'who leaves waits for the answer');
		script.answer('enter');
		await until(() => asked() === 'enter leave', 'the other question');
		seen = watch(store);
		await turn();
		assert.deepEqual([asked(), keys()], ['enter leave', '']);
		script.answer('leave');
		await until(() => asked() === 'enter leave enter', 'the third question');
		join('bob');
		await turn();
		assert.equal(keys(), 'bob');
		seen.stop();
		script.break();
		await turn();
		assert.equal(keys(), '');
		client.close();
		assert.equal(asked(), 'enter leave enter');
	});

	it('who may not enter is told', limit, async () => {
		const store = (await user('ann')).presence('room:y', { enter: () => Promise.reject(new Error('closed')) });

		watch(store);
		await until(() => store.error.current?.message === 'closed', 'the refusal');
	});
});

describe('a room', () => {
	it('has streams and actions', limit, async () => {
		const [ann, bob] = [await user('ann'), await user('bob')];
		const board = ann.room('app/board');
		const seen = watch(board.data('b1'));
		const there = watch(board.presence('b1'));

		assert.equal(board.add_card, board.add_card);
		await until(() => board.data('b1').status.current === 'connected', 'the data');
		await bob.room('app/board').add_card('b1', 'card');
		await shows(seen, (rows) => rows.length === 1 && rows[0].id === 'card');
		const other = watch(bob.room('app/board').data('b1'));
		await shows(there, (people) => people?.map(({ data }) => data.name).sort().join() === 'ann,bob');
		other.stop();
		await shows(there, (people) => people.map(({ data }) => data.name).join() === 'ann');
		assert.equal((await board) === board, true);
	});
});

describe('the published names', () => {
	it('are one client of the page', limit, async () => {
		const { __rpc, __stream, batch, configure, failure, health, on, onDerived, onSignal, quiescent, status, Store } = published;
		const me = __rpc('app/me');
		const data = __stream('app/board/__data', { merge: 'crud', key: 'id' });

		configure({ url: server.url, WebSocket, token: token({ sub: 'page' }) });
		assert.deepEqual(await batch(() => [me(), me()]), ['page', 'page']);
		const seen = watch(data('p'));
		const signals = [];
		onSignal('page', (event) => signals.push(event));
		await shows(seen, Array.isArray);
		await server.psql(`SELECT realtime.signal('page', 'hello'), realtime.topic('derived:{x}', open => true)`);
		await until(() => signals.length === 1, 'the signal');
		await server.open('derived:a');
		const name = new Store('a');
		const derived = watch(onDerived((x) => `derived:${x}`, name));
		await until(async () => await server.psql(`SELECT realtime.subscribers('derived:a')`) === '1', 'the topic');
		await server.psql(`SELECT realtime.publish('derived:a', 'x', '1')`);
		await shows(derived, (event) => event?.data === 1);
		derived.stop();
		seen.stop();
		assert.equal(typeof on('__realtime').subscribe, 'function');
		assert.deepEqual([status.current, failure.current, health.current, quiescent.current], ['open', null, 'healthy', true]);
		configure({ delay: () => 3600000 });
		await server.psql(`SELECT realtime.disconnect('page')`);
		await until(() => status.current === 'failed', 'the end');
	});

	it('and an error that keeps its code on its way', () => {
		const { RealtimeError } = published;
		const coder = realtimeTransport().RealtimeError;
		const error = new RealtimeError('VALIDATION', 'no', { issues: [{ path: ['a'], message: 'b' }] });
		const back = coder.decode(JSON.parse(JSON.stringify(coder.encode(error))));

		assert.deepEqual([back.code, back.message, back.issues], ['VALIDATION', 'no', error.issues]);
		assert.equal(coder.encode(new Error('x')), false);
		assert.throws(() => realtimeTransport({ Bad: {} }), TypeError);
	});
});
