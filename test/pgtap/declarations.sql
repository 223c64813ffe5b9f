-- What is declared takes effect, however it came into the tables.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(34);

CREATE SCHEMA app;
CREATE FUNCTION app.hello(name text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.other(name text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE PROCEDURE app.proc() LANGUAGE sql AS '';

-- declare
SELECT lives_ok($$SELECT realtime.rpc('app/hello', 'app.hello(text)')$$, 'a function can be declared');
SELECT is(handler, 'app.hello(text)', 'its signature is stored with its schema')
	FROM realtime.rpc_declaration WHERE path = 'app/hello';
SELECT results_eq($$SELECT guards, timeout, read_only, rate_limit, rate_window, idempotency_key, idempotency_ttl,
		lock_key, lock_wait, class_of_service FROM realtime.rpc_declaration WHERE path = 'app/hello'$$,
	$$VALUES ('{}'::text[], NULL::interval, NULL::boolean, NULL::integer, '10 s'::interval, NULL::text, '48 h'::interval,
		NULL::text, NULL::interval, NULL::text)$$, 'options have their defaults');

SET LOCAL search_path = app, public;
SELECT lives_ok($$SELECT realtime.rpc('app/hello', 'other(text)', timeout => '3 s', read_only => true)$$, 'declaring again is allowed');
RESET search_path;
SELECT results_eq($$SELECT handler, timeout, read_only FROM realtime.rpc_declaration WHERE path = 'app/hello'$$,
	$$VALUES ('app.other(text)', '3 s'::interval, true)$$, 'and replaces; the schema comes from search_path');
SELECT lives_ok($$SELECT realtime.rpc('app/hello', 'app.hello(text)')$$, 'and again');
SELECT results_eq($$SELECT handler, timeout, read_only FROM realtime.rpc_declaration WHERE path = 'app/hello'$$,
	$$VALUES ('app.hello(text)', NULL::interval, NULL::boolean)$$, 'an option that is left out has its default again');

SELECT throws_ok($$SELECT realtime.rpc('hello', 'app.hello(text)')$$, '22023', NULL, 'a path has two words');
SELECT throws_ok($$SELECT realtime.rpc('app/proc', 'app.proc()')$$, '42809', NULL, 'a procedure cannot be declared');
SELECT throws_ok($$SELECT realtime.rpc('app/sum', 'sum(integer)')$$, '42809', NULL, 'nor an aggregate');
SELECT throws_ok($$SELECT realtime.rpc('app/rank', 'rank()')$$, '42809', NULL, 'nor a window function');
SELECT throws_ok($$SELECT realtime.rpc('app/hello', 'app.hello(text)', rate_limit => -3)$$, '22023', NULL,
	'an option that makes no sense is refused');

-- drop
SELECT throws_ok('DROP FUNCTION app.hello(text)', '2BP01', 'cannot drop function app.hello(text) because other objects depend on it',
	'a declared function cannot be dropped');
CREATE SCHEMA gone;
CREATE FUNCTION gone.f() RETURNS void LANGUAGE sql AS '';
SELECT realtime.rpc('gone/f', 'gone.f()');
DROP SCHEMA gone CASCADE;
SELECT is_empty($$SELECT FROM realtime.rpc_declaration WHERE path = 'gone/f'$$, 'but by CASCADE, together with what it declares');
SELECT lives_ok('DROP FUNCTION app.other(text)', 'another one can');
SELECT lives_ok('ALTER FUNCTION app.hello(text) RENAME TO hi', 'it can be renamed');
SELECT is(handler, 'app.hi(text)', 'and the declaration follows') FROM realtime.rpc_declaration WHERE path = 'app/hello';
SELECT is(realtime.drop('app/hello'), true, 'drop says that there was something');
SELECT is(realtime.drop('app/hello'), false, 'and that there is nothing');
SELECT lives_ok('DROP FUNCTION app.hi(text)', 'the function is free then');

-- what commands cost that declare nothing
SELECT pg_stat_get_xact_numscans('pg_database_datname_index'::regclass) AS scans \gset
SAVEPOINT here;
RELEASE here;
SELECT is(pg_stat_get_xact_numscans('pg_database_datname_index'::regclass), :scans::bigint, 'other commands read no catalog for us');

-- written by hand
INSERT INTO realtime.topic_declaration (template, access) VALUES ('chat:{room}', 'app.may(text)');
SELECT throws_ok('DROP FUNCTION app.may(text)', '2BP01', NULL, 'a row that was inserted counts');
SELECT throws_ok($$SELECT realtime.topic('chat:{id}')$$, '42710', NULL, 'for other templates too');
UPDATE realtime.topic_declaration SET access = NULL, open = true;
SELECT lives_ok('DROP FUNCTION app.may(text)', 'an update counts');
DELETE FROM realtime.topic_declaration;
SELECT lives_ok($$SELECT realtime.topic('chat:{id}')$$, 'so does a delete');
TRUNCATE realtime.topic_declaration;
SELECT lives_ok($$SELECT realtime.topic('chat:{room}')$$, 'and a truncate');
SELECT throws_ok($$INSERT INTO realtime.rpc_declaration (path, handler) VALUES ('nothing', 'app.f()')$$, '23514', NULL,
	'the tables have constraints on paths');
SELECT throws_ok($$INSERT INTO realtime.topic_declaration (template, class) VALUES ('x', 'slow')$$, '23514', NULL,
	'on classes');
SELECT throws_ok($$INSERT INTO realtime.topic_declaration (template, open, access) VALUES ('x', true, 'app.f()')$$, '23514', NULL,
	'on access');

-- a change is undone with its savepoint
CREATE FUNCTION app.f() RETURNS void LANGUAGE sql AS '';
SAVEPOINT declared;
SELECT realtime.rpc('app/f', 'app.f()');
ROLLBACK TO declared;
SELECT lives_ok('DROP FUNCTION app.f()', 'what was rolled back to a savepoint does not count');

-- the triggers that make it so
SELECT has_trigger('realtime', 'rpc_declaration', 'changed', 'rpc_declaration has its trigger');
SELECT has_trigger('realtime', 'topic_declaration', 'changed', 'topic_declaration has its trigger');
SELECT is(count(*)::integer, 19, 'they fire in every session_replication_role')
	FROM pg_trigger WHERE tgname = 'changed' AND tgrelid::regclass::text ~ '^realtime\.' AND tgenabled = 'A';
SELECT throws_ok('SELECT realtime.declaration_changed()', '39P01', NULL, 'their function is no other use');

SELECT * FROM finish();
ROLLBACK;
