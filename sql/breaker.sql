-- Circuit breakers: what a declaration takes
\pset format unaligned
CREATE SCHEMA app;
CREATE FUNCTION app.ask() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.list() RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ': ' || SQLERRM || coalesce(' ' || nullif(d, ''), '') || coalesce(' ' || nullif(h, ''), '');
END $$;
SELECT c, try('SELECT ' || c) FROM unnest(ARRAY[
	$$realtime.breaker('db')$$,
	$$realtime.breaker('other', 1, '1 ms')$$,
	$$realtime.breaker('')$$,
	$$realtime.breaker(NULL)$$,
	$$realtime.breaker(repeat('x', 64))$$,
	$$realtime.breaker('db', 0)$$,
	$$realtime.breaker('db', reset => '0')$$,
	$$realtime.breaker('db', reset => NULL)$$,
	$$realtime.breaker('db', reset => '100 days')$$,
	$$realtime.rpc('a/b', 'app.ask()', breaker => 'db')$$,
	$$realtime.rpc('a/c', 'app.ask()', breaker => 'other', fallback => '[1, 2.50]')$$,
	$$realtime.rpc('a/d', 'app.ask()', breaker => 'none')$$,
	$$realtime.rpc('a/d', 'app.ask()', fallback => 'null')$$,
	$$realtime.stream('s/a', 'a', 'app.ask()', merge => 'set', breaker => 'db', fallback => '0')$$,
	$$realtime.stream('s/b', 'b', 'app.list()', breaker => 'other', fallback => '[{"id": 1}]')$$,
	$$realtime.stream('s/c', 'c', 'app.list()', breaker => 'other', replay => true)$$,
	$$realtime.stream('s/d', 'd', 'app.list()', breaker => 'none')$$,
	$$realtime.stream('s/d', 'd', 'app.list()', fallback => '[]')$$,
	$$realtime.stream('s/d', 'd', 'app.list()', breaker => 'db', fallback => '{}')$$,
	$$realtime.stream('s/d', 'd', 'app.list()', breaker => 'db', fallback => '1')$$,
	$$realtime.stream('s/d', 'd', 'app.list()', breaker => 'db', fallback => '[]', replay => true)$$,
	$$realtime.stream('s/d', 'd', breaker => 'db')$$]) c;
SELECT * FROM realtime.breakers ORDER BY name;
SELECT path, breaker, fallback FROM realtime.rpc_declaration ORDER BY path;
SELECT path, breaker, fallback FROM realtime.stream_declaration ORDER BY path;
SELECT realtime.breaker('other', NULL), realtime.breaker('none', NULL);
SELECT * FROM realtime.breakers ORDER BY name;
SELECT object, problem, hint FROM realtime.check() WHERE problem ~ 'breaker';
SELECT realtime.call('a/c');
SELECT realtime.drop('a/b'), realtime.drop('a/c'), realtime.breaker('db', NULL);
SELECT realtime.drop('s/a'), realtime.drop('s/b'), realtime.drop('s/c');
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
