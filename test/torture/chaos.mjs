// chaos.mjs - ends processes of the server, from a lone worker to all of them.
import { sleep, until } from '../node/lib.mjs';

const everything = [
	'endGateway', 'endGateway', 'freezeGateway', 'freezeGateway', 'killGateway',
	'endExecutor', 'endLauncher', 'endScheduler', 'endBackends', 'endBackends',
	'crashServer', 'crashServer', 'restartServer',
];

export class Chaos {
	constructor(round, all = everything) {
		this.round = round;
		this.all = all;
		this.random = round.random('chaos');
		this.crashes = [];		// when the server, or all but the postmaster, was killed
		// Each of them once, before any of them again
		this.actions = [];
	}

	get server() {
		return this.round.server;
	}

	// One of them, each round.every committed events
	async run() {
		let next = this.round.every;

		while (!this.round.stopping) {
			if (this.round.committed < next) {
				await sleep(10);
				continue;
			}
			await this.act();
			next = Math.max(next + this.round.every, this.round.committed);
		}
	}

	async act() {
		if (this.actions.length === 0)
			this.actions = this.random.shuffle(this.all);
		const action = this.actions.pop();
		this.round.log(`${this.round.progress}: ${action}`);
		this.round.count(action);
		try {
			await this[action]();
		} catch (error) {
			this.round.fail(`${action}: ${error.message}`);
		}
	}

	// The first column of a query, asked until there is a server to answer
	async ask(query) {
		const text = await until(async () => (await this.server.psql(`SELECT string_agg(pid::text, ' ') FROM (${query}) AS q`)
			.catch(() => '')), `an answer to ${query}`);
		return text.split(' ').map(Number);
	}

	gateways() {
		return this.ask('SELECT pid FROM realtime.stat_gateway WHERE pid IS NOT NULL');
	}

	async gateway() {
		return [this.random.pick(await this.gateways())];
	}

	worker(kind) {
		return this.ask(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'realtime ${kind}' ORDER BY random() LIMIT 1`);
	}

	// A process may have ended by itself meanwhile.
	signal(pids, name) {
		for (const pid of pids) {
			try {
				process.kill(pid, name);
			} catch (error) {
				if (error.code !== 'ESRCH')
					throw error;
			}
		}
	}

	async endGateway() {
		this.signal(await this.gateway(), 'SIGTERM');
	}

	// Long enough for the ring to be written round
	async freezeGateway() {
		const pids = await this.gateway();

		this.signal(pids, 'SIGSTOP');
		await sleep(this.random.between(100, 800));
		this.signal(pids, 'SIGCONT');
	}

	// The ring is written round meanwhile, by an event for nobody.
	async overrunGateway() {
		const pids = await this.gateway();
		const bytes = await this.server.psql(`SELECT pg_size_bytes(current_setting('realtime.ring_size'))`);

		this.signal(pids, 'SIGSTOP');
		try {
			await this.server.psql(`DO $$BEGIN
				FOR i IN 1 .. ${Math.ceil(bytes / 8000) + 1} LOOP
					PERFORM realtime.publish('nobody', 'noise', to_jsonb(repeat('x', 8000)));
					COMMIT;
				END LOOP;
			END$$`);
		} finally {
			this.signal(pids, 'SIGCONT');
		}
	}

	async killGateway() {
		const before = await this.gateways();

		this.crashes.push(Date.now());
		this.signal([this.random.pick(before)], 'SIGKILL');
		// The postmaster ends and starts all the others.
		await until(async () => !(await this.gateways()).some((pid) => before.includes(pid)), 'the server to restart');
		await this.server.ready();
	}

	async endExecutor() {
		this.signal(await this.worker('executor'), 'SIGTERM');
	}

	async endLauncher() {
		this.signal(await this.worker('launcher'), 'SIGTERM');
	}

	async endScheduler() {
		this.signal(await this.worker('scheduler'), 'SIGTERM');
	}

	// Sessions of publishers
	async endBackends() {
		this.signal(await this.ask(`SELECT pid FROM pg_stat_activity
			WHERE usename = 'torture' ORDER BY random() LIMIT 5`), 'SIGTERM');
	}

	async crashServer() {
		this.crashes.push(Date.now());
		await this.server.pgCtl('stop', '-m', 'immediate');
		await this.server.pgCtl('start');
		await this.server.ready();
	}

	async restartServer() {
		await this.server.restart('fast');
	}
}
