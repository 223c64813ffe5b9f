// A short run of test/torture: a few things are killed, nothing is lost.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { torture } from '../torture/round.mjs';

const seed = Number(process.env.RT_SEED || 1);

it(`every committed event is seen once, in order (RT_SEED=${seed})`, { timeout: 180000 }, async (t) => {
	const { failures, counts } = await torture({
		seed, events: 12000, every: 600, log: (text) => t.diagnostic(text),
	});

	assert.deepEqual(failures.slice(0, 5), []);
	assert.ok(counts.get('events committed') >= 12000);
});
