--
-- What runs around all that clients ask for
--
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.log (id serial, entry text);
CREATE TABLE app.done (what text);
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.note(entry text) RETURNS void LANGUAGE sql AS $$ INSERT INTO app.log (entry) VALUES (entry) $$;
CREATE FUNCTION app.outer(path text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	result jsonb;
BEGIN
	PERFORM app.note('outer before ' || path);
	PERFORM realtime.set_context('from', '"outer"');
	result := realtime.next();
	PERFORM app.note('outer behind ' || coalesce(result::text, 'nothing'));
	RETURN result;
END $$;
CREATE FUNCTION app.inner() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.note('inner before');
	BEGIN
		RETURN realtime.next();
	EXCEPTION WHEN division_by_zero THEN
		PERFORM app.note('caught; done: ' || (SELECT count(*) FROM app.done));
		RETURN '"instead"';
	END;
END $$;
CREATE FUNCTION app.wrap() RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('wrapped', realtime.next()) $$;
CREATE FUNCTION app.stop() RETURNS jsonb LANGUAGE sql AS $$ SELECT '"stopped"'::jsonb $$;
CREATE FUNCTION app.twice() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.next(); RETURN realtime.next(); END $$;
CREATE FUNCTION app.refuse() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE FUNCTION app.guard() RETURNS boolean LANGUAGE sql AS $$ SELECT app.note('guard'); SELECT realtime.user_data() ->> 'bad' IS NULL $$;
CREATE FUNCTION app.do(what text) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.done VALUES (what);
	PERFORM app.note('handler ' || (realtime.context('from'))::text);
	RETURN json_build_object('b', 1.50, 'a', 1 / length(what));
END $$;
CREATE FUNCTION app.quiet() RETURNS void LANGUAGE sql AS $$ SELECT app.note('quiet') $$;
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[{"id": 1}]'::jsonb $$;
CREATE FUNCTION app.definer() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$ SELECT realtime.next() $$;
CREATE FUNCTION app.sets() RETURNS jsonb LANGUAGE sql SET search_path = app AS $$ SELECT realtime.next() $$;
CREATE FUNCTION app.by_definer() RETURNS jsonb LANGUAGE sql AS $$ SELECT app.definer() $$;
CREATE FUNCTION app.handler_next() RETURNS jsonb LANGUAGE sql AS $$ SELECT realtime.next() $$;
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text; d text; h text; s text; r text;
BEGIN
	EXECUTE command INTO r;
	RETURN coalesce(r, 'ok');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ': ' || m, 'DETAIL: ' || nullif(d, ''), 'HINT: ' || nullif(h, ''));
END $$;
SELECT realtime.rpc('m/do', 'app.do(text)', guard => '{app.guard()}');
SELECT realtime.rpc('m/quiet', 'app.quiet()');
SELECT realtime.rpc('m/next', 'app.handler_next()');
SELECT realtime.stream('m/rows', 'rows', 'app.rows()', guard => '{app.guard()}');

-- declaring
SELECT realtime.middleware('in', 'app.inner()', 10);
SELECT realtime.middleware('out', 'app.outer(text)');
SELECT * FROM realtime.middleware_declaration ORDER BY place;
SELECT try($$SELECT realtime.middleware(NULL, 'app.inner()')$$);
SELECT try($$SELECT realtime.middleware('', 'app.inner()')$$);
SELECT try($$SELECT realtime.middleware('x', 'app.inner()', NULL)$$);
SELECT try($$SELECT realtime.middleware('x', 'app.do(text)')$$);
SELECT try($$SELECT realtime.middleware('x', 'app.definer()')$$);
SELECT try($$SELECT realtime.middleware('x', 'app.sets()')$$);
SELECT try('DROP FUNCTION app.inner()');
SELECT try('SELECT realtime.next()');
SET ROLE realtime_authenticated;
SELECT try($$SELECT realtime.middleware('in')$$);
RESET ROLE;

-- around a call: nothing changes on the way what it gives
SELECT realtime.call('m/do', '["x"]');
SELECT entry FROM app.log ORDER BY id;
TRUNCATE app.log;
SELECT realtime.call('m/quiet');
SELECT entry FROM app.log ORDER BY id;
TRUNCATE app.log, app.done;
-- an error that is caught has undone the handler's effect, not the middleware's
SELECT realtime.call('m/do', '[""]');
SELECT entry FROM app.log ORDER BY id;
SELECT * FROM app.done;
TRUNCATE app.log;
-- refusals of guards and wrong arguments pass through
SELECT try($$SELECT realtime.call('m/do', '["x"]', '{"id": "ann", "bad": true, "role": "realtime_anonymous"}')$$);
SELECT try($$SELECT realtime.call('m/do', '[1, 2]')$$);
SELECT count(*) FROM app.log;
-- around those who may follow a stream
SELECT realtime.load('m/rows') -> 'data';
SELECT entry FROM app.log ORDER BY id;
TRUNCATE app.log;

-- other ways through
SELECT realtime.middleware('in', 'app.wrap()', 10), realtime.middleware('out');
SELECT realtime.call('m/do', '["x"]'), realtime.call('m/quiet');
SELECT realtime.load('m/rows') -> 'data';
SELECT realtime.middleware('in', 'app.stop()');
TRUNCATE app.done;
SELECT realtime.call('m/do', '["x"]'), (SELECT count(*) FROM app.done);
SELECT try($$SELECT realtime.load('m/rows')$$);
SELECT realtime.middleware('in', 'app.twice()');
SELECT try($$SELECT realtime.call('m/quiet')$$);
SELECT realtime.middleware('in', 'app.refuse()');
SELECT try($$SELECT realtime.call('m/quiet')$$);
SELECT realtime.middleware('in', 'app.by_definer()');
SELECT try($$SELECT realtime.call('m/quiet')$$);
SELECT realtime.middleware('in', 'app.wrap()');
SELECT try($$SELECT realtime.call('m/next')$$);
DROP FUNCTION app.wrap() CASCADE;
SELECT count(*) FROM realtime.middleware_declaration;
SELECT try($$SELECT realtime.call('m/next')$$);

SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
RESET client_min_messages;
DROP FUNCTION try(text);
