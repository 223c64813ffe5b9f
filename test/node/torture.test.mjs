// Short runs of test/torture: clients and processes are killed, nothing is lost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tortureComputed, tortureCrashes } from '../torture/crashes.mjs';
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

// A lie that is not found would mean that nothing is.
it('a job that is done twice and half an upload are found, and nothing else', { timeout: 600000 }, async (t) => {
	const { failures } = await tortureCrashes({ seed, rounds: 1, kills: 1, liar: true, log: (text) => t.diagnostic(text) });

	assert.deepEqual(failures.sort(), [
		`round ${seed}: jobs that nobody has wanted: (0)`, `round ${seed}: jobs that were done twice: (0)`,
		`round ${seed}: pieces of no upload: (liar)`,
	]);
});

it('an event that an aggregate has and nobody has published is found', { timeout: 600000 }, async (t) => {
	const { failures } = await tortureComputed({ seed, rounds: 1, kills: 1, liar: true, log: (text) => t.diagnostic(text) });

	assert.ok(failures.some((failure) => failure.includes('values that are wrong')), failures.join('\n'));
	assert.ok(failures.some((failure) => failure.includes('mails of events that were rolled back')), failures.join('\n'));
});
