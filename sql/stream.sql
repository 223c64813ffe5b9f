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
		$$coalesce_by => ''$$, $$coalesce_by => 'a..b'$$, $$coalesce_by => '.a'$$, $$coalesce_by => 'id', volatile => true$$,
		$$coalesce_by => 'id', replay => true$$, $$coalesce_by => 'app.yes()'$$, $$coalesce_by => 'app.no_such(jsonb)'$$,
		$$coalesce_by => 'app.change(jsonb)'$$, $$on_error => 'app.diff_since(text)'$$, $$on_error => 'app.change(jsonb)'$$,
		$$class_of_service => 'gold'$$, $$replay => true, volatile => true$$, $$merge => 'sum'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''y'', ''app.load_all()'', ' || o || ')') t;
SELECT o, t.state, t.message FROM unnest(ARRAY[
		$$shared => true$$, $$schema_version => 1$$, $$delta_version => 'app.version()'$$,
		$$replay => true, delta_from_seq => 'app.from_seq(bigint)'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''x'', ' || o || ')') t;

-- topics that a function names
CREATE FUNCTION app.region_of(room text, n integer DEFAULT 1) RETURNS text STABLE LANGUAGE sql AS $$SELECT 'rooms:' || n$$;
CREATE FUNCTION app.region() RETURNS text STABLE LANGUAGE sql AS $$SELECT 'rooms:1'$$;
SELECT realtime.stream('region/rows', 'rooms:{region}', 'app.load(text,integer)', topic_by => 'app.region_of(text,integer)'),
	realtime.stream('region/all', 'rooms:{region}', 'app.load_all()', topic_by => 'app.region()'),
	realtime.channel('region/none', 'rooms:{region}', topic_by => 'app.region_of(text,integer)', access => 'app.yes()');
SELECT path, topic, topic_by FROM realtime.stream_declaration WHERE topic_by IS NOT NULL ORDER BY path;
SELECT o, t.* FROM unnest(ARRAY['app.region_of(text,integer)', 'app.version()', 'app.yes()', 'app.region()']) o,
	try(format('SELECT realtime.stream(''region/all'', ''rooms:{region}'', ''app.load_all()'', topic_by => %L)', o)) t;
SELECT t.* FROM try('DROP FUNCTION app.region()') t;
SELECT realtime.drop('region/rows'), realtime.drop('region/all'), realtime.drop('region/none');

-- what is shown
CREATE FUNCTION app.hide(data jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN
	IF 1 / coalesce((data->>'divisor')::integer, 1) > 0 AND coalesce(data->>'hidden', 'false') = 'false' THEN
		RETURN data - 'secret';
	END IF;
	RETURN NULL;
END$$;
SELECT o, t.state, t.message FROM unnest(ARRAY[$$transform => 'app.change_text(text)'$$, $$transform => 'app.version()'$$]) o,
	try('SELECT realtime.stream(''a/b'', ''shown'', ' || o || ')') t;
SELECT realtime.stream('shown/rows', 'shown:{1}', 'app.load_all()', replay => true, transform => 'app.hide(jsonb)');
SELECT * FROM try($$SELECT realtime.stream('shown/other', 'shown:{a}', 'app.load_all()', replay => true)$$);
SELECT * FROM try($$SELECT realtime.stream('shown/other', 'shown:{a}', replay => true, transform => 'app.change(jsonb)')$$);
SELECT realtime.stream('shown/other', 'shown:{a}', replay => true, transform => 'app.hide(jsonb)');
SELECT realtime.publish('shown:a', e, d::jsonb) FROM (VALUES ('created', '{"id": 1, "secret": 2}'), ('created', '{"id": 2, "hidden": true}'),
	('deleted', '{"id": 1, "secret": 2}'), ('refreshed', '[{"id": 1, "secret": 2}, {"id": 2, "hidden": 1}, {"id": 12345678901234567890}]'),
	('set', '{"secret": 3}'), ('other', '{"secret": 3}')) v(e, d);
SELECT * FROM try($$SELECT realtime.publish('shown:a', 'created', '{"id": 1, "divisor": 0}')$$);
CREATE TABLE app.row (id integer PRIMARY KEY, secret text, divisor integer, hidden boolean);
SELECT realtime.live_table('app.row', 'shown:{id}');
INSERT INTO app.row VALUES (7, 'x', NULL, NULL), (8, 'x', NULL, true), (9, 'x', 0, NULL), (10, 'x', 0, NULL);
UPDATE app.row SET secret = 'y' WHERE id = 7;
DELETE FROM app.row WHERE id = 7;
SELECT topic, event, data FROM realtime.replay_message ORDER BY topic COLLATE "C", seq;
DROP TABLE app.row;
SELECT realtime.stream('here/people', 'people', merge => 'presence', replay => true, transform => 'app.hide(jsonb)');
CREATE OR REPLACE FUNCTION app.hide(data jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN RETURN '{"shown": 1}'; END$$;
SELECT realtime.publish('people', 'join', '{"key": "a", "data": 1}'), realtime.publish('people', 'leave', '{"key": "a"}');
SELECT event, data FROM realtime.replay_message WHERE topic = 'people' ORDER BY seq;
SELECT realtime.drop('shown/rows'), realtime.drop('shown/other'), realtime.drop('here/people');

-- functions that are declared
SELECT t.state, t.message FROM unnest(ARRAY['app.load(text,integer)', 'app.load_all()']) f, try('DROP FUNCTION ' || f) t;
ALTER FUNCTION app.load(text, integer) RENAME TO load_rows;
SELECT loader FROM realtime.stream_declaration WHERE path = 'room/rows';
SELECT template, class, source, declaration FROM realtime.topic_patterns ORDER BY template;
SELECT realtime.drop('room/rows'), realtime.drop('room/none'), realtime.drop('room/rows');
TRUNCATE realtime.stream_declaration;
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
