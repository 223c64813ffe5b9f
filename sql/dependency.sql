--
-- Declared functions that are dropped, renamed, moved or replaced
--
CREATE SCHEMA app;
CREATE SCHEMA other;
CREATE TYPE app.color AS ENUM ('red');
CREATE TABLE app.item (id integer);
CREATE FUNCTION app.send(text, app.color) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.guard() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.rows(app.item[]) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.free() RETURNS void LANGUAGE sql AS '';
SELECT realtime.rpc('app/send', 'app.send(text, app.color)', guard => '{app.guard(),app.guard()}');
SELECT realtime.rpc('app/rows', 'app.rows(app.item[])', guard => '{app.guard()}');
SELECT realtime.topic('chat:{room}', access => 'app.may(text)');
CREATE VIEW declared AS
	SELECT path, handler, guards FROM realtime.rpc_declaration
	UNION ALL
	SELECT template, access, NULL FROM realtime.topic_declaration
	ORDER BY path;

-- refused, whatever the way
DROP FUNCTION app.send(text, app.color);
DROP FUNCTION app.guard();
DROP FUNCTION app.may(text);
DROP ROUTINE app.may;
DROP TYPE app.color;
DROP SCHEMA app;
\set VERBOSITY terse
DROP FUNCTION app.free(), app.guard();
DO $$ BEGIN DROP FUNCTION app.guard(); END $$;
DO $$
BEGIN
	DROP FUNCTION app.guard();
EXCEPTION WHEN dependent_objects_still_exist THEN
	RAISE NOTICE 'refused, and caught';
END $$;
\set VERBOSITY default
SELECT * FROM declared;

-- CASCADE takes declarations along, and only those
\set VERBOSITY default
BEGIN;
DROP FUNCTION app.guard() CASCADE;
SELECT * FROM declared;
ROLLBACK;
BEGIN;
DROP TYPE app.color CASCADE;
SELECT * FROM declared;
ROLLBACK;
BEGIN;
DROP SCHEMA app CASCADE;
SELECT * FROM declared;
ROLLBACK;
SELECT * FROM declared;
-- also in savepoints and functions
BEGIN;
SAVEPOINT s;
DROP FUNCTION app.may(text) CASCADE;
ROLLBACK TO s;
DO $$
BEGIN
	DROP FUNCTION app.may(text) CASCADE;
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	DROP FUNCTION app.rows(app.item[]) CASCADE;
END $$;
SELECT * FROM declared;
ROLLBACK;
-- what is declared anew meanwhile is another declaration
BEGIN;
DO $$
BEGIN
	DROP FUNCTION app.may(text) CASCADE;
	PERFORM realtime.topic('chat:{room}', open => true);
	DROP FUNCTION app.rows(app.item[]) CASCADE;
	PERFORM realtime.rpc('app/rows', 'app.free()');
END $$;
SELECT * FROM declared;
DROP FUNCTION app.free() CASCADE;
SELECT * FROM declared;
ROLLBACK;
-- and the topics lose their class as they do with realtime.drop()
BEGIN;
SELECT realtime.topic('kept:{room}', class => 'replay', access => 'app.may(text)');
DROP FUNCTION app.may(text) CASCADE;
SELECT * FROM declared;
ROLLBACK;

-- what makes PostgreSQL know of it
\x
SELECT proname, proowner = (SELECT relowner FROM pg_class WHERE oid = 'realtime.rpc_declaration'::regclass) AS same_owner, provolatile,
	obj_description(oid, 'pg_proc'), pg_get_functiondef(oid) AS definition
FROM pg_proc WHERE pronamespace = 'realtime'::regnamespace AND proname ~ ' ' ORDER BY proname;
\x
CREATE VIEW anchors AS
	SELECT proname, pg_get_function_sqlbody(oid) AS body, (SELECT extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'x') AS goes_with
	FROM pg_proc p WHERE pronamespace = 'realtime'::regnamespace AND proname ~ ' ' ORDER BY proname;
BEGIN;
-- it follows rows that are written by hand
UPDATE realtime.rpc_declaration SET path = 'app/moved', handler = 'pg_catalog.lower(text)' WHERE path = 'app/send';
UPDATE realtime.topic_declaration SET access = 'app.nowhere(text)';
INSERT INTO realtime.rpc_declaration (path, handler, guards) VALUES ('app/more', 'app.free()', '{app.guard(),NULL}'),
	('app/' || repeat('long', 50), 'app.free()', '{app.nowhere()}'), ('app/' || repeat('long', 51), 'app.guard()', '{}');
