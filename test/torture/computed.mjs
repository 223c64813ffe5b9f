// computed.mjs - aggregates and effects over what sessions publish are what the committed
// events come to.
//
// Who publishes notes the event in the same transaction.  At rest an aggregate of all
// events must be what PostgreSQL's own gives of these rows, in its windows that have not
// ended, too, and have each publisher's in order; and what another one has seen of a
// window that begins anew each second must come to all of them.  A durable effect has
// done a job for each event, once; another one has run at most once.  An aggregate that
// is dropped and declared anew meanwhile, with a snapshot of the same rows, is what they
// come to as well.
import { until } from '../node/lib.mjs';
import { Trade } from './trade.mjs';

const publishers = 4;
const topics = 3;

export class Computed extends Trade {
	n = Array(publishers).fill(0);

	schema() {
		return `
			CREATE TABLE torture.sale (id bigserial, publisher integer, n integer, topic text, amount numeric);
			CREATE TABLE torture.mailed (id bigint);
			CREATE TABLE torture.seen (id bigint);
			CREATE AGGREGATE torture.list(jsonb) (SFUNC = array_append, STYPE = jsonb[], COMBINEFUNC = array_cat);
			CREATE FUNCTION torture.follow(state bigint[], n bigint) RETURNS bigint[] IMMUTABLE LANGUAGE sql
				AS $$SELECT ARRAY[state[1] + CASE WHEN n < state[2] THEN state[2] ELSE 0 END, n]$$;
			CREATE FUNCTION torture.total(state bigint[]) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$SELECT state[1] + state[2]$$;
			CREATE AGGREGATE torture.follow(bigint) (SFUNC = torture.follow, STYPE = bigint[], INITCOND = '{0,0}', FINALFUNC = torture.total);
			CREATE FUNCTION torture.sell(publisher integer, n integer, topic text, amount numeric) RETURNS void LANGUAGE sql AS $$
				WITH sold AS (INSERT INTO torture.sale (publisher, n, topic, amount) VALUES ($1, $2, $3, $4) RETURNING id)
				SELECT realtime.publish($3, 'sold', jsonb_build_object('id', id, 'amount', $4, 'who', jsonb_build_array($1, $3, $2))) FROM sold $$;
			CREATE FUNCTION torture.before() RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$SELECT jsonb_build_object('amount', amount) FROM torture.sale$$;
			CREATE FUNCTION torture.mail(payload jsonb) RETURNS void LANGUAGE sql
				AS $$INSERT INTO torture.mailed VALUES ((payload->'data'->>'id')::bigint)$$;
			CREATE FUNCTION torture.see(topic text, event text, data jsonb) RETURNS void LANGUAGE sql
				AS $$INSERT INTO torture.seen VALUES ((data->>'id')::bigint)$$;
			SELECT realtime.queue('mail', 'torture.mail(jsonb)', max_attempts => 100, backoff => '5 ms', max_backoff => '20 ms');
			${this.declarations()}`;
	}

	// Saying them again changes nothing.
	declarations() {
		return `
			SELECT realtime.aggregate('sales/all', 'sales:*', 'all', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount'),
				realtime.reducer('mean', 'avg(numeric)', 'amount'), realtime.reducer('most', 'max(numeric)', 'amount'), realtime.reducer('who', 'torture.list(jsonb)', 'who'));
			SELECT realtime.aggregate_window('sales/all', 'hour', 'sliding', duration => '1 h', slide => '4 s');
			SELECT realtime.aggregate_window('sales/all', 'day', 'tumbling', duration => '48 h', anchor => date_trunc('day', now()) - interval '12 h');
			SELECT realtime.aggregate('sales/short', 'sales:{topic}', 'short', realtime.reducer('n', 'count(*)'));
			SELECT realtime.aggregate_window('sales/short', 'second', 'tumbling', duration => '1 s');
			SELECT realtime.aggregate('sales/seconds', 'short:second', NULL, realtime.reducer('n', 'torture.follow(bigint)', 'n'));
			${this.filled()};
			SELECT realtime.effect('sales/mail', '{sales:*}', durable => true, queue => 'mail');
			SELECT realtime.effect('sales/see', '{sales:1,sales:2}', 'torture.see(text,text,jsonb)')`;
	}

	filled() {
		return `SELECT realtime.aggregate('sales/filled', 'sales:*', ARRAY[realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount')],
			topic => 'filled', snapshot => 'torture.before()')`;
	}

	begin() {
		return Array.from({ length: publishers }, (unused, i) => this.publish(i, this.round.random(`seller ${i}`)));
	}

