// Calls that wait for a connection: whose they are, what a store keeps of them, what
// a server that is not ready does to them.  The store of a browser itself is tested
// in test/browser/offline.test.mjs.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '../index.js';
import { createOfflineStore } from '../offline.js';
import { scripted, turn, until } from './lib.mjs';

let script;
let client;

function begin(offline, options = {}) {
	script = scripted();
	client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket, delay: () => 1, offline: { queue: true, ...offline }, ...options });
	return client;
}
afterEach(() => client.close());

// What is kept lies in a list; a page that comes behind gets the same one.
class Kept {
	constructor(list = [], user = 'ann') {
		Object.assign(this, { list, user, log: [], last: 0, held: new Set() });
	}

	async put(call) {
		call.id ??= `id${++this.last}`;
		this.held.add(call.id);
		this.log.push(`${call.sent ? 'sent' : 'put'} ${call.members.args[0]}`);
		this.list = [...this.list.filter(({ id }) => id !== call.id), { ...call }];
	}

	async remove({ id, members }) {
		this.log.push(`remove ${members.args[0]}`);
		this.list = this.list.filter((call) => call.id !== id);
	}

	async claim(user) {
		this.log.push(`claim ${user}`);
		const mine = this.list.filter((call) => call.user === user && !this.held.has(call.id));

		mine.forEach(({ id }) => this.held.add(id));
		return mine.map(({ id, members, queuedAt, user: whose, sent }) => ({ id, members, queuedAt, user: whose, sent }));
	}

	release() {
		this.log.push('release');
		this.held.clear();
	}
}

// One that takes its time, until the test has it go on.
class Slow extends Kept {
	#waiting = [];

	get asked() { return this.#waiting.length; }

	goOn() {
		this.#waiting.splice(0).forEach((run) => run());
		return turn();
	}

	async #pause() {
		await new Promise((resolve) => this.#waiting.push(resolve));
	}

	async put(call) {
		await super.put(call);
		if (call.sent)
			await this.#pause();
	}

	async claim(user) {
		const calls = await super.claim(user);

		if (calls.length > 0)
			await this.#pause();
		return calls;
	}
}

// Locks of a browser, as two pages have them in common.
class Locks {
	#queues = new Map();		// by name, whose lock it is first

