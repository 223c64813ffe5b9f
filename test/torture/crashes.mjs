// crashes.mjs - jobs, times, aggregates and uploads go on while a process or the server
// ends, and afterwards nothing is missing, half or twice.
//
//	const { failures, counts } = await tortureCrashes({ seed: 1, rounds: 20 });
//
// All rounds have one server, and each a seed of its own, the next number, so one that
// has failed can be repeated alone.
import { sleep, startServer, until } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { Computed } from './computed.mjs';
import { Jobs } from './jobs.mjs';
import { failuresShown, ServerRound } from './server_round.mjs';
import { Sums } from './sums.mjs';
import { Ticks } from './ticks.mjs';
import { Uploads } from './uploads.mjs';

const actions = ['endExecutor', 'endExecutor', 'killExecutor', 'endScheduler', 'killScheduler', 'endLauncher', 'endGateway',
	'endGateway', 'killGateway', 'endBackends', 'endBackends', 'endTakers', 'crashServer', 'crashServer'];

class CrashChaos extends Chaos {
	// The postmaster ends and starts all the others.
	async kill(kind) {
		const before = await this.gateways();

		this.signal(await this.worker(kind), 'SIGKILL');
		await until(async () => !(await this.gateways()).some((pid) => before.includes(pid)), 'the server to restart');
		await this.server.ready();
	}

	killExecutor() {
		return this.kill('executor');
	}

	killScheduler() {
		return this.kill('scheduler');
	}

	// Sessions in the midst of taking jobs, or about to.
	async endTakers() {
		for (let i = 0; i < 10; i++) {
			await this.server.psql(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE query ~ 'realtime.take_jobs' AND pid <> pg_backend_pid()`).catch(() => {});
			await sleep(this.random.between(0, 10));
		}
	}
}

class CrashRounds extends ServerRound {
	constructor({ trades, rounds, kills, liar, milliseconds, ...base }) {
		super(base);
		this.first = this.seed;
		this.rounds = rounds;
		this.kills = kills;
		this.liar = liar;
		this.deadline = Date.now() + (milliseconds ?? Infinity);
		this.trades = trades.map((Made) => new Made(this));
	}

	get progress() {
		return `round ${this.seed}`;
	}

	fail(text) {
		super.fail(`${this.progress}: ${text}`);
	}

	async start() {
		this.server = await startServer({
			settings: {
				'realtime.gateways': 2, 'realtime.executors': 3, 'realtime.max_executors': 9, 'realtime.cron_grace': '1h',
				'realtime.upload_buffer': '128kB', 'realtime.max_uploads': 5, max_prepared_transactions: 20,
			},
		});
		await this.server.psql(`CREATE ROLE torture LOGIN SUPERUSER; CREATE SCHEMA torture; ${this.trades.map((trade) => trade.schema()).join(';\n')}`);
		await Promise.all(this.trades.map((trade) => trade.ready()));
	}

	async run() {
		await this.start();
		for (let n = 0; n < this.rounds && this.failures.length < failuresShown && Date.now() < this.deadline; n++) {
			await this.round(this.first + n);
			if ((n + 1) % 10 === 0)
				this.log(`${n + 1} rounds`);
		}
		this.checkLog();
	}

	async round(seed) {
		this.seed = seed;
		this.over = false;
		const began = Date.now();
		const random = this.random('kills');
		const chaos = new CrashChaos(this, actions);
		const busy = this.trades.flatMap((trade) => trade.begin());

		for (let left = random.between(1, this.kills); left > 0; left--) {
			await sleep(random.between(0, 300));
			await chaos.act();
		}
		this.over = true;
		await Promise.all(busy);
		await this.look();
		this.count('rounds');
		this.count('milliseconds of rounds', Date.now() - began);
	}

	// One who waits is as good as all: they rest together.
	async look() {
		await Promise.all(this.trades.map((trade) => trade.rest()));
		await Promise.all(this.trades.map((trade) => trade.compare()));
		await Promise.all(this.trades.map((trade) => trade.clear()));
	}

	end() {
		this.over = true;
	}
}

const all = [Jobs, Ticks, Sums, Uploads];

// Options: seed, of the first round; rounds, kills (in a round, at most), liar (in each
// round a job is said to be done twice, and half of an upload is there), milliseconds
// after which no round begins, log.
export function tortureCrashes({ trades = all, seed, rounds, kills = 2, liar = false, milliseconds, log = () => {} }) {
	return new CrashRounds({ trades, seed, rounds, kills, liar, milliseconds, log }).complete();
}

// The same of aggregates in windows, effects and a job at times, without the others
export function tortureComputed(options) {
	return tortureCrashes({ trades: [Computed, Ticks], ...options });
}
