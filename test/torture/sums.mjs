// sums.mjs - an aggregate over what sessions publish equals what is computed of all that
// is committed.
import { sleep, until } from '../node/lib.mjs';
import { Trade } from './trade.mjs';

const publishers = 2;

export class Sums extends Trade {
	schema() {
		return `
			CREATE TABLE torture.number (n integer);
			CREATE FUNCTION torture.tell(n integer) RETURNS void LANGUAGE sql AS $$
				INSERT INTO torture.number VALUES (n);
				SELECT realtime.publish('torture:numbers', 'told', jsonb_build_object('n', n))$$;
			SELECT realtime.aggregate('torture/sum', 'torture:numbers', 'torture:sum', realtime.reducer('count', 'count(*)'),
				realtime.reducer('sum', 'sum(integer)', 'n'), realtime.reducer('most', 'max(integer)', 'n'))`;
	}

	begin() {
		return Array.from({ length: publishers }, (unused, i) => this.publish(this.round.random(`publisher ${i}`)));
	}

	publish(random) {
		return this.withSessions(async (session) => {
			const numbers = Array.from({ length: random.between(1, 10) }, () => random.between(1, 1000000));

			await session.query('BEGIN');
			await session.query('SELECT torture.tell(n) FROM unnest($1::integer[]) n', [numbers]);
			await session.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
			this.round.count('events counted, or rolled back', numbers.length);
			await sleep(random.between(0, 20));
		});
	}

	async rest() {
		await until(async () => (await this.server.psql('SELECT count(*) FROM realtime.intake').catch(() => '')) === '0',
			'all events to be counted');
	}

	async compare() {
		await this.areNone({
			'what an aggregate has come to, and what it should be': `SELECT value, fresh
				FROM (SELECT jsonb_build_object('count', count(*), 'sum', sum(n), 'most', max(n)) AS fresh FROM torture.number) n
				LEFT JOIN realtime.aggregates a ON a.path = 'torture/sum' WHERE value IS DISTINCT FROM fresh`,
			'rows of an aggregate': `SELECT count(*) FROM realtime.aggregates WHERE path = 'torture/sum' HAVING count(*) <> 1`,
		});
	}
}
