// The wire protocol, frame by frame, as docs/protocol.md has it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { refused, startServer, until, WebSocket } from './lib.mjs';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const maxPayload = 256 * 1024;
let server;

before(async () => {
	server = await startServer({
		settings: {
			'realtime.max_payload': maxPayload,
			'realtime.ping_interval': 0,
		},
	});
	await server.psql(`
		CREATE SCHEMA app;
		GRANT USAGE ON SCHEMA app TO realtime_anonymous;

		CREATE FUNCTION app.echo(value jsonb) RETURNS jsonb
		LANGUAGE sql AS 'SELECT value';
		CREATE FUNCTION app.nothing() RETURNS void
		LANGUAGE sql AS '';
		CREATE FUNCTION app.wait(seconds float8) RETURNS float8
		LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(seconds); RETURN seconds; END $$;
		CREATE FUNCTION app.fail() RETURNS void
		LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the inner workings'; END $$;
		CREATE FUNCTION app.refuse() RETURNS void
		LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.raise('TOO_LATE', 'It is closed'); END $$;
		CREATE FUNCTION app.say(room text, body jsonb) RETURNS void
		LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM realtime.publish('chat:' || room, 'said', body);
		END $$;
		CREATE FUNCTION app.say_and_fail(room text) RETURNS void
		LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM realtime.publish('chat:' || room, 'said', '"never"');
			PERFORM realtime.raise('CHANGED_MY_MIND');
		END $$;

		CREATE TABLE app.step (n serial, label text);
		GRANT ALL ON app.step TO realtime_anonymous;
		GRANT USAGE ON SEQUENCE app.step_n_seq TO realtime_anonymous;
		CREATE FUNCTION app.step(label text, seconds float8 DEFAULT 0) RETURNS void
		LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_sleep(seconds);
			INSERT INTO app.step (label) VALUES (step.label);
		END $$;

		SELECT realtime.rpc('chat/echo', 'app.echo(jsonb)'),
			realtime.rpc('chat/nothing', 'app.nothing()'),
			realtime.rpc('chat/wait', 'app.wait(float8)'),
			realtime.rpc('chat/fail', 'app.fail()'),
			realtime.rpc('chat/refuse', 'app.refuse()'),
			realtime.rpc('chat/say', 'app.say(text,jsonb)'),
			realtime.rpc('chat/say_and_fail', 'app.say_and_fail(text)'),
			realtime.rpc('chat/step', 'app.step(text,float8)'),
			realtime.topic('chat:{room}', open => true);
	`);
	await server.declared('chat/echo', [1]);
	await server.open('chat:0');
});
after(() => server?.stop());

// Runs body with a connection that is closed afterwards.
function connected(body, options) {
	return async () => {
		const client = await server.connect(options);

		try {
			await body(client);
			assert.deepEqual(client.frames.filter((f) => 'binary' in f), [],
				'the server sends text frames only');
		} finally {
			await client.close();
		}
	};
}

// The next call is answered, so whatever came before has done no harm.
async function assertAlive(client) {
	const { data } = await client.rpc('chat/echo', ['alive']);
	assert.equal(data, 'alive');
}

function publish(topic, event, data) {
	const json = data === undefined ? '' : `, '${JSON.stringify(data)}'`;
	return server.psql(`SELECT realtime.publish('${topic}', '${event}'${json})`);
}

