// Who is told of something may do anything at that moment: call, close, become somebody
// else.  And nobody gets what was somebody else's.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '../index.js';
import { topicValue } from '../topic.js';
import { scripted, turn, until, watch } from './lib.mjs';

let script;
let client;
let sockets;

function begin(options = {}) {
	script = scripted();
	sockets = [];
	client = createClient({
		url: 'ws://nowhere', delay: () => 0, ...options,
		WebSocket: class extends script.WebSocket {
			constructor(url, protocols) {
				super();
				sockets.push({ token: protocols[1]?.slice('token.'.length), isClosed: false });
				this.number = sockets.length - 1;
			}

			close() { sockets[this.number].isClosed = true; }
		},
	});
	return client;
}
afterEach(() => client.close());

const isStatus = (status) => until(() => client.status.current === status, `the status ${status}`);
const sentOf = (type) => script.sent.filter((frame) => frame.type === type);

// Until that and all that it causes has happened.
async function open() {
	client.connect();
	await isStatus('open');
}

describe('who is told that the connection is lost', () => {
	it('may close it, and it stays closed', async () => {
		begin();
		client.failure.subscribe((failure) => failure && client.close());
		const statuses = watch(client.status);
		const stream = client.stream('a/b')();

		watch(stream);
		await isStatus('open');
		script.break();
		await turn();
		assert.deepEqual([client.status.current, statuses.last, stream.status.current], ['failed', 'failed', 'error']);
		assert.equal(sockets.length, 1);
		assert.equal(client.quiescent.current, true);
	});

	it('may call, for which there is one new connection, and not at once', async () => {
		const delays = [];

		begin({ delay: (attempt) => delays.push(attempt) });
		client.status.subscribe((status) => status === 'disconnected' && sockets.length > 0 && client.rpc('a/log')('lost'));
		await open();
		script.break();
		assert.equal(sockets.length, 1, 'not before the delay');
		await until(() => sockets.length === 2 && client.status.current === 'open', 'another one');
		script.answer('a/log', 1);
		await turn();
		assert.deepEqual([delays.length > 0, sockets.length, sockets[1].isClosed], [true, 2, false]);
	});

	it('for good may not call any more, whatever he is told by', async () => {
		const failed = [];

		begin();
		const stream = client.stream('a/b')();
		watch(stream);
		for (const store of [stream.error, stream.status, client.failure, client.status])
			store.subscribe(() => client.isDone && client.rpc('a/log').fresh('over').catch((error) => failed.push(error.code)));
		await open();
		client.isDone = true;
		script.break(4403);
		await turn();
		assert.ok(failed.length >= 4);
		assert.deepEqual([...new Set(failed)], ['CONNECTION_CLOSED']);
		assert.deepEqual([sockets.length, client.status.current], [1, 'failed']);
	});

	it('may become somebody else', async () => {
		begin({ token: 'ann' });
		client.failure.subscribe((failure) => failure?.code === 4401 && client.become('bob'));
		const seen = watch(client.stream('a/b')());

		await isStatus('open');
		script.break(4401);
		await isStatus('open');
		assert.deepEqual(sockets.map(({ token }) => token), ['ann', 'bob']);
		await until(() => script.request('a/b')?.id, 'the stream to ask');
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		await until(() => seen.last?.length === 1, 'its value');
	});
});

describe('who is told that it is connecting', () => {
	it('may follow what is the reason for it', async () => {
		const stops = [];

		begin();
		client.status.subscribe((status) => status === 'connecting' && stops.push(client.topic('news').subscribe(() => {})));
		stops.push(client.topic('news').subscribe(() => {}));
		await isStatus('open');
		await turn();
		assert.deepEqual(sentOf('subscribe-batch').map(({ topics }) => topics), [['news']]);
		stops.forEach((stop) => stop());
		assert.deepEqual(sentOf('unsubscribe').map(({ topic }) => topic), ['news']);
	});
});

