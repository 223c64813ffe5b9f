// Short runs of test/torture: clients and processes are killed, nothing is lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { torture } from '../torture/round.mjs';

const seed = Number(process.env.RT_SEED || 1);

describe(`every committed event is seen once, in order (RT_SEED=${seed})`, () => {
	async function passes(t, options) {
		const { failures, counts } = await torture({ seed, log: (text) => t.diagnostic(text), ...options });

		assert.deepEqual(failures.slice(0, 5), []);
		assert.ok(counts.get('events committed') >= options.events);
	}

	it('by clients that are killed 1,000 times', { timeout: 600000 }, async (t) => {
		await passes(t, { events: 10000, every: Infinity, kills: 1000, life: 100 });
	});

	it('whatever process of the server is ended', { timeout: 600000 }, async (t) => {
		await passes(t, {
			events: 12000, every: 600,
			settings: { 'realtime.ring_size': '256kB', 'realtime.max_backpressure': '64kB' },
		});
	});
});
