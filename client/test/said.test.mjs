// What the client says of what may be a mistake, of others or of its own.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { realtimeTransport } from '../hooks.js';
import * as all from '../index.js';
import { Layers } from '../src/layers.js';
import { createValue } from '../src/merge.js';
import { createClient, scripted, turn, watch } from './lib.mjs';

const { getAssertionCounters, Store } = all;

describe('what must be true', () => {
	const { NODE_ENV, VITEST } = process.env;
	let said;

	beforeEach((t) => {
		said = t.mock.method(console, 'error', () => {});
		process.env.NODE_ENV = 'production';
		delete process.env.VITEST;
	});
	afterEach(() => {
		for (const [name, value] of Object.entries({ NODE_ENV, VITEST })) {
			if (value === undefined)
				delete process.env[name];
			else
				process.env[name] = value;
		}
	});

	const texts = () => said.mock.calls.map(({ arguments: [text] }) => text);
	const count = (category) => getAssertionCounters().get(category) ?? 0;

	it('is told whatever is said of it', () => {
		const circle = {};

		circle.circle = circle;
		for (const context of [{ n: 1n }, circle])
			all.assert(false, 'test.context', context);
		assert.deepEqual(said.mock.calls.map(({ arguments: [text] }) => text),
			['[realtime/assert] {"category":"test.context","context":{"n":1}}', '[realtime/assert] {"category":"test.context"}']);
	});

	it('is counted and told if it is not, and what goes on does so', () => {
		all.assert(true, 'shop.adds-up');
		all.assert(0, 'shop.adds-up', { booking: 7 });
		all.assert(undefined, 'shop.adds-up');
		assert.equal(count('shop.adds-up'), 2);
		assert.deepEqual(texts(), ['[realtime/assert] {"category":"shop.adds-up","context":{"booking":7}}', '[realtime/assert] {"category":"shop.adds-up"}']);
	});

	for (const [name, value] of [['NODE_ENV', 'test'], ['VITEST', 'true']]) {
		it(`is an error in tests: ${name}`, () => {
			process.env[name] = value;
			assert.throws(() => all.assert(false, 'shop.fails'), /\[realtime\/assert\] \{"category":"shop.fails"\}/);
			assert.deepEqual([count('shop.fails') > 0, texts().length], [true, 1]);
		});
	}

	it('of changes that are hoped for has three names', () => {
		const event = (id) => ({ event: 'created', data: { id } });
		const layers = new Layers(({ data }) => data.id);
		const value = createValue({ merge: 'crud' });
		const fails = (name, run) => {
			const before = count(`optimistic.queue.${name}`);

			run();
			assert.equal(count(`optimistic.queue.${name}`), before + 1, name);
		};

		value.load([]);
		const [answered, stray] = [layers.add(event(1), true, value), layers.add(event(2), true, value)];

		assert.deepEqual([layers.confirm(answered), layers.remove(layers.add(event(3), true, value)).length, texts()], [[answered], 1, []]);
		fails('entry.shape', () => layers.confirm(answered));
		fails('serverValue-iff-nonempty', () => assert.equal(new Layers().over(undefined), undefined));
		stray.position = 7;
		fails('drain-precondition', () => assert.deepEqual(layers.load(true), [stray]));
	});

	it('holds for changes whatever comes', async () => {
		const script = scripted();
		const client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket, delay: () => 0 });
		const list = client.stream('a/b')();
		const before = new Map(getAssertionCounters());
		const change = (id) => list.mutate(() => client.rpc(`a/${id}`)(), { event: 'created', data: { id } });

		watch(list);
		const early = change(0);
		await turn();
		script.answer('a/b', [], { topic: 'a/b', merge: 'crud', key: 'id' });
		const [one, two] = [change(1), change(2)];
		await turn();
		script.answer('a/0', null);
		script.event('a/b', 'created', { id: 2 });
		script.answer('a/1', null);
		await Promise.all([early, one]);
		client.become('somebody else');
		await assert.rejects(two);
		await turn();
		assert.deepEqual(getAssertionCounters(), before);
		client.close();
	});
});

