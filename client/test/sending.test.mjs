// Uploads and binary calls while something else happens: on a socket that is the test.
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { createClient } from '../index.js';
import { createUploads } from '../upload.js';
import { turn, until } from './lib.mjs';

let client;
let sockets;
let uploads;

function begin(options = {}) {
	sockets = [];
	client = createClient({
		url: 'ws://nowhere', delay: () => 0, ...options,
		WebSocket: class {
			bufferedAmount = 0;
			bytes = [];

			constructor() {
				sockets.push(this);
				queueMicrotask(() => this.onopen?.());
			}

			send(data) {
				if (typeof data !== 'string')
					this.bytes.push(data);
			}

			close() {}
		},
	});
	uploads = createUploads(client);
}
afterEach(() => client.close());

const kinds = () => sockets.flatMap(({ bytes }) => bytes.map(([kind]) => kind));
const settled = (handle) => Promise.resolve(handle).then(() => 'done', (error) => error.code ?? error.name);

async function open() {
	client.connect();
	await until(() => client.status.current === 'open', 'a connection');
}

it('a call with a Blob does not go out as somebody else', async () => {
	begin();
	await open();
	const call = uploads.binary('p/q')(new Blob(['of ann']));

	client.become('bob');
	await assert.rejects(call, { code: 'DISCONNECTED' });
	await until(() => client.status.current === 'open', 'another connection');
	assert.deepEqual(kinds(), []);
	const own = uploads.binary('p/q')(new Blob(['of bob']));
	await until(() => kinds().length === 1, 'the call of bob');
	client.close();
	await assert.rejects(own, { code: 'CONNECTION_CLOSED' });
});

it('an upload whose bytes are given away fails', async () => {
	begin();
	await open();
	const bytes = new Uint8Array(100000);
	const handle = uploads.upload('p/q')(bytes);

	handle.on('progress', () => bytes.buffer.byteLength > 0 && structuredClone(bytes.buffer, { transfer: [bytes.buffer] }));
	assert.equal(await settled(handle), 'SOURCE_ERROR');
	assert.deepEqual(kinds(), [1, 2]);
});

it('an upload ends with the client that is closed while it connects', async () => {
	begin();
	client.status.subscribe((status) => status === 'connecting' && client.close());
	assert.equal(await settled(uploads.upload('p/q')('abc')), 'CONNECTION_CLOSED');
});

it('arguments may be large numbers; what cannot be written is told by the promise', async () => {
	begin();
	await open();
	const upload = uploads.upload('p/q');
	const handle = upload('abc', 9007199254740993n);

	await until(() => kinds().length === 1, 'the upload');
	assert.match(new TextDecoder().decode(sockets[0].bytes[0]), /"args":\[9007199254740993\]/);
	handle.cancel();
	const circle = {};
	circle.circle = circle;
	assert.equal(await settled(upload('abc', circle)), 'TypeError');
	const call = uploads.binary('p/q')('abc', 9007199254740993n);
	await until(() => kinds().at(-1) === 0, 'the call');
	client.close();
	await assert.rejects(call);
});

it('is taken back once, for the first reason, whoever cancels it again', async () => {
	begin();
	await open();
	const handle = uploads.upload('p/q')(new ReadableStream({
		start(controller) { controller.enqueue(new Uint8Array(3)); },
		cancel() { handle.cancel('by the source'); },
	}));
	const reasons = [];

	handle.on('cancel', (reason) => {
		reasons.push(reason);
		handle.cancel('again');
	});
	await until(() => kinds().length === 1, 'the upload');
	handle.cancel('first');
	await assert.rejects(Promise.resolve(handle), { code: 'CANCELLED', message: 'first' });
	assert.deepEqual([reasons, kinds()], [['first'], [1, 2]]);
});

it('a source that fails when all is over says nothing to the next connection', async () => {
	let fail;
	const source = (async function* () {
		yield new Uint8Array(3);
		await new Promise((resolve, reject) => { fail = reject; });
	})();

	begin();
	await open();
	const handle = uploads.upload('p/q')(source);
	await until(() => fail, 'the source');
	sockets[0].onclose({ code: 1006, reason: '' });
	assert.equal(await settled(handle), 'DISCONNECTED');
	await until(() => sockets.length === 2 && client.status.current === 'open', 'another connection');
	fail(new Error('late'));
	await turn();
	assert.deepEqual(kinds(), [1]);
});

// Browsers let those of hidden pages wait for a minute.
it('no timer is set by a timer while the socket is full', async (t) => {
	const real = setTimeout;
	let inTimer = false;
	let chained = 0;
	let set = 0;

	begin();
	await open();
	t.mock.method(globalThis, 'setTimeout', (run, ms) => {
		if (ms === 10) {
			set++;
			chained += inTimer ? 1 : 0;
		}
		return real(async () => {
			inTimer = true;
			run();
			for (let i = 0; i < 50; i++)
				await null;
			inTimer = false;
		}, ms);
	});
	sockets[0].bufferedAmount = 5 * 1024 * 1024;
	const handle = uploads.upload('p/q')(new Uint8Array(30000));
	await until(() => set > 2, 'several looks');
	assert.deepEqual([chained, kinds()], [0, []]);
	sockets[0].bufferedAmount = 0;
	await until(() => kinds().length === 3, 'all of it');
	handle.cancel();
	await assert.rejects(Promise.resolve(handle), { code: 'CANCELLED' });
});