describe('connection', () => {
	it('selects no subprotocol', async () => {
		const plain = await server.connect();
		assert.equal(plain.socket.protocol, '');
		assert.equal(plain.response.headers['sec-websocket-protocol'], undefined);
		await plain.close();
	});

	it('declines permessage-deflate', connected(async (client) => {
		assert.equal(client.socket.extensions, '');
		assert.equal(client.response.headers['sec-websocket-extensions'], undefined);
		await assertAlive(client);
	}, { perMessageDeflate: true }));

	it('sends welcome first, with a fresh session id', async () => {
		const [a, b] = [await server.connect(), await server.connect()];
		assert.deepEqual(Object.keys(a.welcome).sort(), ['sessionId', 'type']);
		assert.match(a.welcome.sessionId, uuid);
		assert.notEqual(a.welcome.sessionId, b.welcome.sessionId);
		await a.close();
		await b.close();
	});

	it('answers an unknown path with 404', async () => {
		assert.equal(await refused(server, { url: `ws://127.0.0.1:${server.port}/other` }), 404);
		assert.equal(await refused(server, { url: `ws://127.0.0.1:${server.port}/wsx` }), 404);
	});

	it('ignores the query string of the path', connected(assertAlive, { get url() { return `${server.url}?a=1`; } }));

	it('refuses a foreign origin with 403', async () => {
		assert.equal(await refused(server, { origin: 'https://evil.example' }), 403);
		assert.equal(await refused(server, { origin: 'null' }), 403);
		assert.equal(await refused(server, { origin: `http://127.0.0.1:${server.port + 1}` }), 403);
	});

	it('accepts its own origin, and none', async () => {
		assert.equal(await refused(server, { origin: `http://127.0.0.1:${server.port}` }), 101);
		assert.equal(await refused(server), 101);
	});

	it('needs no hello, and accepts any', connected(async (client) => {
		await assertAlive(client);
		client.send({ type: 'hello', caps: ['batch'] });
		client.send({ type: 'hello', caps: ['batch', 'lease', 'wire.ingress:1', 7] });
		client.send({ type: 'hello', caps: 'nonsense' });
		client.send({ type: 'hello' });
		await assertAlive(client);
		assert.deepEqual(await client.settle(), []);
	}));

	it('answers resume with resumed', connected(async (client) => {
		client.send({ type: 'resume', sessionId: client.welcome.sessionId, lastSeenSeqs: {} });
		assert.deepEqual(await client.next((f) => f.type === 'resumed'), { type: 'resumed' });

		const lastSeenSeqs = {};
		for (let i = 0; i < 2000; i++)
			lastSeenSeqs[`chat:${i}`] = i;
		client.send({ type: 'resume', sessionId: 'of another life', lastSeenSeqs });
		await client.next((f) => f.type === 'resumed');
		await assertAlive(client);
	}));

	it('answers protocol pings', connected(async (client) => {
		const pong = new Promise((resolve) => client.socket.once('pong', resolve));
		client.socket.ping('hello');
		assert.equal((await pong).toString(), 'hello');
	}));

	it('closes in kind', async () => {
		const client = await server.connect();
		assert.equal((await client.close(1000)).code, 1000);
	});
});

describe('frames that nobody understands', () => {
	const silent = {
		'not JSON': '{"rpc":',
		'nothing': '',
		'white space': '  \n',
		'an array': '[1,2]',
		'a string': '"rpc"',
		'null': 'null',
		'an unknown type': '{"type":"coffee"}',
		'a type that is no string': '{"type":1}',
		'an empty object': '{}',
		'a path that is no string': '{"rpc":1,"args":[]}',
		'a batch that is no array': '{"batch":{}}',
		'a subscribe without topic': '{"type":"subscribe"}',
		'a subscribe-batch without topics': '{"type":"subscribe-batch"}',
		'an unsubscribe without topic': '{"type":"unsubscribe"}',
		'a reply to no request': '{"type":"reply","ref":99,"data":1}',
		'a U+0000': '{"type":"\\u0000"}',
	};

	for (const [what, text] of Object.entries(silent)) {
		it(`ignores ${what}`, connected(async (client) => {
			client.send(text);
			await assertAlive(client);
			assert.deepEqual(await client.settle(), []);
		}));
	}

	it('ignores malformed binary frames', connected(async (client) => {
		for (const bytes of [[], [0x00], [0x00, 0xff, 0xff, 0x7b], [0x01], [0x02, 0x10], [0x09, 1, 2]])
			client.send(Buffer.from(bytes));
		await assertAlive(client);
		assert.deepEqual(await client.settle(), []);
	}));

	it('ignores unknown members', connected(async (client) => {
		const { data } = await client.rpc('chat/echo', [1], { colour: 'red', type2: {} });
		assert.equal(data, 1);
	}));

	it('parses a frame whose members come in another order', connected(async (client) => {
		client.send(' { "id" : "x" , "args" : [ 5 ] , "rpc" : "chat/echo" } ');
		assert.deepEqual(await client.result('x'), { id: 'x', ok: true, data: 5 });
	}));
});

