// Uploads and binary calls: all sources, progress, cancels, what is refused, and
// what becomes of them when the connection is lost.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, afterEach, before, it } from 'node:test';
import { createUploads } from '../upload.js';
import { createClient, isStatus, limit, Made, scripted, startServer, turn, until, WebSocket } from './lib.mjs';

const made = new Made();
let server;
let client;
let way;
let uploads;

before(async () => {
	server = await startServer({ settings: { 'realtime.max_payload': '64kB', 'realtime.executors': 2, 'realtime.max_executors': 6, 'realtime.upload_buffer': '128kB' } });
	await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE FUNCTION app.size(payload bytea, name text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('sum', encode(sha256(payload), 'hex'), 'name', name)$$;
		CREATE FUNCTION app.sum(name text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
			SELECT jsonb_build_object('sum', encode(sha256(coalesce(string_agg(chunk, NULL ORDER BY n), '')), 'hex'), 'name', name) FROM realtime.upload_chunks() WITH ORDINALITY c (chunk, n)$$;
		CREATE FUNCTION app.slow() RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE total bigint := 0; piece bytea;
		BEGIN LOOP piece := realtime.upload_next(); EXIT WHEN piece IS NULL; total := total + length(piece); END LOOP; RETURN total; END $$;
		CREATE FUNCTION app.refuse() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM realtime.upload_next(); PERFORM realtime.raise('TEAPOT', 'no coffee'); END$$;
		SELECT realtime.binary('app/size', 'app.size(bytea,text)'), realtime.upload('app/sum', 'app.sum(text)'), realtime.upload('app/slow', 'app.slow()'),
			realtime.upload('app/refuse', 'app.refuse()'), realtime.upload('app/small', 'app.sum(text)', max_size => 10)`);
	await server.declared('app/small');
	way = await made.way(server.port);
});
after(() => {
	made.end();
	return server?.stop();
});
afterEach(() => client?.close());

async function connected(options = {}) {
	client = createClient({ url: way.url, WebSocket, delay: () => 20, ...options });
	uploads = createUploads(client);
	client.connect();
	await isStatus(client, 'open');
}

const sum = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const fails = (promise, code) => assert.rejects(Promise.resolve(promise), (error) => error.code === code);
const large = crypto.randomBytes(1_000_000);

it('calls with bytes', limit, async () => {
	await connected();
	const size = uploads.binary('app/size');

	assert.deepEqual(await size(large.subarray(0, 10000), 'a'), { sum: sum(large.subarray(0, 10000)), name: 'a' });
	assert.deepEqual(await size(new Uint16Array([1, 2]).buffer), { sum: sum(Buffer.from([1, 0, 2, 0])), name: null });
	assert.equal((await size(new Blob(['abc']))).sum, sum('abc'));
	assert.equal((await size('äöü')).sum, sum('äöü'));
	await fails(size('x', 'a', 'b'), 'VALIDATION');
	await fails(uploads.binary('app/none')('x'), 'NOT_FOUND');
	await assert.rejects(size({}), TypeError);
	await fails(size('x', 'y'.repeat(70000)), 'PAYLOAD_TOO_LARGE');
});

it('uploads whatever has bytes', limit, async () => {
	await connected();
	const upload = uploads.upload('app/sum');
	async function* parts() {
		yield large.subarray(0, 10);
		yield '';
		yield new Blob([large.subarray(10, 1000)]);
		yield large.subarray(1000);
	}
	const sources = {
		buffer: large, view: new Uint32Array(large.buffer.slice(large.byteOffset, large.byteOffset + 1_000_000)), blob: new Blob([large]), stream: new Blob([large]).stream(), parts: parts(),
		list: [large.subarray(0, 5), large.subarray(5)], file: new File([large], 'a.bin'),
	};

	for (const [name, source] of Object.entries(sources))
		assert.deepEqual(await upload(source, name), { sum: sum(large), name }, name);
	assert.equal((await upload('')).sum, sum(''));
	assert.equal((await upload(new Blob([]))).sum, sum(''));
	assert.equal((await upload((async function* () {})())).sum, sum(''));
});

it('tells how far it is', limit, async () => {
	await connected();
	const handle = uploads.upload('app/sum')(large);
	const told = [];
	const ends = [];

	handle.on('complete', (result) => ends.push(result));
	const stop = handle.on('progress', (progress) => told.push(progress));
	handle.on('progress', () => told.length === 2 && stop());
	assert.deepEqual([handle.sent, handle.total, handle.progress, handle.chunks], [0, 1_000_000, 0, 0]);
	const result = await handle;
	assert.deepEqual(ends, [result]);
	assert.equal(told.length, 2);
	assert.equal(told[0].sent, 12288 - 12 - JSON.stringify({ rpc: 'app/sum', args: [] }).length);
	assert.deepEqual([handle.sent, handle.progress, handle.isOver], [1_000_000, 1, true]);
	assert.match(handle.streamIdHex, /^[0-9a-f]{8}$/);
	const next = uploads.upload('app/sum')(large);
	await next;
	assert.ok(next.chunks < 20, 'frames are as long as the server takes them');
	const unknown = uploads.upload('app/sum')([large]);
	assert.deepEqual([unknown.total, unknown.progress], [undefined, undefined]);
	await unknown;
	const small = uploads.upload('app/sum').with({ frameSize: 1000 })(large.subarray(0, 5000));
	await small;
	assert.ok(small.chunks > 5);
});

it('takes arguments as long as a frame, and pays for them once', limit, async () => {
	await connected();
	const name = 'n'.repeat(20000);

	for (const source of [large, [large], '', []]) {
		const handle = uploads.upload('app/sum')(source, name);
		assert.equal((await handle).name, name);
		assert.ok(handle.chunks < 100, `${handle.chunks} chunks`);
	}
	await fails(uploads.upload('app/sum')(large, 'n'.repeat(65536 - JSON.stringify({ rpc: 'app/sum', args: [''] }).length - 6)), 'PAYLOAD_TOO_LARGE');
	assert.equal(client.failure.current, null, 'no frame was too long');
});

// A client whose frames nobody answers but the test.
function framed(options) {
	const script = scripted();
	const frames = [];

	client = createClient({ url: 'ws://127.0.0.1:1/ws', delay: () => 0, ...options, WebSocket: class extends script.WebSocket {
		send(data) {
			if (typeof data !== 'string')
				frames.push(data);
		}
	} });
	client.connect();
	const upload = createUploads(client).upload('f/add');

	// What it sends of so many bytes, and answers it.
	return { script, upload, async sizes(length, args, how = {}, reply = {}) {
		frames.length = 0;
		const handle = upload.with(how)(new Uint8Array(length), ...args);
		const end = handle.catch((error) => error.code);

		await until(() => frames.at(-1)?.[1] & 2 || handle.isOver, 'the last one');
		script.say({ topic: '__upload', event: handle.streamIdHex, data: { ok: true, data: 'done', ...reply } });
		return [frames.map((frame) => frame.length), await end];
	} };
}

it('has frames as long as they may be, and none that is longer', limit, async (t) => {
	const warned = t.mock.method(console, 'warn', () => {});
	const { script, sizes } = framed({ upload: { frameSize: 100000 } });
	const header = (...args) => JSON.stringify({ rpc: 'f/add', args }).length;
	const [first] = await sizes(30000, [], {}, { __cap: 5000 });

	assert.deepEqual(first, [12288, 12288, 30000 - (12288 - 12 - header()) - 12278 + 10]);
	assert.equal(warned.mock.callCount(), 0, 'nobody knows yet whether it is too long');
	const [capped] = await sizes(20000, ['x']);
	assert.ok(capped.slice(0, -1).every((length) => length === 5000) && capped.at(-1) <= 5000, `${capped}`);
	assert.equal(capped.reduce((sum, length) => sum + length), 20000 + 12 + header('x') + 10 * (capped.length - 1));
	await sizes(5, []);
	assert.equal(warned.mock.callCount(), 1);
	const long = 'x'.repeat(5000 - 12 - header(''));
	assert.deepEqual(await sizes(5, [long]), [[5000, 15], 'done']);
	assert.deepEqual(await sizes(5, [`${long}x`]), [[], 'PAYLOAD_TOO_LARGE']);
	assert.deepEqual((await sizes(200, ['x'.repeat(200)], { frameSize: 100 }))[0], [12 + header('x'.repeat(200)), 100, 100, 30]);
	assert.deepEqual((await sizes(0, [long]))[0], [5000, 10]);
	script.break();
	await until(() => client.status.current === 'open', 'the next connection');
	assert.equal((await sizes(30000, []))[0][0], 12288, 'which may take less');
});

it('is refused', limit, async () => {
	await connected();
	const errors = [];
	const handle = uploads.upload('app/refuse')(large);

	handle.on('error', (error) => errors.push(error.code));
	await fails(handle, 'TEAPOT');
	assert.deepEqual(errors, ['TEAPOT']);
	await fails(uploads.upload('app/small')(large), 'PAYLOAD_TOO_LARGE');
	await fails(uploads.upload('app/none')('x'), 'NOT_FOUND');
	await fails(uploads.upload('app/sum')(5), 'SOURCE_ERROR');
	await fails(uploads.upload('app/sum')([1, 2]), 'SOURCE_ERROR');
	await fails(uploads.upload('app/sum')('x', 'y'.repeat(70000)), 'PAYLOAD_TOO_LARGE');
	await fails(uploads.upload('app/sum')((async function* () { yield 'x'; throw new Error('broken'); })()), 'SOURCE_ERROR');
	assert.equal((await uploads.upload('app/sum')('x')).sum, sum('x'));
});

const running = async () => Number(await server.psql(`SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension'`));

it('is cancelled', limit, async () => {
	await connected();
	let closed = false;
	async function* endless() {
		try {
			for (;;) {
				yield large.subarray(0, 1000);
				await turn();
			}
		} finally {
			closed = true;
		}
	}
	const seen = [];
	const handle = uploads.upload('app/slow')(endless());

	handle.on('cancel', (reason) => seen.push(['cancel', reason]));
	handle.on('error', (error) => seen.push(['error', error.code]));
	await until(async () => await running() === 1, 'the handler');
	handle.cancel('enough');
	await fails(handle, 'CANCELLED');
	assert.deepEqual(seen, [['cancel', 'enough'], ['error', 'CANCELLED']]);
	await until(async () => await running() === 0, 'its end');
	await until(() => closed, 'the end of the source');
	let stopped = false;
	const silent = uploads.upload('app/slow')(new ReadableStream({ pull: () => new Promise(() => {}), cancel() { stopped = true; } }));
	await turn();
	silent.cancel();
	await fails(silent, 'CANCELLED');
	await until(() => stopped, 'the end of a stream that gives nothing');
	const control = new AbortController();
	const aborted = uploads.upload('app/slow').with({ signal: control.signal })(endless());
	await until(async () => await running() === 1, 'the handler');
	control.abort();
	await fails(aborted, 'CANCELLED');
	await until(async () => await running() === 0, 'its end');
	await fails(uploads.upload('app/sum').with({ signal: AbortSignal.abort() })('x'), 'CANCELLED');
});

it('fails with its connection, and begins on the next one', limit, async () => {
	await connected();
	const handle = uploads.upload('app/slow')((async function* () { yield 'x'; await new Promise(() => {}); })());

	await until(async () => await running() === 1, 'the handler');
	way.shut();
	await fails(handle, 'DISCONNECTED');
	await until(async () => await running() === 0, 'its end');
	const waiting = uploads.upload('app/sum')('abc');
	const call = uploads.binary('app/size')('abc');
	call.catch(() => {});
	way.open();
	client.connect();
	const results = await Promise.allSettled([waiting, call]);
	for (const { reason, value } of results)
		assert.ok(value?.sum === sum('abc') || reason.code === 'DISCONNECTED');
	client.close();
	await fails(uploads.upload('app/sum')('x'), 'CONNECTION_CLOSED');
	await fails(uploads.binary('app/size')('x'), 'CONNECTION_CLOSED');
});

it('ends a stream that is cancelled before there is a connection', limit, async () => {
	const { WebSocket: Silent } = scripted();
	const early = createClient({ url: 'ws://127.0.0.1:1/ws', WebSocket: class extends Silent { onopen() {} } });
	const stopped = [];
	const silent = (name) => new ReadableStream({ pull: () => new Promise(() => {}), cancel: () => { stopped.push(name); } });
	const upload = createUploads(early).upload('app/slow');
	const handle = upload(silent('cancelled'));

	await turn();
	handle.cancel();
	await fails(handle, 'CANCELLED');
	await fails(upload.with({ signal: AbortSignal.abort() })(silent('aborted')), 'CANCELLED');
	const last = upload(silent('closed'));
	early.close();
	await fails(last, 'CONNECTION_CLOSED');
	await until(() => stopped.length === 3, 'the end of the streams');
	assert.deepEqual(stopped, ['cancelled', 'aborted', 'closed']);
});

it('reads no more than the socket takes', limit, async () => {
	const script = scripted();
	const frames = [];
	let read = 0;
	const slow = createClient({ url: 'ws://127.0.0.1:1/ws', WebSocket: class extends script.WebSocket {
		send(data) {
			if (typeof data !== 'string')
				frames.push(data);
			this.bufferedAmount += data.length;
		}
	} });
	function* source() {
		for (; read < 2000; read++)
			yield large.subarray(0, 10000);
	}
	const handle = createUploads(slow).upload('app/sum')(source());

	slow.connect();
	await until(() => script.socket?.bufferedAmount > 4 * 1024 * 1024, 'a full socket');
	const before = read;
	await turn();
	await turn();
	assert.ok(read - before <= 1 && read < 500, `${read} read`);
	script.socket.bufferedAmount = 0;
	await until(() => read > before + 100, 'more of it');
	script.say({ topic: '__upload', event: handle.streamIdHex, data: { ok: true, data: 1 } });
	assert.equal(await handle, 1);
	const sent = frames.length;
	await turn();
	assert.ok(frames.length <= sent + 1, 'nothing more is sent when it is over');
	slow.close();
});
