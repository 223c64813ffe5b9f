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
\set VERBOSITY terse
DROP TYPE app.color CASCADE;
DROP SCHEMA app CASCADE;
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
CREATE ROLE regress_realtime_dev;
ALTER FUNCTION application.may_enter(text) OWNER TO regress_realtime_dev;
GRANT ALL ON SCHEMA application TO regress_realtime_dev;
SET ROLE regress_realtime_dev;
ALTER FUNCTION application.may_enter(text) RENAME TO may;
RESET ROLE;
SELECT * FROM declared;

-- a function that is gone all the same comes back
ALTER TABLE realtime.topic_declaration DISABLE TRIGGER changed;
UPDATE realtime.topic_declaration SET access = 'application.later(text)';
ALTER TABLE realtime.topic_declaration ENABLE ALWAYS TRIGGER changed;
CREATE FUNCTION application.later(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
DROP FUNCTION application.later(text);
UPDATE realtime.topic_declaration SET access = 'application.may(text)';

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
DROP SCHEMA realtime CASCADE;
CREATE EXTENSION realtime;

-- an older version with fewer columns is in nobody's way
ALTER EXTENSION realtime DROP TABLE realtime.rpc_declaration;
DROP TABLE realtime.rpc_declaration;
CREATE TABLE realtime.rpc_declaration (path text);
ALTER EXTENSION realtime ADD TABLE realtime.rpc_declaration;
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS '';
DROP FUNCTION f();
DROP EXTENSION realtime;
CREATE EXTENSION realtime;
