// What tabs that share a socket want of it: forced orders, with a server and tabs that
// are the test.  Real tabs are tested in test/browser/tabs.test.mjs.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Hub } from '../tabs/hub.js';
import { sharedSocket } from '../tabs.js';
import { callFrame, cancelFrame, chunkFrame, headerOf } from '../upload/wire.js';
import { turn, until } from './lib.mjs';

let sent;
let socket;
let told;
let ends;
let hub;

beforeEach(async () => {
	sent = [];
	told = [];
	ends = new Map();
	hub = new Hub({
		own: 'a',
		connect: () => (socket = { bufferedAmount: 7, send: (data) => sent.push(typeof data === 'string' ? JSON.parse(data) : data), close: () => { socket.isClosed = true; } }),
		post: (message) => told.push(message),
		ended: (member) => new Promise((resolve) => ends.set(member, resolve)),
	});
	await turn();
	for (const from of ['b', 'c'])
		hub.heard({ from, join: true });
	socket.onopen();
	say({ type: 'welcome', sessionId: 's' });
	told.length = 0;
});

const say = (frame) => socket.onmessage({ data: JSON.stringify(frame) });
const send = (member, frame) => hub.send(member, JSON.stringify(frame));
const reply = (id, more = {}) => say({ topic: '__rpc', event: id, data: { id, ok: true, ...more } });
const to = () => told.map((message) => message.to ?? 'all').join();