	async request(name, options, run = options) {
		const queue = this.#queues.get(name) ?? [];

		if (options.ifAvailable && queue.length > 0)
			return run(null);
		this.#queues.set(name, queue);
		const turnOf = new Promise((resolve) => queue.push(resolve));
		if (queue.length === 1)
			queue[0]();
		await turnOf;
		try {
			return await run({ name });
		} finally {
			queue.shift();
			queue[0]?.();
		}
	}
}

// A database of a browser with one table; between the look at all rows and its
// answer, whileRead is waited for.
function database(whileRead = () => {}) {
	const rows = new Map();
	const request = (result, event = 'onsuccess', more = {}, ready = undefined) => {
		const made = { result, ...more };
		Promise.resolve(ready).then(() => setTimeout(() => made[event]?.()));
		return made;
	};
	const table = {
		put: (row) => rows.set(row.id, { ...row }), delete: (id) => rows.delete(id),
		getAll: () => request([...rows.values()], 'onsuccess', {}, whileRead()),
	};

	return { open: () => request({ transaction: () => request(undefined, 'oncomplete', { objectStore: () => table }) }) };
}

const texts = () => script.sent.filter((frame) => frame.rpc).map((frame) => frame.args[0]);
const answerAll = async (n) => {
	for (let i = 0; i < n; i++) {
		await until(() => texts().length > i, 'a call');
		script.answer('a/b', i);
		await turn();
	}
};

describe('calls that wait', () => {
	it('are nobody else\'s', async () => {
		let user = 'ann';
		begin({ user: () => user });
		const call = client.rpc('a/b')('ann');

		user = 'bob';
		await until(() => client.status.current === 'open', 'a connection');
		const own = client.rpc('a/b').fresh('bob');
		await turn();
		assert.deepEqual(texts(), ['bob']);
		script.answer('a/b', 1);
		await own;
		user = 'ann';
		script.break();
		await answerAll(2);
		assert.equal(await call, 1);
		assert.deepEqual(texts(), ['bob', 'ann']);
	});

	it('are refused when their user has gone, and nobody has kept them', async () => {
		begin();
		const call = client.rpc('a/b')('ann');

		client.become('other');
		await assert.rejects(call, { code: 'STALE' });
		await until(() => client.status.current === 'open', 'a connection');
		await turn();
		assert.deepEqual(texts(), []);
	});

	it('are those of who they are made for, whoever hears first that he has come', async () => {
		const made = [];
		const call = (text) => made.push(client.rpc('a/b')(text).catch(({ code }) => code));
		begin({}, { onDisconnect: () => call('hook') });
		client.connect();
		await until(() => client.status.current === 'open', 'a connection');
		const stop = client.status.subscribe((status) => status === 'disconnected' && call('status'));
		client.become('bob');
		stop();
		await turn();
		client.attach((connection) => connection.listen({ lost: () => call('lost') }));
		client.become('carl');
		assert.deepEqual(await Promise.all(made.slice(0, 2)), ['DISCONNECTED', 'STALE']);
		await until(() => texts().includes('lost'), 'the call', 1000);
		await turn();
		script.answer('a/b', 1);
		assert.equal(await made[2], 1);
		assert.deepEqual(texts().slice(0, 2), ['status', 'lost']);
	});

	it('under way are not made by who comes behind their user', async () => {
		begin();
		client.connect();
		await until(() => client.status.current === 'open', 'a connection');
		const direct = client.rpc('a/b').with({ idempotencyKey: 'k1' })('direct');
		await until(() => texts().length === 1, 'the call');
		client.become('bob');
		await assert.rejects(direct, { code: 'DISCONNECTED' });
		const queued = client.rpc('a/b').with({ idempotencyKey: 'k2' })('queued');
		await until(() => texts().length === 2, 'the other call');
		client.become('carl');
		await assert.rejects(queued, { code: 'DISCONNECTED' });
		await until(() => client.status.current === 'open', 'a connection');
		await turn();
		assert.deepEqual(texts(), ['direct', 'queued']);
	});

	it('end with a client that is closed because its connection was lost', async () => {
		begin({}, { onDisconnect: () => client.close() });
		client.connect();
		await until(() => client.status.current === 'open', 'a connection');
		const call = client.rpc('a/b').with({ idempotencyKey: 'k' })('direct');
		script.break();
		await assert.rejects(call, { code: 'CONNECTION_CLOSED' });
		begin({}, { onDisconnect: () => client.close() });
		const queued = client.rpc('a/b').with({ idempotencyKey: 'k' })('queued');
		await until(() => texts().length === 1, 'the call');
		script.break();
		await assert.rejects(queued, { code: 'CONNECTION_CLOSED' });
	});

	it('are not made by who comes while the application is asked whether they are wanted', async () => {
		begin({ beforeReplay: () => { client.become('bob'); } });
		await assert.rejects(client.rpc('a/b')('x'), { code: 'STALE' });
		await until(() => client.status.current === 'open', 'a connection');
		await turn();
		assert.deepEqual(texts(), []);
	});

	it('go on when the application does not know whose they are', async () => {
		const { reportError } = globalThis;
		const reported = [];
		let fails = false;

		globalThis.reportError = (error) => reported.push(error.message);
		begin({ user: () => { if (fails) throw new Error('no session'); return 'ann'; } });
		const call = client.rpc('a/b')('x');
		fails = true;
		await until(() => reported.length > 0, 'the error');
		fails = false;
		script.break();
		await answerAll(1);
		assert.equal(await call, 0);
		globalThis.reportError = reportError;
	});

	it('of a path that keeps its answers get keys, and are made again', async () => {
		begin();
		const pay = client.rpc('a/b', { idempotent: true });
		const first = pay('x');

		await until(() => texts().length === 1, 'the call');
		script.break();
		await until(() => texts().length === 2, 'it again');
		const keys = script.sent.filter((frame) => frame.rpc).map((frame) => frame.idempotencyKey);
		assert.ok(keys[0].length > 20 && keys[0] === keys[1]);
		script.answer('a/b', 1);
		assert.equal(await first, 1);
		const second = [pay('y'), pay.with({ idempotencyKey: 'own' })('z')];
		await turn();
		const [other, own] = script.sent.filter((frame) => frame.rpc).slice(2).map((frame) => frame.idempotencyKey);
		assert.deepEqual([other !== keys[0], own], [true, 'own']);
		client.close();
		await Promise.allSettled(second);
	});

	it('are tried again when the server is not ready, and not for ever', async () => {
		const failed = [];
		begin({ onReplayError: (call, error) => failed.push([call.args[0], error.code]) });
		const [first, second] = [client.rpc('a/b')('x'), client.rpc('a/b')('y')];

		for (let i = 1; i <= 5; i++) {
			await until(() => texts().length === i, 'the call');
			script.refuse('a/b', 'SERVICE_UNAVAILABLE');
		}
		await assert.rejects(first, { code: 'SERVICE_UNAVAILABLE' });
		await until(() => texts().length === 6, 'the other one');
		script.answer('a/b', 'done');
		assert.equal(await second, 'done');
		assert.deepEqual([texts(), failed], [['x', 'x', 'x', 'x', 'x', 'y'], [['x', 'SERVICE_UNAVAILABLE']]]);
	});
});

describe('a store', () => {
	it('has a call until it is answered, and says which has been sent', async () => {
		const store = new Kept();
		begin({ store });
		const calls = [client.rpc('a/b')('one'), client.rpc('a/b').with({ idempotencyKey: 'k' })('two')];

		await answerAll(2);
		await Promise.all(calls);
		await turn();
		assert.deepEqual(store.log.filter((line) => !line.startsWith('claim')), ['put one', 'put two', 'sent one', 'remove one', 'remove two']);
		assert.deepEqual(store.list, []);
	});

	it('gives what was left to the next page, in front of what that does', async () => {
		const members = (text, key) => ({ rpc: 'a/b', args: [text], ...key && { idempotencyKey: key } });
		const store = new Kept([
			{ id: '1', members: members('left', 'k1'), queuedAt: 1, user: 'ann', sent: false },
			{ id: '2', members: members('under way'), queuedAt: 2, user: 'ann', sent: true },
			{ id: '3', members: members('other', 'k3'), queuedAt: 3, user: 'bob', sent: false },
		]);
		const [replayed, failed] = [[], []];
		begin({ store, onReplay: (call, data) => replayed.push([call.args[0], call.restored, data]), onReplayError: (call, error) => failed.push([call.args[0], error.code]) });
		const own = client.rpc('a/b')('own');

		await answerAll(2);
		assert.equal(await own, 1);
		assert.deepEqual(texts(), ['left', 'own']);
		assert.equal(script.sent.find((frame) => frame.rpc).idempotencyKey, 'k1');
		assert.deepEqual(replayed, [['left', true, 0], ['own', false, 1]]);
		assert.deepEqual(failed, [['under way', 'DISCONNECTED']]);
	});

	it('keeps what its user comes back for', async () => {
		const store = new Kept();
		let user = 'ann';
		begin({ store, user: () => user });
		const call = client.rpc('a/b')('kept');

		user = 'bob';
		client.become('bob');
		await until(() => client.status.current === 'open', 'a connection');
		await turn();
		assert.deepEqual(texts(), []);
		user = 'ann';
		client.become('ann');
		await answerAll(1);
		assert.equal(await call, 0);
	});

	it('does not give up what it keeps for somebody else', async () => {
		const store = new Kept();
		let user = 'ann';
		begin({ store, user: () => user, maxQueue: 2 }, { WebSocket: class { close() {} } });
		const codes = [];
		const call = (text) => client.rpc('a/b')(text).catch(({ code }) => codes.push(`${text} ${code}`));

		call('a1');
		call('a2');
		user = 'bob';
		client.become('bob');
		call('b1');
		call('b2');
		await turn();
		assert.deepEqual(codes, []);
		call('b3');
		await turn();
		assert.deepEqual(codes, ['b1 QUEUE_FULL']);
		assert.deepEqual(store.list.map(({ members }) => members.args[0]), ['a1', 'a2', 'b2', 'b3']);
	});

	it('that fails does not keep calls from being made', async () => {
		const { reportError } = globalThis;
		const reported = [];

		globalThis.reportError = (error) => reported.push(error.message);
		const store = Object.assign(new Kept(), { put: async () => { throw new Error('full'); }, claim: async () => { throw new Error('locked'); } });
		begin({ store });
		const call = client.rpc('a/b')('x');
		await answerAll(1);
		assert.equal(await call, 0);
		globalThis.reportError = reportError;
		assert.ok(reported.includes('full') && reported.includes('locked'));
	});

	it('that takes its time does not keep a call from the end of its client', async () => {
		const store = new Slow();
		begin({ store });
		const call = client.rpc('a/b')('x');

		await until(() => store.asked === 1, 'the call to be marked');
		client.close();
		const end = assert.rejects(call, { code: 'CONNECTION_CLOSED' });
		await store.goOn();
		await end;
		assert.deepEqual([texts(), store.list.length], [[], 1]);
	});

	it('that takes its time does not have a call made by who comes meanwhile', async () => {
		const store = new Slow();
		let user = 'ann';
		begin({ store, user: () => user });
		const call = client.rpc('a/b')('x');

		await until(() => store.asked === 1, 'the call to be marked');
		user = 'bob';
		client.become('bob');
		await until(() => client.status.current === 'open', 'a connection');
		await store.goOn();
		assert.deepEqual(texts(), []);
		// it was not sent, and who comes behind this page may know
		assert.deepEqual(store.list.map(({ sent }) => sent), [false]);
		user = 'ann';
		client.become('ann');
		await until(() => store.asked === 1, 'the call to be marked');
		await store.goOn();
		await answerAll(1);
		assert.equal(await call, 0);
	});

	it('that gives calls to a client which is closed meanwhile does not give them twice', async () => {
		const store = new Slow([{ id: '1', members: { rpc: 'a/b', args: ['left'], idempotencyKey: 'k' }, queuedAt: 1, user: 'ann', sent: false }]);
		begin({ store });
		await until(() => store.asked === 1, 'it to be asked');
		client.close();
		client.become('ann');
		await until(() => store.asked === 2, 'it to be asked again');
		await store.goOn();
		await answerAll(1);
		script.break();
		await until(() => client.status.current === 'open', 'a connection');
		await turn();
		assert.deepEqual(texts(), ['left']);
	});

	it('that says too late that it has a call does not give it to the next page', async () => {
		const { reportError } = globalThis;
		const store = new Kept();
		const { put } = Kept.prototype;

		globalThis.reportError = () => {};
		store.put = async (call) => { await put.call(store, call); throw new Error('slow'); };
		begin({ store });
		const call = client.rpc('a/b')('x');
		await answerAll(1);
		assert.equal(await call, 0);
		await turn();
		globalThis.reportError = reportError;
		assert.deepEqual(store.list, []);
	});

	it('is one page\'s when its client is closed and another one made', async () => {
		const page = { user: 'ann', indexedDB: database(), locks: new Locks() };
		const store = createOfflineStore(page);

		begin({ store }, { enabled: true, WebSocket: class { close() {} } });
		const first = client.rpc('a/b')('x');
		await until(() => store.kept.current.length === 1, 'the call on the disk');
		client.close();
		begin({ store }, { WebSocket: class { close() {} } });
		client.close();		// before it has been given what is kept
		begin({ store }, { WebSocket: class { close() {} } });
		await assert.rejects(first, { code: 'CONNECTION_CLOSED' });
		await until(() => store.kept.current.length === 1, 'the call with the next client', 2000);
		assert.deepEqual(await createOfflineStore(page).claim('ann'), []);
		client.close();
		await store.settled();
		assert.equal((await createOfflineStore(page).claim('ann')).length, 1);
	});

	const put = async (store, text) => {
		const call = { members: { rpc: 'a/b', args: [text] }, queuedAt: Date.now(), user: 'ann' };

		await store.put(call);
		return call;
	};

	it('does not take up again what it gives up while it looks', async () => {
		let whileRead;
		const store = createOfflineStore({ user: 'ann', indexedDB: database(() => whileRead?.()), locks: new Locks() });
		const [answered, before] = [await put(store, 'answered'), await put(store, 'before')];

		whileRead = () => { store.remove(answered); };
		store.remove(before);
		assert.deepEqual(await store.claim('ann'), []);
		await store.settled();
		whileRead = undefined;
		assert.deepEqual([await store.claim('ann'), store.kept.current], [[], []]);
	});

	it('does not take over what a page has had answered before it has ended', async () => {
		let whileRead;
		const page = { user: 'ann', indexedDB: database(() => whileRead?.()), locks: new Locks() };
		const [first, second] = [createOfflineStore(page), createOfflineStore(page)];
		const [answered, left] = [await put(first, 'answered'), await put(first, 'left')];

		whileRead = async () => {
			whileRead = undefined;
			await first.remove(answered);
			first.release();
			await first.settled();
		};
		assert.deepEqual((await second.claim('ann')).map(({ id }) => id), [left.id]);
	});

	it('of a browser that is busy looks again later', async () => {
		const asked = [];
		const alive = setInterval(() => {}, 1000);		// its timers keep no process from its end
		const locks = {
			request(name, options, run = options) {
				asked.push(name);
				if (options.signal === undefined)
					return Promise.resolve(run({}));
				return new Promise((resolve, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)));
			},
		};
		const store = createOfflineStore({ user: 'ann', patience: 5, indexedDB: {}, locks });
		let again = 0;

		store.onOrphans = () => { again++; };
		assert.deepEqual(await store.claim('ann'), []);
		await until(() => again === 1, 'another look');
		clearInterval(alive);
		assert.equal(asked.at(-1), 'realtime-offline:claim');
	});

	it('has to know whose calls it keeps, and does without a browser what it can', async () => {
		begin();
		assert.throws(() => createOfflineStore(), TypeError);
		const store = createOfflineStore({ user: null, indexedDB: undefined, locks: undefined });
		assert.equal(store.isPossible, false);
		assert.deepEqual(await store.claim(null), []);
		await assert.rejects(store.put({ members: {} }), /https/);
	});
});
