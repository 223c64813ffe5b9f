// Two clients on the list, against the server that ./start has started.
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { createClient } from '../public/client/index.js';
import { url } from './server.mjs';

const WebSocket = globalThis.WebSocket ?? (await import('ws')).default;		// Node 20 has none
const [ann, ben] = [1, 2].map(() => createClient({ url, WebSocket }));

after(() => [ann, ben].forEach((client) => client.close()));

// Resolves to the rows as soon as they fulfil a condition.
function shows(store, condition) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error('not in ten seconds')), 10000);
		const stop = store.subscribe((rows) => {
			if (!rows || !condition(rows))
				return;
			clearTimeout(timer);
			queueMicrotask(() => stop());
			resolve(rows);
		});
	});
}

it('shows what one adds to the other', async () => {
	const items = ben.stream('list/items');
	const id = await ann.rpc('list/add')('milk');

	await shows(items, (rows) => rows.some((row) => row.id === id && row.title === 'milk' && !row.done));
	await ann.rpc('list/check')(id);
	await shows(items, (rows) => rows.some((row) => row.id === id && row.done));
	await ben.rpc('list/clear')();
	await shows(ann.stream('list/items'), (rows) => rows.every((row) => row.id !== id));
});

it('refuses what breaks a rule', async () => {
	await assert.rejects(ann.rpc('list/add')('   '), { code: 'VALIDATION' });
	await assert.rejects(ann.rpc('list/check')(0), { code: 'NOT_FOUND' });
});