describe('the tab that leads', () => {
	it('lets tabs in, and says hello once', () => {
		hub.heard({ from: 'late', join: true });
		assert.deepEqual(told, [{ to: 'late', open: true, welcome: '{"type":"welcome","sessionId":"s"}' }]);
		for (const member of ['a', 'b', 'late'])
			send(member, { type: 'hello', caps: [] });
		assert.deepEqual(sent.map(({ type }) => type), ['hello']);
		send('stranger', { rpc: 'x/y', id: '1' });
		assert.equal(sent.length, 1);
	});

	it('tells who comes later that the server is degraded, as long as it is', () => {
		say({ topic: '__realtime', event: 'degraded' });
		told.length = 0;
		hub.heard({ from: 'late', join: true });
		assert.deepEqual(told.map(({ to: whom, open, frame }) => [whom, open, frame]), [['late', true, undefined], ['late', undefined, '{"topic":"__realtime","event":"degraded"}']]);
		say({ topic: '__realtime', event: 'recovered' });
		told.length = 0;
		hub.heard({ from: 'later', join: true });
		assert.deepEqual(told.map(({ open, frame }) => [open, frame]), [[true, undefined]]);
	});

	it('gives answers to who has asked, in parts and together too, all else to all', () => {
		send('b', { rpc: 'x/y', id: '1', args: [] });
		send('c', { batch: [{ rpc: 'x/y', id: '2', args: [] }, { rpc: 'x/z', id: '3', args: [], stream: true }] });
		reply('1');
		say({ topic: '__rpc', event: '__batch', data: { batch: [{ id: '2', ok: true }, { id: '3', ok: true, data: [], topic: 't', more: true }] } });
		say({ topic: '__parts', event: '3', data: { items: [1], more: false } });
		say({ topic: '__parts', event: '3', data: { items: [1], more: false } });
		say({ topic: 't', event: 'created', data: {} });
		reply('unknown');
		assert.equal(to(), 'b,c,c,all');
	});

	it('leaves a topic when the last tab does, and not before', () => {
		for (const [member, id] of [['a', '1'], ['b', '2']]) {
			send(member, { rpc: 'x/t', id, args: [], stream: true });
			reply(id, { topic: 't', data: [] });
		}
		sent.length = 0;
		send('a', { type: 'unsubscribe', topic: 't' });
		assert.deepEqual(sent, []);
		send('b', { type: 'unsubscribe', topic: 't' });
		assert.deepEqual(sent, [{ type: 'unsubscribe', topic: 't' }]);
	});

	it('leaves none that a request is under way for, whatever that is called', () => {
		send('a', { rpc: 'x/t', id: '1', args: [], stream: true });
		reply('1', { topic: 't', data: [] });
		send('b', { rpc: 'x/other', id: '2', args: [], stream: true });
		send('a', { type: 'unsubscribe', topic: 't' });
		sent.length = 0;
		reply('2', { topic: 't', data: [] });
		assert.deepEqual(sent, []);
		hub.heard({ from: 'b', leave: true });
		assert.deepEqual(sent, [{ type: 'unsubscribe', topic: 't' }]);
	});

	it('leaves what a tab had that has died, and what it gets afterwards', async () => {
		send('b', { type: 'subscribe-batch', topics: ['n1', 'n2'], ref: 1 });
		send('b', { rpc: 'x/t', id: '1', args: [], stream: true });
		sent.length = 0;
		ends.get('b')();
		await turn();
		assert.deepEqual(sent, []);
		reply('1', { topic: 't', data: [] });
		assert.deepEqual(sent.map(({ topic }) => topic).sort(), ['n1', 'n2', 't']);
	});

	it('gives the answer to a token to who has sent it, and asks its own client for one', () => {
		send('c', { type: 'auth', token: 'x' });
		send('b', { type: 'auth', token: 'y' });
		say({ type: 'auth', ok: true });
		say({ type: 'auth', ok: false });
		say({ type: 'auth-expiring', exp: 1 });
		assert.equal(to(), 'c,b,a');
	});

	it('asks the tabs one by one what the server asks the user', () => {
		hub.heard({ from: 'c', seen: true });
		hub.heard({ from: 'b', seen: false });
		say({ type: 'request', ref: 5, event: 'x', data: 1 });
		const first = told[0].to;
		send(first, { type: 'reply', ref: 5, error: `no handler for 'x'` });
		const second = told[1].to;
		assert.deepEqual([sent.length, told[1].frame, first === second], [0, told[0].frame, false]);
		send(second, { type: 'reply', ref: 5, data: 'yes' });
		assert.deepEqual(sent, [{ type: 'reply', ref: 5, data: 'yes' }]);
		sent.length = 0;
		say({ type: 'request', ref: 6, event: 'y', data: 1 });
		for (let n = 0; n < 3; n++)
			send(told.at(-1).to, { type: 'reply', ref: 6, error: `no handler for 'y'` });
		assert.deepEqual(sent, [{ type: 'reply', ref: 6, error: `no handler for 'y'` }]);
	});

	it('passes bytes on, and their answers to who has sent them', async () => {
		const call = callFrame(headerOf({ rpc: 'x/y', id: 'b1' }), new Uint8Array(3));
		const first = chunkFrame(0x1a, 0, headerOf({ rpc: 'x/z', args: [] }), new Uint8Array(5), false);
		const next = chunkFrame(0x1a, 1, headerOf({ rpc: 'x/z', args: [] }), new Uint8Array(5), false);
		const other = chunkFrame(0x1b, 0, headerOf({ rpc: 'x/z', args: [] }), new Uint8Array(5), false);

		hub.heard({ from: 'b', send: call });
		reply('b1');
		assert.deepEqual([sent, to()], [[call], 'b,b']);
		assert.equal(told[0].taken, call.length);
		told.length = 0;
		socket.bufferedAmount = 2 ** 30;
		hub.heard({ from: 'b', send: first });
		hub.heard({ from: 'b', send: next });
		hub.heard({ from: 'c', send: other });
		await turn();
		assert.equal(told.length, 0, 'who sends waits while much waits in the socket');
		socket.bufferedAmount = 0;
		await until(() => told.length === 3, 'it to be told');
		assert.deepEqual(told.map(({ to: member, taken }) => [member, taken]), [['b', first.length], ['b', next.length], ['c', other.length]]);
		sent.length = 0;
		say({ topic: '__upload', event: '0000001b', data: { ok: true, __cap: 5 } });
		hub.heard({ from: 'c', send: chunkFrame(0x1b, 1, undefined, new Uint8Array(5), false) });
		sent.length = 0;
		hub.heard({ from: 'c', leave: true });
		assert.deepEqual(sent, [], 'what has been answered is over');
		ends.get('b')();
		await until(() => sent.length === 1, 'what it was about to be taken back');
		assert.deepEqual(sent[0], cancelFrame(0x1a));
	});

	it('does not round what it passes on, and ends with its socket', () => {
		const text = '{"topic":"t","event":"x","data":{"id":9007199254740993}}';

		socket.onmessage({ data: text });
		assert.equal(told[0].frame, text);
		assert.equal(hub.bufferedAmount, 7);
		socket.onclose({ code: 4401, reason: 'no' });
		assert.deepEqual(told.at(-1), { close: [4401, 'no'] });
		hub.end();
		assert.equal(socket.isClosed, true);
	});
});

// Locks as a browser has them, as far as tabs need them.
class Locks {
	#held = new Map();			// name -> { steal() }
	#queues = new Map();

	async request(name, options, run) {
		if (options.steal) {
			this.#held.get(name)?.steal();
			return this.#hold(name, run);
		}
		if (this.#held.has(name)) {
			const turnOf = new Promise((resolve, reject) => {
				const queue = this.#queues.get(name) ?? [];
				const entry = { resolve };

				this.#queues.set(name, queue);
				queue.push(entry);
				options.signal?.addEventListener('abort', () => {
					queue.splice(queue.indexOf(entry), 1);
					reject(Object.assign(new Error('aborted'), { name: 'AbortError' }));
				});
			});
			await turnOf;
		}
		return this.#hold(name, run);
	}

