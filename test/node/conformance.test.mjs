// A second reading of the protocol: a client that is written from the published
// client's frames alone and shares nothing with ours, against the checklist of what a
// server has to do for it.  Uploads and binary calls have tests of their own.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { secret, startServer, token, until } from './lib.mjs';

const origin = 'https://app.example';
const mebi = 1048576;
let server;
let readers = [];

// ---- the reader ------------------------------------------------------------

// How the published client merges: strict keys, the last row takes the place of one
// that is deleted, and what it cannot read stops it for good.
function merge(state, event, data) {
	const { how, rows } = state;

	if (event === 'refreshed') {
		state.rows = data;
		return;
	}
	if (how.merge === 'set') {
		state.rows = data;
		return;
	}
	if (how.merge === 'latest') {
		rows.push(data);
		rows.splice(0, rows.length - (how.max ?? 50));
		return;
	}
	const verbs = { crud: ['created', 'updated', 'deleted'], presence: ['join', '', 'leave'], cursor: ['update', '', 'remove'] }[how.merge];
	const verb = verbs.indexOf(event);

	if (verb < 0)
		return;
	assert.ok(data !== null && typeof data === 'object' && !Array.isArray(data), `${event} without a row stops the client`);
	const key = how.merge === 'crud' ? how.key ?? 'id' : 'key';
	assert.ok(data[key] !== undefined && data[key] !== null, `${event} without its key`);
	const at = rows.findIndex((row) => row[key] === data[key]);

	if (verb === 2 && at >= 0) {
		rows[at] = rows.at(-1);
		rows.pop();
	} else if (verb !== 2 && at >= 0) {
		rows[at] = data;
	} else if (verb === 0) {
		if (how.prepend)
			rows.unshift(data);
		else
			rows.push(data);
	}
}

class Reader {
	frames = [];
	streams = new Map();		// path with arguments -> its state
	seen = {};					// topic -> the highest number
	settled = new Map();		// id -> [resolve]
	lastId = 0;
	lastRef = 0;
	closed = undefined;

	static async open(options = {}) {
		const reader = new Reader();

		readers.push(reader);
		await reader.connect(options);
		return reader;
	}

	async connect({ headers = {} } = {}) {
		this.session = undefined;
		this.closed = undefined;
		this.socket = new WebSocket(server.url, { perMessageDeflate: false, headers: { Origin: origin, ...headers } });
		this.socket.on('message', (data, isBinary) => this.read(data, isBinary));
		this.socket.on('close', (code) => { this.closed = code; });
		this.socket.on('error', () => {});
		await new Promise((resolve, reject) => {
			this.socket.on('open', resolve);
			this.socket.on('close', () => reject(new Error('not opened')));
		}).catch((error) => { if (!headers.mayFail) throw error; });
		this.send({ type: 'hello', caps: ['batch'] });
	}

	send(frame) {
		this.socket.send(JSON.stringify(frame));
	}

	// The order in which the published client looks at a frame.
	read(data, isBinary) {
		assert.equal(isBinary, false, 'text only');
		const text = String(data);
		assert.ok(text.length <= mebi, 'a frame that the client would drop');
		const frame = JSON.parse(text);

		this.frames.push(frame);
		if (frame.topic && frame.event !== undefined)
			this.event(frame);
		else if (frame.type === 'batch')
			frame.events.forEach((one) => this.event(one));
		else if (frame.type === 'welcome')
			this.session = frame.sessionId;
	}

	event({ topic, event, data, seq }) {
		if (topic === '__rpc') {
			for (const reply of event === '__batch' ? data.batch : [{ ...data, id: event }])
				this.reply(reply);
			return;
		}
		if (seq !== undefined)
			this.seen[topic] = Math.max(this.seen[topic] ?? 0, seq);
		for (const state of this.streams.values()) {
			if (state.topic === topic)
				this.streamEvent(state, { event, data, seq });
		}
	}

	streamEvent(state, { event, data, seq }) {
		if (data?.reqId !== undefined) {
			state.lost ||= data.truncated === true;
			return;
		}
		state.events.push({ event, data, seq });
		merge(state, event, data);
	}

	reply(reply) {
		assert.notEqual(reply, null, 'a promise that never ends');
		const waiting = this.settled.get(reply.id);

		this.settled.delete(reply.id);
		waiting?.(reply);
	}

	ask(members) {
		const id = `r${(++this.lastId).toString(36)}`;

		this.send({ ...members, id });
		return this.answer(id);
	}