describe('size limits', () => {
	it('accepts a frame just below max_payload', connected(async (client) => {
		const long = 'x'.repeat(maxPayload - 100);
		assert.equal((await client.rpc('chat/echo', [long])).data, long);
	}));

	it('closes with 1009 above it', async () => {
		const client = await server.connect();
		client.send('x'.repeat(maxPayload + 1));
		assert.equal((await client.closing()).code, 1009);
	});

	it('answers INVALID_REQUEST to nesting deeper than 64', connected(async (client) => {
		const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
		// The frame's own object is one level, args the second.
		client.send(`{"rpc":"chat/echo","id":"fits","args":[${nested(62)}]}`);
		assert.equal((await client.result('fits')).ok, true);
		client.send(`{"rpc":"chat/echo","id":"deep","args":[${nested(63)}]}`);
		assert.equal((await client.result('deep')).code, 'INVALID_REQUEST');
		client.send(`{"rpc":"chat/echo","id":"abyss","args":[${nested(50000)}]}`);
		assert.equal((await client.result('abyss')).code, 'INVALID_REQUEST');
		await assertAlive(client);
	}));
});

describe('calls', () => {
	it('answers with the result', connected(async (client) => {
		client.send({ rpc: 'chat/echo', id: 'q1', args: [{ a: [1, null, 'é😀'] }] });
		assert.deepEqual(await client.next(), {
			topic: '__rpc', event: 'q1',
			data: { id: 'q1', ok: true, data: { a: [1, null, 'é😀'] } },
		});
	}));

	it('keeps numbers exact', connected(async (client) => {
		let raw;
		client.socket.on('message', (data) => { raw = data.toString(); });
		client.send('{"rpc":"chat/echo","id":"n","args":[12345678901234567890.123456789]}');
		await client.result('n');
		assert.match(raw, /12345678901234567890\.123456789/);
	}));

	it('omits data where there is none', connected(async (client) => {
		assert.deepEqual(await client.rpc('chat/nothing', [], { id: 'v' }), { id: 'v', ok: true });
	}));

	it('runs a call without id and does not answer', connected(async (client) => {
		await server.psql('TRUNCATE app.step');
		client.send({ rpc: 'chat/step', args: ['unanswered'] });
		await until(async () => await server.psql('SELECT label FROM app.step') === 'unanswered',
			'the call to run');
		assert.deepEqual(await client.settle(), []);
	}));

	it('does not answer a failing call without id either', connected(async (client) => {
		client.send({ rpc: 'chat/fail', args: [] });
		client.send({ rpc: 'no/such-path', args: [] });
		client.send({ rpc: 'no slash', args: [] });
		await assertAlive(client);
		assert.deepEqual(await client.settle(), []);
	}));

	it('answers calls independently of each other', connected(async (client) => {
		// known to be short, for which an executor is kept
		for (let i = 0; i < 10; i++)
			await assertAlive(client);
		const slow = client.rpc('chat/wait', [5]);
		const quick = await client.rpc('chat/echo', ['quick']);
		assert.equal(quick.data, 'quick');
		assert.equal(client.frames.some((f) => f.data?.data === 5), false);
		assert.equal((await slow).data, 5);
	}));

	it('answers many calls at once, each its own', connected(async (client) => {
		const calls = Array.from({ length: 500 }, (_, i) => client.rpc('chat/echo', [i]));
		const results = await Promise.all(calls);
		assert.deepEqual(results.map((r) => r.data), Array.from({ length: 500 }, (_, i) => i));
	}));

	const refusals = [
		['an unknown path', { rpc: 'chat/unknown', args: [] }, 'NOT_FOUND', 'Not found'],
		['a path without slash', { rpc: 'chat', args: [] }, 'INVALID_REQUEST', 'Invalid path'],
		['a path with an empty segment', { rpc: 'chat//echo', args: [] }, 'INVALID_REQUEST', 'Invalid path'],
		['a path with a leading slash', { rpc: '/chat/echo', args: [] }, 'INVALID_REQUEST', 'Invalid path'],
		['a path with illegal characters', { rpc: 'chat/éc;ho', args: [] }, 'INVALID_REQUEST', 'Invalid path'],
		['an empty path', { rpc: '', args: [] }, 'INVALID_REQUEST', 'Invalid path'],
		['args that are no array', { rpc: 'chat/echo', args: { a: 1 } }, 'INVALID_REQUEST', 'args must be an array'],
		['a handler\'s error', { rpc: 'chat/fail', args: [] }, 'INTERNAL_ERROR', 'Internal server error'],
		['realtime.raise()', { rpc: 'chat/refuse', args: [] }, 'TOO_LATE', 'It is closed'],
	];
	for (const [what, frame, code, error] of refusals) {
		it(`answers ${what} with ${code}`, connected(async (client) => {
			client.send({ ...frame, id: 'r' });
			assert.deepEqual(await client.result('r'), { id: 'r', ok: false, code, error });
		}));
	}

	it('answers arguments that do not fit with VALIDATION and issues', connected(async (client) => {
		const result = await client.rpc('chat/wait', ['not a number']);
		assert.equal(result.code, 'VALIDATION');
		assert.ok(result.issues.length > 0);
		for (const issue of result.issues) {
			assert.ok(Array.isArray(issue.path));
			assert.equal(typeof issue.message, 'string');
		}
	}));
});

