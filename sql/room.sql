-- realtime.room(), and presence of realtime.stream(): what stands in a declaration
SET client_min_messages = warning;
\set VERBOSITY default
CREATE SCHEMA app;
CREATE FUNCTION app.load(id integer) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '[]'::jsonb$$;
CREATE FUNCTION app.load_many(VARIADIC ids integer[]) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '[]'::jsonb$$;
CREATE FUNCTION app.face() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION app.face(id integer) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION app.face(name text) RETURNS text STABLE LANGUAGE sql AS $$SELECT ''::text$$;
CREATE FUNCTION app.add(id integer, words text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.move(words text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app."Add it"(id integer) RETURNS void LANGUAGE sql AS '';
CREATE SCHEMA other;
CREATE FUNCTION other.add(id integer) RETURNS void LANGUAGE sql AS '';

SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', presence => 'app.face(integer)',
	actions => '{"app.add(integer,text)"}', replay => true, replay_size => 10);
SELECT path, topic, loader, merge, replay, replay_size, presence, is_room, cursors, actions FROM realtime.stream_declaration;
-- again, with another class and transform: its own parts are no others
CREATE FUNCTION app.same(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS 'SELECT data';
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', presence => 'app.face()', transform => 'app.same(jsonb)');
SELECT path, replay, presence, actions FROM realtime.stream_declaration;
-- a stream of who is there may be on the topic of any other
SELECT realtime.stream('board/who', 'board:{id}', merge => 'presence', presence => 'app.face()');

-- what is wrong
SELECT realtime.room('board/board', 'board:{id}', NULL);
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', presence => 'app.face(text)');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', presence => 'app.same(jsonb)');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', actions => '{app.move(text)}');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', actions => '{"app.\"Add it\"(integer)"}');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', actions => '{"app.add(integer,text)",other.add(integer)}');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', actions => '{NULL}');
SELECT realtime.room('board/board', 'board', 'app.load_many(integer[])', actions => '{app.face()}');
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', replay => true, volatile => true);
SELECT realtime.stream('board/who', 'board:{id}', 'app.load(integer)', merge => 'presence', presence => 'app.face()');
SELECT realtime.stream('board/who', 'board:{id}', merge => 'presence', presence => 'app.face()', replay => true);
SELECT realtime.topic('board:{id}:presence', class => 'replay');
SELECT realtime.room('a/room', 'place:{id}', 'app.load(integer)', cursors => true);
SELECT realtime.topic('place:{id}:cursors', class => 'volatile');
SELECT realtime.drop('a/room');
SELECT realtime.room('long/room', repeat('x', 250), 'app.load(integer)', presence => 'app.face()');

-- functions that are used
DROP FUNCTION app.face();
SELECT realtime.room('board/board', 'board:{id}', 'app.load(integer)', actions => '{"app.add(integer,text)"}');
DROP FUNCTION app.add(integer, text);
ALTER FUNCTION app.add(integer, text) RENAME TO append;
SELECT actions FROM realtime.stream_declaration WHERE is_room;

SELECT realtime.drop('board/board/__presence');
SELECT realtime.drop('board/board'), realtime.drop('board/board');
SELECT realtime.drop('board/who');
SELECT realtime.room_topic();
SELECT realtime.room_publish('x');
SELECT realtime.presence_update('x', '{}');
DROP SCHEMA app, other CASCADE;