	answer(id) {
		return new Promise((resolve) => this.settled.set(id, resolve));
	}

	call(rpc, ...args) {
		return this.ask({ rpc, args });
	}

	// Mounts a stream: the question, and what the client does with the reply.
	async mount(rpc, args = [], known = {}) {
		const name = JSON.stringify([rpc, args]);
		const before = this.streams.get(name);
		const id = `s${(++this.lastId).toString(36)}`;
		// listens while the reply is read
		const read = new Promise((resolve) => this.settled.set(id, (reply) => resolve(this.mounted(name, before, reply))));

		this.send({ rpc, args, stream: true, ...known, id });
		return read;
	}

	mounted(name, before, reply) {
		if (!reply.ok)
			return { reply };
		for (const member of ['seq', 'version', 'schemaVersion', 'hasMore', 'cursor', 'merge', 'key', 'prepend', 'max', 'topic'])
			assert.notEqual(reply[member], null, `${member} is null`);
		if (reply.gated)
			return { reply, rows: null };
		const state = { how: reply, topic: reply.topic, seq: reply.seq ?? before?.seq, version: reply.version, rows: before?.rows, events: [], lost: false };

		if (reply.replay === true) {
			for (const item of reply.data) {
				merge(state, item.event, item.data);
				state.seq = item.seq;
			}
		} else if (reply.delta) {
			for (const row of reply.data)
				merge(state, row._deleted ? 'deleted' : state.rows.some((one) => one.id === row.id) ? 'updated' : 'created', row);
		} else if (!reply.unchanged && !(reply.channel && state.rows !== undefined)) {
			state.rows = reply.data;
		}
		state.reply = reply;
		this.streams.set(name, state);
		this.send({ type: 'subscribe', topic: reply.topic, ref: ++this.lastRef });
		return state;
	}

	// What it does when the socket is open again.
	async again() {
		const lastSeenSeqs = { ...this.seen };
		const session = this.session;

		await this.connect();
		this.send({ type: 'resume', sessionId: session, lastSeenSeqs });
		this.send({ type: 'subscribe-batch', topics: [...this.streams.values()].map(({ topic }) => topic), ref: ++this.lastRef });
		return Promise.all([...this.streams].map(([name, { topic, seq, version }]) => {
			this.send({ type: 'unsubscribe', topic });
			return this.mount(...JSON.parse(name), { seq, version });
		}));
	}

	frame(condition) {
		return until(() => this.frames.find(condition), 'a frame');
	}

	// All that was sent before has been dealt with.
	async quiet() {
		await this.call('no/path');
	}
}

const publish = (topic, event, data) => server.psql(`SELECT realtime.publish('${topic}', '${event}', '${JSON.stringify(data)}')`);
const ids = (state) => state.rows.map((row) => row.id).sort((a, b) => a - b).join();