SELECT proname, body FROM anchors;
DROP FUNCTION app.free() CASCADE;
SELECT path, handler, guards FROM realtime.rpc_declaration ORDER BY path;
DELETE FROM realtime.rpc_declaration WHERE path = 'app/moved';
SELECT proname, body FROM anchors;
TRUNCATE realtime.rpc_declaration;
SELECT proname, body FROM anchors;
ROLLBACK;
-- dropping it is dropping the declaration
BEGIN;
DROP FUNCTION realtime."rpc app/rows"();
SELECT * FROM declared;
ROLLBACK;
-- all kinds of declarations, and of functions
BEGIN;
CREATE DOMAIN app.amount AS app.item CHECK ((VALUE).id > 0);
CREATE FUNCTION app."Of all, kinds"("char", bit, varbit, character, timestamptz, interval, app.amount[], name, VARIADIC app.color[])
	RETURNS TABLE (a integer, "b c" app.item) LANGUAGE sql AS 'SELECT 1, NULL::app.item';
CREATE FUNCTION app.set_of(OUT integer, INOUT app.color) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, NULL::app.color';
CREATE FUNCTION app.parse(payload text) RETURNS SETOF realtime.envelope LANGUAGE sql AS 'SELECT NULL::realtime.envelope';
CREATE FUNCTION app.atomic() RETURNS integer LANGUAGE sql RETURN 1;
SELECT realtime.rpc('app/of_all', 'app."Of all, kinds"("char", bit, varbit, character, timestamptz, interval, app.amount[], name, app.color[])'),
	realtime.rpc('app/set_of', 'app.set_of(app.color)'), realtime.rpc('app/atomic', 'app.atomic()'),
	realtime.channel('app/channel', 'c:{room}', access => 'app.may(text)', guard => '{app.guard()}'),
	realtime.bridge('größe "1"', parse => 'app.parse(text)');
SELECT * FROM anchors;
-- a path has one, whatever it is
SELECT realtime.rpc('app/channel', 'app.atomic()');
SELECT * FROM anchors WHERE proname ~ 'channel';
SELECT realtime.rpc('app/channel', 'lower(text)');
SELECT * FROM anchors WHERE proname ~ 'channel';
SET LOCAL client_min_messages = warning;
DROP SCHEMA app CASCADE;
SELECT * FROM declared;
SELECT * FROM realtime.bridge_declaration;
SELECT * FROM anchors;
ROLLBACK;
-- by somebody who owns the function and nothing else, and all of his at once
CREATE ROLE regress_realtime_dev;
BEGIN;
ALTER FUNCTION app.may(text) OWNER TO regress_realtime_dev;
GRANT USAGE ON SCHEMA app TO regress_realtime_dev;
SAVEPOINT s;
SET ROLE regress_realtime_dev;
DROP FUNCTION app.may(text) CASCADE;
RESET ROLE;
SELECT * FROM declared;
ROLLBACK TO s;
DROP OWNED BY regress_realtime_dev;
ROLLBACK TO s;
DROP OWNED BY regress_realtime_dev CASCADE;
SELECT * FROM declared;
ROLLBACK;
DROP VIEW anchors;

-- other functions are free
DROP FUNCTION app.free();
CREATE OR REPLACE FUNCTION app.guard() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false';
ALTER FUNCTION app.guard() COST 5;
SELECT * FROM declared;

-- names follow
ALTER FUNCTION app.guard() RENAME TO "Guard";
SELECT * FROM declared;
ALTER FUNCTION app."Guard"() SET SCHEMA other;
SELECT * FROM declared;
ALTER TYPE app.color RENAME TO colour;
ALTER TYPE app.colour SET SCHEMA other;
ALTER TABLE app.item RENAME TO thing;
SELECT * FROM declared;
ALTER SCHEMA app RENAME TO application;
SELECT * FROM declared;
ALTER FUNCTION application.may(text) RENAME TO may_enter;
SELECT * FROM declared;