it('a thousand changes are gone through once for each word of the server', () => {
	let asked = 0;
	const layers = new Layers((change) => {
		asked++;
		return change.data.id;
	});
	const list = Array.from({ length: 1000 }, (_, i) => layers.add({ event: 'updated', data: { id: i % 2 } }, true));

	for (const layer of list.slice(0, 500))
		layer.position = 1;
	for (const layer of list.slice(2, 500))
		layer.pending = false;
	asked = 0;
	assert.deepEqual([layers.reach(1).length, layers.size, asked], [0, 1000, 1000], 'the first of each key waits');
	assert.deepEqual([layers.confirm(list[0]).length, layers.confirm(list[1]).length, asked], [250, 250, 2750]);
	assert.deepEqual(layers.remove(list[700]), [list[700]]);
	assert.equal(layers.absorb(() => true).length, 0);
});

describe('a mistake', () => {
	const warned = (t) => {
		const mocked = t.mock.method(console, 'warn', () => {});

		return () => mocked.mock.calls.map(({ arguments: [text] }) => text);
	};

	it('in map() is not said to users', (t) => {
		const texts = warned(t);
		const store = new Store({ rows: [1] });

		assert.deepEqual([watch(store.map((row) => row)).last, texts()], [[], []]);
	});

	it('in calls neither, and once for each path to who develops', (t) => {
		const texts = warned(t);
		const client = createClient({ url: 'ws://nowhere', WebSocket: scripted().WebSocket });
		const twice = (path) => [1, 2].map(() => client.rpc(path)(7).catch(() => {}));

		twice('a/b');
		assert.deepEqual(texts(), []);
		client.configure({ dev: true });
		twice('a/c');
		twice('a/c');
		twice('a/d');
		assert.deepEqual(texts(), ['a/c', 'a/d'].map((path) => `realtime: equal calls of '${path}' were sent once, see .fresh()`));
		client.close();
		Store.dev = false;
	});

	it('is said once for each store to who develops, whichever way he has said that', (t) => {
		const texts = warned(t);

		createClient({ enabled: false }).configure({ dev: true });
		for (const none of [undefined, null, []]) {
			const store = new Store(none);
			assert.deepEqual(watch(store.map((row) => row)).last, []);
		}
		assert.deepEqual(texts(), []);
		const store = new Store({ rows: [1] });
		const seen = watch(store.map((row) => row));
		store.set('a text');
		store.set([7]);
		store.set(7);
		assert.deepEqual([seen.values.flat(), texts()], [[7], ['realtime: map() of no list is empty']]);
		watch(new Store(7).map((row) => row));
		assert.equal(texts().length, 2);
	});
});

it('errors go over to pages with their codes, by the application\'s way if it has one', () => {
	// as SvelteKit does: the first that makes something of a value
	const carried = (transport, value) => {
		for (const [name, { encode, decode }] of Object.entries(transport)) {
			const made = encode(value);

			if (made)
				return [name, decode(JSON.parse(JSON.stringify(made)))];
		}
		return [];
	};
	const error = new all.RpcError('CONFLICT', 'taken', { issues: [{ path: ['a'], message: 'b' }] });
	const [name, back] = carried(realtimeTransport(), error);

	assert.deepEqual([name, back instanceof all.RealtimeError, back.code, back.message, back.issues], ['RealtimeError', true, 'CONFLICT', 'taken', error.issues]);
	for (const own of ['RpcError', 'LiveError', 'RealtimeError']) {
		const transport = realtimeTransport({ [own]: { encode: (value) => value instanceof all.RpcError && [value.code], decode: ([code]) => `mine: ${code}` } });
		assert.deepEqual(carried(transport, error), [own, 'mine: CONFLICT']);
	}
	class Vector { x = 1; }
	const transport = realtimeTransport({ Vector: { encode: (value) => value instanceof Vector && [value.x], decode: ([x]) => x } });
	assert.deepEqual([carried(transport, new Vector())[1], carried(transport, error)[0], carried(transport, 7)], [1, 'RealtimeError', []]);
	assert.throws(() => realtimeTransport({ Vector: { encode() {} } }), /Vector needs the functions encode and decode/);
});
