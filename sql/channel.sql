--
-- realtime.channel(): what is stored, and every way to get it wrong
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
CREATE FUNCTION app.yes() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_two(room text, n integer DEFAULT 1) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_unnamed(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_user(user_id text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_void(room text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.may_set(room text) RETURNS SETOF boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_variadic(VARIADIC room text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.check_path(path text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.check_room(room text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.check_two(text, integer DEFAULT 1) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.check_texts(text, text) RETURNS void LANGUAGE sql AS '';
CREATE PROCEDURE app.proc() LANGUAGE sql AS '';

-- what is stored
SELECT realtime.channel('chat/typing', 'typing:{room}');
SELECT realtime.channel('chat/rows', 'rows:{room}:{n}', merge => 'crud', key => 'row_id', prepend => true, max => 100,
	replay => true, replay_size => 500, replay_ttl => '1 day', access => 'app.may_two(text,integer)',
	guard => '{app.yes(),app.check_path(text),"app.check_two(text,integer)"}');
SELECT realtime.channel('mouse/moves', 'moves:{1}:of:{user_id}', 'latest', max => 10, volatile => true);
SELECT realtime.channel('all/of-it', 'everything', 'presence', guard => NULL);
SELECT * FROM realtime.stream_declaration ORDER BY path \gx

-- declaring again replaces, with the defaults
SELECT realtime.channel('chat/rows', 'rows:{room}:{n}');
SELECT path, topic, merge, key, prepend, max, replay, replay_size, replay_ttl, access, guards
FROM realtime.stream_declaration WHERE path = 'chat/rows';

-- one namespace with rpc
SELECT realtime.rpc('chat/rows', 'app.yes()');
SELECT count(*) FROM realtime.stream_declaration WHERE path = 'chat/rows';
SELECT realtime.channel('chat/rows', 'rows:{room}:{n}');
SELECT count(*) FROM realtime.rpc_declaration WHERE path = 'chat/rows';
SELECT realtime.drop('chat/rows'), realtime.drop('chat/rows');
SELECT count(*) FROM realtime.stream_declaration WHERE path = 'chat/rows';

-- paths
SELECT t.* FROM unnest(ARRAY['', 'send', 'a/b c', 'a/' || repeat('b', 254)]) p,
	try(format('SELECT realtime.channel(%L, %L)', p, 'x')) t;
SELECT * FROM try($$SELECT realtime.channel(NULL, 'x')$$);

-- topics
SELECT t.* FROM unnest(ARRAY['', 'a"b', 'a{', '{a}{b}', '{a}:{a}', '{0}', '__mine:{x}', repeat('x', 300),
		'{2}', '{1}:{3}', '{1}:{name}', '{name}:{1}', '{1}:{2}:{user_id}', '{a}:{b}:{user_id}', '{user_id}']) p,
	try(format('SELECT realtime.channel(%L, %L)', 'a/b', p)) t;
SELECT * FROM try($$SELECT realtime.channel('a/b', NULL)$$);
SELECT p, a, t.* FROM (VALUES
		('{room}', 'app.may(text)'),
		('{1}', 'app.may(text)'),
		('fixed', 'app.may(text)'),
		('{n}:{room}', 'app.may_two(text,integer)'),
		('{1}:{n}', 'app.may_two(text,integer)'),
		('{3}', 'app.may_two(text,integer)'),
		('{rooms}', 'app.may(text)'),
		('{1}', 'app.may_unnamed(text)'),
		('{room}', 'app.may_unnamed(text)'),
		('{room}', 'app.yes()'),
		('{user_id}:{room}', 'app.may(text)'),
		('{user_id}', 'app.may_user(text)'),
		('{1}', 'app.may_user(text)'),
		('{room}', 'app.may_void(text)'),
		('{room}', 'app.may_set(text)'),
		('{room}', 'app.may_variadic(text[])'),
		('{room}', 'app.proc()')) v(p, a),
	try(format('SELECT realtime.channel(%L, %L, access => %L)', 'a/b', p, a)) t;

-- guards
SELECT p, a, g, t.* FROM (VALUES
		('{room}', NULL, 'app.check_room(text)'),
		('{room}', NULL, 'app.check_texts(text,text)'),
		('{a}:{b}', NULL, 'app.check_texts(text,text)'),
		('{a}:{b}', NULL, 'app.check_two(text,integer)'),
		('fixed', NULL, 'app.check_room(text)'),
		('fixed', NULL, 'app.check_path(text)'),
		('{room}', 'app.may_two(text,integer)', 'app.check_two(text,integer)'),
		('{room}', 'app.may_two(text,integer)', 'app.check_texts(text,text)'),
		('{room}', 'app.yes()', 'app.check_room(text)'),
		('fixed', NULL, 'app.proc()')) v(p, a, g),
	try(format('SELECT realtime.channel(%L, %L, access => %L, guard => ARRAY[%L::regprocedure])', 'a/b', p, a, g)) t;
SELECT * FROM try($$SELECT realtime.channel('a/b', 'x', guard => ARRAY['app.yes()', NULL]::regprocedure[])$$);

-- options
SELECT o, t.* FROM unnest(ARRAY[
		$$merge => 'sum'$$, $$merge => NULL$$, $$merge => 'cursor'$$,
		$$key => 'name'$$, $$merge => 'crud', key => 'name'$$, $$merge => 'crud', key => ''$$, $$merge => 'crud', key => NULL$$,
		$$merge => 'crud', key => '__proto__'$$, $$merge => 'crud', key => repeat('k', 256)$$,
		$$prepend => true$$, $$merge => 'latest', prepend => true$$, $$merge => 'crud', prepend => true$$, $$prepend => NULL$$,
		$$max => 5$$, $$merge => 'latest', max => 5$$, $$merge => 'crud', max => 5$$, $$merge => 'crud', max => 0$$, $$merge => 'presence', max => 5$$,
		$$replay => true, volatile => true$$, $$replay => NULL$$, $$volatile => NULL$$,
		$$replay_size => 5$$, $$replay_ttl => '1 h'$$, $$replay => true, replay_size => 0$$, $$replay => true, replay_size => NULL$$,
		$$replay => true, replay_ttl => '0'$$, $$replay => true, replay_ttl => '1 ms', replay_size => 1$$]) o,
	try(format('SELECT realtime.channel(%L, %L, %s)', 'a/b', 'x', o)) t;

-- classes of one form must agree
SELECT realtime.drop('a/b');
SELECT realtime.topic('news:{section}', open => true);
SELECT * FROM try($$SELECT realtime.channel('news/all', 'news:{1}', replay => true)$$);
SELECT * FROM try($$SELECT realtime.channel('news/all', 'news:{1}')$$);
SELECT * FROM try($$SELECT realtime.topic('news:{section}', class => 'volatile', open => true)$$);
SELECT * FROM try($$SELECT realtime.channel('news/more', 'news:{a}', volatile => true)$$);
SELECT * FROM try($$SELECT realtime.channel('news/more', 'news:{a}')$$);
SELECT realtime.drop('news/more'), realtime.drop('news:{section}');
SELECT * FROM try($$SELECT realtime.channel('news/all', 'news:{1}', volatile => true)$$);
SELECT * FROM try($$SELECT realtime.topic('news:{section}', open => true)$$);

-- functions that are declared
SELECT realtime.channel('chat/rows', 'rows:{room}', access => 'app.may(text)', guard => '{app.check_room(text)}');
SELECT t.* FROM unnest(ARRAY['app.may(text)', 'app.check_room(text)']) f, try('DROP FUNCTION ' || f) t;
ALTER FUNCTION app.may(text) RENAME TO may_enter;
ALTER FUNCTION app.check_room(text) RENAME TO check_door;
SELECT access, guards FROM realtime.stream_declaration WHERE path = 'chat/rows';

-- rows written by hand
SELECT t.* FROM unnest(ARRAY[
		$$('one', 'x')$$, $$('a/b', '__x')$$]) v,
	try('INSERT INTO realtime.stream_declaration (path, topic) VALUES ' || v) t;
SELECT o, t.state, t.message FROM unnest(ARRAY[
		$$merge = 'sum'$$, $$key = ''$$, $$max = 0$$, $$replay_size = 0$$, $$replay_ttl = '0'$$, $$replay = true, volatile = true$$,
		$$coalesce_by = 'x', replay = true$$, $$schema_version = 0$$, $$stale_after = '0'$$]) o,
	try('UPDATE realtime.stream_declaration SET ' || o) t;

-- who may
CREATE ROLE regress_channel_nobody;
SET ROLE regress_channel_nobody;
SELECT state, message FROM try($$SELECT realtime.channel('a/b', 'x')$$);
SELECT state, message FROM try($$SELECT * FROM realtime.stream_declaration$$);
RESET ROLE;
DROP ROLE regress_channel_nobody;
TRUNCATE realtime.stream_declaration;
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
