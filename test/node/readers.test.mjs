// What clients send, as our readers understand it and as others do: Node's
// own HTTP server, and the receiver of npm ws.
//
// The inputs are written by hand and then changed at random, always the same
// way.  What we accept the other must accept too, and take for the same; what
// we refuse and the other does not must be of a kind that is listed here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Receiver } from 'ws';

const reader = fileURLToPath(new URL('../unit/build/reader', import.meta.url));
const maxMessage = 1000;       // as reader.c has it

// ---------------------------------------------------------------------------
// Chance that repeats itself

function makeRandom(seed) {
	let state = seed;

	// xorshift32
	const next = (n) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % n;
	};
	return { next, of: (list) => list[next(list.length)] };
}

// Removes, repeats, replaces or inserts something.
function change(random, bytes, words) {
	const at = random.next(bytes.length + 1);
	const len = random.next(2) ? 1 : random.next(12);
	const before = bytes.subarray(0, at);
	const behind = bytes.subarray(at);

	switch (random.next(5)) {
		case 0: return Buffer.concat([before, behind.subarray(len)]);
		case 1: return Buffer.concat([before, behind.subarray(0, len), behind]);
		case 2: return Buffer.concat([before, Buffer.from([random.next(256)]), behind.subarray(1)]);
		case 3: return Buffer.concat([before, Buffer.from([random.next(256)]), behind]);
		default: return Buffer.concat([before, Buffer.from(random.of(words), 'latin1'), behind]);
	}
}

function changed(random, seeds, words, count) {
	const all = seeds.map((seed) => Buffer.from(seed, 'latin1'));

	while (all.length < count) {
		let bytes = Buffer.from(random.of(seeds), 'latin1');

		for (let i = random.next(4); i > 0; i--)
			bytes = change(random, bytes, words);
		all.push(bytes);
	}
	return all;
}

// ---------------------------------------------------------------------------
// Our readers

function readOurs(kind, inputs) {
	const parts = inputs.flatMap((bytes) => {
		const header = Buffer.alloc(5);
		header.write(kind);
		header.writeUInt32BE(bytes.length, 1);
		return [header, bytes];
	});
	const run = spawnSync(reader, { input: Buffer.concat(parts), maxBuffer: 1 << 28 });

	assert.equal(run.status, 0, `${run.error ?? ''}${run.stderr}`);
	const lines = run.stdout.toString().trim().split('\n').map((line) => JSON.parse(line));
	assert.equal(lines.length, inputs.length);
	return lines;
}

const latin1 = (hex) => Buffer.from(hex, 'hex').toString('latin1');

// ---------------------------------------------------------------------------
// Node's HTTP server

// A connection on which everything arrives at once.
function connection() {
	const socket = new Duplex({
		read() {},
		write(chunk, encoding, done) { done(); },
	});
	socket.setTimeout = socket.setNoDelay = socket.setKeepAlive = () => socket;
	return socket;
}

const server = http.createServer({ maxHeaderSize: 1 << 16, requireHostHeader: true });

// The requests that Node finds, and whether it finds a fault.
async function readNode(bytes) {
	const socket = connection();
	const found = { requests: [], refused: false };
	const onRequest = (req, res) => {
		const request = { method: req.method, url: req.url, raw: req.rawHeaders, body: '', whole: false };

		if (req.socket !== socket)
			return;
		found.requests.push(request);
		req.on('data', (chunk) => { request.body += chunk.toString('latin1'); });
		req.on('end', () => { request.whole = true; res.end(); });
		req.on('error', () => {});
		res.on('error', () => {});
	};
	const onError = (error, at) => {
		if (at === socket)
			found.refused = error.code;
	};
	const onUpgrade = (req) => {
		if (req.socket === socket)
			found.requests.push({ method: req.method, url: req.url, raw: req.rawHeaders, upgrade: true });
	};

	const listeners = {
		request: onRequest, checkContinue: onRequest, checkExpectation: onRequest,
		clientError: onError, upgrade: onUpgrade, connect: onUpgrade,
	};
	for (const [name, listener] of Object.entries(listeners))
		server.on(name, listener);
	socket.on('error', () => {});
	server.emit('connection', socket);
	socket.push(bytes);
	for (let i = 0; i < 6; i++)
		await new Promise(setImmediate);
	socket.destroy();
	for (const [name, listener] of Object.entries(listeners))
		server.off(name, listener);
	return found;
}

// How texts begin that Node takes for requests: with any ends of lines, or
// with a line of HTTP/0.9 that ends as it likes.
const odd = /^[\r\n]|^\S+ +\S+\n/;