describe('batches', () => {
	const batch = (client, count, more = {}, frame = () => ({ rpc: 'chat/echo' })) => {
		const entries = Array.from({ length: count }, (_, i) =>
			({ id: client.newId(), args: [i], ...frame(i) }));
		client.send({ batch: entries, ...more });
		return entries;
	};

	it('answers every entry by its id', connected(async (client) => {
		const entries = batch(client, 50);
		for (const [i, { id }] of entries.entries())
			assert.deepEqual(await client.result(id), { id, ok: true, data: i });
	}));

	it('answers failing entries beside others', connected(async (client) => {
		client.send({
			batch: [
				{ rpc: 'chat/echo', id: 'a', args: [1] },
				{ rpc: 'no/such-path', id: 'b', args: [] },
				{ rpc: 'chat/fail', id: 'c', args: [] },
				{ rpc: 'chat/echo', id: 'd', args: 'x' },
				{ rpc: 'chat/echo', id: 'e', args: [5] },
			],
		});
		assert.equal((await client.result('a')).data, 1);
		assert.equal((await client.result('b')).code, 'NOT_FOUND');
		assert.equal((await client.result('c')).code, 'INTERNAL_ERROR');
		assert.equal((await client.result('d')).code, 'INVALID_REQUEST');
		assert.equal((await client.result('e')).data, 5);
	}));

	it('runs a sequential one in order', connected(async (client) => {
		await server.psql('TRUNCATE app.step');
		const pauses = [0.3, 0.1, 0];
		const entries = batch(client, 3, { sequential: true },
			(i) => ({ rpc: 'chat/step', args: [`step ${i}`, pauses[i]] }));
		for (const { id } of entries)
			assert.equal((await client.result(id)).ok, true);
		assert.equal(await server.psql('SELECT string_agg(label, \',\' ORDER BY n) FROM app.step'),
			'step 0,step 1,step 2');
	}));

	it('goes on with a sequential one after a failure', connected(async (client) => {
		client.send({
			sequential: true,
			batch: [
				{ rpc: 'chat/fail', id: 'a', args: [] },
				{ rpc: 'chat/echo', id: 'b', args: [2] },
			],
		});
		assert.equal((await client.result('a')).code, 'INTERNAL_ERROR');
		assert.equal((await client.result('b')).data, 2);
	}));

	it('refuses more than 50 calls, each by its id', connected(async (client) => {
		const entries = batch(client, 51);
		for (const { id } of entries)
			assert.equal((await client.result(id)).code, 'INVALID_REQUEST');
		await assertAlive(client);
	}));

	it('ignores an empty one', connected(async (client) => {
		client.send({ batch: [] });
		await assertAlive(client);
	}));

	it('survives entries that are no calls', connected(async (client) => {
		client.send({ batch: [null, 1, 'x', [], {}, { id: 'z' }, { rpc: 'chat/echo', id: 'ok', args: [1] }] });
		assert.equal((await client.result('ok')).data, 1);
		await assertAlive(client);
	}));
});

