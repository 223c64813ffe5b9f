-- What the part "streams" of the benchmarks follows: 100 rooms with 20 rows each,
-- as a live table, and events that are kept.
CREATE TABLE bench.feed (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room integer NOT NULL,
	t bigint NOT NULL DEFAULT 0,
	body text NOT NULL
);
INSERT INTO bench.feed (room, body)
	SELECT 1 + i % 100, repeat('x', 100) FROM generate_series(1, 2000) AS i;
CREATE INDEX feed_room ON bench.feed (room);
GRANT SELECT, INSERT ON bench.feed TO realtime_anonymous, bench;

CREATE FUNCTION bench.feed_of(room integer) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (SELECT jsonb_agg(to_jsonb(f) ORDER BY id) FROM bench.feed f WHERE f.room = feed_of.room);
END
$$;

-- Cheaper than the value, as it must be to be worth asking for
CREATE FUNCTION bench.feed_version(room integer) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN 'one';
END
$$;

-- An event of 100 bytes of text: a row of the live table, or published by hand
CREATE FUNCTION bench.feed_insert(t bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	INSERT INTO bench.feed (room, t, body) VALUES (0, t, repeat('x', 100));
END
$$;
CREATE FUNCTION bench.feed_publish(t bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	INSERT INTO bench.item (account, body) VALUES (1, repeat('x', 100));
	PERFORM realtime.publish('told:0', 'created', jsonb_build_object('t', t, 'id', 1, 'room', 0, 'body', repeat('x', 100)));
END
$$;

SELECT realtime.live_table('bench.feed', topic => 'feed:{room}');
SELECT realtime.stream('bench/feed', 'feed:{room}', 'bench.feed_of(integer)');
SELECT realtime.stream('bench/versioned', 'versioned:{room}', 'bench.feed_of(integer)',
	delta_version => 'bench.feed_version(integer)');
SELECT realtime.stream('bench/told', 'told:{room}', 'bench.feed_of(integer)');
SELECT realtime.stream('bench/kept', 'kept:{room}', 'bench.feed_of(integer)', replay => true);
SELECT realtime.channel('bench/channel', 'channel:{1}');
SELECT realtime.channel('bench/log', 'log:{1}', replay => true, replay_size => 10000000),
	realtime.channel('bench/back', 'back:{1}', replay => true);

-- Events of 1,000 bytes of text, numbered in their data as well
CREATE PROCEDURE bench.fill_log(which text, events integer)
LANGUAGE plpgsql
AS $$
BEGIN
	FOR i IN 1 .. events LOOP
		PERFORM realtime.publish(which, 'said', jsonb_build_object('n', i, 'body', repeat('x', 1000)));
		IF i % 5000 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bench TO realtime_anonymous, bench;
ANALYZE bench.feed;
