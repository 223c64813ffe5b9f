// live_schema.mjs - the live tables of test/torture/live.mjs, and triggers that
// write them.
//
// All tables have the same columns, so that anything can be done to any of them.
// What a trigger does is drawn in the server, from a seed that each transaction
// sets.

export const rooms = ['a', 'b', 'c'];
export const keys = 9;			// ids from 1 on, so that they are often the same

const columns = 'room text, n int NOT NULL DEFAULT 0, hidden int NOT NULL DEFAULT 0';
const deferrable = (how) => `id int PRIMARY KEY DEFERRABLE INITIALLY ${how}, ${columns}`;

// swaps: two rows may have one key for a while.  ownIds: an id is never used
// again, and by one of the tables only.  published: columns besides the key.
export const tables = [
	{ name: 'plain', topic: 'plain:{room}', class: 'ordered', definition: `id int PRIMARY KEY, ${columns}` },
	{ name: 'seat', topic: 'seat', class: 'replay', swaps: true, published: ['room', 'n'],
		definition: deferrable('DEFERRED') },
	{ name: 'chair', topic: 'chair:{room}', class: 'volatile', swaps: true, published: ['n'],
		definition: deferrable('IMMEDIATE') },
	{ name: 'spot', topic: 'spot:{room}', class: 'replay', swaps: true, key: 'id',
		definition: `row serial PRIMARY KEY, id int UNIQUE DEFERRABLE INITIALLY DEFERRED, ${columns}` },
	{ name: 'price', topic: 'price', class: 'ordered', swaps: true, published: ['n'],
		definition: `id numeric PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, ${columns}` },
	{ name: 'part', topic: 'part:{room}', class: 'ordered', swaps: true, partitioned: true,
		definition: deferrable('DEFERRED') },
	{ name: 'child', topic: 'child', class: 'ordered',
		definition: `id int PRIMARY KEY, ${columns}, parent int DEFAULT 1 + floor(random() * ${keys})
			REFERENCES plain ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED` },
	// What is deleted from the one appears in the other, with its key and topic.
	{ name: 'hot', topic: 'mixed:{room}', class: 'replay', ownIds: true,
		definition: `id int PRIMARY KEY DEFAULT nextval('ids'), ${columns}` },
	{ name: 'cold', topic: 'mixed:{room}', class: 'replay', ownIds: true,
		definition: `id int PRIMARY KEY DEFAULT nextval('ids'), ${columns}` },
];

function createTable({ name, definition, topic, key, published, partitioned }) {
	const quoted = published ? `ARRAY['${published.join("','")}']` : 'NULL';

	return `
		CREATE TABLE ${name} (${definition}) ${partitioned ? 'PARTITION BY RANGE (id)' : ''};
		${partitioned ? `
		CREATE TABLE ${name}_low PARTITION OF ${name} FOR VALUES FROM (MINVALUE) TO (5);
		CREATE TABLE ${name}_high (hidden int NOT NULL DEFAULT 0, room text, gone text, n int NOT NULL DEFAULT 0, id int NOT NULL);
		ALTER TABLE ${name}_high DROP COLUMN gone;
		ALTER TABLE ${name} ATTACH PARTITION ${name}_high FOR VALUES FROM (5) TO (MAXVALUE);` : ''}
		SELECT realtime.live_table('${name}', '${topic}', key => ${key ? `'${key}'` : 'NULL'}, columns => ${quoted});`;
}