describe('subscriptions', () => {
	it('acknowledges', connected(async (client) => {
		client.send({ type: 'subscribe', topic: 'chat:1', ref: 1 });
		assert.deepEqual(await client.next(), { type: 'subscribed', topic: 'chat:1', ref: 1 });
	}));

	it('echoes a ref that is a string', connected(async (client) => {
		client.send({ type: 'subscribe', topic: 'chat:1', ref: 'r-1' });
		assert.deepEqual(await client.next(), { type: 'subscribed', topic: 'chat:1', ref: 'r-1' });
	}));

	it('acknowledges only what has a ref', connected(async (client) => {
		client.send({ type: 'subscribe', topic: 'chat:noref' });
		client.send({ type: 'subscribe', topic: '__x' });
		await until(async () => {
			await publish('chat:noref', 'created', { id: 1 });
			return client.frames.some((f) => f.event === 'created');
		}, 'the subscription without ref');
		assert.deepEqual(client.frames.filter((f) => f.type?.startsWith('subscribe')), []);
	}));

	it('acknowledges again what is subscribed already', connected(async (client) => {
		for (let i = 0; i < 3; i++)
			assert.equal((await client.subscribe('chat:twice')).type, 'subscribed');
		await publish('chat:twice', 'created', { id: 1 });
		await publish('chat:twice', 'end');
		assert.equal((await client.eventsUntil('chat:twice', 'end')).length, 1,
			'but delivers once');
	}));

	it('acknowledges a batch topic by topic, with its ref', connected(async (client) => {
		const topics = ['chat:a', '__x', 'chat:b'];
		client.send({ type: 'subscribe-batch', topics, ref: 7 });
		assert.equal((await client.ack('chat:a', 7)).type, 'subscribed');
		assert.deepEqual(await client.ack('__x', 7),
			{ type: 'subscribe-denied', topic: '__x', ref: 7, reason: 'INVALID_TOPIC' });
		assert.equal((await client.ack('chat:b', 7)).type, 'subscribed');
	}));

	it('accepts 256 topics in a batch', connected(async (client) => {
		const topics = Array.from({ length: 256 }, (_, i) => `chat:t${i}`);
		client.send({ type: 'subscribe-batch', topics, ref: 8 });
		for (const topic of topics)
			assert.equal((await client.ack(topic, 8)).type, 'subscribed');
	}));

	it('ignores the topics above 256', connected(async (client) => {
		const topics = Array.from({ length: 300 }, (_, i) => `chat:u${i}`);
		client.send({ type: 'subscribe-batch', topics, ref: 9 });
		for (const topic of topics.slice(0, 256))
			await client.ack(topic, 9);
		await client.subscribe('chat:after');
		assert.deepEqual((await client.settle()).filter((f) => f.ref === 9), []);
	}));

	const invalid = {
		'a reserved topic': '__x',
		'__rpc': '__rpc',
		'an empty topic': '',
		'a quote': 'chat:"',
		'a backslash': 'chat:\\',
		'a control character': 'chat:\n',
		'DEL': 'chat:\x7f',
		'non-ASCII': 'chat:é',
		'257 characters': 'c'.repeat(257),
	};
	for (const [what, topic] of Object.entries(invalid)) {
		it(`denies ${what} with INVALID_TOPIC`, connected(async (client) => {
			client.send({ type: 'subscribe', topic, ref: 3 });
			const denial = await client.next();
			assert.equal(denial.type, 'subscribe-denied');
			assert.equal(denial.ref, 3);
			assert.equal(denial.reason, 'INVALID_TOPIC');
		}));
	}

	it('denies a topic that nobody has declared with FORBIDDEN', connected(async (client) => {
		assert.deepEqual(await client.subscribe('secret:1', 4),
			{ type: 'subscribe-denied', topic: 'secret:1', ref: 4, reason: 'FORBIDDEN' });
	}));

	it('ends with one unsubscribe, without an answer', connected(async (client) => {
		const witness = await server.connect();
		await witness.subscribe('chat:gone');
		await client.subscribe('chat:gone');
		await client.subscribe('chat:gone');
		client.send({ type: 'unsubscribe', topic: 'chat:gone' });
		client.send({ type: 'unsubscribe', topic: 'chat:never' });
		assert.deepEqual(await client.settle(), []);
		await publish('chat:gone', 'created', { id: 1 });
		await witness.next((f) => f.event === 'created');
		assert.deepEqual(await client.settle(), []);
		await witness.close();
	}));

	it('handles a burst for one topic in order', connected(async (client) => {
		for (let i = 0; i < 20; i++) {
			client.send({ type: 'unsubscribe', topic: 'chat:burst' });
			client.send({ type: 'subscribe', topic: 'chat:burst', ref: `b${i}` });
		}
		await client.ack('chat:burst', 'b19');
		await publish('chat:burst', 'created', { id: 1 });
		await client.next((f) => f.event === 'created');
	}));
});

