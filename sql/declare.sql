--
-- realtime.rpc(), realtime.topic(), realtime.drop(): what is stored, and every
-- way to get it wrong
--
\set VERBOSITY terse
\pset format unaligned
\pset fieldsep ' | '
CREATE FUNCTION try(command text) RETURNS TABLE (state text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	state := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
CREATE SCHEMA app;
CREATE SCHEMA "My App";
CREATE TYPE app.color AS ENUM ('red');
CREATE DOMAIN app.amount AS integer CHECK (VALUE > 0);
CREATE FUNCTION app.send(room text, n integer DEFAULT 1) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.say(body text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.paint(app.color, app.amount[], timestamp with time zone) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION "My App"."Do, it"("char") RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.list(OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, NULL::text';
CREATE FUNCTION app.many(VARIADIC integer[]) RETURNS SETOF integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.yes() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.check_path(path text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.check_args(a text, b integer DEFAULT 1) RETURNS void LANGUAGE sql AS '';

-- what is stored
SELECT realtime.rpc('app/send', 'app.send(text, integer)', guard => '{app.yes(),app.check_path(text),"app.check_args(text,integer)"}',
	timeout => '2 s', read_only => false);
SELECT realtime.rpc('app/paint', 'app.paint(app.color, app.amount[], timestamptz)');
SELECT realtime.rpc('my-app/do/it_now', '"My App"."Do, it"("char")');
SELECT realtime.rpc('app/list', 'app.list()', read_only => true);
SELECT realtime.rpc('app/many', 'app.many(integer[])');
SELECT realtime.rpc('pg/lower', 'lower(text)');
SELECT path, handler, guards, timeout, read_only FROM realtime.rpc_declaration ORDER BY path;

-- declaring again replaces, with the defaults
SELECT realtime.rpc('app/send', 'app.yes()');
SELECT path, handler, guards, timeout, read_only FROM realtime.rpc_declaration WHERE path = 'app/send';

-- paths
SELECT t.* FROM unnest(ARRAY['', 'send', '/send', 'send/', 'a//b', 'a/b c', 'a/ä', E'a/b\n', repeat('a/', 127) || 'bc', 'a/' || repeat('b', 254)]) p,
	try(format('SELECT realtime.rpc(%L, %L)', p, 'app.yes()')) t;
SELECT * FROM try($$SELECT realtime.rpc(repeat('a/', 127) || 'b', 'app.yes()')$$);
SELECT * FROM try($$SELECT realtime.rpc(NULL, 'app.yes()')$$);

-- handlers
CREATE PROCEDURE app.proc() LANGUAGE sql AS '';
CREATE AGGREGATE app.agg(integer) (SFUNC = int4pl, STYPE = integer);
CREATE FUNCTION app.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION app.evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION app.poly(anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.rec() RETURNS record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION app.recs() RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION pg_temp.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1';
SELECT h, t.* FROM unnest(ARRAY['app.proc()', 'app.agg(integer)', 'rank()', 'app.trig()', 'app.evt()', 'app.poly(anyelement)',
		'int4in(cstring)', 'int4out(integer)', 'concat("any")', 'app.recs()']) h,
	try(format('SELECT realtime.rpc(%L, %L)', 'a/b', h)) t;
SELECT state, regexp_replace(message, 'pg_temp_\d+', 'pg_temp') AS message, detail, hint FROM try($$SELECT realtime.rpc('a/b', 'pg_temp.mine()')$$);
SELECT * FROM try($$SELECT realtime.rpc('a/b', NULL)$$);
SELECT * FROM try($$SELECT realtime.rpc('a/b', 1::oid::regprocedure)$$);
SELECT * FROM try($$SELECT realtime.rpc('a/b', 'app.nothing()')$$);
SELECT * FROM try($$SELECT realtime.rpc('a/b', 'app.rec()')$$);

-- guards
CREATE FUNCTION app.guard_int() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.guard_set() RETURNS SETOF boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.guard_other(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.guard_no_default(text, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.guard_text(what text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.guard_variadic(VARIADIC integer[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.guard_array(integer[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT h, g, t.* FROM (VALUES
		('app.send(text,integer)', 'app.guard_int()'),
		('app.send(text,integer)', 'app.guard_set()'),
		('app.send(text,integer)', 'app.guard_other(integer)'),
		('app.send(text,integer)', 'app.guard_no_default(text,integer)'),
		('app.send(text,integer)', 'app.guard_text(text)'),
		('app.send(text,integer)', 'app.proc()'),
		('app.say(text)', 'app.guard_text(text)'),
		('app.say(text)', 'app.check_path(text)'),
		('app.many(integer[])', 'app.guard_array(integer[])'),
		('app.many(integer[])', 'app.guard_variadic(integer[])')) v(h, g),
	try(format('SELECT realtime.rpc(%L, %L, guard => ARRAY[%L::regprocedure])', 'a/b', h, g)) t;
SELECT * FROM try($$SELECT realtime.rpc('a/b', 'app.yes()', guard => ARRAY['app.yes()', NULL]::regprocedure[])$$);
SELECT * FROM try($$SELECT realtime.rpc('a/b', 'app.yes()', guard => NULL)$$);

-- options
CREATE FUNCTION app.key() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
SELECT o, t.* FROM unnest(ARRAY[
		$$timeout => '0'$$, $$timeout => '-1 s'$$, $$timeout => '0.0009 s'$$, $$timeout => '1 ms'$$, $$timeout => '25 days'$$, $$timeout => '1000000 years'$$,
		$$rate_limit => 0$$, $$rate_limit => 5$$, $$rate_window => '0'$$, $$rate_window => '10 s'$$, $$rate_window => '1 min'$$,
		$$idempotency_key => 'app.key()'$$, $$idempotency_key => 'app.yes()'$$, $$idempotency_key => 'app.check_path(text)'$$, $$idempotency_ttl => '-1 h'$$, $$idempotency_ttl => '2 days'$$,
		$$lock_key => 'app.key()'$$, $$lock_key => 'app.proc()'$$, $$lock_wait => '1 s'$$, $$lock_wait => '0'$$, $$lock_key => 'app.key()', lock_wait => '1 s'$$, $$idempotent => true$$, $$idempotent => NULL$$, $$idempotent => true, idempotency_ttl => '0'$$, $$idempotent => true, idempotency_ttl => NULL$$,
		$$share_result => true$$, $$share_result => NULL$$, $$lock_key => 'app.key()', share_result => true$$, $$lock_key => 'app.key()', share_result => true, idempotent => true$$,
		$$class_of_service => 'low'$$]) o,
	try(format('SELECT realtime.rpc(%L, %L, %s)', 'a/b', 'app.yes()', o)) t;

-- topics
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_typed(topic text, id integer, room app.color) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_unnamed(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_void(room text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.may_variadic(VARIADIC room text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT realtime.topic('news', open => true);
SELECT realtime.topic('chat:{room}', access => 'app.may(text)');
SELECT realtime.topic('doc:{id}:{room}', 'volatile', access => 'app.may_typed(text, integer, app.color)');
SELECT realtime.topic('braces:{{x}}:{y}');
SELECT realtime.topic('feed:{id}', class => 'replay', replay_size => 10, replay_ttl => '1 h');
SELECT realtime.topic('feed', class => 'replay');
SELECT template, class, open, access, replay_size, replay_ttl FROM realtime.topic_declaration ORDER BY template;
-- declaring again replaces, the class too
SELECT realtime.topic('chat:{room}', class => 'volatile');
SELECT template, class, open, access FROM realtime.topic_declaration WHERE template = 'chat:{room}';

SELECT a, t.* FROM unnest(ARRAY[
		$$NULL$$, $$''$$, $$'a"b'$$, $$'ä'$$, $$'a{b'$$, $$'a}b'$$, $$'{}'$$, $$'{a b}'$$, $$'{a}{b}'$$, $$'{a}:{a}'$$, $$repeat('x', 2000)$$,
		$$'__rpc'$$, $$'__{x}'$$,
		$$'t', class => 'fast'$$, $$'t', class => NULL$$, $$'t', open => NULL$$,
		$$'t', replay_size => 10$$, $$'t', replay_ttl => '1 h'$$, $$'t', class => 'replay', replay_size => 0$$,
		$$'t', class => 'replay', replay_ttl => '-1 h'$$,
		$$'t:{room}', open => true, access => 'app.may(text)'$$,
		$$'t', access => 'app.may(text)'$$, $$'t:{room}', access => 'app.may_unnamed(text)'$$, $$'t:{room}', access => 'app.may_void(text)'$$,
		$$'t:{room}', access => 'app.may_variadic(text[])'$$, $$'t:{room}', access => 'app.proc()'$$,
		$$'chat:{id}'$$, $$'chat:{id}', class => 'volatile'$$, $$'chat:{room}:x'$$]) a,
	try(format('SELECT realtime.topic(%s)', a)) t;

-- drop
SELECT realtime.drop('app/send'), realtime.drop('app/send'), realtime.drop('chat:{room}'), realtime.drop('nothing');
SELECT * FROM try('SELECT realtime.drop(NULL)');
-- now the other name may have it
SELECT realtime.topic('chat:{id}');

-- the tables refuse what the functions refuse
INSERT INTO realtime.rpc_declaration (path, handler) VALUES ('nothing', 'app.yes()');
INSERT INTO realtime.rpc_declaration (path, handler, timeout) VALUES ('a/b', 'app.yes()', '0');
INSERT INTO realtime.rpc_declaration (path, handler, rate_limit) VALUES ('a/b', 'app.yes()', 0);
INSERT INTO realtime.topic_declaration (template, class) VALUES ('t', 'fast');
INSERT INTO realtime.topic_declaration (template, class, replay_size) VALUES ('t', 'replay', 0);
INSERT INTO realtime.topic_declaration (template, open, access) VALUES ('t', true, 'app.yes()');
INSERT INTO realtime.topic_declaration (template) VALUES ('__t');

-- not in a read-only transaction
BEGIN READ ONLY;
SELECT realtime.rpc('a/b', 'app.yes()');
ROLLBACK;

TRUNCATE realtime.rpc_declaration, realtime.topic_declaration;
DROP FUNCTION try(text);
SET client_min_messages = warning;
DROP SCHEMA app, "My App" CASCADE;
