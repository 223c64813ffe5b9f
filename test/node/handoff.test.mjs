// Short runs of test/torture/handoff.mjs: who follows a stream gets its value and
// then each event once, whatever happens; and who does not would be noticed.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tortureHandoff } from '../torture/handoff.mjs';

const seed = Number(process.env.RT_SEED || 1);

it(`values and events fit together without a gap and without a duplicate (RT_SEED=${seed})`,
	{ timeout: 300000 }, async (t) => {
		const { failures, counts } = await tortureHandoff({
			seed, events: 4000, subscriptions: 200, every: 350, life: 1500, patience: 25,
			log: (text) => t.diagnostic(text),
		});

		assert.deepEqual(failures.slice(0, 5), []);
		assert.ok(counts.get('events committed') >= 4000);
		assert.equal(counts.get('copies compared'), 200);
	});

it('a client that drops an event, takes one twice or forgets some is found', { timeout: 300000 }, async () => {
	const { failures } = await tortureHandoff({
		seed, events: 400, subscriptions: 50, faults: ['drop', 'twice', 'forget'],
	});
	const found = new Set(failures.map((text) => text.match(/^follower \d+/)?.[0]));

	assert.deepEqual([...found].sort(), ['follower 1', 'follower 2', 'follower 3']);
});
