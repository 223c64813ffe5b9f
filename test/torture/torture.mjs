// torture.mjs - runs rounds until somebody is content; see run.
import { parseArgs } from 'node:util';
import { torture } from './round.mjs';

const { values } = parseArgs({
	options: {
		events: { type: 'string', default: '200000' },
		minutes: { type: 'string', default: '0' },
		seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
		every: { type: 'string', default: '4000' },
	},
});
const began = Date.now();
const milliseconds = Number(values.minutes) * 60000;
let seed = Number(values.seed);
let failed = 0;

function say(text) {
	console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}`);
}

do {
	say(`seed ${seed}`);
	try {
		const { failures, counts } = await torture({
			seed, events: Number(values.events), every: Number(values.every), log: say,
			...milliseconds > 0 && { milliseconds: milliseconds - (Date.now() - began) },
		});
		for (const [what, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
			say(`${String(count).padStart(9)} ${what}`);
		say(failures.length > 0 ? `seed ${seed}: ${failures.length} FAILURES` : `seed ${seed}: passed`);
		failed += failures.length > 0;
	} catch (error) {
		say(`seed ${seed}: FAILED: ${error.stack}`);
		failed++;
	}
	seed++;
	// Not another one for the last seconds
} while (Date.now() - began < milliseconds - 20000);

process.exit(failed > 0 ? 1 : 0);