// Something that is done to one table.  own: the id of a row that has been
// changed just now.  So much is done in a transaction, and no more, because
// triggers do it, too.
const act = `
	CREATE FUNCTION act(target text, own numeric DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		done int := coalesce(nullif(current_setting('torture.done', true), ''), '0');
		swaps bool := target IN (${tables.filter((t) => t.swaps).map((t) => `'${t.name}'`)});
		one numeric := CASE WHEN random() < 0.6 THEN own END;
		other numeric := 1 + floor(random() * ${keys});
		place text := CASE WHEN random() < 0.9 THEN chr(97 + floor(random() * ${rooms.length})::int) END;
		number int := floor(random() * 4);
	BEGIN
		IF done >= 25 THEN
			RETURN;
		END IF;
		PERFORM set_config('torture.done', (done + 1)::text, true);
		IF one IS NULL THEN
			EXECUTE format('SELECT id FROM %I ORDER BY random() LIMIT 1', target) INTO one;
		END IF;
		one := coalesce(one, other);
		CASE floor(random() * 11)
		WHEN 0, 1 THEN
			EXECUTE format('UPDATE %I SET n = $1 WHERE id = $2', target) USING number, one;
		WHEN 2 THEN
			EXECUTE format('UPDATE %I SET hidden = hidden + 1 WHERE id = $1 OR $2 = 0', target) USING one, number;
		WHEN 3 THEN
			EXECUTE format('UPDATE %I SET room = $1 WHERE id = $2', target) USING place, one;
		WHEN 4 THEN
			EXECUTE format('DELETE FROM %I WHERE id = $1', target) USING one;
		WHEN 5, 6 THEN
			IF target IN ('hot', 'cold') THEN
				EXECUTE format('INSERT INTO %I (room, n) VALUES ($1, $2)', target) USING place, number;
			ELSE
				EXECUTE format('INSERT INTO %I (id, room, n) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM %1$I WHERE id = $1)', target)
					USING other, place, number;
			END IF;
		WHEN 7 THEN
			IF target NOT IN ('hot', 'cold') THEN
				EXECUTE format('DELETE FROM %I WHERE id = $1', target) USING one;
				EXECUTE format('INSERT INTO %I (id, room, n) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM %1$I WHERE id = $1)', target)
					USING one, place, number;
			END IF;
		WHEN 8 THEN
			IF swaps THEN
				EXECUTE format('INSERT INTO %I (id, room, n) VALUES ($1, $2, $3)', target) USING one, place, number;
				EXECUTE format('DELETE FROM %I WHERE id = $1 AND ctid IN (SELECT ctid FROM %1$I WHERE id = $1 ORDER BY random() LIMIT 1)', target)
					USING one;
			END IF;
		WHEN 9 THEN
			IF swaps THEN
				EXECUTE format('UPDATE %I SET id = $1 + $2 - id WHERE id IN ($1, $2)', target) USING one, other;
			ELSIF target NOT IN ('hot', 'cold') THEN
				EXECUTE format('UPDATE %I SET id = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM %1$I WHERE id = $2)', target)
					USING one, other;
			END IF;
		ELSE
			EXECUTE format('UPDATE %I SET n = n + 1 WHERE n < 9', target);
		END CASE;
	END $$;

	-- Arguments: what is written, and how likely.
	CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE
		own numeric;
	BEGIN
		IF TG_LEVEL = 'ROW' THEN
			own := CASE WHEN TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND random() < 0.5 THEN OLD.id ELSE NEW.id END;
		END IF;
		IF pg_trigger_depth() < 4 AND random() < TG_ARGV[1]::float8 THEN
			BEGIN
				PERFORM act(TG_ARGV[0], own);
				IF random() < 0.2 THEN
					RAISE division_by_zero;
				END IF;
			EXCEPTION WHEN division_by_zero OR unique_violation OR triggered_data_change_violation THEN
				NULL;
			END;
		END IF;
		IF TG_WHEN = 'BEFORE' AND TG_LEVEL = 'ROW' THEN
			IF TG_OP = 'DELETE' THEN
				RETURN OLD;
			END IF;
			NEW.n := NEW.n % 10;
			RETURN NEW;
		END IF;
		RETURN NULL;
	END $$;

	CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO cold (id, room, n) VALUES (OLD.id, OLD.room, OLD.n);
		RETURN NULL;
	END $$;`;

// Ours is called between some of these.
const names = ['10_first', 'KeepRow', '__a', '__realtime_live', '__realtime_live_table2', 'middle', 'zz_last'];

function drawTrigger(random, { name: table }, n) {
	const name = `"${random.pick(names)}${n}"`;
	const events = random.shuffle(['INSERT', 'UPDATE', 'DELETE']).slice(0, random.between(1, 3)).join(' OR ');
	const others = tables.filter((other) => other.name !== table);
	const target = random.chance(0.5) ? table : random.pick(others).name;
	const call = (what) => `EXECUTE FUNCTION meddle('${what}', ${random.between(1, 4) / 10})`;
	const when = random.next();

	if (when < 0.6)
		return `CREATE TRIGGER ${name} AFTER ${events} ON ${table} FOR EACH ROW ${call(target)};`;
	if (when < 0.75)
		return `CREATE TRIGGER ${name} AFTER ${events} ON ${table} FOR EACH STATEMENT ${call(target)};`;
	if (when < 0.9)
		return `CREATE CONSTRAINT TRIGGER ${name} AFTER ${events} ON ${table} DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW ${call(target)};`;
	return `CREATE TRIGGER ${name} BEFORE ${events} ON ${table} FOR EACH ROW ${call(random.pick(others).name)};`;
}

// All that a round needs, drawn from a seed.
export function schema(random) {
	const templates = new Map(tables.map((table) => [table.topic, table.class]));
	const triggers = tables.flatMap((table) =>
		Array.from({ length: random.between(1, 4) }, (unused, i) => drawTrigger(random, table, i)));

	return `
		CREATE EXTENSION realtime;
		CREATE SEQUENCE ids START 1001;
		SELECT realtime.topic('sync', open => true);
		${[...templates].map(([topic, topicClass]) =>
		`SELECT realtime.topic('${topic}', class => '${topicClass}', open => true${topicClass === 'replay' ? ', replay_size => 10000000' : ''});`).join('\n')}
		${tables.map(createTable).join('\n')}
		${act}
		CREATE TRIGGER "${random.pick(names)}_move" AFTER DELETE ON hot FOR EACH ROW EXECUTE FUNCTION move();
		${triggers.join('\n')}`;
}

// The topics that rows can have.
export const topics = [...new Set(tables.flatMap(({ topic }) =>
	(topic.includes('{room}') ? rooms.map((room) => topic.replace('{room}', room)) : [topic])))];

// What clients of these topics should have: topic, key and row of each row.
export const stateQuery = tables.map(({ name, topic, published }) => {
	const row = published ? `(SELECT r FROM (SELECT id, ${published.join(', ')}) AS r)` : name;
	const [before, after] = topic.split('{room}');

	return after === undefined ?
		`SELECT '${topic}' AS topic, row_to_json(${row}) AS row FROM ${name}` :
		`SELECT '${before}' || room AS topic, row_to_json(${row}) AS row FROM ${name} WHERE room IS NOT NULL`;
}).join('\nUNION ALL\n');
