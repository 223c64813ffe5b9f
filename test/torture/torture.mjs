// torture.mjs - runs rounds until somebody is content; see run.
import { parseArgs } from 'node:util';
import { tortureComputed, tortureCrashes } from './crashes.mjs';
import { tortureCrowd } from './crowd.mjs';
import { tortureHandoff } from './handoff.mjs';
import { tortureLive } from './live.mjs';
import { torturePresence } from './presence.mjs';
import { torture } from './round.mjs';

const { values } = parseArgs({
	options: {
		events: { type: 'string', default: '200000' },
		crowd: { type: 'string', default: '5000' },
		transactions: { type: 'string', default: '20000' },
		streams: { type: 'string', default: '100000' },
		presence: { type: 'string', default: '200' },
		jobs: { type: 'string', default: '50' },
		computed: { type: 'string', default: '20' },
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

function timeLeft() {
	return milliseconds > 0 && { milliseconds: milliseconds - (Date.now() - began) };
}

// Runs one of the kinds of round.
async function run(name, round) {
	say(`${name}, seed ${seed}`);
	try {
		const { failures, counts } = await round({ seed, log: say, ...timeLeft() });
		for (const [what, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
			say(`${String(count).padStart(9)} ${what}`);
		say(failures.length > 0 ? `${name}, seed ${seed}: ${failures.length} FAILURES` : `${name}, seed ${seed}: passed`);
		failed += failures.length > 0;
	} catch (error) {
		say(`${name}, seed ${seed}: FAILED: ${error.stack}`);
		failed++;
	}
}

if (Number(values.crowd) > 0)
	await run('a crowd', (options) => tortureCrowd({ crowd: Number(values.crowd), ...options }));
do {
	if (Number(values.transactions) > 0)
		await run('live tables', (options) => tortureLive({ transactions: Number(values.transactions), ...options }));
	if (Number(values.streams) > 0)
		await run('streams', ({ seed: drawn, log }) => tortureHandoff({
			seed: drawn, log, events: Number(values.streams), every: Number(values.every), during: 60000, chaos: [
				'endExecutor', 'endExecutor', 'endGateway', 'endGateway', 'overrunGateway', 'overrunGateway',
				'freezeGateway', 'restartServer', 'crashServer'],
		}));
	if (Number(values.presence) > 0)
		await run('presence', (options) => torturePresence({ kills: Number(values.presence), crashes: 20, ...options }));
	if (Number(values.jobs) > 0)
		await run('jobs, times, aggregates, uploads', (options) => tortureCrashes({ rounds: Number(values.jobs), ...options }));
	if (Number(values.computed) > 0)
		await run('aggregates, effects', (options) => tortureComputed({ rounds: Number(values.computed), ...options }));
	if (Number(values.events) > 0)
		await run('replay topics', (options) => torture({
			events: Number(values.events), every: Number(values.every), ...options,
		}));
	seed += Math.max(1, Number(values.jobs), Number(values.computed));	// each of these rounds has one
	// Not another one for the last seconds
} while (Date.now() - began < milliseconds - 20000);

process.exit(failed > 0 ? 1 : 0);
