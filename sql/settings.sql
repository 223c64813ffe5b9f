--
-- What is declared, and what becomes of it, under settings that anybody may
-- change
--
\set VERBOSITY terse
SET client_min_messages = error;
CREATE SCHEMA "My App";
CREATE SCHEMA app;
SET search_path = public;
CREATE TYPE app.scalar AS ENUM ('a');
CREATE TYPE "My App"."Co""lor" AS (a "char", b bit varying(3));
CREATE DOMAIN app.amount AS numeric(5, 2);
CREATE FUNCTION app.object_of(app.scalar[], "char", timestamp with time zone DEFAULT '2001-02-03')
	RETURNS date LANGUAGE sql AS $$ SELECT date '2001-02-03' $$;
CREATE FUNCTION "My App"."Do, it"("My App"."Co""lor", double precision DEFAULT 0.1, VARIADIC app.amount[] DEFAULT '{}')
	RETURNS SETOF interval LANGUAGE sql AS $$ SELECT interval '1 day' $$;
CREATE FUNCTION app.yes() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.parse(payload text) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb($1)';
CREATE TABLE app."Item" (id integer PRIMARY KEY, "Ro""om" text, "b\s" text);

CREATE FUNCTION declare_all() RETURNS void LANGUAGE sql BEGIN ATOMIC
	SELECT realtime.rpc('app/object', 'app.object_of(app.scalar[], "char", timestamptz)'::regprocedure,
		guard => ARRAY['app.yes()'::regprocedure], timeout => '1 day 2 seconds'),
		realtime.rpc('app/do', '"My App"."Do, it"("My App"."Co""lor", double precision, app.amount[])'::regprocedure),
		realtime.topic('chat:{room}', access => 'app.may(text)'::regprocedure, class => 'replay', replay_ttl => '1.5 hours'),
		realtime.channel('app/typing', 'typing:{room}', access => 'app.may(text)'::regprocedure),
		realtime.bridge('app', parse => 'app.parse(text)'::regprocedure);
END;
CREATE FUNCTION drop_all() RETURNS bigint LANGUAGE sql
AS $$ SELECT count(*) FROM unnest(ARRAY['app/object', 'app/do', 'chat:{room}', 'app/typing', 'app']) n WHERE realtime.drop(n) $$;
-- as text, and what it means
CREATE VIEW declared AS
	SELECT kind, declaration, purpose, signature, function FROM realtime.declared_functions();
CREATE VIEW stored AS
	SELECT md5(string_agg(r::text, '' ORDER BY r::text COLLATE "C")) AS md5 FROM (
		SELECT r::text FROM realtime.rpc_declaration r
		UNION ALL SELECT t::text FROM realtime.topic_declaration t
		UNION ALL SELECT s::text FROM realtime.stream_declaration s
		UNION ALL SELECT b::text FROM realtime.bridge_declaration b) AS rows (r);

SELECT declare_all();
SELECT kind, declaration, purpose, signature, function IS NOT NULL AS found FROM declared ORDER BY kind, declaration, purpose;
CREATE TABLE plain AS SELECT * FROM declared;
CREATE TABLE plain_rows AS SELECT * FROM stored;
SELECT drop_all();

CREATE FUNCTION settings() RETURNS TABLE (name text, value text) LANGUAGE sql AS $$
VALUES ('quote_all_identifiers', 'on'), ('search_path', ''), ('search_path', '"My App", app, realtime, public'),
	('standard_conforming_strings', 'off'), ('escape_string_warning', 'off'), ('backslash_quote', 'off'), ('bytea_output', 'escape'),
	('DateStyle', 'SQL, DMY'), ('IntervalStyle', 'iso_8601'), ('TimeZone', 'Pacific/Chatham'), ('extra_float_digits', '-15'),
	('lc_messages', 'C'), ('lc_numeric', 'C'), ('array_nulls', 'off'), ('check_function_bodies', 'off'),
	('transform_null_equals', 'on'), ('xmloption', 'document'), ('default_transaction_isolation', 'serializable'),
	('session_replication_role', 'replica'), ('row_security', 'off'), ('enable_seqscan', 'off'), ('plan_cache_mode', 'force_generic_plan')
$$;

