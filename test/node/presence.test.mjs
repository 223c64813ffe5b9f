// A short run of test/torture/presence.mjs: when gateways are ended while clients
// come and go, those are present afterwards who are connected.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { torturePresence } from '../torture/presence.mjs';

const seed = Number(process.env.RT_SEED || 1);

it(`presence at rest is the connections that exist, whatever gateways end (RT_SEED=${seed})`,
	{ timeout: 300000 }, async (t) => {
		const { failures, counts } = await torturePresence({
			seed, kills: 20, crashes: 10, log: (text) => t.diagnostic(text),
		});

		assert.deepEqual(failures.slice(0, 3), []);
		assert.equal(counts.get('gateways ended') + counts.get('gateways killed, and so the server'), 20);
		assert.ok(counts.get('comings and goings') >= 1000);
	});

it('one who is not there would be missed', { timeout: 300000 }, async () => {
	const { failures } = await torturePresence({ seed, kills: 1, liar: true });

	assert.match(failures.join(), /room:1: liar=1/);
});
