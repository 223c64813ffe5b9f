--
-- Declaring classes of service
--
CREATE SCHEMA app;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.list() RETURNS SETOF text STABLE LANGUAGE sql AS $$VALUES ('a')$$;
CREATE FUNCTION app.scarce(pressure jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.never() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.text(pressure text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.number(pressure jsonb) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text; d text; h text; s text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ': ' || m, 'DETAIL: ' || nullif(d, ''), 'HINT: ' || nullif(h, ''));
END $$;

SELECT realtime.admission('low', '{MEMORY,EXECUTORS}'), realtime.admission('asked', predicate => 'app.scarce(jsonb)'),
	realtime.admission('both', '{SUBSCRIBERS}', 'app.never()');
SELECT * FROM realtime.admission_declaration ORDER BY class;

-- what cannot
SELECT command, try('SELECT ' || command) FROM unnest(ARRAY[
	$$realtime.admission('', '{MEMORY}')$$,
	$$realtime.admission(NULL, '{MEMORY}')$$,
	$$realtime.admission(repeat('x', 64), '{MEMORY}')$$,
	$$realtime.admission('x', '{NONE}')$$,
	$$realtime.admission('x', '{memory}')$$,
	$$realtime.admission('x', '{MEMORY,NULL}')$$,
	$$realtime.admission('x', predicate => 'app.text(text)')$$,
	$$realtime.admission('x', predicate => 'app.number(jsonb)')$$,
	$$realtime.rpc('app/echo', 'app.echo(text)', class_of_service => 'none')$$,
	$$realtime.stream('app/list', 'list', 'app.list()', merge => 'set', class_of_service => 'none')$$]) AS command;

-- what names them
SELECT realtime.rpc('app/echo', 'app.echo(text)', class_of_service => 'low'),
	realtime.stream('app/list', 'list', 'app.list()', merge => 'set', class_of_service => 'asked'),
	realtime.channel('app/channel', 'channel', class_of_service => 'both');
SELECT path, class_of_service FROM realtime.rpc_declaration UNION ALL
SELECT path, class_of_service FROM realtime.stream_declaration ORDER BY 1;
SELECT realtime.rpc('app/echo', 'app.echo(text)');
SELECT class_of_service FROM realtime.rpc_declaration;

-- how they go
SELECT realtime.drop('low');
SELECT try('DROP FUNCTION app.scarce(jsonb)');
DROP FUNCTION app.scarce(jsonb) CASCADE;
SELECT realtime.admission('low');
SELECT realtime.admission('low');
SELECT class FROM realtime.admission_declaration;
SELECT severity, object, problem, hint FROM realtime.check() WHERE problem ~ 'class';

-- nothing is scarce here
SELECT reason IN ('NONE', 'MEMORY', 'EXECUTORS', 'PUBLISH_RATE', 'SUBSCRIBERS') AS reason, memory BETWEEN 0 AND 1 AS memory,
	executors BETWEEN 0 AND 1 AS executors, publish_rate >= 0 AS publish_rate, subscribers >= 0 AS subscribers,
	jsonb_typeof(top_publishers) AS top_publishers
FROM realtime.pressure;
SELECT realtime.shed('both');

SELECT realtime.drop('app/echo'), realtime.drop('app/list'), realtime.drop('app/channel'), realtime.admission('both');
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
