// Compression against the permessage-deflate of npm "ws".
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { startServer } from './lib.mjs';

let server;

before(async () => {
	server = await startServer({ settings: { 'realtime.compression': 'on', 'realtime.compression_min_size': '0' } });
	await server.psql(`
		CREATE SCHEMA app;
		GRANT USAGE ON SCHEMA app TO realtime_anonymous;
		CREATE FUNCTION app.echo(value jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT value';
		SELECT realtime.rpc('app/echo', 'app.echo(jsonb)'),
			realtime.topic('rows', open => true);
	`);
	await server.declared('app/echo', [1]);
	await server.open('rows');
});
after(() => server?.stop());

const offers = {
	'as ws does by default': {},
	'without context takeover': { serverNoContextTakeover: true, clientNoContextTakeover: true },
	'with a small window of its own': { clientMaxWindowBits: 9 },
	'with the largest window of ours': { serverMaxWindowBits: 15 },
};
const values = [
	'', 'ä€😀', 'x'.repeat(100000), 1, null, [], { a: { b: [1, 2, 3] } },
	Array.from({ length: 2000 }, (_, i) => ({ id: i, name: `row ${i * 7919 % 2000}` })),
];

describe('compression', () => {
	for (const [how, options] of Object.entries(offers)) {
		it(`is agreed on, offered ${how}`, async () => {
			const client = await server.connect({ perMessageDeflate: { threshold: 0, ...options } });

			assert.equal(client.socket.extensions, 'permessage-deflate');
			for (const value of values)
				assert.deepEqual((await client.rpc('app/echo', [value])).data, value);
			await client.close();
		});
	}

	it('is declined where our window would have to be smaller', async () => {
		const client = await server.connect({ perMessageDeflate: { threshold: 0, serverMaxWindowBits: 10 } });

		assert.equal(client.socket.extensions, '');
		assert.equal((await client.rpc('app/echo', ['plain'])).data, 'plain');
		await client.close();
	});

	it('makes events smaller and leaves them the same', async () => {
		const clients = [
			await server.connect({ perMessageDeflate: true }),
			await server.connect({ perMessageDeflate: { serverNoContextTakeover: true } }),
			await server.connect(),
		];
		for (const client of clients)
			await client.subscribe('rows');
		const had = clients.map((client) => client.socket._socket.bytesRead);
		const rows = values.at(-1);

		await server.psql(`SELECT realtime.publish('rows', 'all', '${JSON.stringify(rows)}')`);
		for (const client of clients)
			assert.deepEqual((await client.next((frame) => frame.event === 'all')).data, rows);
		const bytes = clients.map((client, i) => client.socket._socket.bytesRead - had[i]);
		assert.equal(bytes[0], bytes[1]);
		assert.ok(bytes[0] * 3 < bytes[2], `${bytes[0]} bytes of ${bytes[2]}`);
		for (const client of clients)
			await client.close();
	});

	it('does not inflate more than a message may have', async () => {
		const client = await server.connect({ perMessageDeflate: { threshold: 0 } });
		const closed = once(client.socket, 'close');

		client.socket.send(JSON.stringify({ rpc: 'app/echo', id: '1', args: [' '.repeat(3 << 20)] }));
		assert.equal((await closed)[0], 1009);
	});
});