	async #hold(name, run) {
		let steal;
		const stolen = new Promise((resolve, reject) => { steal = () => reject(Object.assign(new Error('stolen'), { name: 'AbortError' })); });
		const own = { steal };

		this.#held.set(name, own);
		try {
			return await Promise.race([run({}), stolen]);
		} finally {
			if (this.#held.get(name) === own) {
				this.#held.delete(name);
				this.#queues.get(name)?.shift()?.resolve();
			}
		}
	}
}

describe('tabs', () => {
	let sockets;
	let locks;
	let tabs;

	class Socket {
		constructor() {
			sockets.push(this);
			setTimeout(() => {
				this.onopen?.();
				this.onmessage?.({ data: '{"type":"welcome","sessionId":"s"}' });
			}, 1);
		}
		bufferedAmount = 0;
		send(text) { (this.sent ??= []).push(JSON.parse(text)); }
		close() { this.isClosed = true; }
	}

	beforeEach(() => {
		sockets = [];
		tabs = [];
		locks = new Locks();
	});

	function open(user = 'ann', protocols = []) {
		const Shared = sharedSocket({ user, WebSocket: Socket, locks, patience: 300 });
		const tab = { frames: [], socket: new Shared('ws://here/ws', protocols) };

		tab.socket.onopen = () => { tab.isOpen = true; };
		tab.socket.onmessage = ({ data }) => tab.frames.push(JSON.parse(data));
		tab.socket.onclose = ({ code, reason }) => { tab.closed = [code, reason]; };
		tabs.push(tab);
		return tab;
	}
	const opened = (list) => until(() => list.every((tab) => tab.isOpen && tab.frames.length > 0), 'them to be open');
	const endAll = () => tabs.forEach((tab) => tab.socket.close());

	it('share one socket, and come in whenever they come', async () => {
		const [first, second] = [open(), open()];

		await opened([first, second]);
		const third = open();
		await opened([third]);
		assert.equal(sockets.length, 1);
		assert.ok([first, second, third].every((tab) => tab.frames[0].type === 'welcome'));
		second.socket.send('{"rpc":"a/b","id":"2","args":[]}');
		await until(() => sockets[0].sent?.length === 1, 'the call');
		sockets[0].onmessage({ data: '{"topic":"__rpc","event":"2","data":{"id":"2","ok":true}}' });
		await until(() => second.frames.length === 2, 'the answer');
		sockets[0].onclose({ code: 4429, reason: 'slowly' });
		await until(() => tabs.every((tab) => tab.closed), 'all to be told');
		assert.deepEqual(tabs.map((tab) => tab.closed), Array(3).fill([4429, 'slowly']));
		assert.deepEqual([first.frames.length, third.frames.length], [1, 1]);
		endAll();
	});

	it('are told when the one that leads leaves, and another one leads', async () => {
		const [first, second] = [open(), open()];

		await opened([first, second]);
		first.socket.close();
		await until(() => second.closed, 'the other to know');
		assert.equal(second.closed[0], 1006);
		assert.equal(sockets[0].isClosed, true);
		const [third, fourth] = [open(), open()];
		await opened([third, fourth]);
		assert.equal(sockets.length, 2);
		endAll();
	});

	it('take the lead from one who does not answer', async () => {
		const frozen = locks.request('["realtime",1,"ws://here/ws","ann",null]', {}, () => new Promise(() => {}));
		const isRobbed = assert.rejects(frozen, { name: 'AbortError' });
		const tab = open();

		await opened([tab]);
		await isRobbed;
		endAll();
	});

	it('of different users, or of tokens that say something else, do not share', async () => {
		const tokenOf = (claims) => ['realtime', `token.x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`];
		const all = [open('ann'), open('bob'), open('ann', tokenOf({ sub: 'ann', exp: 1, a: 1 })), open('ann', tokenOf({ a: 1, exp: 2, sub: 'ann' })),
			open('ann', tokenOf({ sub: 'ann', a: 2 })), open('ann', ['realtime', 'token.opaque'])];

		await opened(all);
		assert.equal(sockets.length, 5);
		assert.throws(() => sharedSocket(), TypeError);
		endAll();
	});

	it('without locks have their own', () => {
		const Shared = sharedSocket({ user: null, WebSocket: Socket, locks: undefined });

		assert.ok(new Shared('ws://here/ws') instanceof Socket);
	});
});