describe('events', () => {
	it('arrive as envelopes of exactly this form', connected(async (client) => {
		await client.subscribe('chat:1');
		await publish('chat:1', 'created', { id: 1 });
		assert.deepEqual(await client.next((f) => f.topic === 'chat:1'),
			{ topic: 'chat:1', event: 'created', data: { id: 1 } });
	}));

	it('have data null if there is none', connected(async (client) => {
		await client.subscribe('chat:1');
		await publish('chat:1', 'poke');
		assert.deepEqual(await client.next((f) => f.topic === 'chat:1'),
			{ topic: 'chat:1', event: 'poke', data: null });
	}));

	it('reach every subscriber and nobody else', async () => {
		const members = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
		const stranger = await server.connect();
		await Promise.all(members.map((m) => m.subscribe('chat:many')));
		await stranger.subscribe('chat:few');
		await publish('chat:many', 'created', { id: 1 });
		await Promise.all(members.map((m) => m.next((f) => f.event === 'created')));
		assert.deepEqual(await stranger.settle(), []);
		await Promise.all([...members, stranger].map((m) => m.close()));
	});

	it('come in the order of a transaction', connected(async (client) => {
		await client.subscribe('chat:order');
		await server.psql(`
			SELECT realtime.publish('chat:order', 'n', to_jsonb(n))
			FROM generate_series(1, 1000) AS n;
			SELECT realtime.publish('chat:order', 'end');
		`);
		const events = await client.eventsUntil('chat:order', 'end');
		assert.deepEqual(events.map((e) => e.data), Array.from({ length: 1000 }, (_, i) => i + 1));
	}));

	it('do not exist after a rollback', connected(async (client) => {
		await client.subscribe('chat:tx');
		await server.psql(`
			BEGIN;
			SELECT realtime.publish('chat:tx', 'never');
			ROLLBACK;
			SELECT realtime.publish('chat:tx', 'end');
		`);
		assert.deepEqual(await client.eventsUntil('chat:tx', 'end'), []);
	}));

	it('nor after a rollback to a savepoint', connected(async (client) => {
		await client.subscribe('chat:tx');
		await server.psql(`
			BEGIN;
			SELECT realtime.publish('chat:tx', 'one');
			SAVEPOINT a;
			SELECT realtime.publish('chat:tx', 'never');
			SAVEPOINT b;
			SELECT realtime.publish('chat:tx', 'never either');
			RELEASE b;
			ROLLBACK TO a;
			SELECT realtime.publish('chat:tx', 'two');
			COMMIT;
			SELECT realtime.publish('chat:tx', 'end');
		`);
		const events = await client.eventsUntil('chat:tx', 'end');
		assert.deepEqual(events.map((e) => e.event), ['one', 'two']);
	}));

	it('published in a call reach another connection, and the caller', connected(async (client) => {
		const other = await server.connect();
		await other.subscribe('chat:live');
		await client.subscribe('chat:live');
		assert.equal((await client.rpc('chat/say', ['live', { text: 'hi' }])).ok, true);
		const expected = { topic: 'chat:live', event: 'said', data: { text: 'hi' } };
		assert.deepEqual(await other.next((f) => f.event === 'said'), expected);
		assert.deepEqual(await client.next((f) => f.event === 'said'), expected);
		await other.close();
	}));

	it('subscribed and published in one breath arrive', connected(async (client) => {
		client.send({ type: 'subscribe', topic: 'chat:breath', ref: 1 });
		await client.ack('chat:breath', 1);
		client.send({ rpc: 'chat/say', id: 'w', args: ['breath', 1] });
		await client.next((f) => f.event === 'said');
	}));

	it('of a call that fails do not exist', connected(async (client) => {
		await client.subscribe('chat:fail');
		assert.equal((await client.rpc('chat/say_and_fail', ['fail'])).code, 'CHANGED_MY_MIND');
		await publish('chat:fail', 'end');
		assert.deepEqual(await client.eventsUntil('chat:fail', 'end'), []);
	}));

	it('carry any JSON', connected(async (client) => {
		await client.subscribe('chat:json');
		const values = [0, -1.5, '', 'é😀\u2028', '"\\\n', true, false, [], {}, [[{ a: null }]]];
		for (const value of values)
			await client.rpc('chat/say', ['json', value]);
		for (const value of values)
			assert.deepEqual((await client.next((f) => f.event === 'said')).data, value);
	}));

	const unpublishable = {
		'a reserved topic': ['__rpc', 'x'],
		'a topic with a quote': ['chat:"', 'x'],
		'an empty topic': ['', 'x'],
		'an event with a backslash': ['chat:1', '\\'],
		'an event with a control character': ['chat:1', '\t'],
	};
	for (const [what, [topic, event]] of Object.entries(unpublishable)) {
		it(`are refused with ${what}`, async () => {
			await assert.rejects(publish(topic, event), /ERROR/);
		});
	}

	it('are refused with a reqId on top', async () => {
		await assert.rejects(publish('chat:1', 'created', { reqId: 1 }), /ERROR/);
	});
});

