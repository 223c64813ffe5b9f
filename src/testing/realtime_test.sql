\echo Use "CREATE EXTENSION realtime_test" to load this file. \quit

--
-- Tests of applications, see docs/testing.md.  Everything happens in the test's own
-- transaction, and goes with it: followers of streams are rows of a temporary table.
--
CREATE SCHEMA realtime_test;
COMMENT ON SCHEMA realtime_test IS
	'Tests of what is declared with the extension realtime';

--
-- Who calls
--
CREATE FUNCTION realtime_test.act_as(user_data jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$ SELECT pg_catalog.set_config('realtime_test.user_data', coalesce(user_data::text, ''), true) $$;
COMMENT ON FUNCTION realtime_test.act_as(jsonb) IS
'Who calls and follows from now on, to the end of the transaction: the user data of realtime.call(); NULL is an anonymous client.';

CREATE FUNCTION realtime_test.user_data() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
AS $$ SELECT nullif(pg_catalog.current_setting('realtime_test.user_data', true), '')::jsonb $$;
COMMENT ON FUNCTION realtime_test.user_data() IS
'What realtime_test.act_as() has said; NULL is an anonymous client.';

--
-- Calls
--
CREATE FUNCTION realtime_test.call(
	path text,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$ SELECT realtime.call(path, args, user_data) $$;
COMMENT ON FUNCTION realtime_test.call(text, jsonb, jsonb) IS
'What a client gets who calls a path, as realtime.call(), whose errors it has.';

CREATE FUNCTION realtime_test.call_binary(
	path text,
	args jsonb,
	user_data jsonb,
	bytes bytea)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_test_call_binary';
COMMENT ON FUNCTION realtime_test.call_binary(text, jsonb, jsonb, bytea) IS
'As realtime_test.binary().';

CREATE FUNCTION realtime_test.binary(
	path text,
	bytes bytea,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS jsonb
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$ SELECT realtime_test.call_binary(path, args, user_data, bytes) $$;
COMMENT ON FUNCTION realtime_test.binary(text, bytea, jsonb, jsonb) IS
'What a client gets who calls a path that is declared with realtime.binary(): with these bytes, and the arguments behind them. Guards, max_size and keys are those of the path; rates count for clients alone. Errors are those of realtime.call(), and RT413 for too many bytes.';

CREATE FUNCTION realtime_test.run(
	function regprocedure,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	path text := 'realtime_test/f' || function::oid;
	result jsonb;
BEGIN
	PERFORM realtime.rpc(path, function);
	result := realtime.call(path, args, user_data);
	PERFORM realtime.drop(path);
	RETURN result;
END
$$;
COMMENT ON FUNCTION realtime_test.run(regprocedure, jsonb, jsonb) IS
'What any function returns for a client, declared or not: a guard, an access function. It runs as the client''s role, and realtime.user_id() and its like are the client''s.';

CREATE FUNCTION realtime_test.refusal_of(
	path text,
	args jsonb,
	user_data jsonb,
	follows boolean,
	OUT code text,
	OUT message text,
	OUT issues jsonb,
	OUT retry_after integer,
	OUT key text,
	OUT max_wait_ms integer,
	OUT sqlstate text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_test_refusal';
COMMENT ON FUNCTION realtime_test.refusal_of(text, jsonb, jsonb, boolean) IS
'With what a client is refused who calls a path, or, if follows, begins to follow it; NULL if he is not.';

CREATE FUNCTION realtime_test.refusal(
	path text,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT realtime_test.user_data(),
	OUT code text,
	OUT message text,
	OUT issues jsonb,
	OUT retry_after integer,
	OUT key text,
	OUT max_wait_ms integer,
	OUT sqlstate text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$ SELECT (r).* FROM (SELECT realtime_test.refusal_of(path, args, user_data, EXISTS (
		SELECT FROM realtime.stream_declaration s WHERE s.path = refusal.path
	UNION ALL
		SELECT FROM realtime.query_declaration q WHERE q.path = refusal.path)) AS r OFFSET 0) AS refused $$;
COMMENT ON FUNCTION realtime_test.refusal(text, jsonb, jsonb) IS
'With what a client is refused who calls a path, or follows it if it is one of a stream: code, message, issues, retry_after (ms), of LOCK_TIMEOUT key and max_wait_ms, as on the wire, and the SQLSTATE of the error. NULLs if he is not refused; then what he did is part of the transaction.';

--
-- What is published
--
CREATE FUNCTION realtime_test.pending(
	OUT kind text,
	OUT topic text,
	OUT event text,
	OUT data jsonb,
	OUT recipients jsonb)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'realtime_test_published';
COMMENT ON FUNCTION realtime_test.pending() IS
'What this transaction would publish, in order.';

CREATE FUNCTION realtime_test.published(
	topic text DEFAULT NULL,
	OUT number bigint,
	OUT kind text,
	OUT on_topic text,
	OUT event text,
	OUT data jsonb,
	OUT recipients jsonb)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
AS $$
SELECT * FROM (SELECT pg_catalog.row_number() OVER (), p.* FROM realtime_test.pending() AS p) AS numbered
WHERE published.topic IS NULL OR numbered.topic = published.topic
ORDER BY 1
$$;
COMMENT ON FUNCTION realtime_test.published(text) IS
'What this transaction would publish, in order; on one topic only, if that is given.
kind: event; sent (to recipients, by signal(), notify(), send_to() and the like); invalidate (on_topic is a pattern), reload (on_topic is the path of a stream that invalidate_on names); lost (clients would be told to load again).
Changes of one row of a live table are told apart here, of which a commit makes one event.';

--
-- Streams
--
CREATE FUNCTION realtime_test.merge(
	strategy text,
	value jsonb,
	event text,
	data jsonb,
	key text DEFAULT 'id',
	prepend boolean DEFAULT false,
	max integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
	puts text := CASE strategy WHEN 'presence' THEN 'join' WHEN 'cursor' THEN 'update' WHEN 'crud' THEN 'created' END;
	takes text := CASE strategy WHEN 'presence' THEN 'leave' WHEN 'cursor' THEN 'remove' WHEN 'crud' THEN 'deleted' END;
	name text := CASE WHEN strategy IN ('presence', 'cursor') THEN 'key' WHEN pg_catalog.strpos(key, ',') > 0 THEN '_key' ELSE key END;
	items jsonb := CASE pg_catalog.jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END;
	known boolean;
BEGIN
	IF event = 'refreshed' OR strategy = 'set' OR (event = 'set' AND strategy IN ('presence', 'cursor')) THEN
		RETURN data;
	ELSIF strategy = 'latest' THEN
		items := items || pg_catalog.jsonb_build_array(data);
		RETURN (SELECT pg_catalog.jsonb_agg(item ORDER BY n) FROM pg_catalog.jsonb_array_elements(items) WITH ORDINALITY AS list (item, n)
			WHERE n > pg_catalog.jsonb_array_length(items) - coalesce(max, 50));
	END IF;
	known := EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(items) AS item WHERE item -> name = data -> name);
	IF event = takes THEN
		RETURN (SELECT coalesce(pg_catalog.jsonb_agg(item ORDER BY n), '[]') FROM pg_catalog.jsonb_array_elements(items) WITH ORDINALITY AS list (item, n)
			WHERE item -> name IS DISTINCT FROM data -> name);
	ELSIF known AND (event = puts OR (event = 'updated' AND strategy = 'crud')) THEN
		RETURN (SELECT pg_catalog.jsonb_agg(CASE WHEN item -> name = data -> name THEN data ELSE item END ORDER BY n)
			FROM pg_catalog.jsonb_array_elements(items) WITH ORDINALITY AS list (item, n));
	ELSIF event IS DISTINCT FROM puts THEN
		RETURN value;
	END IF;
	items := CASE WHEN prepend AND strategy = 'crud' THEN pg_catalog.jsonb_build_array(data) || items
		ELSE items || pg_catalog.jsonb_build_array(data) END;
	IF strategy <> 'crud' OR max IS NULL OR pg_catalog.jsonb_array_length(items) <= max THEN
		RETURN items;
	END IF;
	RETURN items - CASE WHEN prepend THEN -1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION realtime_test.merge(text, jsonb, text, jsonb, text, boolean, integer) IS
'The value of a stream after an event, as clients merge it.';

CREATE FUNCTION realtime_test.follow(
	path text,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	reply jsonb := realtime.load(path, args, user_data);
	number integer;
BEGIN
	IF pg_catalog.to_regclass('pg_temp.realtime_test_follower') IS NULL THEN
		CREATE TEMPORARY TABLE realtime_test_follower (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path text, args jsonb,
			user_data jsonb, reply jsonb, value jsonb, begun bigint, seen bigint, away boolean DEFAULT false, losing integer DEFAULT 0,
			is_query boolean) ON COMMIT DROP;
	END IF;
	INSERT INTO pg_temp.realtime_test_follower (path, args, user_data, reply, value, begun, seen, is_query)
	SELECT follow.path, follow.args, follow.user_data, reply, reply -> 'data', n, n,
		EXISTS (SELECT FROM realtime.query_declaration q WHERE q.path = follow.path)
	FROM (SELECT pg_catalog.count(*) FROM realtime_test.pending()) AS counted (n)
	RETURNING id INTO number;
	RETURN number;
END
$$;
COMMENT ON FUNCTION realtime_test.follow(text, jsonb, jsonb) IS
'Begins to follow a stream, channel or live query, as realtime.load(), whose errors it has. Returns the number of the follower.';

-- As clients do: what concerns it, one after the other.
CREATE FUNCTION realtime_test.value(follower integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
DECLARE
	f record;
	e record;
	topic text;
	before bigint;
BEGIN
	SELECT * INTO STRICT f FROM pg_temp.realtime_test_follower WHERE id = follower;
	topic := f.reply ->> 'topic';
	before := f.seen;
	IF f.is_query AND NOT f.away THEN
		f.value := realtime.load(f.path, f.args, f.user_data) -> 'data';
	END IF;
	FOR e IN SELECT * FROM realtime_test.published() WHERE number > f.seen LOOP
		f.seen := e.number;
		CONTINUE WHEN f.away OR f.is_query;
		IF e.kind = 'event' AND e.on_topic = topic AND f.losing > 0 THEN
			f.losing := f.losing - 1;
		ELSIF e.kind = 'event' AND e.on_topic = topic THEN
			f.value := realtime_test.merge(f.reply ->> 'merge', f.value, e.event, e.data, coalesce(f.reply ->> 'key', 'id'),
				coalesce((f.reply ->> 'prepend')::boolean, false), (f.reply ->> 'max')::integer);
		END IF;
	END LOOP;
	-- a transaction says once that something is to be loaded again
	IF f.seen > before AND NOT f.away AND EXISTS (SELECT FROM realtime_test.published() AS p
		WHERE (p.kind = 'reload' AND p.on_topic = f.path) OR (p.kind = 'lost' AND p.on_topic = topic)
			OR (p.kind = 'invalidate' AND topic LIKE pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(p.on_topic, '_', '=_'), '%', '=%'), '*', '_%') ESCAPE '=')) THEN
		f.value := realtime.load(f.path, f.args, f.user_data) -> 'data';
	END IF;
	UPDATE pg_temp.realtime_test_follower SET value = f.value, seen = f.seen, losing = f.losing WHERE id = follower;
	RETURN f.value;
END
$$;
COMMENT ON FUNCTION realtime_test.value(integer) IS
'What a follower shows now: what was loaded, and on top of it the events that this transaction has published since. Of a live query what it gives now.';

CREATE FUNCTION realtime_test.reply(follower integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$ BEGIN RETURN (SELECT f.reply FROM pg_temp.realtime_test_follower f WHERE id = follower); END $$;
COMMENT ON FUNCTION realtime_test.reply(integer) IS
'What a follower was told when it began, as realtime.load() returns it.';

CREATE FUNCTION realtime_test.events(
	follower integer,
	OUT event text,
	OUT data jsonb)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE ROWS 10
AS $$
BEGIN
	RETURN QUERY SELECT p.event, p.data
		FROM pg_temp.realtime_test_follower f, realtime_test.published(f.reply ->> 'topic') AS p
		WHERE f.id = follower AND p.kind = 'event' AND p.number > f.begun
		ORDER BY p.number;
END
$$;
COMMENT ON FUNCTION realtime_test.events(integer) IS
'The events that this transaction has published for a follower since it began.';

--
-- Losses
--
CREATE FUNCTION realtime_test.cut(follower integer) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
BEGIN
	PERFORM realtime_test.value(follower);
	UPDATE pg_temp.realtime_test_follower SET away = true WHERE id = follower;
END
$$;
COMMENT ON FUNCTION realtime_test.cut(integer) IS
'Takes a follower''s connection away: it gets nothing any more.';

CREATE FUNCTION realtime_test.resume(follower integer) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
BEGIN
	UPDATE pg_temp.realtime_test_follower AS f
	SET away = false, losing = 0, value = realtime.load(f.path, f.args, f.user_data) -> 'data',
		seen = (SELECT pg_catalog.count(*) FROM realtime_test.pending())
	WHERE id = follower;
END
$$;
COMMENT ON FUNCTION realtime_test.resume(integer) IS
'Gives a follower a connection again, on which it loads its value anew, as whoever it was: what has become of his rights counts.';

CREATE FUNCTION realtime_test.lose(
	follower integer,
	events integer DEFAULT 1)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
BEGIN
	PERFORM realtime_test.value(follower);
	UPDATE pg_temp.realtime_test_follower SET losing = events WHERE id = follower;
END
$$;
COMMENT ON FUNCTION realtime_test.lose(integer, integer) IS
'The next events for a follower are lost on their way.';

--
-- Assertions, with the functions of pgTAP, which is wherever the search_path finds it
--
CREATE FUNCTION realtime_test.refuses(
	path text,
	args jsonb DEFAULT '[]',
	code text DEFAULT 'FORBIDDEN',
	description text DEFAULT NULL,
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	RETURN is(coalesce((realtime_test.refusal(path, args, user_data)).code, 'not refused'), code,
		coalesce(description, pg_catalog.format('%s refuses %s with %s', path, args, code)));
END
$$;
COMMENT ON FUNCTION realtime_test.refuses(text, jsonb, text, text, jsonb) IS
'Asserts that who calls a path, or follows it, is refused with a code.';

CREATE FUNCTION realtime_test.allows(
	path text,
	args jsonb DEFAULT '[]',
	description text DEFAULT NULL,
	user_data jsonb DEFAULT realtime_test.user_data())
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	RETURN is((realtime_test.refusal(path, args, user_data)).code, NULL,
		coalesce(description, pg_catalog.format('%s does not refuse %s', path, args)));
END
$$;
COMMENT ON FUNCTION realtime_test.allows(text, jsonb, text, jsonb) IS
'Asserts that who calls a path, or follows it, is not refused.';

CREATE FUNCTION realtime_test.publishes(
	topic text,
	event text,
	data jsonb DEFAULT NULL,
	description text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	found boolean := EXISTS (SELECT FROM realtime_test.published(publishes.topic) AS p
		WHERE p.event = publishes.event AND (publishes.data IS NULL OR p.data @> publishes.data));
	line text := ok(found, coalesce(description, pg_catalog.format('%s is published on %s', event, topic)));
BEGIN
	RETURN CASE WHEN found THEN line ELSE line || E'\n' || diag(coalesce(
		(SELECT pg_catalog.string_agg(pg_catalog.format('%s %s %s %s', p.kind, p.on_topic, p.event, p.data), E'\n') FROM realtime_test.published() AS p),
		'nothing is published')) END;
END
$$;
COMMENT ON FUNCTION realtime_test.publishes(text, text, jsonb, text) IS
'Asserts that this transaction publishes an event, whose data contain these.';

-- Rows in the order of their text: where a row stands is not told by events.
CREATE FUNCTION realtime_test.sorted(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN pg_catalog.jsonb_typeof(value) <> 'array' THEN value ELSE
	coalesce((SELECT pg_catalog.jsonb_agg(item ORDER BY item) FROM pg_catalog.jsonb_array_elements(value) AS item), '[]') END $$;
COMMENT ON FUNCTION realtime_test.sorted(jsonb) IS
'An array in an order that its items alone decide.';

CREATE FUNCTION realtime_test.converges(
	follower integer,
	description text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	shown jsonb := realtime_test.value(follower);
	f record;
BEGIN
	SELECT * INTO STRICT f FROM pg_temp.realtime_test_follower WHERE id = follower;
	RETURN is(realtime_test.sorted(shown), realtime_test.sorted(realtime.load(f.path, f.args, f.user_data) -> 'data'),
		coalesce(description, pg_catalog.format('%s %s shows what would be loaded now', f.path, f.args)));
END
$$;
COMMENT ON FUNCTION realtime_test.converges(integer, text) IS
'Asserts that events have made of a follower''s value what would be loaded now: that nothing is changed without being published. Rows may stand in another order.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA realtime_test FROM PUBLIC;
GRANT USAGE ON SCHEMA realtime_test TO pg_database_owner, realtime_admin;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA realtime_test TO pg_database_owner, realtime_admin;
