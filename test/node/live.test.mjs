// A short run of test/torture/live.mjs: tables that change at random, and a
// client that applies the events by key.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tortureLive } from '../torture/live.mjs';

const seed = Number(process.env.RT_SEED || 1);
const transactions = 5000;

it(`what clients have of live tables is what these have after each commit (RT_SEED=${seed})`,
	{ timeout: 900000 }, async (t) => {
		const { failures, counts } = await tortureLive({ seed, transactions, log: (text) => t.diagnostic(text) });

		assert.deepEqual(failures.slice(0, 5), []);
		assert.ok(counts.get('transactions committed') >= transactions);
	});
