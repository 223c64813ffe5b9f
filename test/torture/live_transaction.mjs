// live_transaction.mjs - draws what a transaction does to live tables.
//
// Statements that fail end their transaction: whoever runs it rolls it back.
import { keys, rooms, tables } from './live_schema.mjs';

class Plan {
	constructor(random) {
		this.random = random;
		this.statements = [];
		this.savepoints = 0;
		this.reloads = false;		// markers are to be expected
		this.add(`SELECT setseed(${random.next()})`);
		if (random.chance(0.5))
			this.add('SET CONSTRAINTS ALL DEFERRED');
		this.block(0);
		this.removeTwins();
		if (random.chance(0.05))	// nothing else keeps them few
			this.add('DELETE FROM cold WHERE id < (SELECT max(id) FROM cold) - 20');
		this.add(random.chance(0.05) ? 'ROLLBACK' : 'COMMIT');
	}

	get sql() {
		return `BEGIN; ${this.statements.join(';\n')}`;
	}

	add(sql) {
		this.statements.push(sql);
	}

	block(depth) {
		for (let i = this.random.between(1, depth === 0 ? 5 : 3); i > 0; i--) {
			if (depth < 3 && this.random.chance(0.2))
				this.savepoint(depth);
			else
				this.statement(this.random.pick(tables));
		}
	}

	savepoint(depth) {
		const name = `s${++this.savepoints}`;

		this.add(`SAVEPOINT ${name}`);
		this.block(depth + 1);
		const fate = this.random.next();
		if (fate < 0.4)
			this.add(`RELEASE ${name}`);
		else if (fate < 0.85)
			this.add(`ROLLBACK TO ${name}`);
		// else it stays open until the transaction ends
	}

	statement(table) {
		const { random } = this;
		const { name } = table;
		const chance = random.next();

		if (chance < 0.4)
			this.add(`SELECT act('${name}')`);
		else if (chance < 0.55)
			this.changeRows(name);
		else if (chance < 0.75)
			this.changeKeys(table);
		else if (chance < 0.9)
			this.replaceRows(table);
		else if (chance < 0.94)
			this.add(`SELECT realtime.publish('${table.topic.replace('{room}', random.pick(rooms))}', 'said', '1')`);
		else if (chance < 0.97)
			this.add(`DO $$ BEGIN PERFORM act('${name}'); PERFORM act('${name}'); RAISE division_by_zero;
				EXCEPTION WHEN division_by_zero THEN PERFORM act('${name}'); END $$`);
		else if (chance < 0.98)
			this.add(`SET CONSTRAINTS ALL ${random.pick(['IMMEDIATE', 'DEFERRED'])}`);
		else
			this.changeTable(table);
	}

	changeRows(name) {
		this.add(this.random.pick([
			`UPDATE ${name} SET n = n + 1`,
			`UPDATE ${name} SET hidden = hidden + 1`,
			`UPDATE ${name} SET n = id, room = 'a' WHERE id % 2 = 0`,
			`UPDATE ${name} SET room = CASE room WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE room END`,
			`UPDATE ${name} SET room = NULL WHERE id % 3 = 0`,
			`UPDATE ${name} SET room = 'c' WHERE room IS NULL`,
			`DELETE FROM ${name} WHERE id % 3 = 1`,
			`MERGE INTO ${name} USING (VALUES (2), (3)) AS new (id) ON ${name}.id = new.id
				WHEN MATCHED AND new.id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET n = 5`,
		]));
	}

	changeKeys({ name, swaps, ownIds }) {
		const { random } = this;
		const turn = random.between(1, keys - 1);

		if (swaps)
			this.add(`UPDATE ${name} SET id = (id + ${turn}) % ${keys} + 1`);
		else if (ownIds)
			this.add(`UPDATE ${name} SET id = nextval('ids') WHERE id % 2 = 0`);
		else
			this.add(`UPDATE ${name} SET id = id + ${random.pick([20, -20])} WHERE id ${random.pick(['<', '>'])} ${keys}
				AND NOT EXISTS (SELECT FROM ${name} WHERE id NOT BETWEEN 1 AND ${keys})`);
	}

	replaceRows({ name, swaps, ownIds }) {
		const { random } = this;
		const values = (id) => `(${id}, '${random.pick(rooms)}', ${random.between(0, 3)})`;
		const ids = random.shuffle(Array.from({ length: keys }, (unused, i) => i + 1)).slice(0, 3);
		const insert = `INSERT INTO ${name} (id, room, n) VALUES ${ids.map(values).join(', ')}`;
		const remove = `DELETE FROM ${name} WHERE id IN (${ids.join(', ')})`;

		if (ownIds) {
			this.add(`INSERT INTO ${name} (room, n) SELECT '${random.pick(rooms)}', i FROM generate_series(1, 2) AS i`);
		} else if (swaps) {
			this.add(insert);
			if (random.chance(0.5))
				this.removeTwinsOf(name);
		} else {
			this.add(random.chance(0.5) ? `${remove}; ${insert}` :
				`${insert} ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n, room = EXCLUDED.room`);
		}
	}

	changeTable({ name, topic, class: topicClass, partitioned }) {
		const choices = [
			`ALTER TABLE ${name} ALTER COLUMN hidden TYPE bigint; ALTER TABLE ${name} ALTER COLUMN hidden TYPE int`,
			partitioned ? `TRUNCATE ${name}_low` : `CLUSTER ${name} USING ${name}_pkey`,
		];

		// The epoch would end, and every numbered topic be loaded again, any time
		if (!(topicClass === 'replay' && topic.includes('{room}')))
			choices.push(`TRUNCATE ${name} CASCADE`);
		this.reloads = true;
		this.add(this.random.pick(choices));
	}

	// Deferrable keys that two rows have now would fail at the commit.
	removeTwins() {
		for (const { name } of tables.filter((table) => table.swaps))
			this.removeTwinsOf(name);
	}

	removeTwinsOf(name) {
		const place = (row) => `(${row}.tableoid, ${row}.ctid)`;

		this.add(`DELETE FROM ${name} AS a USING ${name} AS b
			WHERE a.id = b.id AND ${place('a')} ${this.random.pick(['<', '>'])} ${place('b')}`);
	}
}

// { sql, reloads }
export function planTransaction(random) {
	return new Plan(random);
}
