// handoff_schema.mjs - the streams of test/torture/handoff.mjs, and how they are
// written.
//
// There is one of each strategy of merging and each class of topic, with some
// topics each.  Every event of a topic says who wrote it and a number by which
// that writer counts on that topic; handoff.progress has the newest number of
// each, and a value says how far that was at its snapshot, as its last item, the
// clock.  So whoever has a value knows which event of each writer comes next.

export const merges = ['crud', 'latest', 'set', 'presence', 'cursor'];
const classes = ['ordered', 'replay'];

// What is named by a key, and the name of that
export const keyOf = { crud: 'id', presence: 'key', cursor: 'key' };

export const keys = 12;

// Topics of each kind
export function topicsOf(count) {
	return merges.flatMap((merge) => classes.flatMap((topicClass) =>
		Array.from({ length: count }, (unused, i) => ({
			merge,
			numbered: topicClass === 'replay',
			path: `handoff/${merge}-${topicClass}`,
			argument: i + 1,
			name: `${merge}-${topicClass}:${i + 1}`,
		}))));
}

function stream(merge, topicClass) {
	const name = `${merge}-${topicClass}`;

	return `
		CREATE FUNCTION handoff."${name}"(n int) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
		BEGIN
			RETURN handoff.value('${name}:' || n, '${merge}');
		END $$;
		SELECT realtime.stream('handoff/${name}', '${name}:{n}', 'handoff."${name}"(int)', merge => '${merge}',
			${topicClass === 'replay' ? 'replay => true, replay_size => 200' : 'replay => false'});`;
}

export const schema = `
	CREATE EXTENSION realtime;
	CREATE SCHEMA handoff;
	CREATE TABLE handoff.progress (topic text, writer int, c int NOT NULL, PRIMARY KEY (topic, writer));
	-- crud, presence and cursor: what all writers write.  A row that is not there
	-- could not be locked, so those that are deleted only say so.
	CREATE TABLE handoff.item (topic text, key int, present bool DEFAULT false, writer int, c int, PRIMARY KEY (topic, key));
	-- set: one value; latest: how many lines there are
	CREATE TABLE handoff.single (topic text PRIMARY KEY, n int NOT NULL, writer int, c int);
	CREATE TABLE handoff.line (topic text, n int, writer int, c int, PRIMARY KEY (topic, n));

	CREATE FUNCTION handoff.clock(which text) RETURNS jsonb LANGUAGE sql STABLE AS $$
		SELECT coalesce(jsonb_object_agg(writer, c), '{}') FROM handoff.progress WHERE topic = which
	$$;

	-- What the loaders return; at times after a while, at the snapshot of before.
	CREATE FUNCTION handoff.value(which text, merge text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
	DECLARE
		clock jsonb := jsonb_build_object('clock', handoff.clock(which));
		items jsonb;
	BEGIN
		IF random() < 0.1 THEN
			PERFORM pg_sleep(0.03 * random());
		END IF;
		IF merge = 'set' THEN
			RETURN (SELECT jsonb_build_object('n', n, 'w', writer, 'c', c) FROM handoff.single WHERE topic = which) || clock;
		END IF;
		IF merge = 'latest' THEN
			SELECT jsonb_agg(jsonb_build_object('n', n, 'w', writer, 'c', c) ORDER BY n) INTO items
			FROM (SELECT * FROM handoff.line WHERE topic = which ORDER BY n DESC LIMIT 50) AS l;
		ELSE
			SELECT jsonb_agg(jsonb_build_object(CASE merge WHEN 'crud' THEN 'id' ELSE 'key' END, key, 'w', writer, 'c', c)) INTO items
			FROM handoff.item WHERE topic = which AND present;
		END IF;
		RETURN coalesce(items, '[]') || clock;
	END $$;

	-- Makes one event of it, and publishes that.
	CREATE FUNCTION handoff.write(which text, merge text, what int, action text, who int) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		data jsonb;
		number int;
		count int;
		was_present bool;
	BEGIN
		INSERT INTO handoff.progress VALUES (which, who, 1)
		ON CONFLICT (topic, writer) DO UPDATE SET c = progress.c + 1 RETURNING c INTO number;
		data := jsonb_build_object('w', who, 'c', number);
		IF merge IN ('set', 'latest') THEN
			UPDATE handoff.single SET n = n + 1, writer = who, c = number WHERE topic = which RETURNING n INTO count;
			IF merge = 'latest' THEN
				INSERT INTO handoff.line VALUES (which, count, who, number);
			END IF;
			data := data || jsonb_build_object('n', count);
		ELSE
			data := data || jsonb_build_object(CASE merge WHEN 'crud' THEN 'id' ELSE 'key' END, what);
			SELECT present INTO STRICT was_present FROM handoff.item WHERE topic = which AND key = what FOR UPDATE;
			IF action = 'updated' AND NOT was_present THEN
				action := 'created';
			END IF;
			UPDATE handoff.item SET writer = who, c = number, present = action NOT IN ('deleted', 'leave', 'remove')
			WHERE topic = which AND key = what;
		END IF;
		PERFORM realtime.publish(which, action, data);
	END $$;

	CREATE ROLE torture LOGIN;
	ALTER ROLE torture SET log_min_messages = fatal;	-- errors go to the client
	GRANT realtime_publisher TO torture;
	GRANT USAGE ON SCHEMA handoff TO torture, realtime_anonymous;
	GRANT ALL ON ALL TABLES IN SCHEMA handoff TO torture;
	GRANT SELECT ON ALL TABLES IN SCHEMA handoff TO realtime_anonymous;
	${merges.flatMap((merge) => classes.map((topicClass) => stream(merge, topicClass))).join('')}
`;

// Rows that writers find there
export function firstRows(topics) {
	const names = (wanted) => `unnest('{${topics.filter(wanted).map(({ name }) => name)}}'::text[])`;

	return `INSERT INTO handoff.single SELECT ${names(({ merge }) => !keyOf[merge])}, 0;
		INSERT INTO handoff.item SELECT t, k FROM ${names(({ merge }) => keyOf[merge])} AS t, generate_series(1, ${keys}) AS k;`;
}

// Actions of a writer, by merge
export const actions = {
	crud: ['created', 'updated', 'updated', 'deleted'],
	latest: ['said'],
	set: ['became'],
	presence: ['join', 'join', 'leave'],
	cursor: ['update', 'update', 'update', 'remove'],
};
