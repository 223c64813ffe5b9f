// Values in parts with a client that does not know the server: it puts them
// together by what docs/protocol.md says.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startServer } from './lib.mjs';

const ROWS = 20000;

describe('values in parts', () => {
	let server;

	before(async () => {
		server = await startServer({ settings: { 'realtime.executors': 3 } });
		await server.psql(`
			CREATE SCHEMA app;
			GRANT USAGE ON SCHEMA app TO realtime_anonymous;
			CREATE TABLE app.item (id integer PRIMARY KEY, name text);
			GRANT SELECT ON app.item TO realtime_anonymous;
			INSERT INTO app.item SELECT g, repeat('é" \\', 20) || g FROM generate_series(1, ${ROWS}) g;
			CREATE FUNCTION app.items() RETURNS SETOF app.item STABLE LANGUAGE sql AS 'SELECT * FROM app.item ORDER BY id';
			SELECT realtime.live_table('app.item', 'items');
			SELECT realtime.stream('app/items', 'items', 'app.items()');
		`);
		await server.declared('app/items');
	});
	after(() => server.stop());

	// The reply with all of its items; fails if anything comes in the wrong order.
	async function follow(client, rpcPath) {
		const reply = await client.rpc(rpcPath, [], { stream: true });
		let more = reply.more;

		while (more) {
			const part = await client.next((f) => f.topic === '__parts' && f.event === reply.id);
			assert.deepEqual(Object.keys(part.data).sort(), ['items', 'more']);
			reply.data.push(...part.data.items);
			more = part.data.more;
		}
		return reply;
	}

	it('are whole, and stay true', async () => {
		const client = await server.connect();

		client.send({ type: 'hello', caps: ['batch', 'parts'] });
		const [reply] = await Promise.all([follow(client, 'app/items'),
			server.psql(`INSERT INTO app.item SELECT g, 'new' FROM generate_series(${ROWS + 1}, ${ROWS + 100}) g`)]);
		const rows = new Map(reply.data.map((row) => [row.id, row.name]));
		assert.equal(rows.size, reply.data.length);
		assert.equal(rows.get(1), 'é" \\'.repeat(20) + '1');
		while (rows.size < ROWS + 100) {
			const { event, data } = await client.next((f) => f.topic === 'items');
			assert.equal(event, 'created');
			assert.ok(!rows.has(data.id));
			rows.set(data.id, data.name);
		}
		await client.close();
	});

	it('are refused to who has not asked for them', async () => {
		const client = await server.connect();
		const reply = await client.rpc('app/items', [], { stream: true });

		assert.equal(reply.code, 'PAYLOAD_TOO_LARGE');
		assert.match(reply.error, /in pages/);
		await client.close();
	});
});
