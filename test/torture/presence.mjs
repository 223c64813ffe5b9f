// presence.mjs - guests go in and out of rooms while gateways are ended, and
// afterwards those are there who are there.
//
//	const { failures, counts } = await torturePresence({ seed: 1, kills: 20 });
//
// After each kill, when all that guests have asked for is done, the presence of
// every room must soon be the connections that exist; and so what each guest has
// been told.
import { patience, secret, sleep, startServer } from '../node/lib.mjs';
import { Chaos } from './chaos.mjs';
import { Guest } from './guest.mjs';
import { failuresShown, ServerRound } from './server_round.mjs';

const users = 20;
const guests = 30;					// some have several connections
const roomCount = 6;
const short = 2000;					// for who is there and never will be

class PresenceRound extends ServerRound {
	constructor({ kills, crashes, liar, ...base }) {
		super(base);
		this.liar = liar;
		this.kills = kills;
		this.crashes = crashes;
		this.rooms = Array.from({ length: roomCount }, (unused, i) => `room:${i + 1}`);
		this.guests = Array.from({ length: guests }, (unused, i) => new Guest(this, i + 1, `user${i % users}`));
		this.chaos = new Chaos(this);
	}

	async start() {
		this.server = await startServer({
			settings: {
				'realtime.gateways': 3,
				'realtime.executors': 3,
				'realtime.jwt_secret': secret,
				'realtime.presence_grace': '300ms',
				// a small one is written round now and then
				'realtime.ring_size': '256kB',
			},
		});
		await this.server.psql(`
			CREATE SCHEMA torture;
			GRANT USAGE ON SCHEMA torture TO PUBLIC;
			CREATE FUNCTION torture.face(room text) RETURNS jsonb STABLE LANGUAGE sql
				AS $$SELECT jsonb_build_object('user', realtime.user_id())$$;
			SELECT realtime.stream('torture/here', 'room:{room}', merge => 'presence', presence => 'torture.face(text)')`);
		await this.server.declared('torture/here', ['1']);
	}

	async run() {
		await this.start();
		await Promise.all(this.guests.map((guest) => guest.come()));
		for (let kill = 1; kill <= this.kills && this.failures.length < failuresShown; kill++) {
			await this.round(kill);
			if (kill % 20 === 0)
				this.log(`${kill} gateways ended`);
		}
		this.checkLog();
	}

	// The kill comes while they come and go.
	async round(kill) {
		const random = this.random(`kill ${kill}`);
		const acts = this.guests.map((guest) => this.actFor(guest, random.between(2, 6)));

		await sleep(random.between(0, 100));
		if (this.crashes > 0 && kill % this.crashes === 0) {
			await this.chaos.killGateway();
			this.count('gateways killed, and so the server');
		} else {
			await this.chaos.endGateway();
			this.count('gateways ended');
		}
		await Promise.all(acts);
		await Promise.all(this.guests.map((guest) => guest.settle()));
		await this.compare(kill);
	}

	async actFor(guest, times) {
		for (let i = 0; i < times; i++) {
			await guest.act();
			this.count('comings and goings');
		}
	}

	// room -> key -> connections
	expected() {
		const rooms = new Map(this.rooms.map((room) => [room, new Map()]));

		for (const guest of this.guests.filter(({ isOpen }) => isOpen)) {
			for (const room of guest.rooms.keys()) {
				const there = rooms.get(room);
				there.set(guest.user, (there.get(guest.user) ?? 0) + 1);
			}
		}
		if (this.liar)
			rooms.get(this.rooms[0]).set('liar', 1);
		return rooms;
	}

	async actual() {
		const rows = await this.server.psql(`SELECT t.topic, p.key, p.connections
			FROM realtime.stat_presence t, realtime.presence(t.topic) p`).catch(() => '');
		const rooms = new Map(this.rooms.map((room) => [room, new Map()]));

		for (const row of rows.split('\n').filter(Boolean)) {
			const [room, key, connections] = row.split('|');
			rooms.get(room).set(key, Number(connections));
		}
		return rooms;
	}

	describe(rooms) {
		return [...rooms].map(([room, there]) => `${room}: ${[...there].map(([key, n]) => `${key}=${n}`).sort().join(' ')}`).join('\n');
	}

	// What a guest has been told, as keys alone
	isTold(rooms) {
		return this.guests.every((guest) => !guest.isOpen || [...guest.rooms].every(([room, there]) =>
			[...there.keys()].sort().join() === [...rooms.get(room).keys()].sort().join()));
	}

	// A gateway that ends closes sockets now: what is expected may still change.
	async compare(kill) {
		const deadline = Date.now() + (this.liar ? short : patience);
		let expected;
		let actual;

		do {
			expected = this.expected();
			actual = await this.actual();
			if (this.describe(expected) === this.describe(actual) && this.isTold(expected))
				return;
			await sleep(20);
		} while (Date.now() < deadline);
		this.fail(`kill ${kill}: expected\n${this.describe(expected)}\nis\n${this.describe(actual)}\ntold: ${this.isTold(expected)}`);
	}

	end() {
		this.guests.forEach((guest) => guest.vanish());
	}
}

// Options: seed, kills, crashes (each so many-th kill is one that nobody survives; 0
// = none), liar (somebody is said to be there who is not), log.
export function torturePresence({ seed, kills, crashes = 0, liar = false, log = () => {} }) {
	return new PresenceRound({ seed, kills, crashes, liar, log }).complete();
}
