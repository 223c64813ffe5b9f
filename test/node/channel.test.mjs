// Following a channel, as docs/protocol.md has it: a client that merges what
// it gets and comes back with its last number.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startServer, until } from './lib.mjs';

let server;

before(async () => {
	server = await startServer({ settings: { 'realtime.max_backpressure': 64 * 1024 } });
	await server.psql(`
		CREATE SCHEMA app;
		GRANT USAGE ON SCHEMA app TO realtime_anonymous;
		CREATE FUNCTION app.may_enter(room text) RETURNS boolean
		LANGUAGE sql AS $$ SELECT room NOT LIKE 'private-%' $$;
		SELECT realtime.channel('chat/messages', 'chat:{room}', merge => 'crud', replay => true,
				access => 'app.may_enter(text)'),
			realtime.channel('chat/lines', 'lines:{room}', merge => 'latest', max => 3, replay => true),
			realtime.channel('chat/typing', 'typing:{room}', volatile => true);
	`);
	await until(async () => {
		const client = await server.connect();
		const reply = await client.rpc('chat/typing', ['x'], { stream: true });
		await client.close();
		return reply.ok;
	}, 'the channels');
});

after(() => server?.stop());

const publish = (topic, event, data) =>
	server.psql(`SELECT realtime.publish('${topic}', '${event}', '${JSON.stringify(data)}')`);

// What a client of a stream does with replies and events.
class Store {
	constructor(path, ...args) {
		Object.assign(this, { path, args, value: undefined, seq: undefined });
	}

	async follow(client) {
		const seq = this.seq === undefined ? {} : { seq: this.seq };
		const reply = await client.rpc(this.path, this.args, { stream: true, ...seq });

		assert.equal(reply.ok, true, JSON.stringify(reply));
		this.reply = reply;
		Object.assign(this, { topic: reply.topic, merge: reply.merge, max: reply.max, seq: reply.seq });
		if (reply.replay)
			reply.data.forEach((item) => this.apply(item));
		else if (!(reply.channel && this.value !== undefined))
			this.value = reply.data;
		return reply;
	}

	apply({ event, data, seq }) {
		if (seq !== undefined)
			this.seq = seq;
		if (this.merge === 'latest')
			this.value = [...this.value, data].slice(-this.max);
		else if (this.merge === 'set')
			this.value = data;
		else if (event === 'created')
			this.value = [...this.value.filter((row) => row.id !== data.id), data];
		else if (event === 'deleted')
			this.value = this.value.filter((row) => row.id !== data.id);
	}

	async takeUntil(client, seq) {
		while (this.seq < seq)
			this.apply(await client.next((frame) => frame.topic === this.topic && 'event' in frame));
	}
}

describe('a channel', () => {
	it('brings the rows that are published', async () => {
		const client = await server.connect();
		const store = new Store('chat/messages', 'lobby');

		await store.follow(client);
		assert.deepEqual(store.value, []);
		await publish('chat:lobby', 'created', { id: 1, body: 'one' });
		await publish('chat:lobby', 'created', { id: 2, body: 'two' });
		await publish('chat:lobby', 'deleted', { id: 1 });
		await store.takeUntil(client, 3);
		assert.deepEqual(store.value, [{ id: 2, body: 'two' }]);
		await client.close();
	});

	it('is resumed by number', async () => {
		let client = await server.connect();
		const store = new Store('chat/messages', 'resume');

		await store.follow(client);
		await publish('chat:resume', 'created', { id: 1 });
		await store.takeUntil(client, 1);
		client.socket.terminate();

		await publish('chat:resume', 'created', { id: 2 });
		await publish('chat:resume', 'deleted', { id: 1 });
		client = await server.connect();
		await store.follow(client);
		assert.equal(store.reply.replay, true);
		assert.deepEqual(store.reply.data.map((item) => item.seq), [2, 3]);
		await publish('chat:resume', 'created', { id: 3 });
		await store.takeUntil(client, 4);
		assert.deepEqual(store.value, [{ id: 2 }, { id: 3 }]);
		await client.close();
	});

	it('survives a stream of breaks with all its rows', async () => {
		const store = new Store('chat/messages', 'breaks');
		const count = 400;
		let client = await server.connect();

		await store.follow(client);			// nobody has what was published before
		const publishing = server.psql(Array.from({ length: count }, (_, i) =>
			`SELECT realtime.publish('chat:breaks', 'created', '{"id": ${i + 1}}');`).join('\n'));

		while (store.seq < count) {
			await store.takeUntil(client, Math.min(count, store.seq + 7));
			client.socket.terminate();
			client = await server.connect();
			await store.follow(client);
		}
		await client.close();
		await publishing;
		assert.deepEqual(store.value.map((row) => row.id), Array.from({ length: count }, (_, i) => i + 1));
	});

	it('sends a list again', async () => {
		let client = await server.connect();
		const store = new Store('chat/lines', 'lobby');

		await store.follow(client);
		await publish('lines:lobby', 'said', 'one');
		await store.takeUntil(client, 1);
		await client.close();
		for (const line of ['two', 'three', 'four'])
			await publish('lines:lobby', 'said', line);
		client = await server.connect();
		await store.follow(client);
		assert.equal(store.reply.replay, false);
		assert.deepEqual(store.value, ['two', 'three', 'four']);
		await client.close();
	});

	it('starts anew when what was missed is gone', async () => {
		let client = await server.connect();
		const store = new Store('chat/messages', 'gone');

		await store.follow(client);
		await publish('chat:gone', 'created', { id: 1 });
		await store.takeUntil(client, 1);
		await client.close();
		await publish('chat:gone', 'created', { id: 2 });
		await server.psql(`SELECT realtime.clear_replay('chat:gone')`);
		client = await server.connect();
		await store.follow(client);
		assert.equal(store.reply.replay, false);
		assert.deepEqual(store.value, []);
		assert.equal(store.seq, 2);
		await client.close();
	});

	it('follows while it is large', async () => {
		const client = await server.connect();
		const store = new Store('chat/messages', 'large');

		await store.follow(client);
		await server.psql(Array.from({ length: 100 }, (_, i) =>
			`SELECT realtime.publish('chat:large', 'created', jsonb_build_object('id', ${i + 1}, 'x', repeat('x', 5000)));`).join('\n'));
		await store.takeUntil(client, 100);
		await client.close();

		const late = await server.connect();
		const other = new Store('chat/messages', 'large');
		other.seq = 0;
		other.value = [];
		await other.follow(late);
		assert.ok(other.seq < 100);
		await other.takeUntil(late, 100);
		assert.deepEqual(other.value, store.value);
		await late.close();
	});

	it('refuses those who may not', async () => {
		const client = await server.connect();

		assert.equal((await client.rpc('chat/messages', ['private-1'], { stream: true })).code, 'UNAUTHENTICATED');
		assert.equal((await client.rpc('chat/messages', [], { stream: true })).code, 'VALIDATION');
		assert.equal((await client.subscribe('chat:private-1')).type, 'subscribed');
		await publish('chat:private-1', 'created', { id: 1 });
		assert.deepEqual(await client.settle(), []);
		await client.close();
	});

	it('has no numbers if it is volatile', async () => {
		const client = await server.connect();
		const store = new Store('chat/typing', 'lobby');

		assert.equal('seq' in await store.follow(client), false);
		await publish('typing:lobby', 'set', 'Ann');
		assert.deepEqual(await client.next((frame) => frame.topic === 'typing:lobby'),
			{ topic: 'typing:lobby', event: 'set', data: 'Ann' });
		await client.close();
	});
});
