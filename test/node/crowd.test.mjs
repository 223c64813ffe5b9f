// A small crowd of test/torture/crowd.mjs: who never completes a head keeps nobody
// else out.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tortureCrowd } from '../torture/crowd.mjs';

it('a crowd of silent and slow clients keeps nobody out', { timeout: 300000 }, async (t) => {
	const { failures, counts } = await tortureCrowd({ crowd: 250, handshakeTimeout: '3s', log: (text) => t.diagnostic(text) });

	assert.deepEqual(failures, []);
	assert.ok(counts.get('silent and slow') > 0);
});