	// Some of it in savepoints, some rolled back; now and then the declarations once more.
	publish(publisher, random) {
		return this.withSessions(async (session) => {
			await session.query(`SET synchronous_commit = ${random.chance(0.3) ? 'off' : 'on'}`);
			await session.query('BEGIN');
			for (let i = random.between(1, 20); i > 0; i--) {
				const undone = random.chance(0.1);

				await session.query('SAVEPOINT one');
				await session.query('SELECT torture.sell($1, $2, $3, $4)', [publisher, ++this.n[publisher], `sales:${random.between(1, topics)}`, random.between(1, 10000) / 100]);
				await session.query(undone ? 'ROLLBACK TO one' : 'RELEASE one');
				this.round.count('events published, or rolled back');
			}
			await session.query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT');
			if (random.chance(0.002))
				await this.server.psql(`BEGIN; ${this.declarations()}; COMMIT`).catch(() => {});
			if (random.chance(0.05)) {
				await this.server.psql(`BEGIN; SELECT realtime.drop('sales/filled'); ${this.filled()}; COMMIT`).catch(() => {});
				this.round.count('times an aggregate was declared anew');
			}
		});
	}

	becomes(value, query, what) {
		return until(async () => (await this.server.psql(query).catch(() => '')) === value, what);
	}

	async rest() {
		await this.becomes('0', 'SELECT (SELECT count(*) FROM realtime.intake) + (SELECT count(*) FROM realtime.job)', 'all events to be taken');
		await this.becomes('0', `SELECT value->>'n' FROM realtime.aggregates WHERE path = 'sales/short' AND "window" = 'second'`, 'the last second to end');
		await this.becomes('0', 'SELECT count(*) FROM realtime.intake', 'that to be taken');
		await this.becomes('1', `SELECT count(value) FROM realtime.aggregates WHERE path = 'sales/filled'`, 'a snapshot to be taken');
	}

	async compare() {
		if (this.round.liar)
			await this.server.psql('DELETE FROM torture.sale WHERE id = (SELECT max(id) FROM torture.sale)');
		await this.areNone({
			'values that are wrong': `
				SELECT a."window", a.value - 'who', fresh.value FROM realtime.aggregates a,
					(SELECT jsonb_build_object('n', count(*), 'total', sum(amount), 'mean', avg(amount), 'most', max(amount)) AS value FROM torture.sale) fresh
				WHERE a.path = 'sales/all' AND a.value - 'who' <> fresh.value`,
			'events that are not in order, or not there': `
				WITH listed AS (SELECT (who->>0)::integer AS publisher, who->>1 AS topic, (who->>2)::integer AS n, ord
					FROM realtime.aggregates, jsonb_array_elements(value->'who') WITH ORDINALITY AS e (who, ord) WHERE path = 'sales/all' AND "window" = ''),
				ordered AS (SELECT publisher, topic, n, row_number() OVER (PARTITION BY publisher, topic ORDER BY ord) AS place FROM listed),
				sold AS (SELECT publisher, topic, n, row_number() OVER (PARTITION BY publisher, topic ORDER BY id) AS place FROM torture.sale)
				(TABLE ordered EXCEPT TABLE sold) UNION ALL (TABLE sold EXCEPT TABLE ordered)`,
			'seconds that do not come to all': `SELECT value FROM realtime.aggregates WHERE path = 'sales/seconds' AND (value->>'n')::bigint <> (SELECT count(*) FROM torture.sale)`,
			'values that are wrong, or have been filled so': `
				SELECT value, n, total FROM realtime.aggregates, (SELECT count(*) AS n, sum(amount) AS total FROM torture.sale) fresh
				WHERE path = 'sales/filled' AND value <> jsonb_build_object('n', n, 'total', total)`,
			'events for which nothing was mailed': 'SELECT id FROM torture.sale EXCEPT SELECT id FROM torture.mailed',
			'mails of events that were rolled back': 'SELECT id FROM torture.mailed EXCEPT SELECT id FROM torture.sale',
			'events for which was mailed twice': 'SELECT id FROM torture.mailed GROUP BY id HAVING count(*) > 1',
			'events that were seen and are none': `SELECT id FROM torture.seen EXCEPT SELECT id FROM torture.sale WHERE topic <> 'sales:3'`,
			'events that were seen twice': 'SELECT id FROM torture.seen GROUP BY id HAVING count(*) > 1',
		});
	}

	// A list of all events would be ever longer.
	async clear() {
		await this.count('events counted', 'SELECT count(*) FROM torture.sale');
		await this.server.psql(`
			BEGIN;
			TRUNCATE torture.sale, torture.mailed, torture.seen;
			SELECT realtime.drop(path) FROM realtime.aggregate_declaration WHERE path LIKE 'sales/%';
			${this.declarations()};
			COMMIT`);
	}
}
