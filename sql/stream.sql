--
-- realtime.stream(): what is stored, and every way to get it wrong.  What it
-- shares with channels is in channel.sql.
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
CREATE FUNCTION app.load(room text, n integer DEFAULT 1) RETURNS SETOF integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.load_all() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '[]'::jsonb$$;
CREATE FUNCTION app.load_void() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.load_record() RETURNS record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION app.load_variadic(VARIADIC rooms text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.proc() LANGUAGE sql AS '';
CREATE FUNCTION app.yes() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may(room text, n integer DEFAULT 1) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_room(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_all(text, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.change(data jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT data';
CREATE FUNCTION app.change_text(data text) RETURNS text LANGUAGE sql AS 'SELECT data';
CREATE FUNCTION app.version() RETURNS text LANGUAGE sql AS 'SELECT 1::text';
CREATE FUNCTION app.diff(since text, room text, n integer DEFAULT 1) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.diff_since(since text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.from_seq(since bigint) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.from_seq_set(since bigint) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';

-- what is stored
SELECT realtime.stream('room/rows', 'rows:{room}:{n}', 'app.load(text,integer)', access => 'app.may(text,integer)', gate => 'app.yes()',
	guard => '{app.yes()}', prepend => true, max => 10, replay => true, replay_size => 50,
	delta_version => 'app.version()', delta_diff => 'app.diff(text,text,integer)', delta_from_seq => 'app.from_seq(bigint)',
	schema_version => 2, migrate => '{app.change(jsonb)}', shared => true);
SELECT realtime.stream('room/all', 'all', 'app.load_all()', merge => 'set');
SELECT realtime.stream('room/none', 'none:{1}');
SELECT * FROM realtime.stream_declaration ORDER BY path \gx
-- anew, nothing stays
SELECT realtime.stream('room/rows', 'rows:{room}:{n}', 'app.load(text,integer)', replay => true);
SELECT access, gate, guards, prepend, max, replay_size, delta_version, schema_version, migrate, shared
FROM realtime.stream_declaration WHERE path = 'room/rows';

-- loaders
SELECT l, t.* FROM unnest(ARRAY['app.load_void()', 'app.load_record()', 'app.load_variadic(text[])', 'app.proc()', 'app.load_gone()']) l,
	try(format('SELECT realtime.stream(%L, %L, %L)', 'a/b', 'x', l)) t;
-- topics
SELECT tpl, t.* FROM unnest(ARRAY['{room}', '{1}:{n}', '{3}', '{rooms}', 'x', '{user_id}']) tpl,
	try(format('SELECT realtime.stream(%L, %L, %L)', 'a/b', tpl, 'app.load(text,integer)')) t;
-- other functions
SELECT o, t.state, t.message, t.detail, t.hint FROM unnest(ARRAY[
		$$access => 'app.may_room(text)'$$, $$access => 'app.may_all(text,integer)'$$, $$access => 'app.yes()'$$, $$access => 'app.load_all()'$$,
		$$gate => 'app.may(text,integer)'$$, $$gate => 'app.may_room(text)'$$, $$gate => 'app.version()'$$,
		$$delta_version => 'app.version()'$$, $$delta_version => 'app.yes()'$$,
		$$delta_diff => 'app.diff_since(text)'$$, $$delta_version => 'app.version()', delta_diff => 'app.diff_since(text)'$$,
		$$delta_version => 'app.version()', delta_diff => 'app.change(jsonb)'$$,
		$$merge => 'set', delta_version => 'app.version()', delta_diff => 'app.diff_since(text)'$$,
		$$delta_from_seq => 'app.from_seq(bigint)'$$, $$replay => true, delta_from_seq => 'app.from_seq_set(bigint)'$$,
		$$replay => true, delta_from_seq => 'app.from_seq(bigint)'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''{room}'', ''app.load(text,integer)'', ' || o || ')') t;
-- options that go together, and those that do not
SELECT o, t.state, t.message, t.detail, t.hint FROM unnest(ARRAY[
		$$schema_version => 0$$, $$schema_version => 1$$, $$schema_version => 3, migrate => '{app.change(jsonb)}'$$,
		$$migrate => '{app.change(jsonb)}'$$, $$schema_version => 2, migrate => '{app.change_text(text)}'$$,
		$$schema_version => 2, migrate => '{NULL}'$$,
		$$invalidate_on => '{NULL}'$$, $$shared => NULL$$,
		$$class_of_service => 'gold'$$, $$replay => true, volatile => true$$, $$merge => 'sum'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''y'', ''app.load_all()'', ' || o || ')') t;
SELECT o, t.state, t.message FROM unnest(ARRAY[
		$$shared => true$$, $$schema_version => 1$$, $$delta_version => 'app.version()'$$,
		$$replay => true, delta_from_seq => 'app.from_seq(bigint)'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''x'', ' || o || ')') t;

-- functions that are declared
SELECT t.state, t.message FROM unnest(ARRAY['app.load(text,integer)', 'app.load_all()']) f, try('DROP FUNCTION ' || f) t;
ALTER FUNCTION app.load(text, integer) RENAME TO load_rows;
SELECT loader FROM realtime.stream_declaration WHERE path = 'room/rows';
SELECT template, class, source, declaration FROM realtime.topic_patterns ORDER BY template;
SELECT realtime.drop('room/rows'), realtime.drop('room/none'), realtime.drop('room/rows');
TRUNCATE realtime.stream_declaration;
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
