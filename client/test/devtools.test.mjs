// What the overlay for developers knows of a connection, from its frames alone.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Log } from '../devtools/log.js';
import { redact, redactKeys } from '../devtools/redact.js';
import { watched } from '../devtools/watched.js';
import { callFrame, cancelFrame, chunkFrame, headerOf } from '../upload/wire.js';

let now = 0;

function opened() {
	const log = new Log(() => now);

	log.socket = log.connecting();
	log.opened();
	log.send = (frame) => log.sent(JSON.stringify(frame));
	log.take = (frame) => log.received(JSON.stringify(frame));
	log.reply = (data) => log.take({ topic: '__rpc', event: data.id, data });
	return log;
}

it('keeps nothing of what is nobody\'s business, and not all of what is large', () => {
	assert.deepEqual(redact({ a: 1, Password: 'x', in: { apiKey: 'x', tokens: 'kept' }, list: [{ COOKIE: 'x' }] }),
		{ a: 1, Password: '[REDACTED]', in: { apiKey: '[REDACTED]', tokens: 'kept' }, list: [{ COOKIE: '[REDACTED]' }] });
	redactKeys.add('paymentMethod');
	assert.deepEqual(redact({ paymentmethod: 'x' }), { paymentmethod: '[REDACTED]' });
	redactKeys.delete('paymentMethod');
	assert.deepEqual(redact({ a: { b: { c: { d: { e: { f: 1 } } } } } }), { a: { b: { c: { d: { e: '[depth-cap]' } } } } });
	const long = redact(Array.from({ length: 60 }, (_, i) => i));
	assert.deepEqual([long.length, long.at(-1)], [51, '[10 more]']);
});

it('knows streams by their topics, as long as somebody follows them', () => {
	const log = opened();

	log.send({ batch: [{ rpc: 'a/rows', id: '1', args: ['x', { token: 'secret' }], stream: true }] });
	assert.deepEqual([...log.streams.values()].map(({ topic, paths }) => [topic, ...paths]), [['?', 'a/rows("x", {"token":"[REDACTED]"})']]);
	log.reply({ id: '1', ok: true, data: [], topic: 'rows:x', merge: 'crud' });
	now = 1000;
	log.take({ topic: 'rows:x', event: 'created', data: { id: 1, password: 'x' } });
	log.take({ type: 'round', events: [{ topic: 'rows:x', event: 'updated', data: { id: 1 } }], pos: 3 });
	const stream = log.streams.get('rows:x');
	assert.deepEqual([stream.merge, stream.events, stream.last, stream.envelopes[0]],
		['crud', 2, { event: 'updated', at: 1000 }, { event: 'created', at: 1000, data: { id: 1, password: '[REDACTED]' } }]);
	log.take({ topic: '__system:rows:x', event: 'error', data: { code: 'TIMEOUT', message: 'too long' } });
	assert.deepEqual(stream.error, { code: 'TIMEOUT', message: 'too long' });
	log.take({ topic: '__system:rows:x', event: 'recovered' });
	assert.equal(stream.error, null);
	log.send({ type: 'unsubscribe', topic: 'rows:x' });
	assert.equal(log.streams.size, 0);
});

it('shows a stream that is asked for again once', () => {
	const log = opened();

	log.send({ rpc: 'a/rows', id: '1', args: [], stream: true });
	log.send({ rpc: 'a/rows', id: '2', args: [], stream: true });
	log.reply({ id: '2', ok: true, data: [], topic: 'rows', merge: 'crud' });
	assert.deepEqual([...log.streams.keys()], ['rows']);
});

it('keeps twenty events of a stream, and none while it pauses', () => {
	const log = opened();

	log.send({ type: 'subscribe', topic: 'news' });
	for (let i = 0; i < 30; i++)
		log.take({ topic: 'news', event: 'said', data: i });
	const { envelopes } = log.streams.get('news');
	assert.deepEqual([envelopes.length, envelopes[0].data], [20, 10]);
	log.isPaused = true;
	now = 5000;
	log.take({ topic: 'news', event: 'shouted', data: 31 });
	assert.deepEqual([envelopes.at(-1).data, log.streams.get('news').last], [29, { event: 'shouted', at: 5000 }]);
	log.clear();
	assert.equal(log.streams.get('news').envelopes.length, 0);
});

