// Frames in orders that a server takes only now and then: forced by a scripted one.
import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import { createClient } from '../index.js';
import { topicValue } from '../topic.js';
import { bindView } from '../view.js';
import { scripted, turn, until, watch } from './lib.mjs';

let script;
let client;

function begin(options = {}) {
	script = scripted();
	client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket, delay: () => 0, ...options });
	return client;
}
afterEach(() => client.close());

// A stream that has been answered.
async function follow(path, data, reply = {}) {
	const store = client.stream(path)();
	const seen = watch(store);

	await turn();
	script.answer(path, data, { topic: path, merge: 'crud', key: 'id', ...reply });
	await turn();
	return { store, seen };
}

const asked = (path) => script.sent.flatMap((frame) => frame.batch ?? [frame]).filter((frame) => frame.rpc === path).length;

describe('numbers', () => {
	it('tell what is there already; a value that comes anew has its own', async () => {
		begin();
		const { seen } = await follow('a/b', [1], { merge: 'latest', max: 9, seq: 5 });

		script.event('a/b', 'x', 'again', { seq: 5 });
		script.event('a/b', 'x', 2, { seq: 6 });
		script.event('a/b', 'x', 'again', { seq: 6 });
		await turn();
		assert.deepEqual(seen.last, [1, 2]);
		script.event('a/b', 'refreshed', ['new'], { seq: 4 });
		script.event('a/b', 'x', 'behind', { seq: 5 });
		await turn();
		assert.deepEqual(seen.last, ['new', 'behind']);
		script.break();
		await until(() => script.request('a/b').seq === 5, 'the question');
	});

	it('are nothing after a loss, even if the answer to it is lost, too', async () => {
		begin();
		const { store, seen } = await follow('a/b', [{ id: 1 }], { seq: 5, version: 'v' });

		script.event('a/b', 'truncated', { reqId: 0, truncated: true });
		assert.equal(store.status.current, 'reconnecting');
		script.event('a/b', 'created', { id: 9 }, { seq: 99 });
		await turn();
		assert.deepEqual([script.request('a/b').seq, script.request('a/b').version], [undefined, undefined]);
		script.break();
		await until(() => asked('a/b') === 3, 'another question');
		assert.deepEqual([script.request('a/b').seq, script.request('a/b').version], [undefined, undefined]);
		script.answer('a/b', [{ id: 1 }, { id: 2 }], { topic: 'a/b', merge: 'crud', key: 'id', seq: 100, replay: false });
		await turn();
		assert.deepEqual([seen.last.length, store.status.current], [2, 'connected']);
	});

	it('of a value that is merged in another way by now are asked for again', async () => {
		begin();
		const { seen } = await follow('a/b', [{ id: 1 }], { seq: 5 });

		script.break();
		await until(() => asked('a/b') === 2, 'the question');
		script.answer('a/b', [], { topic: 'a/b', merge: 'crud', key: 'name', seq: 5, replay: true });
		await until(() => asked('a/b') === 3, 'another one');
		assert.equal(script.request('a/b').seq, undefined);
		script.answer('a/b', [{ name: 'x' }], { topic: 'a/b', merge: 'crud', key: 'name', seq: 5 });
		await turn();
		assert.deepEqual(seen.last, [{ name: 'x' }]);
	});

	it('of a page that was rendered are not put in the place of what is newer', async () => {
		begin();
		const { store, seen } = await follow('a/b', [{ id: 1 }, { id: 2 }], { seq: 50 });

		store.hydrate({ data: [{ id: 1 }], merge: 'crud', key: 'id', seq: 40 });
		script.event('a/b', 'created', { id: 3 }, { seq: 51 });
		await turn();
		assert.equal(seen.last.length, 3);
	});
});