// The last ones, each with a server of its own.
describe('life of a connection', () => {
	it('sends a ping frame after silence', async () => {
		const own = await startServer({ settings: { 'realtime.ping_interval': '200ms' } });
		try {
			const client = await own.connect();
			assert.deepEqual(await client.next(), { type: 'ping' });
			assert.deepEqual(await client.next(), { type: 'ping' });
		} finally {
			await own.stop();
		}
	});

	it('is closed after silence of the client', async () => {
		const own = await startServer({
			settings: { 'realtime.idle_timeout': '5s', 'realtime.ping_interval': 0 },
		});
		try {
			const mute = await own.connect({ autoPong: false });
			const lively = await own.connect();
			const timer = setInterval(() => lively.send({ type: 'hello' }), 200);
			await mute.closing();
			clearInterval(timer);
			assert.equal(lively.socket.readyState, WebSocket.OPEN);
		} finally {
			await own.stop();
		}
	});

	it('ends with 1001 when the server stops', async () => {
		const own = await startServer();
		try {
			const clients = await Promise.all(Array.from({ length: 10 }, () => own.connect()));
			await own.stop();
			for (const client of clients)
				assert.ok([1001, 1012].includes((await client.closing()).code));
		} finally {
			await own.stop();
		}
	});

	it('is limited in number per address by upgrade_rate', async () => {
		const own = await startServer({ settings: { 'realtime.upgrade_rate': 1000 } });
		try {
			own.configure({ 'realtime.upgrade_rate': 5 });
			await own.reload();
			await until(async () => await refused(own) === 429, 'a refusal with 429');
			// A neighbour is not punished for it: HTTP still works.
			assert.equal((await own.request('/healthz')).status, 200);
		} finally {
			await own.stop();
		}
	});

	it('accepts listed origins', async () => {
		const own = await startServer({
			settings: { 'realtime.allowed_origins': 'https://a.example, https://b.example:8443' },
		});
		try {
			assert.equal(await refused(own, { origin: 'https://a.example' }), 101);
			assert.equal(await refused(own, { origin: 'https://b.example:8443' }), 101);
			assert.equal(await refused(own, { origin: 'https://b.example' }), 403);
			assert.equal(await refused(own, { origin: 'http://a.example' }), 403);
			own.configure({ 'realtime.allowed_origins': '*' });
			await own.reload();
			await until(async () => await refused(own, { origin: 'https://c.example' }) === 101,
				'* to count');
		} finally {
			await own.stop();
		}
	});
});