before(async () => {
	server = await startServer({
		settings: {
			'realtime.jwt_secret': secret, 'realtime.jwt_leeway': 0, 'realtime.allowed_origins': origin, 'realtime.ping_interval': '300ms',
			'realtime.max_connections_per_user': 3, 'realtime.presence_grace': '50ms', 'realtime.max_backpressure': 65536,
		},
	});
	await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE TABLE app.item (id integer PRIMARY KEY, n integer DEFAULT 0, pad text); GRANT ALL ON app.item TO PUBLIC;
		CREATE FUNCTION app.items() RETURNS SETOF app.item STABLE LANGUAGE sql AS 'SELECT * FROM app.item ORDER BY id';
		CREATE FUNCTION app.echo(value jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT value';
		CREATE FUNCTION app.nothing() RETURNS void LANGUAGE sql AS '';
		CREATE FUNCTION app.wrong() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE 'password of %', 'ann'; END$$;
		CREATE FUNCTION app.long(n integer) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
		CREATE FUNCTION app.gate() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
		CREATE FUNCTION app.version() RETURNS text STABLE LANGUAGE sql AS 'SELECT coalesce(max(n), 0)::text FROM app.item';
		CREATE FUNCTION app.changed(since text) RETURNS jsonb STABLE LANGUAGE sql AS
			$$SELECT coalesce(jsonb_agg(to_jsonb(i)), '[]') FROM app.item i WHERE n > since::integer$$;
		CREATE FUNCTION app.enter() RETURNS void LANGUAGE sql AS $$SELECT realtime.presence_join('lobby', '{"name": "Ann"}'), realtime.cursor_join('lobby', '{}'), realtime.group_join('team', 'member')$$;
		SELECT realtime.rpc('app/echo', 'app.echo(jsonb)'), realtime.rpc('app/nothing', 'app.nothing()'), realtime.rpc('app/wrong', 'app.wrong()'),
			realtime.rpc('app/long', 'app.long(integer)'), realtime.rpc('app/enter', 'app.enter()'),
			realtime.stream('app/items', 'items', 'app.items()', replay => true),
			realtime.stream('app/gated', 'gated', 'app.items()', gate => 'app.gate()'),
			realtime.stream('app/delta', 'delta', 'app.items()', delta_version => 'app.version()', delta_diff => 'app.changed(text)'),
			realtime.channel('app/lines', 'lines', merge => 'latest', max => 5, replay => true),
			realtime.channel('app/value', 'value:{x}', merge => 'set', replay => true),
			realtime.channel('app/rows', 'rows', merge => 'crud'),
			realtime.channel('app/there', 'there', merge => 'presence');
		SELECT realtime.live_table('app.item', 'items')`);
	await server.psql(`SELECT realtime.group('team')`);
	await server.declared('app/there');
});
after(() => server?.stop());
afterEach(() => {
	for (const reader of readers.splice(0))
		reader.socket.terminate();
});

describe('a server for the published client', { timeout: 300000 }, () => {
	it('1: welcomes, chooses no subprotocol, and is heard while nothing happens', async () => {
		const reader = await Reader.open();
		const other = await Reader.open();

		assert.equal(reader.socket.protocol, '');
		await reader.frame((frame) => frame.type === 'ping');
		assert.equal(reader.frames[0].type, 'welcome');
		await other.frame((frame) => frame.type === 'welcome');
		assert.notEqual(reader.session, other.session);
	});

	it('2: is asked first, by pages of another origin too', async () => {
		const ask = (method, headers) => fetch(`http://127.0.0.1:${server.port}/__ws/auth`, { method, headers: { Origin: origin, ...headers } });
		const before = await ask('OPTIONS', { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-requested-with' });
		const good = await ask('POST', { 'x-requested-with': 'svelte-adapter-uws' });
		const bad = await ask('POST', { 'x-requested-with': 'svelte-adapter-uws', authorization: 'Bearer nonsense' });

		assert.deepEqual([before.status, good.status, bad.status], [204, 204, 401]);
		for (const { headers } of [before, good, bad])
			assert.deepEqual([headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')], [origin, 'true']);
		assert.match(before.headers.get('access-control-allow-headers'), /x-requested-with/i);
	});

	it('3: reads what it knows in any order, and nothing else harms', async () => {
		const reader = await Reader.open();

		for (const frame of [{ type: 'reply', ref: 99, data: 1 }, { type: 'unknown' }, { caps: ['x'], type: 'hello' }, { type: 'subscribe' }, 5, null, [],
			{ type: 'request-n', n: 1 }, { type: 'unsubscribe', topic: 'never' }, { type: 'resume', lastSeenSeqs: { __rpc: 1, nowhere: 2 } }])
			reader.send(frame);
		reader.socket.send('{"type":');
		reader.send({ type: 'subscribe-batch', topics: ['__rpc', 'closed', 'a"b'], ref: 7, recover: { closed: { offset: 1 } } });
		await until(() => reader.frames.filter((frame) => frame.type === 'subscribe-denied').length === 3, 'three denials');
		assert.deepEqual(reader.frames.filter((frame) => frame.type === 'subscribe-denied').map(({ topic, ref, reason }) => [topic, ref, reason]).sort(),
			[['__rpc', 7, 'INVALID_TOPIC'], ['a"b', 7, 'INVALID_TOPIC'], ['closed', 7, 'FORBIDDEN']]);
		await reader.frame((frame) => frame.type === 'resumed');
		assert.equal((await reader.call('app/echo', 1)).data, 1);
	});

	it('4: answers calls, each by its id, and hides what has gone wrong inside', async () => {
		const reader = await Reader.open();

		reader.send({ rpc: 'app/echo', args: ['nobody waits'] });
		assert.deepEqual(await reader.call('app/nothing'), { id: 'r1', ok: true });
		const wrong = await reader.call('app/wrong');
		assert.deepEqual([wrong.ok, wrong.code, wrong.error], [false, 'INTERNAL_ERROR', 'Internal server error']);
		const batch = ['x1', 'x2', 'x3'].map((id, n) => ({ rpc: n === 1 ? 'no/path' : 'app/echo', id, args: [n] }));
		const answers = batch.map(({ id }) => reader.answer(id));
		reader.send({ batch, sequential: true });
		assert.deepEqual((await Promise.all(answers)).map(({ ok, code, data }) => code ?? [ok, data]), [[true, 0], 'NOT_FOUND', [true, 2]]);
		// streams that are mounted together: more than fifty
		const many = Array.from({ length: 80 }, (_, n) => ({ rpc: 'app/value', id: `v${n}`, args: [`m${n}`], stream: true }));
		const mounted = many.map(({ id }) => reader.answer(id));
		reader.send({ batch: many });
		assert.ok((await Promise.all(mounted)).every(({ ok, topic, merge: how }, n) => ok && topic === `value:m${n}` && how === 'set'));
		const tooMany = Array.from({ length: 51 }, (_, n) => ({ rpc: 'app/echo', id: `t${n}`, args: [n] }));
		const refused = tooMany.slice(0, 50).map(({ id }) => reader.answer(id));
		reader.send({ batch: tooMany });
		assert.ok((await Promise.all(refused)).every(({ ok, code }) => !ok && code === 'INVALID_REQUEST'));
	});

	it('5: replies to streams as the client reads them, with nothing lost or twice between value and events', async () => {
		const reader = await Reader.open();
		const gated = await reader.mount('app/gated');

		assert.deepEqual([gated.reply.ok, gated.reply.data, gated.reply.gated, gated.reply.topic], [true, null, true, undefined]);
		const rows = await reader.mount('app/rows');
		assert.deepEqual([rows.reply.data, rows.reply.channel, rows.reply.merge], [[], true, 'crud']);
		const lines = await reader.mount('app/lines');
		assert.deepEqual([lines.reply.max, lines.reply.merge], [5, 'latest']);
		// it would stop the client
		for (const [topic, event] of [['rows', 'created'], ['rows', 'deleted'], ['there', 'leave']])
			await assert.rejects(server.psql(`SELECT realtime.publish('${topic}', '${event}', 'null')`), undefined, `${event} of ${topic}`);
		// mounted again and again while somebody writes
		const writing = server.psql(Array.from({ length: 150 }, (_, n) =>
			`INSERT INTO app.item VALUES (${n}); SELECT realtime.publish('lines', 'x', '${n}'); DELETE FROM app.item WHERE id = ${n - 9}; SELECT pg_sleep(0.002);`).join(''));
		const all = [];
		for (let n = 0; n < 8; n++) {
			const one = await Reader.open();
			const [items, last] = [await one.mount('app/items'), await one.mount('app/lines')];
			all.push({ one, items, last });
		}
		await writing;
		const real = await server.psql(`SELECT string_agg(id::text, ',' ORDER BY id) FROM app.item`);
		for (const { items, last } of all) {
			await until(() => ids(items) === real && last.rows.at(-1) === 149, 'all that there is');
			assert.deepEqual(last.rows, [145, 146, 147, 148, 149]);
			const numbers = [items.reply.seq, ...items.events.map(({ seq }) => seq)];
			assert.ok(numbers.every((seq, i) => i === 0 || seq === numbers[i - 1] + 1), 'one row of numbers for replies and events');
		}
		assert.equal(real.split(',').length, 9);
	});

	it('6: brings who comes back what is missing, and says what is lost', async () => {
		const reader = await Reader.open();
		const items = await reader.mount('app/items');

		await reader.mount('app/lines');
		await reader.mount('app/delta');
		await server.psql(`INSERT INTO app.item VALUES (1000, 1)`);
		await until(() => reader.streams.get('["app/items",[]]').rows.some((row) => row.id === 1000), 'the row');
		assert.equal(items.events.at(-1).seq, items.reply.seq + 1);
		reader.socket.terminate();
		await server.psql(`INSERT INTO app.item VALUES (1001, 5), (1002, 6); DELETE FROM app.item WHERE id = 1000; SELECT realtime.publish('lines', 'x', '"away"')`);
		// from the number of the last reply, as that client does
		const [resumed, lines, delta] = await reader.again();
		assert.equal(resumed.reply.replay, true);
		assert.deepEqual(resumed.reply.data.map(({ event, topic }) => [event, topic]),
			[['created', 'items'], ['created', 'items'], ['created', 'items'], ['deleted', 'items']]);
		assert.equal(resumed.reply.data.at(-1).seq, resumed.reply.seq);
		assert.equal(ids(resumed), await server.psql(`SELECT string_agg(id::text, ',' ORDER BY id) FROM app.item`));
		assert.deepEqual([lines.reply.replay, lines.rows.at(-1), new Set(lines.rows).size], [false, 'away', lines.rows.length]);
		assert.equal(delta.reply.delta, true);
		assert.ok(delta.rows.some((row) => row.id === 1002));
		await reader.frame((frame) => frame.type === 'resumed');
		const [, , unchanged] = await reader.again();
		assert.deepEqual([unchanged.reply.unchanged, unchanged.reply.data], [true, []]);
		const future = await reader.mount('app/items', [], { seq: 2 ** 40 });
		assert.equal(future.reply.replay, false);
		// one that does not read is told that it has lost events
		const slow = await reader.mount('app/rows');
		reader.socket._socket.pause();
		await server.psql(`SELECT realtime.publish('rows', 'created', jsonb_build_object('id', n, 'pad', repeat('x', 8000))) FROM generate_series(1, 4000) n`);
		reader.socket._socket.resume();
		await until(() => slow.lost, 'the marker');
	});

	it('8: has topics of its own for users, questions, who is there, cursors and groups', async () => {
		const reader = await Reader.open({ headers: { authorization: `Bearer ${token({ sub: 'ann' })}` } });
		const event = (topic, name) => reader.frame((frame) => (frame.events ?? [frame]).some((one) => one.topic === topic && one.event === name));

		assert.deepEqual(await reader.call('app/enter'), { id: 'r1', ok: true });
		await event('__presence:lobby', 'presence_state');
		await event('__cursor:lobby', 'snapshot');
		await event('__group:team', 'members');
		reader.send({ type: 'cursor', topic: 'lobby', position: { x: 1 } });
		await until(() => reader.frames.flatMap((frame) => frame.events ?? [frame])
			.some(({ topic, data }) => topic === '__cursor:lobby' && [data].flat().some((one) => one?.key === 'ann' && one.data?.x === 1)), 'the cursor');
		await server.psql(`SELECT realtime.signal('ann', 'hello', '{"n": 1}')`);
		await event('__signal:ann', 'hello');
		const asked = server.psql(`SELECT realtime.push('ann', 'confirm', '1', '60 s')`);
		const request = await reader.frame((frame) => frame.type === 'request');
		assert.deepEqual([request.topic, request.event, request.data], [undefined, 'confirm', 1]);
		reader.send({ type: 'reply', ref: request.ref, data: { ok: 1 } });
		assert.equal(await asked, '{"ok": 1}');
		for (const topic of ['__signal:bob', '__presence:lobby', '__realtime'])
			reader.send({ type: 'subscribe', topic, ref: topic });
		await until(() => reader.frames.filter((frame) => frame.type === 'subscribe-denied' && frame.reason === 'INVALID_TOPIC').length === 3, 'none of them by name');
	});

	it('9: closes with codes that mean what they say', async () => {
		const closes = async (headers) => {
			const reader = await Reader.open({ headers });
			return until(() => reader.closed, 'it to be closed');
		};
		const login = (claims) => ({ authorization: `Bearer ${token(claims)}` });

		assert.equal(await closes({ authorization: 'Bearer nonsense' }), 4401);
		assert.equal(await closes(login({ sub: 'ann', exp: 1 })), 4401);
		assert.equal(await closes(login({ sub: 'ann', role: 'postgres' })), 4403);
		for (let n = 0; n < 3; n++)
			await (await Reader.open({ headers: login({ sub: 'many' }) })).quiet();
		assert.equal(await closes(login({ sub: 'many' })), 4429);
	});

	it('10: sends no frame that the client would drop, and takes no row that it could not read', async () => {
		const reader = await Reader.open();

		assert.equal((await reader.call('app/long', mebi - 200)).data.length, mebi - 200);
		assert.equal((await reader.call('app/long', mebi + 1)).code, 'PAYLOAD_TOO_LARGE');
		const batch = ['p', 'q', 'r'].map((id) => ({ rpc: 'app/long', id, args: [600000] }));
		const answers = batch.map(({ id }) => reader.answer(id));
		reader.send({ batch });
		assert.ok((await Promise.all(answers)).every(({ ok, data }) => ok && data.length === 600000));
		await assert.rejects(publish('rows', 'created', { id: 1, reqId: 5 }));
		await assert.rejects(publish('__rpc', 'x', 1));
	});
});