it('knows calls that wait, and how the last fifty went', () => {
	const log = opened();

	now = 0;
	for (let i = 0; i < 60; i++)
		log.send({ rpc: 'a/b', id: `c${i}`, args: ['secret'] });
	assert.equal(log.pending.size, 60);
	now = 12;
	for (let i = 0; i < 58; i++)
		log.reply({ id: `c${i}`, ok: i !== 57, code: i === 57 ? 'CONFLICT' : undefined });
	assert.deepEqual([log.pending.size, log.done.length, log.done.at(-1)],
		[2, 50, { path: 'a/b', began: 0, ms: 12, ok: false, code: 'CONFLICT' }]);
	assert.doesNotMatch(JSON.stringify([log.done, ...log.pending.values()]), /secret/);
	log.closed(log.socket, 1006, '');
	assert.deepEqual([log.pending.size, log.done.at(-1).code, log.connection.status], [0, 'DISCONNECTED', 'disconnected']);
});

it('knows calls with bytes and uploads, and not what is in them', () => {
	const log = opened();
	const header = headerOf({ rpc: 'files/scan', id: 'b1', args: ['secret'] });
	const begin = (stream) => log.sent(chunkFrame(stream, 0, headerOf({ rpc: 'files/add', args: ['secret'] }), Buffer.from('secret'), false));
	const done = () => log.done.map(({ path, ok, code }) => [path, ok, code]);

	now = 0;
	log.sent(callFrame(header, Buffer.from('secret')));
	begin(26);
	begin(27);
	begin(28);
	log.sent(chunkFrame(26, 1, undefined, new Uint8Array(5), true));
	assert.deepEqual([...log.pending.values()].map(({ path }) => path), ['files/scan', 'files/add', 'files/add', 'files/add']);
	now = 12;
	log.reply({ id: 'b1', ok: true, data: 1 });
	log.take({ topic: '__upload', event: '0000001a', data: { __cap: 1000, ok: true, data: 5 } });
	log.take({ topic: '__upload', event: '0000001b', data: { ok: false, code: 'TEAPOT', error: 'no coffee' } });
	log.sent(cancelFrame(28));
	log.take({ topic: '__upload', event: '0000001c', data: { ok: false, code: 'CANCELLED' } });
	assert.deepEqual(done(), [['files/scan', true, undefined], ['files/add', true, undefined], ['files/add', false, 'TEAPOT'], ['files/add', false, 'CANCELLED']]);
	assert.deepEqual([log.pending.size, log.done[0].ms], [0, 12]);
	assert.doesNotMatch(JSON.stringify(log.done), /secret/);
	const whole = chunkFrame(29, 0, header, new Uint8Array(9), true);
	log.sent(whole.buffer);
	assert.deepEqual([log.pending.size, log.connection.bytesOut > whole.length], [1, true]);
	for (const bytes of [[], [0], [0, 255, 255, 1], [1, 1, 0, 0], [2], [9]])
		log.sent(new Uint8Array(bytes));
	assert.equal(log.pending.size, 1);
});

it('is not confused by frames that are none, nor by the end of a socket of before', () => {
	const log = opened();

	for (const text of ['', 'x', 'null', '[]', '7', '{"topic":"__rpc"}', '{"topic":"__rpc","event":"__batch","data":null}', '{"type":"batch"}', '{"type":"round","events":5}'])
		log.received(text);
	const before = log.socket;
	log.connecting();
	log.opened();
	log.closed(before, 1001, 'old');
	assert.equal(log.connection.status, 'open');
});

it('sees what goes over a socket, of whichever kind that is', () => {
	class Bare {
		onopen = null;
		onmessage = null;
		onclose = null;
		onerror = null;
		sent = [];

		send(data) { this.sent.push(data); }
		tell(name, event) { this[`on${name}`]?.(event); }
	}
	class Full extends EventTarget {
		sent = [];

		send(data) { this.sent.push(data); }
		tell(name, event) { this.dispatchEvent(Object.assign(new Event(name), event)); }
	}

	for (const Base of [Bare, Full]) {
		const log = new Log();
		const Watched = watched(Base, log);
		const socket = new Watched('ws://here');
		const heard = [];

		socket.onopen = () => heard.push('open');
		socket.onmessage = ({ data }) => heard.push(data);
		socket.onclose = ({ code }) => heard.push(code);
		assert.equal(log.connection.status, 'connecting');
		socket.tell('open', {});
		socket.send('{"rpc":"a/b","id":"1","args":[]}');
		assert.deepEqual([log.connection.status, log.pending.size, socket.sent.length], ['open', 1, 1]);
		socket.tell('message', { data: '{"topic":"__rpc","event":"1","data":{"id":"1","ok":true}}' });
		socket.send(new Uint8Array(5));
		assert.deepEqual([log.done.length, log.connection.bytesOut], [1, 37]);
		socket.tell('close', { code: 1006, reason: '' });
		socket.onmessage = null;
		socket.tell('message', { data: '{}' });
		assert.deepEqual([log.connection.status, heard.length], ['disconnected', 3]);
	}
});
