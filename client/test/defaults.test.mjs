// How far things go unless somebody says otherwise: as far as the table says, and no further.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createClient } from '../index.js';
import { scripted } from './lib.mjs';

const nowhere = () => createClient({ url: 'ws://nowhere', WebSocket: class { close() {} }, offline: { queue: true } });

async function settle() {
	for (let i = 0; i < 20; i++)
		await null;
}

const table = [
	// what, the most that is taken, whether so much is: true or undefined, what is too much more
	['milliseconds that a call takes at most', 29900, async (ms, t) => {
		t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
		const script = scripted();
		const client = createClient({ url: 'ws://nowhere', WebSocket: script.WebSocket });
		let end;

		client.connect();
		await settle();
		client.rpc('a/b').fresh().catch(({ code }) => { end = code; });
		for (let passed = 0; passed < ms; passed += 100)
			t.mock.timers.tick(100);
		await settle();
		t.mock.timers.reset();
		const taken = end === undefined;
		client.close();
		return taken || assert.equal(end, 'TIMEOUT');
	}, 100],
	['calls that wait for a connection (offline.maxQueue)', 100, async (many) => {
		const client = nowhere();
		const codes = [];

		for (let i = 0; i < many; i++)
			client.rpc('a/b').fresh(i).catch(({ code }) => codes.push(code));
		await settle();
		const taken = codes.length === 0;
		client.close();
		return taken || assert.deepEqual(codes, ['QUEUE_FULL']);
	}, 1],
	['values that undo() and redo() know (enableHistory)', 50, (many) => {
		const store = nowhere().stream('a/b', { merge: 'set' })().hydrate(1);

		store.enableHistory();
		for (let i = 2; i <= many; i++)
			store.optimistic('any', i);
		while (store.canUndo)
			store.undo();
		return store.current === 1 || undefined;
	}, 1],
	['events that merge: "latest" keeps', 50, (many) => {
		const store = nowhere().stream('a/b', { merge: 'latest' })().hydrate([]);

		for (let i = 1; i <= many; i++)
			store.optimistic('any', i);
		return store.current[0] === 1 || undefined;
	}, 1],
];

for (const [what, most, isTaken, step] of table) {
	it(`${what}: ${most}`, async (t) => {
		assert.equal(await isTaken(most, t), true);
		assert.equal(await isTaken(most + step, t), undefined, 'that is too much');
	});
}