// What we refuse on purpose, by our reason, and Node takes.
const stricter = new Set([
	'The request line has no three parts.',    // it is one of HTTP/0.9
	'The request line ends with no version.',  // two blanks are taken for one
	'The request begins with empty lines.',
	'This method is not known here.',
	'Host names no host.',
	'There is more than one Host.',
	'There is no Host.',
	'The address names no host.',
	'The address is neither a path nor one of HTTP.',
	'There is a character in the address that must be escaped.',
	'A % in the path is not followed by two digits.',
	'HTTP/1.0 has no Transfer-Encoding.',
	'No Transfer-Encoding but chunked is known here.',
	'Transfer-Encoding does not end with chunked.',
	'There is more than one Transfer-Encoding.',
	'No Expect but 100-continue is known here.',
	'This server speaks HTTP/1.1.',
	'The body is too long.',
	'A chunk is too long.',
	'The line of a chunk is not written as it must be.',
]);

// Node does not know versions above 1.1, a tab behind numbers and codings,
// and takes trailers for headers.
function isLaxer(bytes, their) {
	return /^HPE_INVALID_(TRANSFER_ENCODING|CONTENT_LENGTH)$/.test(their.refused)
		&& /\t|\n0/.test(bytes.toString('latin1'));
}

function describeHttp(bytes, ours, theirs) {
	return `${JSON.stringify(bytes.toString('latin1'))}\nours: ${JSON.stringify(ours)}\n`
		+ `Node's: ${JSON.stringify(theirs)}`;
}

function sameRequest(our, their, refused, what) {
	const target = latin1(our.path) + (our.query ? `?${latin1(our.query)}` : '');
	const url = their.url.replace(/^https?:\/\/[^/?]*/i, '').replace(/^([^?]*)\?$/, '$1');

	assert.equal(our.method, their.method, what);
	assert.equal(target, url, what);
	assert.deepEqual(our.headers.flat().map(latin1), their.raw, what);
	if (their.upgrade)
		return;
	assert.ok(our.whole === their.whole || refused, what);
	if (our.whole)
		assert.equal(our.body.map(latin1).join(''), their.body, what);
}

