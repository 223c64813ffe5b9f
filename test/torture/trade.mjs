// trade.mjs - something that goes on while processes and the server end, and must be
// right afterwards.
//
// A trade has schema(), ready(), which waits until that is in effect, begin() → promises
// of those at work, who stop when the round is over, rest(), which waits until nothing is
// under way, compare() and clear().
import { sleep } from '../node/lib.mjs';

export class Trade {
	constructor(round) {
		this.round = round;
	}

	get server() {
		return this.round.server;
	}

	async ready() {}

	async rest() {}

	async compare() {}

	async clear() {}

	// With a session of its own until that ends, and then another one.
	async withSessions(act) {
		let session = null;

		while (!this.round.over) {
			try {
				if (session === null) {
					session = this.round.session('torture', 'torture sender');
					await session.connect();
				}
				await act(session);
			} catch {
				await session?.end().catch(() => {});
				session = null;
				await sleep(20);
			}
		}
		await session?.end().catch(() => {});
	}

	// Queries by what their rows would be; there must be none.
	async areNone(queries) {
		const found = await this.server.psql(Object.entries(queries).map(([what, query]) =>
			`SELECT '${what}: ' || string_agg(x::text, ', ') FROM (SELECT * FROM (${query}) q LIMIT 10) x;`).join('\n'));

		for (const line of found.split('\n').filter(Boolean))
			this.round.fail(line);
	}

	async count(what, query) {
		this.round.count(what, Number(await this.server.psql(query)));
	}
}
