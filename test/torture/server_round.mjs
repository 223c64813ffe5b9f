// server_round.mjs - a round with one server: what has failed in it, what was
// counted, and what the server says of itself.
import { pg, until } from '../node/lib.mjs';
import { Random } from './random.mjs';

export const failuresShown = 20;

export class ServerRound {
	constructor({ seed, log }) {
		this.seed = seed;
		this.log = log;
		this.failures = [];
		this.counts = new Map();
		this.gateways = new Map();	// pid → what it last said
		this.committed = 0;			// events, as far as publishers know
		this.over = false;
	}

	random(name) {
		return new Random(this.seed, name);
	}

	fail(text) {
		if (this.failures.length < failuresShown)
			this.log(`FAILED: ${text}`);
		this.failures.push(text);
	}

	count(what, n = 1) {
		this.counts.set(what, (this.counts.get(what) ?? 0) + n);
	}

	// How far it is, for who reads what it says
	get progress() {
		return `${this.committed} events`;
	}

	get url() {
		return this.server.url;
	}

	session(user, name = 'torture control') {
		const session = new pg.Client({
			host: this.server.dir, port: 5432, user, database: 'postgres', application_name: name,
			statement_timeout: 60000,
		});

		session.on('error', () => {});	// the query that follows fails as well
		return session;
	}

	client() {
		return this.server.connect();
	}

	// What gateways count begins anew with each of them.
	async readStatistics() {
		const rows = await this.server.psql(`SELECT pid, repairs, ring_overruns, dropped
			FROM realtime.stat_gateway WHERE pid IS NOT NULL`).catch(() => '');

		for (const row of rows.split('\n').filter(Boolean)) {
			const [pid, repairs, overruns, dropped] = row.split('|').map(Number);
			this.gateways.set(pid, { repairs, overruns, dropped });
		}
	}

	countStatistics() {
		const sum = (name) => [...this.gateways.values()].reduce((total, gateway) => total + gateway[name], 0);

		this.counts.set('events dropped for slow readers', sum('dropped'));
		this.counts.set('overruns of the ring', sum('overruns'));
		this.counts.set('repairs of lost topics', sum('repairs'));
	}

	// A call that nobody waits for any more may still run.
	async callsAreOver() {
		await until(async () => (await this.server.psql(`SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND state <> 'idle'`)) === '0', 'executors to be idle');
	}

	// The server must not say anything that nobody expects.
	checkLog() {
		const unexpected = this.server.log().split('\n').filter((line) =>
			/ (ERROR|FATAL|PANIC|WARNING): |TRAP:|was terminated by signal/.test(line) &&
			!/division by zero|terminating|canceling authentication|the database system is|signal 9: Killed|connection to client lost/.test(line));

		for (const line of unexpected.slice(0, failuresShown))
			this.fail(`in the log: ${line}`);
	}

	// Runs it, whatever becomes of it; returns what it has found out.
	async complete() {
		try {
			await this.run();
		} finally {
			this.end();
			if (this.failures.length > 0)
				this.log(`the end of the server's log:\n${this.server?.log().slice(-3000)}`);
			await this.server?.stop('immediate').catch(() => {});
		}
		return { failures: this.failures, counts: this.counts };
	}
}