-- also back again
BEGIN;
ALTER SCHEMA application RENAME TO gone;
SAVEPOINT s;
ALTER SCHEMA gone RENAME TO gone_too;
ROLLBACK TO s;
SELECT * FROM declared;
ROLLBACK;
SELECT * FROM declared;

-- an event trigger's own failures take nothing from the command
CREATE FUNCTION application.on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END $$;
CREATE EVENT TRIGGER regress_realtime_drop ON sql_drop EXECUTE FUNCTION application.on_drop();
DROP FUNCTION application.may_enter(text);
-- nor do commands of its own
CREATE OR REPLACE FUNCTION application.on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMPORARY TABLE dropped_at AS SELECT now();
	PERFORM 1 / 0;
EXCEPTION WHEN OTHERS THEN
	NULL;
END $$;
DROP FUNCTION application.may_enter(text);
DROP EVENT TRIGGER regress_realtime_drop;
DROP FUNCTION application.on_drop();

-- by somebody who may not write the tables
ALTER FUNCTION application.may_enter(text) OWNER TO regress_realtime_dev;
GRANT ALL ON SCHEMA application TO regress_realtime_dev;
SET ROLE regress_realtime_dev;
ALTER FUNCTION application.may_enter(text) RENAME TO may;
RESET ROLE;
SELECT * FROM declared;

-- a function that came later is protected once the row is written again
UPDATE realtime.topic_declaration SET access = 'application.later(text)';
CREATE FUNCTION application.later(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
UPDATE realtime.topic_declaration SET access = access;
DROP FUNCTION application.later(text);
UPDATE realtime.topic_declaration SET access = 'application.may(text)';
DROP FUNCTION application.later(text);

-- dropping the declaration frees the function
SELECT realtime.drop('chat:{room}');
DROP FUNCTION application.may(text);

-- so does dropping the extension, even with functions that need it
CREATE FUNCTION application.needs(realtime.envelope) RETURNS void LANGUAGE sql AS '';
SELECT realtime.rpc('app/needs', 'application.needs(realtime.envelope)');
SET client_min_messages = warning;
BEGIN;
DROP VIEW declared;
DROP EXTENSION realtime CASCADE;
SELECT to_regproc('application.needs');
DROP SCHEMA application, other CASCADE;
ROLLBACK;
SELECT count(*) FROM declared;
DROP VIEW declared;
DROP EXTENSION realtime CASCADE;
DROP SCHEMA application, other CASCADE;
DROP OWNED BY regress_realtime_dev;
DROP ROLE regress_realtime_dev;
CREATE EXTENSION realtime;
SELECT count(*) FROM realtime.rpc_declaration;

-- the schema is the extension's own: it goes with it, and comes back with it
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '';
SELECT realtime.rpc('a/b', 'f()');
SELECT handler FROM realtime.rpc_declaration;
DROP SCHEMA realtime CASCADE;
DROP EXTENSION realtime;
SELECT to_regnamespace('realtime');
DROP FUNCTION f();
CREATE EXTENSION realtime;
ALTER SCHEMA realtime RENAME TO real_time;
DO $$ BEGIN EXECUTE 'ALTER SCHEMA realtime RENAME TO real_time'; EXCEPTION WHEN feature_not_supported THEN RAISE NOTICE '%', SQLERRM; END $$;
SELECT realtime.publish('t', 'e');

-- tables of the same name that are not the extension's are nothing to us
DROP EXTENSION realtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.rpc_declaration (path text, handler text);
CREATE TABLE realtime.topic_declaration (template text);
INSERT INTO realtime.rpc_declaration VALUES ('a/b', 'public.f()');
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '';
DROP FUNCTION f();
\set VERBOSITY terse
CREATE EXTENSION realtime;
\set VERBOSITY default
ALTER SCHEMA realtime RENAME TO real_time;
DROP SCHEMA real_time CASCADE;
CREATE EXTENSION realtime;

-- an older version with fewer columns is in nobody's way
ALTER EXTENSION realtime DROP TABLE realtime.rpc_declaration;
DROP TABLE realtime.rpc_declaration;
CREATE TABLE realtime.rpc_declaration (path text);
ALTER EXTENSION realtime ADD TABLE realtime.rpc_declaration;
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '';
ALTER FUNCTION f() RENAME TO g;
DROP FUNCTION g();
DROP EXTENSION realtime;
CREATE EXTENSION realtime;