-- the same is declared under each setting, means the same without it, and the
-- other way round
CREATE FUNCTION declare_with(setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text := '';
BEGIN
	PERFORM set_config(setting, value, false);
	PERFORM public.declare_all();
	IF EXISTS (SELECT FROM public.plain EXCEPT SELECT FROM public.declared)
		OR EXISTS (TABLE public.plain EXCEPT TABLE public.declared) THEN
		found := ', otherwise with it';
	END IF;
	EXECUTE format('RESET %I', setting);
	IF (SELECT md5 FROM public.stored) <> (SELECT md5 FROM public.plain_rows) THEN
		found := found || ', stored otherwise';
	END IF;
	IF EXISTS (TABLE public.plain EXCEPT TABLE public.declared) THEN
		found := found || ', otherwise without it';
	END IF;
	PERFORM public.drop_all();
	RETURN coalesce(nullif(ltrim(found, ', '), ''), 'the same');
END $$;
SELECT name, value, declare_with(name, value) FROM settings();

-- renaming is followed, and dropping is refused
CREATE FUNCTION change_with(setting text, value text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	names text[];
	found text[] := '{}';
BEGIN
	PERFORM public.declare_all();
	PERFORM set_config(setting, value, false);
	BEGIN
		DROP FUNCTION app.yes();
		found := found || 'dropped a guard'::text;
	EXCEPTION WHEN dependent_objects_still_exist THEN
	END;
	BEGIN
		ALTER FUNCTION app.yes() RENAME TO "Yes";
		ALTER TYPE app.scalar RENAME TO "select";
		ALTER SCHEMA "My App" RENAME TO my_app;
		ALTER FUNCTION app.parse(text) SET SCHEMA my_app;
		SELECT array_agg(d.signature ORDER BY kind, declaration, purpose)
			|| array_agg(kind || ' is lost') FILTER (WHERE d.function IS DISTINCT FROM p.function)
		INTO names FROM public.declared d FULL JOIN public.plain p USING (kind, declaration, purpose);
		RAISE EXCEPTION USING ERRCODE = 'RT999';
	EXCEPTION WHEN SQLSTATE 'RT999' THEN
		EXECUTE format('RESET %I', setting);
		PERFORM public.drop_all();
	END;
	RETURN found || names;
END $$;
SELECT unnest(change_with('application_name', 'any'));
SELECT name, value, change_with(name, value) FROM settings()
WHERE change_with(name, value) <> change_with('application_name', 'any');

-- what was written with quotes that nobody needs
SELECT declare_all();
UPDATE realtime.rpc_declaration SET guards = '{"\"app\".\"yes\"( )"}' WHERE path = 'app/object';
SELECT signature, function = 'app.yes()'::regprocedure AS found FROM declared WHERE purpose = 'guard';
UPDATE realtime.rpc_declaration SET handler = 'app."object_of"("app".scalar[], "char",  timestamp with time zone)' WHERE path = 'app/object';
SELECT count(*) FROM declared WHERE function IS NULL;
CREATE FUNCTION resolve(signature text) RETURNS regprocedure LANGUAGE plpgsql AS $$
BEGIN
	UPDATE realtime.rpc_declaration SET handler = signature WHERE path = 'app/do';
	RETURN (SELECT function FROM public.declared WHERE declaration = 'app/do');
END $$;
SELECT s AS signature, resolve(s)
FROM unnest(ARRAY['', '.', 'app', 'app.', '"app', 'app."', 'app.yes', 'app.yes(', 'app.yes)', 'app.yes()x', 'APP.Yes()', 'app."Yes"()', '"app.yes"()',
	'app.""()', 'ap p.yes()', 'app.yes ()', repeat('x', 100) || '.yes()', 'app.yes(text)', '"My App"."Do, it"("My App"."Co""lor",double precision,app.amount[])',
	'"My App"."Do, it"("My App"."Co""lor","double precision",app.amount[])', '"My App"."Do, it"("My App"."Co""lor",double precision,"app"."amount"[])']) s;
SELECT drop_all();

DROP VIEW declared, stored;
DROP TABLE plain, plain_rows;
DROP FUNCTION declare_all(), drop_all(), settings(), declare_with(text, text), change_with(text, text), resolve(text);

DROP SCHEMA app, "My App" CASCADE;