const host = 'Host: a\r\n';
const requests = [
	`GET / HTTP/1.1\r\n${host}\r\n`,
	`HEAD /a/b?c=d HTTP/1.1\r\n${host}Connection: keep-alive\r\nX-A: b\r\n\r\n`,
	`POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n${host}\r\n`,
	`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n${host}\r\n`,
	`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n03\r\nllo\r\n0\r\nA: b\r\n\r\n`,
	`GET http://b/c HTTP/1.1\r\n${host}Cookie: a=b; c=d\r\n\r\n`,
	'GET / HTTP/1.0\r\n\r\n',
	`OPTIONS * HTTP/1.1\r\n${host}\r\n`,
	`GET /ws HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n`
	+ 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
	`PUT / HTTP/1.1\r\n${host}Content-Length: 0\r\nExpect: 100-continue\r\n\r\n`,
	`DELETE / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
	`GET / HTTP/1.1\r\n${host}A:b\r\nA: \t c \t\r\n\r\n`,
];
const httpWords = [
	'\r\n', '\n', '\r', ' ', '\t', ':', '\0', '\x7f', '\xe4', ',', ';', '%2e', '#', '?',
	'Host: b\r\n', 'Content-Length: 5\r\n', 'Content-Length: 6\r\n', 'Content-Length: +5\r\n',
	'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'chunked, ', 'gzip, ',
	' folded\r\n', 'X\r\n', 'X : y\r\n', '\r\nX: y', 'HTTP/1.1', 'HTTP/1.0', 'GET ', '0\r\n\r\n',
	'FFFFFFFFFFFFFFFF\r\n', '5\r\nhello\r\n', 'Connection: close\r\n', 'Expect: x\r\n',
];

describe('HTTP', () => {
	const inputs = changed(makeRandom(4711), requests, httpWords,
		Number(process.env.RT_READER_INPUTS || 4000));
	const ours = readOurs('H', inputs);

	it('is understood as Node understands it', async () => {
		let accepted = 0;
		let refused = 0;

		for (const [i, bytes] of inputs.entries()) {
			const our = ours[i];
			const their = await readNode(bytes);
			const what = describeHttp(bytes, our, their);
			const ended = their.requests.findIndex((r) => r.upgrade || /^close$/i.test(closing(r.raw)));

			for (const [j, request] of our.requests.entries()) {
				if (ended >= 0 && j > ended)
					break;             // Node does not look further
				if (request.minor > 1 || isLaxer(bytes, their))
					break;
				assert.ok(j < their.requests.length, what);
				sameRequest(request, their.requests[j],
					j === our.requests.length - 1 && stricter.has(our.reason), what);
				accepted++;
			}
			if (our.status) {
				refused++;
				assert.ok(their.refused || ended >= 0 || stricter.has(our.reason)
					|| odd.test(bytes.subarray(our.at).toString('latin1')), what);
			}
		}
		assert.ok(accepted > inputs.length / 4 && refused > inputs.length / 4,
			`${accepted} requests, ${refused} refusals`);
	});
});

// The value of Connection in a list of names and values.
function closing(raw) {
	const at = raw.findIndex((name, i) => i % 2 === 0 && /^connection$/i.test(name));
	return at < 0 ? '' : raw[at + 1];
}

// ---------------------------------------------------------------------------
// The receiver of ws

async function readWs(bytes, offended) {
	const receiver = new Receiver({
		isServer: true, maxPayload: maxMessage, allowSynchronousEvents: true,
	});
	const found = { events: [] };
	const note = (kind) => (data) => found.events.push([kind, Buffer.from(data).toString('hex')]);

	receiver.on('message', (data, binary) => note(binary ? 'binary' : 'text')(data));
	receiver.on('ping', note('ping')).on('pong', note('pong'));
	receiver.on('conclude', (code, reason) => {
		found.events.push(['close', code === 1005 ? '' : Buffer.concat([
			Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]).toString('hex')]);
	});
	receiver.on('error', (error) => {
		found.code = error[Object.getOwnPropertySymbols(error).find((s) => s.description === 'status-code')];
		found.error = error.message;
	});
	receiver.write(Buffer.from(bytes));
	await new Promise(setImmediate);
	if (offended && !found.code) {
		receiver.write(Buffer.alloc(1));      // it had half a header
		await new Promise(setImmediate);
	}
	return found;
}

function frame(first, payload, mask = [1, 2, 3, 4]) {
	const bytes = Buffer.from(payload, 'latin1');
	const length = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 255];

	length[0] |= 0x80;
	return Buffer.from([first, ...length, ...mask, ...bytes.map((b, i) => b ^ mask[i % 4])])
		.toString('latin1');
}

const streams = [
	frame(0x81, 'hello') + frame(0x82, '\xff\xfe'),
	frame(0x81, '\xe2\x82\xac') + frame(0x81, 'x'.repeat(200)),
	frame(0x01, 'he') + frame(0x89, 'p') + frame(0x00, '') + frame(0x80, 'llo') + frame(0x81, ''),
	frame(0x02, 'a') + frame(0x80, 'b') + frame(0x8a, 'q') + frame(0x88, '\x03\xe8bye') + frame(0x81, 'x'),
	frame(0x01, '\xe2\x82') + frame(0x80, '\xac') + frame(0x88, ''),
	frame(0x82, 'x'.repeat(600)) + frame(0x02, 'x'.repeat(600)) + frame(0x80, 'x'.repeat(401)),
	frame(0x89, 'x'.repeat(125)) + frame(0x81, 'end'),
];
const wsWords = [
	frame(0x81, 'hi'), frame(0x01, 'a'), frame(0x00, 'b'), frame(0x80, 'c'), frame(0x89, ''),
	frame(0x88, '\x03\xe9'), frame(0x88, '\x03'), frame(0x88, '\x03\xee'), frame(0x88, '\x03\xe8\xff'),
	'\x81\x80', '\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0', '\x81\xff\x80\0\0\0\0\0\0\0', '\x81\0',
	'\xc1', '\x83', '\x09', '\xed\xa0\x80', '\xff', '\x7f', '\xfe',
];

// Why the codes may differ.
function differs(our, their) {
	// ws takes a length that is written with more bytes than it needs, and a
	// length of 2^63 for one that is too long only.
	if (our.reason === 'Bad length of a frame')
		return true;
	// We find text that is none when it arrives, ws at the message's end.
	return our.code === 1007;
}

describe('WebSocket frames', () => {
	// Zeros end all of them with an offence, as ws looks at whole headers only.
	const inputs = changed(makeRandom(815), streams, wsWords,
		Number(process.env.RT_READER_INPUTS || 4000))
		.map((bytes) => Buffer.concat([bytes, Buffer.alloc(16)]));
	const ours = readOurs('W', inputs);

	it('are understood as ws understands them', async () => {
		let messages = 0;
		let refused = 0;

		for (const [i, bytes] of inputs.entries()) {
			const our = ours[i];
			const their = await readWs(bytes, our.code);
			const what = `${bytes.toString('hex')}\nours: ${JSON.stringify(our)}\nws: ${JSON.stringify(their)}`;

			messages += our.events.length;
			refused += our.code ? 1 : 0;
			if (differs(our, their)) {
				assert.deepEqual(our.events, their.events.slice(0, our.events.length), what);
				continue;
			}
			assert.deepEqual(our.events, their.events, what);
			assert.equal(our.code, their.code, what);
		}
		assert.ok(messages > inputs.length / 4 && refused > inputs.length / 4,
			`${messages} messages, ${refused} refusals`);
	});
});