describe('an answer', () => {
	it('with another page does not take back what has come since it was asked for', async () => {
		begin();
		const { store, seen } = await follow('a/b', [{ id: 1 }, { id: 2 }], { seq: 5, hasMore: true, cursor: 2 });
		const more = store.loadMore();

		await turn();
		script.event('a/b', 'updated', { id: 3, n: 'new' }, { seq: 6 });
		script.event('a/b', 'deleted', { id: 4 }, { seq: 7 });
		script.event('a/b', 'created', { id: 9 }, { seq: 8 });
		script.answer('a/b', [{ id: 3, n: 'old' }, { id: 4 }, { id: 5 }], { hasMore: true, cursor: 5 });
		assert.equal(await more, true);
		await turn();
		assert.deepEqual(seen.last, [{ id: 1 }, { id: 2 }, { id: 9 }, { id: 3, n: 'new' }, { id: 5 }]);
		// what is loaded anew meanwhile is newer than a page of before
		const other = store.loadMore();
		await turn();
		const { id } = script.request('a/b');
		script.event('a/b', 'updated', { id: 7, n: 'new' }, { seq: 9 });
		store.reload();
		await turn();
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', seq: 9, hasMore: true, cursor: 5 });
		script.say({ topic: '__rpc', event: id, data: { id, ok: true, data: [{ id: 7, n: 'old' }], hasMore: false } });
		assert.deepEqual([await other, store.hasMore], [false, true]);
		await turn();
		assert.deepEqual(seen.last, [{ id: 1 }]);
	});

	it('that says a stream is closed leaves null, until it is asked for again', async () => {
		begin();
		const { store, seen } = await follow('a/b', null, { topic: undefined, merge: undefined, gated: true });

		assert.deepEqual([seen.last, store.status.current, client.quiescent.current], [null, 'connected', true]);
		store.reload();
		await turn();
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		await turn();
		assert.deepEqual(seen.last, [{ id: 1 }]);
	});

	it('that says later is asked for later', async () => {
		begin();
		const store = client.stream('a/b')();

		watch(store);
		await turn();
		script.refuse('a/b', 'OVERLOADED');
		assert.equal(store.error.current.code, 'OVERLOADED');
		await until(() => asked('a/b') === 2, 'another question');
		script.answer('a/b', [], { topic: 'a/b', merge: 'crud', key: 'id' });
		assert.deepEqual([store.error.current, store.status.current], [null, 'connected']);
	});

	it('in parts of which the last ones are lost is none', async () => {
		begin();
		const seen = watch(client.stream('a/b')());

		await turn();
		const { id } = script.request('a/b');
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', more: true });
		script.say({ topic: '__parts', event: id, data: { items: [{ id: 2 }], more: true } });
		await turn();
		assert.equal(seen.last, undefined);
		script.break();
		await until(() => asked('a/b') === 2, 'another question');
		script.say({ topic: '__parts', event: id, data: { items: [{ id: 3 }], more: false } });
		script.answer('a/b', [{ id: 7 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		await turn();
		assert.deepEqual(seen.last, [{ id: 7 }]);
	});

	it('and the event behind it in one packet are both taken', async () => {
		begin();
		const seen = watch(client.stream('a/b')());

		await turn();
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		script.event('a/b', 'created', { id: 2 });
		await turn();
		assert.deepEqual(seen.values, [undefined, [{ id: 1 }, { id: 2 }]]);
	});

	it('to many may come in one frame, and events, too', async () => {
		begin();
		const [a, b] = [client.rpc('x/a')(), client.rpc('x/b')()];

		await turn();
		script.say({ topic: '__rpc', event: '__batch', data: { batch: [
			{ id: script.request('x/b').id, ok: true, data: 2 }, { id: script.request('x/a').id, ok: false, code: 'NO', error: 'no' }] } });
		await assert.rejects(a, { code: 'NO' });
		assert.equal(await b, 2);
		const { seen } = await follow('a/b', []);
		script.say({ type: 'batch', events: [{ topic: 'a/b', event: 'created', data: { id: 1 } }, { topic: 'a/b', event: 'created', data: { id: 2 } }] });
		await turn();
		assert.equal(seen.last.length, 2);
	});

	it('that nobody can read hurts nobody', async () => {
		const reported = [];

		begin();
		const { reportError } = globalThis;

		globalThis.reportError = (error) => reported.push(error);
		const { seen } = await follow('a/b', []);
		client.onSignal(() => { throw new Error('mine'); });
		script.socket.onmessage({ data: '{"topic":' });
		script.say({ topic: '__signal:ann', event: 'x', data: 1 });
		script.say(null);
		script.say([]);
		script.say({ topic: 5, event: {} });
		script.event('a/b', 'created', { id: 1 });
		await turn();
		globalThis.reportError = reportError;
		assert.equal(seen.last.length, 1);
		assert.ok(reported.length >= 2);
	});
});

describe('a close code', () => {
	const final = new Set([1008, 4401, 4403]);

	for (const code of [1000, 1001, 1005, 1006, 1008, 1009, 1011, 1012, 1013, 4000, 4401, 4403, 4408, 4429]) {
		it(`${code} is ${final.has(code) ? 'final' : 'none of the end'}`, async () => {
			begin();
			const { store, seen } = await follow('a/b', [{ id: 1 }], { seq: 5 });

			script.break(code);
			await until(() => client.status.current === (final.has(code) ? 'failed' : 'open'), 'what follows');
			assert.deepEqual([seen.last, store.status.current], [[{ id: 1 }], final.has(code) ? 'error' : 'reconnecting']);
			assert.equal(asked('a/b'), final.has(code) ? 1 : 2);
		});
	}
});

describe('what is told to all', () => {
	it('is a store, and a topic', async () => {
		begin();
		const [health, topic] = [watch(client.health), watch(client.topic('__realtime'))];

		await turn();
		script.event('__realtime', 'degraded', { at: 1 });
		script.event('__realtime', 'recovered', { at: 2 });
		assert.deepEqual(health.values, ['healthy', 'degraded', 'healthy']);
		assert.deepEqual(topic.values.slice(1).map(({ data }) => data.at), [1, 2]);
		assert.ok(script.sent.every((frame) => !JSON.stringify(frame).includes('__realtime')), 'nothing was asked for');
	});

	it('is so on its connection: the next one says it again, or that it is over by saying something else', async () => {
		begin();
		const health = watch(client.health);

		client.connect();
		await turn();
		script.event('__realtime', 'degraded');
		script.break();
		assert.equal(health.last, 'degraded');
		const next = async () => {
			script.break();
			await until(() => client.status.current === 'open', 'the next one');
			script.say({ type: 'welcome', sessionId: 's' });
			assert.equal(health.last, 'degraded', 'nothing is known yet');
		};

		await until(() => client.status.current === 'open', 'the next one');
		await next();
		script.event('__realtime', 'degraded');
		script.event('other', 'x', 1);
		assert.deepEqual(health.values, ['healthy', 'degraded'], 'it has been so all the time');
		await next();
		script.event('other', 'x', 1);
		assert.deepEqual(health.values, ['healthy', 'degraded', 'healthy']);
		script.event('__realtime', 'degraded');
		await next();
		script.event('__realtime', 'recovered');
		assert.deepEqual(health.values, ['healthy', 'degraded', 'healthy', 'degraded', 'healthy']);
	});
});

describe('a page that is on its way', () => {
	const page = (list) => list.map((id) => ({ id }));
	const ids = (seen) => seen.last.map(({ id }) => id);

	async function paged() {
		begin();
		const { store, seen } = await follow('a/b', page([1, 2]), { hasMore: true, cursor: 'c', seq: 5, version: 'v' });

		return { store, seen };
	}
	const answer = (id, data, more) => script.say({ topic: '__rpc', event: id, data: { id, ok: true, data, merge: 'crud', key: 'id', topic: 'a/b', ...more } });

	for (const [what, data, more] of [
		['replayed', [{ event: 'deleted', data: { id: 3 } }], { replay: true }],
		['patched', [{ id: 3, _deleted: true }], { delta: true }],
	]) {
		it(`does not bring back what is deleted in changes that are ${what}`, async () => {
			const { store, seen } = await paged();
			const further = store.loadMore();

			await until(() => script.request('a/b').cursor === 'c', 'the page');
			const { id } = script.request('a/b');
			// who has left, and comes back, asks again
			seen.stop();
			await turn();
			await turn();
			const again = watch(store);
			await until(() => script.request('a/b').seq === 5, 'the question');
			script.answer('a/b', data, { topic: 'a/b', merge: 'crud', key: 'id', seq: 6, version: 'w', ...more });
			answer(id, page([3, 4]), { hasMore: false });
			assert.equal(await further, false);
			await turn();
			assert.deepEqual([ids(again), store.hasMore], [[1, 2], true]);
			again.stop();
		});
	}

	it('is of no value that was refreshed; what had pages is loaded anew then', async () => {
		const { store, seen } = await paged();
		const first = store.loadMore();

		await until(() => script.request('a/b').cursor === 'c', 'the page');
		script.answer('a/b', page([3]), { topic: 'a/b', merge: 'crud', key: 'id', hasMore: false });
		assert.equal(await first, true);
		await turn();
		assert.deepEqual(ids(seen), [1, 2, 3]);
		const before = asked('a/b');
		script.event('a/b', 'refreshed', page([1, 9]), { seq: 7 });
		await until(() => asked('a/b') > before, 'the question');
		assert.equal(script.request('a/b').seq, undefined);
		script.answer('a/b', page([1, 9]), { topic: 'a/b', merge: 'crud', key: 'id', hasMore: true, cursor: 'd', seq: 8 });
		await turn();
		assert.deepEqual([ids(seen), store.hasMore], [[1, 9], true]);
	});

	it('is of no value whose events of before say that it was refreshed', async () => {
		const { seen } = await paged();

		script.break();
		await until(() => asked('a/b') === 2, 'the question');
		script.answer('a/b', [{ event: 'refreshed', data: page([9]) }], { replay: true, topic: 'a/b', merge: 'crud', key: 'id', seq: 7 });
		await until(() => asked('a/b') === 3, 'the whole value');
		assert.equal(script.request('a/b').seq, undefined);
		script.answer('a/b', page([9]), { topic: 'a/b', merge: 'crud', key: 'id', seq: 7 });
		await turn();
		assert.deepEqual(ids(seen), [9]);
	});

	it('is waited for by who asks again because it makes the client connect', async () => {
		begin();
		const store = client.stream('a/b')().hydrate(page([1]), { hasMore: true, cursor: 'c' });
		let inner;

		client.status.subscribe((status) => { inner ??= status === 'connecting' ? store.loadMore() : undefined; });
		const outer = store.loadMore();
		await until(() => script.request('a/b')?.cursor === 'c', 'the page');
		script.answer('a/b', page([2]), { merge: 'crud', key: 'id' });
		assert.deepEqual([await outer, await inner, asked('a/b')], [true, true, 1]);
	});
});

it('what was answered goes when the value that would contain it is refused', async () => {
	begin();
	const { store, seen } = await follow('a/b', [{ id: 1 }]);
	const wanted = { topic: 'a/b', merge: 'crud', key: 'id' };

	for (const code of ['FORBIDDEN', 'OVERLOADED']) {
		store.reload();
		script.break();
		await until(() => client.status.current === 'open' && store.status.current === 'reconnecting' && script.request('a/b').id, 'the question');
		await turn();
		const { id } = script.request('a/b');
		const done = store.mutate(() => client.rpc('a/c').fresh(), { event: 'created', data: { id: 2 } });
		await until(() => script.request('a/c'), 'the call');
		script.answer('a/c', null);
		await done;
		await turn();
		assert.deepEqual(seen.last.map((row) => row.id), [1, 2], 'until it is loaded');
		script.say({ topic: '__rpc', event: id, data: { id, ok: false, code, error: code } });
		await turn();
		assert.deepEqual(seen.last.map((row) => row.id), code === 'FORBIDDEN' ? [1] : [1, 2]);
	}
	store.reload();
	await turn();
	script.answer('a/b', [{ id: 1 }, { id: 2 }], wanted);
	await turn();
	assert.deepEqual(seen.last.map((row) => row.id), [1, 2]);
});

describe('a moment to tell', () => {
	it('that is undefined is the usual one, like other options', async () => {
		begin({ schedule: undefined, timeout: undefined });
		const { seen } = await follow('a/b', [{ id: 1 }]);
		const value = watch(topicValue(client, 'n', { merge: 'latest' }));

		client.configure({ schedule: undefined });
		script.event('a/b', 'created', { id: 2 });
		script.event('n', 'x', 1);
		await turn();
		assert.deepEqual([seen.last.length, value.last], [2, [1]]);
	});

	it('that fails once does not keep others from being told', async () => {
		const { reportError } = globalThis;
		let isBad = false;

		globalThis.reportError = () => {};
		begin({ schedule: (run) => { if (isBad) throw new Error('bad'); setTimeout(run); } });
		const { seen } = await follow('a/b', [{ id: 1 }]);
		const value = watch(topicValue(client, 'n', { merge: 'latest' }));

		await turn();
		isBad = true;
		script.event('a/b', 'created', { id: 2 });
		script.event('n', 'x', 1);
		isBad = false;
		script.event('a/b', 'created', { id: 3 });
		script.event('n', 'x', 2);
		await until(() => seen.last.length === 3 && value.last.length === 2, 'all of it');
		globalThis.reportError = reportError;
	});
});

describe('those who watch', () => {
	it('are told at once if that is wanted, also from now on', async () => {
		begin();
		const { seen } = await follow('a/b', []);

		script.event('a/b', 'created', { id: 1 });
		assert.equal(seen.last.length, 0);
		client.configure({ schedule: (run) => run() });
		await turn();
		script.event('a/b', 'created', { id: 2 });
		assert.equal(seen.last.length, 2);
	});
});

describe('a topic', () => {
	const names = (rows) => rows.map(({ name }) => name);

	it('is a value of what its events make, in any way of merging', async () => {
		begin();
		const crud = watch(topicValue(client, 'people', { merge: 'crud', key: 'name', prepend: true, max: 2, initial: [{ name: 'ann' }] }));
		const latest = watch(topicValue(client, 'people', { merge: 'latest', max: 2 }));
		const set = watch(topicValue(client, 'people', { merge: 'set' }));

		assert.deepEqual([crud.last, latest.last, set.last], [[{ name: 'ann' }], [], undefined]);
		await turn();
		script.event('people', 'created', { name: 'bob' });
		script.event('people', 'created', { name: 'eve' });
		script.event('people', 'updated', { name: 'eve', age: 7 });
		await turn();
		assert.deepEqual([crud.last, crud.values.length], [[{ name: 'eve', age: 7 }, { name: 'bob' }], 2], 'told once for all of them');
		assert.deepEqual([names(latest.last), set.last], [['eve', 'eve'], { name: 'eve', age: 7 }]);
		script.event('people', 'deleted', { name: 'bob' });
		await turn();
		assert.deepEqual(names(crud.last), ['eve']);
		assert.equal(script.sent.filter(({ type }) => type === 'subscribe-batch').length, 1);
	});

	it('goes on with what was missed, and begins anew for who comes later and for somebody else', async () => {
		begin();
		const topic = topicValue(client, 'lines', { merge: 'latest' });
		const seen = watch(topic);

		await turn();
		script.event('lines', 'said', 1, { seq: 1 });
		script.break();
		await until(() => script.sent.some(({ type, since }) => type === 'replay' && since === 1), 'the question');
		const { reqId } = script.sent.findLast(({ type }) => type === 'replay');
		script.event('__replay:lines', 'msg', { reqId, event: 'said', data: 2, seq: 2 });
		script.event('__replay:lines', 'end', { reqId, truncated: true });
		await turn();
		assert.deepEqual(seen.last, [1, 2], 'that not all could be told is no line');
		const later = watch(topicValue(client, 'lines', { merge: 'latest' }));
		script.event('lines', 'said', 3, { seq: 3 });
		await turn();
		assert.deepEqual([seen.last, later.last], [[1, 2, 3], [3]]);
		script.say({ type: 'subscribe-denied', topic: 'lines', ref: null, reason: 'FORBIDDEN' });
		assert.equal(topic.error.current.code, 'FORBIDDEN');
		client.become('somebody else');
		await turn();
		assert.deepEqual([seen.last, later.last], [[], []]);
	});
});

describe('a question', () => {
	it('names the version of the rows that the page was written for, and on the next connection that which was told', async () => {
		begin();
		watch(client.stream('a/b', { schemaVersion: 2 })());
		await turn();
		assert.equal(script.request('a/b').schemaVersion, 2);
		script.break();
		await until(() => asked('a/b') === 2, 'the question');
		assert.equal(script.request('a/b').schemaVersion, 2, 'nothing was told');
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', seq: 5, schemaVersion: 3 });
		script.break();
		await until(() => asked('a/b') === 3, 'the question');
		assert.deepEqual([script.request('a/b').schemaVersion, script.request('a/b').seq], [3, 5]);
	});

	it('for another page has the arguments of the stream, further ones, and the cursor', async () => {
		begin();
		const store = client.stream('a/b')(7);
		const seen = watch(store);

		await turn();
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id', hasMore: true, cursor: 'c' });
		const more = store.loadMore('newest', { size: 2 });
		await turn();
		const { args, cursor, stream } = script.request('a/b');
		assert.deepEqual([args, cursor, stream], [[7, 'newest', { size: 2 }], 'c', true]);
		script.answer('a/b', [{ id: 2 }], { hasMore: false });
		assert.equal(await more, true);
		await turn();
		assert.deepEqual([seen.last.map(({ id }) => id), store.hasMore], [[1, 2], false]);
	});
});

describe('a subscription that is taken away', () => {
	it('is told to all streams of its topic', async () => {
		begin();
		const [one, other] = [await follow('a/b', [{ id: 1 }], { topic: 't' }), await follow('a/c', [], { topic: 't' })];

		script.say({ type: 'subscribe-denied', topic: 't', ref: null, reason: 'FORBIDDEN' });
		assert.deepEqual([one.store.error.current.code, other.store.error.current.code, one.seen.last], ['FORBIDDEN', 'FORBIDDEN', [{ id: 1 }]]);
	});
});

describe('calls', () => {
	it('that cannot be written fail, and no other', async () => {
		begin();
		const ring = {};
		ring.ring = ring;
		const [good, bad] = [client.rpc('x/a')(1), client.rpc('x/b')(ring)];

		await assert.rejects(bad, TypeError);
		await turn();
		script.answer('x/a', 1);
		assert.equal(await good, 1);
		await assert.rejects(client.rpc('x/c')(ring), TypeError);
	});

	it('that wait for a connection are a thousand at most', async () => {
		script = scripted();
		client = createClient({ url: 'ws://nowhere', WebSocket: class { close() {} } });
		const calls = Array.from({ length: 1001 }, (_, i) => client.rpc('x/a')(i));

		await assert.rejects(calls[0], { code: 'QUEUE_FULL' });
		client.close();
		assert.ok((await Promise.allSettled(calls)).slice(1).every(({ reason }) => reason.code === 'CONNECTION_CLOSED'));
	});

	it('with a key that are too long for the server are not sent for ever', async () => {
		begin({ offline: { queue: true } });
		client.connect();
		await turn();
		const call = client.rpc('x/a').with({ idempotencyKey: 'k' })('long');
		script.break(1009);
		await assert.rejects(call, { code: 'DISCONNECTED' });
	});
});

describe('a token', () => {
	it('that hardly lasts is not asked for again and again', async () => {
		let made = 0;

		begin({ token: () => `token${++made}` });
		client.connect();
		await turn();
		for (let i = 0; i < 10; i++) {
			script.say({ type: 'auth-expiring', exp: 1 });
			await turn();
			script.say({ type: 'auth', ok: true, exp: 1 });
		}
		assert.equal(made, 2);
	});
});

describe('a view', () => {
	it('shows that there is nothing yet, what there is, and what is wrong beside it', async () => {
		const shown = [];

		begin();
		const stop = bindView(client.stream('a/b')(), {
			loading: () => shown.push('loading'),
			ready: (rows, { status, error }) => shown.push(`${rows.length} ${status} ${error?.code ?? ''}`),
			error: (error, rows) => shown.push(`${error.code} ${rows?.length}`),
		});

		await turn();
		script.answer('a/b', [{ id: 1 }], { topic: 'a/b', merge: 'crud', key: 'id' });
		await turn();
		assert.deepEqual([shown[0], shown.at(-1)], ['loading', '1 connected ']);
		script.say({ type: 'subscribe-denied', topic: 'a/b', ref: null, reason: 'FORBIDDEN' });
		assert.deepEqual(shown.slice(-2), ['FORBIDDEN 1', '1 error FORBIDDEN']);
		stop();
		const before = shown.length;
		script.break();
		await turn();
		assert.equal(shown.length, before);
		const only = [];
		bindView(client.stream('a/c')(), { error: (error, rows) => only.push([error.code, rows]) });
		await until(() => asked('a/c') === 1, 'the question');
		script.refuse('a/c', 'NOT_FOUND');
		assert.deepEqual(only, [['NOT_FOUND', undefined]]);
	});
});

// A page with a window, as far as the client looks at it.
describe('a page', () => {
	const page = (hidden) => {
		const document = Object.assign(new EventTarget(), { hidden });

		globalThis.document = document;
		return { document, show(isHidden) { document.hidden = isHidden; document.dispatchEvent(new Event('visibilitychange')); } };
	};

	it('that is hidden is suspended, and looks whether the server is there when it is seen', async () => {
		const { show } = page(false);

		begin();
		client.connect();
		await turn();
		assert.equal(client.status.current, 'open');
		show(true);
		assert.equal(client.status.current, 'suspended');
		script.sent.length = 0;
		show(false);
		assert.deepEqual([client.status.current, script.sent[0].type], ['open', 'resume']);
		client.close();
		show(true);
		assert.equal(client.status.current, 'failed');
		delete globalThis.document;
	});

	it('tries at once when it is seen again, but not if the server has had too much', async () => {
		const { show } = page(false);

		begin({ delay: () => 3600000 });
		client.connect();
		await turn();
		script.break();
		assert.equal(client.status.current, 'disconnected');
		show(false);
		await turn();
		assert.equal(client.status.current, 'open');
		script.break(4429);
		show(false);
		await turn();
		assert.equal(client.status.current, 'disconnected');
		delete globalThis.document;
	});

	it('is told once per frame, and without frames while it is hidden', async () => {
		const { document } = page(false);
		const frames = [];

		globalThis.requestAnimationFrame = (run) => frames.push(run);
		globalThis.cancelAnimationFrame = () => {};
		mock.timers.enable({ apis: ['setTimeout'] });
		const { Frame } = await import('../src/frame.js?page');
		const frame = new Frame();
		let asked = 0;
		const store = { recompute: () => { asked++; return false; } };

		for (let i = 0; i < 100; i++)
			frame.changed(store);
		assert.deepEqual([frames.length, asked], [1, 0]);
		frames.pop()();
		assert.equal(asked, 1);
		frame.changed(store);
		frames.length = 0;
		mock.timers.tick(300);		// hidden meanwhile: no frame comes
		assert.equal(asked, 2);
		document.hidden = true;
		frame.changed(store);
		mock.timers.tick(1);
		assert.deepEqual([frames.length, asked], [0, 3]);
		mock.timers.reset();
		for (const name of ['requestAnimationFrame', 'cancelAnimationFrame', 'document'])
			delete globalThis[name];
	});
});
