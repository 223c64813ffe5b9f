// crowd.mjs - a crowd at the front door that never comes in: half of it says
// nothing, half of it sends a head byte by byte.
//
//	const { failures, counts } = await tortureCrowd({ crowd: 5000 });
//
// Others must be let in and answered meanwhile, the gateway may keep no more than
// two small buffers for each, and all must be ended when their time is over.
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { patience, startServer, until } from '../node/lib.mjs';

const keptEach = 2 * 4096;		// bytes for a slow one: its head, and an answer that is written
const slack = 256 * 1024;		// for those that are let in
const spareDescriptors = 200;
const stepMs = 500;				// between two bytes of a slow one
const calls = 200;				// of one that is in already
const visits = 10;				// of others that come in, call once and go
const head = `GET /ws HTTP/1.1\r\nHost: localhost\r\nX-Endless: ${'y'.repeat(8000)}`;

// One of the crowd, with what it has been told.
class Guest {
	constructor(port, slow) {
		this.slow = slow;
		this.sent = 0;
		this.answer = '';
		this.ended = false;
		this.socket = net.connect(port, '127.0.0.1');
		this.socket.setNoDelay(true);
		this.socket.on('data', (data) => { this.answer += data; });
		// who goes on sending when it is ended may be told so by a reset
		this.socket.on('error', () => {});
		this.socket.on('close', () => { this.ended = true; });
		this.connected = new Promise((resolve, reject) => {
			this.socket.once('connect', resolve);
			this.socket.once('close', () => reject(new Error('ended before it was connected')));
		});
	}

	step() {
		if (this.slow && !this.ended && this.sent < head.length)
			this.socket.write(head[this.sent++]);
	}
}

class CrowdRound {
	constructor({ crowd, handshakeTimeout, log }) {
		this.crowd = crowd;
		this.handshakeTimeout = handshakeTimeout;
		this.log = log;
		this.failures = [];
		this.counts = new Map();
		this.guests = [];
	}

	check(good, text) {
		if (!good) {
			this.log(`FAILED: ${text}`);
			this.failures.push(text);
		}
	}

	async memory() {
		return Number(await this.server.psql('SELECT memory FROM realtime.stat_gateway'));
	}

	async run() {
		this.server = await startServer({
			settings: {
				'realtime.max_connections': 2 * this.crowd + 100,
				'realtime.handshake_timeout': this.handshakeTimeout,
				'realtime.executors': 2,
			},
		});
		await this.server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
			SELECT realtime.rpc('app/echo', 'app.echo(text)');`);
		await this.server.declared('app/echo', ['x']);
		this.inside = await this.server.connect();
		await this.gather();
		await this.serve();
		await this.wait();
		this.check(!/PANIC: |TRAP:|was terminated by signal/.test(this.server.log()), 'a process has crashed');
	}

	// The crowd comes; its slow half begins to speak.
	async gather() {
		for (let i = 0; i < 2 * this.crowd; i++)
			this.guests.push(new Guest(this.server.port, i % 2 === 1));
		await Promise.all(this.guests.map((guest) => guest.connected));
		this.counts.set('silent and slow', this.guests.length);
		this.steps = setInterval(() => this.guests.forEach((guest) => guest.step()), stepMs);
		this.guests.forEach((guest) => guest.step());
	}

	// Somebody who is in goes on, and others come in.
	async serve() {
		let answered = 0;
		let most = 0;

		for (let i = 0; i < calls; i++) {
			const { data } = await this.inside.rpc('app/echo', [`${i}`]);
			answered += data === `${i}`;
			if (i % (calls / visits) > 0)
				continue;
			const other = await this.server.connect();
			answered += (await other.rpc('app/echo', ['other'])).data === 'other';
			await other.close();
			most = Math.max(most, await this.memory());
		}
		this.counts.set('calls answered', answered);
		this.counts.set('bytes kept at most', most);
		this.check(answered === calls + visits, `${answered} calls were answered`);
		this.check(most <= this.crowd * keptEach + slack, `${most} bytes were kept`);
	}

	// All are ended, and nothing is kept of them.
	async wait() {
		const there = () => this.guests.filter((guest) => !guest.ended).length;

		await until(() => there() === 0, 'the crowd to be ended', parseInt(this.handshakeTimeout) * 1000 + patience)
			.catch(() => this.check(false, `${there()} of the crowd are still there`));
		this.counts.set('were told 408', this.guests.filter(({ answer }) => answer.startsWith('HTTP/1.1 408 ')).length);
		this.check(this.guests.every(({ slow, answer }) => answer === '' || (slow && answer.startsWith('HTTP/1.1 408 '))),
			'something else than 408 was said');
		await until(async () => await this.memory() <= slack, 'the memory to be given back')
			.catch((error) => this.check(false, error.message));
		this.check((await this.inside.rpc('app/echo', ['end'])).data === 'end', 'no answer in the end');
	}

	async stop() {
		clearInterval(this.steps);
		for (const { socket } of this.guests)
			socket.destroy();
		await this.inside?.close();
		await this.server?.stop('fast').catch(() => {});
	}
}

// How many may come: both ends need a descriptor for each socket.
function allowed(crowd) {
	const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();

	return limit === 'unlimited' ? crowd : Math.min(crowd, Math.floor((Number(limit) - spareDescriptors) / 2));
}

// Options: crowd (so many silent and so many slow), handshakeTimeout, log.
export async function tortureCrowd({ crowd, handshakeTimeout = '30s', log = () => {} }) {
	const round = new CrowdRound({ crowd: allowed(crowd), handshakeTimeout, log });

	try {
		await round.run();
	} finally {
		await round.stop();
	}
	return { failures: round.failures, counts: round.counts };
}