describe('who is told that it is open', () => {
	it('may close it', async () => {
		begin();
		client.status.subscribe((status) => status === 'open' && client.close());
		client.connect();
		await isStatus('failed');
		await turn();
		assert.deepEqual([client.status.current, sockets[0].isClosed], ['failed', true]);
	});

	it('may close it before others are told', async () => {
		const connected = [];

		begin({ offline: { queue: true, beforeReplay: () => client.close() }, onConnect: () => connected.push(1) });
		const call = client.rpc('a/b')();
		await assert.rejects(call, { code: 'CONNECTION_CLOSED' });
		await turn();
		assert.deepEqual([client.status.current, connected, sockets.length], ['failed', [], 1]);
	});
});

describe('a stream', () => {
	it('that is watched when all is over says so', async () => {
		begin();
		await open();
		client.close();
		const stream = client.stream('a/b')();
		const seen = watch(stream);

		assert.deepEqual([stream.status.current, stream.error.current.code, client.quiescent.current], ['error', 'CONNECTION_CLOSED', true]);
		seen.stop();
	});

	it('that nobody watches is not asked for anew', async () => {
		begin();
		await open();
		client.stream('a/b')().reload();
		client.stream('a/b')().forget();
		await turn();
		assert.deepEqual([script.request('a/b'), client.quiescent.current], [undefined, true]);
	});

	it('that is forgotten while it is watched is asked for as if it were new', async () => {
		begin();
		const stream = client.stream('a/b')();
		const seen = watch(stream);

		await until(() => script.request('a/b'), 'the question');
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', seq: 7, schemaVersion: 3 });
		await until(() => seen.last?.length === 1, 'the value');
		stream.enableHistory();
		stream.forget();
		await until(() => script.request('a/b').seq === undefined && seen.last === undefined, 'it to be asked for');
		assert.deepEqual([script.request('a/b').schemaVersion, stream.status.current, stream.canUndo], [undefined, 'loading', false]);
		script.answer('a/b', [{ id: 2 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		await until(() => seen.last?.[0].id === 2, 'the other value');
	});

	it('that is answered late, and refused by then, is left', async () => {
		begin();
		const stream = client.stream('a/b')();

		watch(stream);
		await until(() => script.request('a/b'), 'the question');
		const { id } = script.request('a/b');
		stream.reload();
		await until(() => script.request('a/b').id !== id, 'the other one');
		script.say({ topic: '__rpc', event: id, data: { id, ok: true, data: [], topic: 'a/b', merge: 'crud', key: 'id' } });
		assert.deepEqual(sentOf('unsubscribe'), []);
		script.refuse('a/b', 'FORBIDDEN');
		assert.deepEqual([stream.error.current.code, sentOf('unsubscribe')], ['FORBIDDEN', [{ type: 'unsubscribe', topic: 'a/b' }]]);
	});

	it('that somebody has kept is the one that others get, with nothing of before', async () => {
		begin();
		const stream = client.stream('a/b')();
		const seen = watch(stream);

		await until(() => script.request('a/b'), 'the question');
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', seq: 7 });
		await until(() => seen.last?.length === 1, 'the value');
		seen.stop();
		for (let i = 0; i <= 1000; i++)
			client.stream('a/other')(i);
		await turn();
		assert.equal(stream.current, undefined);
		const again = watch(stream);
		assert.equal(client.stream('a/b')(), stream);
		await until(() => script.sent.filter((frame) => frame.rpc === 'a/b').length === 2, 'the question');
		assert.equal(script.request('a/b').seq, undefined);
		again.stop();
	});
});

describe('somebody else', () => {
	it('sees nothing that the one before has seen of topics, and misses nothing of theirs', async () => {
		begin();
		const topic = client.topic('news');
		const [left, seen] = [watch(client.topic('old')), watch(topic)];
		const old = client.topic('old');

		await isStatus('open');
		await turn();
		script.event('news', 'x', 1, { seq: 5 });
		script.event('old', 'x', 1, { seq: 5 });
		assert.equal(seen.last.data, 1);
		left.stop();
		client.become('bob');
		await isStatus('open');
		await turn();
		assert.equal(seen.last, undefined);
		const again = watch(old);
		await turn();
		assert.deepEqual([again.last, sentOf('replay')], [undefined, []]);
		again.stop();
		seen.stop();
	});

	it('sees nothing of before in any of two values of a topic, nor in one that nobody watches', async () => {
		begin();
		const [one, two, left] = ['n', 'n', 'old'].map((name) => topicValue(client, name, { merge: 'latest' }));
		const [a, b, gone] = [one, two, left].map(watch);

		await isStatus('open');
		await turn();
		script.event('n', 'x', 1, { seq: 5 });
		script.event('old', 'x', 1);
		await turn();
		assert.deepEqual([a.last, b.last, gone.last], [[1], [1], [1]]);
		gone.stop();
		script.say({ type: 'subscribe-denied', topic: 'n', reason: 'FORBIDDEN' });
		assert.deepEqual([one.error.current.code, two.error.current.code], ['FORBIDDEN', 'FORBIDDEN']);
		script.say({ type: 'subscribed', topic: 'n' });
		assert.deepEqual([one.error.current, two.error.current], [null, null]);
		client.become('bob');
		await isStatus('open');
		await turn();
		assert.deepEqual([a.last, b.last, left.current], [[], [], []]);
		assert.deepEqual(sentOf('replay'), []);
		script.event('n', 'x', 2, { seq: 1 });
		await turn();
		assert.deepEqual([a.last, b.last], [[2], [2]]);
		a.stop();
		script.event('n', 'x', 3, { seq: 2 });
		await turn();
		assert.deepEqual(b.last, [2, 3]);
		b.stop();
	});

	it('sees nothing of before in an old store of a topic that another one follows', async () => {
		begin();
		const old = client.topic('n');
		const before = watch(old);

		await isStatus('open');
		await turn();
		script.event('n', 'x', 'of ann', { seq: 5 });
		before.stop();
		client.become('bob');
		const newer = watch(client.topic('n'));
		const again = watch(old);
		assert.equal(again.last, undefined);
		await isStatus('open');
		await turn();
		script.event('n', 'x', 'of bob', { seq: 1 });
		assert.deepEqual([newer.last.data, again.last.data], ['of bob', 'of bob']);
		again.stop();
		newer.stop();
		const last = watch(old);
		await turn();
		assert.deepEqual(sentOf('replay').map(({ since }) => since), [1], 'it knows what it has seen by the other one');
		last.stop();
	});

	it('does not get the rest of a frame, nor is anybody else told of what has made him come', async () => {
		begin();
		const told = [];

		client.onSignal((event) => event === 'leave' && client.become('bob'));
		client.onSignal((event, data) => told.push(data));
		client.topic('n').subscribe((frame) => frame && told.push(frame.data));
		client.topic('go').subscribe((frame) => frame && client.become('bob'));
		client.attach((connection) => connection.listen({ received: ({ data }) => data === 'secret' && told.push(data) }));
		await isStatus('open');
		await turn();
		script.say({ type: 'batch', events: [{ topic: 'go', event: 'x', data: 'secret' }, { topic: 'n', event: 'x', data: 'rest' }] });
		await isStatus('open');
		await turn();
		assert.deepEqual([told, sockets.length], [[], 2]);
	});

	it('sees nobody that the one before has seen', async () => {
		begin();
		const room = client.presence('room');
		const seen = watch(room);

		await isStatus('open');
		script.say({ topic: '__presence:room', event: 'presence_state', data: { ann: 1 } });
		await until(() => seen.last.length === 1, 'somebody');
		client.become('bob');
		await until(() => seen.last.length === 0, 'nobody');
		await isStatus('open');
		script.say({ topic: '__presence:room', event: 'presence_state', data: { bob: 1 } });
		await until(() => seen.last.length === 1, 'somebody');
		seen.stop();
		await turn();
		assert.deepEqual(room.current, [], 'who is there is not known while nobody looks');
	});

	it('does not get a token of the one before that comes late', async () => {
		let late;
		let asked = 0;

		begin({ token: () => asked++ === 0 ? 'ann' : new Promise((resolve) => { late = resolve; }) });
		await open();
		script.say({ type: 'auth-expiring', exp: 1 });
		await until(() => late, 'the question');
		client.become('bob');
		await isStatus('open');
		late('ann again');
		await turn();
		assert.deepEqual([sentOf('auth'), sockets.map(({ token }) => token)], [[], ['ann', 'bob']]);
	});
});

describe('an entrance', () => {
	const entered = async (code) => {
		let asked = 0;

		begin();
		const room = client.presence('room', { enter: () => ++asked === 1 ? Promise.reject(Object.assign(new Error(code), { code })) : null });
		const seen = watch(room);

		await until(() => room.error.current, 'the refusal');
		return { room, seen, asked: () => asked };
	};

	it('that is refused for now is tried again', async (t) => {
		t.mock.method(Math, 'random', () => 0);
		const { room, seen, asked } = await entered('OVERLOADED');

		await until(() => asked() === 2 && room.error.current === null, 'another try');
		seen.stop();
	});

	it('that is refused is not, nor for who has left', async () => {
		const { seen, asked } = await entered('FORBIDDEN');

		await turn();
		assert.equal(asked(), 1);
		seen.stop();
	});
});

describe('a token', () => {
	it('that was refused is not the one of the next connection', async () => {
		begin({ token: 'good' });
		await open();
		const [first, second] = [client.authenticate('bad'), client.authenticate('worse')];

		for (let i = 0; i < 2; i++)
			script.say({ type: 'auth', ok: false, code: 'UNAUTHENTICATED', error: 'no' });
		await assert.rejects(first, { code: 'UNAUTHENTICATED' });
		await assert.rejects(second, { code: 'UNAUTHENTICATED' });
		script.break();
		await until(() => sockets.length === 2, 'another connection');
		assert.equal(sockets[1].token, 'good');
	});

	it('that is made before a connection is that of it', async () => {
		begin({ token: 'first', beforeReconnect: () => { client.authenticate('second'); } });
		await open();
		script.break();
		await until(() => sockets.length === 2, 'another connection');
		assert.equal(sockets[1].token, 'second');
	});
});

it('an answer to a question goes to the connection that has asked', async () => {
	let answer;

	begin();
	client.onPush('confirm', () => new Promise((resolve) => { answer = resolve; }));
	await isStatus('open');
	script.say({ type: 'request', ref: 1, event: 'confirm', data: {} });
	script.break();
	await isStatus('open');
	answer('yes');
	await turn();
	assert.deepEqual(sentOf('reply'), []);
	script.say({ type: 'request', ref: 1, event: 'confirm', data: {} });
	answer('no');
	await until(() => sentOf('reply').length === 1, 'the other answer');
	assert.deepEqual(sentOf('reply'), [{ type: 'reply', ref: 1, data: 'no' }]);
});

it('a batch in a batch is one of its own', async () => {
	begin();
	await open();
	let inner;
	const outer = client.batch(() => {
		client.rpc('a/x')(1);
		inner = client.batch(() => [client.rpc('a/y')(1), client.rpc('a/y')(2)]);
		client.rpc('a/x')(2);
	});

	await turn();
	assert.deepEqual(script.sent.filter((frame) => frame.batch).map(({ batch }) => batch.map(({ rpc }) => rpc)), [['a/y', 'a/y'], ['a/x', 'a/x']]);
	client.close();
	await Promise.allSettled([inner, outer]);
});

it('a connection that does not come about is given up, and tried again', async () => {
	begin({ silence: 50 });
	const Silent = class { close() { sockets.push('closed'); } };

	client.configure({ WebSocket: Silent });
	const call = client.rpc('a/b')();
	await assert.rejects(call, { code: 'DISCONNECTED' });
	assert.deepEqual([sockets, client.failure.current.reason], [['closed'], 'no connection']);
	await until(() => sockets.length > 1, 'another one');
});

it('connections that are cut as soon as they are open are told of, once', async (t) => {
	const said = t.mock.method(console, 'warn', () => {});
	const cut = async (before = () => {}) => {
		await open();
		await turn();
		before();
		script.break(1006);
	};

	begin();
	await cut();
	await cut(() => script.say({ type: 'welcome', sessionId: 's' }));
	await cut();
	assert.equal(said.mock.callCount(), 0, 'one in a row is none');
	for (let i = 0; i < 3; i++)
		await cut();
	assert.equal(said.mock.callCount(), 1);
});
