-- The extension realtime_test: what tests of applications are told is what clients would be.
BEGIN;
CREATE EXTENSION realtime_test;
SELECT no_plan();

CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.todo (id integer PRIMARY KEY, list integer NOT NULL, title text NOT NULL);
GRANT ALL ON app.todo TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.is_known() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
CREATE FUNCTION app.is_own(list integer) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT realtime.user_id() = 'user' || list $$;
CREATE FUNCTION app.add(id integer, list integer, title text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.todo VALUES (id, list, title);
	IF title = '' THEN
		PERFORM realtime.raise('NO_TITLE', 'It needs a title', '[{"path":["title"],"message":"is empty"}]');
	END IF;
	PERFORM realtime.publish('todos:' || list, 'created', jsonb_build_object('id', id, 'list', list, 'title', title));
	RETURN realtime.user_id();
END $$;
CREATE FUNCTION app.list(list integer) RETURNS SETOF app.todo STABLE LANGUAGE sql AS $$ SELECT * FROM app.todo t WHERE t.list = list.list ORDER BY id $$;
CREATE FUNCTION app.number() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM app.todo';
CREATE FUNCTION app.measure(payload bytea, name text) RETURNS text LANGUAGE sql AS $$ SELECT name || ' ' || length(payload) $$;
CREATE FUNCTION app.role_of() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
-- As with_lock() and lock_key say it: in one session nobody waits for himself.
CREATE FUNCTION app.late() RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE 'too late' USING ERRCODE = 'RT423', SCHEMA = 'list', TABLE = '150'; END $$;
SELECT realtime.rpc('todo/late', 'app.late()');
SELECT realtime.rpc('todo/add', 'app.add(integer,integer,text)'),
	realtime.rpc('todo/guarded', 'app.role_of()', guard => '{app.is_known()}'),
	realtime.stream('todo/list', 'todos:{list}', 'app.list(integer)'),
	realtime.stream('todo/newest', 'newest', 'app.list(integer)', prepend => true, max => 2),
	realtime.stream('todo/own', 'own:{list}', 'app.list(integer)', access => 'app.is_own(integer)'),
	realtime.stream('todo/number', 'number', 'app.number()', merge => 'set', invalidate_on => '{todos:*}'),
	realtime.stream('todo/kept', 'kept', 'app.number()', merge => 'latest', replay => true),
	realtime.query('todo/titles', 'SELECT id, title FROM app.todo WHERE list = $1');

-- who calls
SELECT is(realtime_test.call('todo/guarded', user_data => '{"id":"ann"}'), '"realtime_authenticated"', 'a call is made as a user');
SELECT realtime_test.act_as('{"id":"ann"}');
SELECT is(realtime_test.call('todo/add', '[1, 1, "milk"]'), '"ann"', 'or as who has been said before');
SELECT is(realtime_test.run('app.is_known()'), 'true', 'and so is a function that is not declared');
SELECT is(realtime_test.run('app.is_own(integer)', '[7]', '{"id":"user7"}'), 'true', 'with arguments');
SELECT is(realtime_test.run('app.measure(bytea,text)', '["\\x616200", "a"]'), '"a 3"', 'or bytes, as text');
SELECT realtime_test.act_as();
SELECT is(realtime_test.run('app.is_known()'), 'false', 'or nobody');
SELECT is((SELECT count(*) FROM realtime.rpc_declaration WHERE path ~ '^realtime_test/'), 0::bigint, 'it is not declared then');

-- refusals
SELECT is(code || ' ' || message, 'UNAUTHENTICATED Authentication required', 'who is nobody is refused')
	FROM realtime_test.refusal('todo/guarded');
SELECT is(code || ' ' || message || ' ' || issues, 'NO_TITLE It needs a title [{"path": ["title"], "message": "is empty"}]', 'with a code of one''s own')
	FROM realtime_test.refusal('todo/add', '[2, 1, ""]');
SELECT is(code || ' ' || (issues -> 0 ->> 'path'), 'VALIDATION ["id"]', 'arguments are checked') FROM realtime_test.refusal('todo/add', '["x", 1, "y"]');
SELECT is(code || ' ' || sqlstate, 'CONFLICT 23505', 'an error of the database has a code, too') FROM realtime_test.refusal('todo/add', '[1, 1, "milk"]');
SELECT is(code, 'NOT_FOUND', 'a path that is not there') FROM realtime_test.refusal('todo/nothing');
SELECT is(code, 'FORBIDDEN', 'a stream') FROM realtime_test.refusal('todo/own', '[1]', '{"id":"user2"}');
SELECT is(code, NULL, 'who is not refused') FROM realtime_test.refusal('todo/own', '[1]', '{"id":"user1"}');
SELECT is(concat_ws(' ', code, key, max_wait_ms, sqlstate), 'LOCK_TIMEOUT list 150 RT423', 'for which key it has waited in vain, and how long')
	FROM realtime_test.refusal('todo/late');
SELECT is((SELECT count(*) FROM app.todo), 1::bigint, 'what is refused has done nothing');
SELECT is((realtime_test.refusal('todo/add', '[2, 1, "bread"]')).code, NULL, 'what is not refused');
SELECT is((SELECT count(*) FROM app.todo), 2::bigint, 'has been done');
SELECT * FROM check_test(realtime_test.refuses('todo/own', '[1]', 'FORBIDDEN', user_data => '{"id":"x"}'), true, 'refuses()', 'todo/own refuses [1] with FORBIDDEN');
SELECT * FROM check_test(realtime_test.refuses('todo/own', '[1]', 'FORBIDDEN', 'as I say', '{"id":"user1"}'), false, 'refuses() of what is not', 'as I say');
SELECT * FROM check_test(realtime_test.refuses('todo/own', '[1]'), false, 'refuses() with another code');
SELECT * FROM check_test(realtime_test.allows('todo/list', '[1]'), true, 'allows()');
SELECT * FROM check_test(realtime_test.allows('todo/guarded'), false, 'allows() of what is refused');

-- what is published
SELECT results_eq($$SELECT kind, on_topic, event, data FROM realtime_test.published('todos:1')$$, $$VALUES
	('event', 'todos:1', 'created', '{"id":1,"list":1,"title":"milk"}'::jsonb),
	('event', 'todos:1', 'created', '{"id":2,"list":1,"title":"bread"}')$$, 'events are there, in order');
SELECT realtime.publish('kept', 'noted', '{"größer": [1.50, null]}');
SELECT realtime.signal('ann', 'ring', '{"n":1}');
SELECT realtime.invalidate('number*');
SELECT results_eq($$SELECT kind, on_topic, event, data, recipients FROM realtime_test.published() WHERE kind <> 'reload' AND on_topic <> 'todos:1'$$, $$VALUES
	('event', 'kept', 'noted', '{"größer": [1.50, null]}'::jsonb, NULL::jsonb),
	('sent', '__signal:ann', 'ring', '{"n":1}', '{"user":"ann"}'),
	('invalidate', 'number*', NULL, NULL, NULL)$$, 'also those that are kept, what is sent, and what is to be loaded again');
SELECT is((SELECT on_topic FROM realtime_test.published() WHERE kind = 'reload' LIMIT 1), 'todo/number', 'because of an event, too');
SELECT * FROM check_test(realtime_test.publishes('kept', 'noted'), true, 'publishes()', 'noted is published on kept');
SELECT * FROM check_test(realtime_test.publishes('todos:1', 'created', '{"title":"bread"}'), true, 'publishes() with data');
SELECT * FROM check_test(realtime_test.publishes('todos:1', 'created', '{"title":"cheese"}'), false, 'publishes() of what is not');
DO $$ BEGIN
	PERFORM realtime.publish('gone', 'noted');
	RAISE 'no';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT is((SELECT count(*) FROM realtime_test.published('gone')), 0::bigint, 'what is rolled back is not published');

-- streams
CREATE TEMPORARY TABLE follower AS SELECT realtime_test.follow('todo/list', '[1]') AS list, realtime_test.follow('todo/newest', '[1]') AS newest,
	realtime_test.follow('todo/number') AS number, realtime_test.follow('todo/titles', '[1]') AS titles, realtime_test.follow('todo/kept') AS kept;
SELECT unnest(ARRAY[is(realtime_test.reply(list) ->> 'topic', 'todos:1', 'a follower gets an answer'),
	is(realtime_test.value(list), '[{"id":1,"list":1,"title":"milk"},{"id":2,"list":1,"title":"bread"}]', 'with a value'),
	is(realtime_test.value(number), '2', 'of any kind')]) FROM follower;
SELECT realtime_test.call('todo/add', '[3, 1, "cheese"]'), realtime_test.call('todo/add', '[4, 2, "wine"]');
SELECT unnest(ARRAY[is(realtime_test.value(list) -> 2, '{"id":3,"list":1,"title":"cheese"}', 'and what is published behind it'),
	is(jsonb_array_length(realtime_test.value(list)), 3, 'on its topic'),
	is(realtime_test.value(number), '4', 'or is loaded again'),
	is(realtime_test.value(titles), '[{"id":1,"title":"milk"},{"id":2,"title":"bread"},{"id":3,"title":"cheese"}]', 'of a query its rows')]) FROM follower;
SELECT results_eq(format('SELECT * FROM realtime_test.events(%s)', list), $$VALUES ('created', '{"id":3,"list":1,"title":"cheese"}'::jsonb)$$, 'its events') FROM follower;
SELECT * FROM check_test(realtime_test.converges((SELECT list FROM follower)), true, 'converges()', 'todo/list [1] shows what would be loaded now');
UPDATE app.todo SET title = 'Brie' WHERE id = 3;
SELECT * FROM check_test(realtime_test.converges((SELECT list FROM follower)), false, 'converges() where something is not published');
SELECT realtime.publish('todos:1', 'updated', '{"id":3,"list":1,"title":"Brie"}');
SELECT * FROM check_test(realtime_test.converges((SELECT list FROM follower)), true, 'converges() once it is');
DELETE FROM app.todo WHERE id = 1;
SELECT realtime.publish('todos:1', 'deleted', '{"id":1}');
SELECT * FROM check_test(realtime_test.converges((SELECT list FROM follower)), true, 'converges() without a row');
SELECT realtime.publish('newest', 'created', jsonb_build_object('id', n)) FROM generate_series(8, 9) AS n;
SELECT is(realtime_test.value(newest), '[{"id":9},{"id":8}]', 'prepend and max') FROM follower;
SELECT realtime.publish('kept', 'any', to_jsonb(n)) FROM generate_series(1, 60) AS n;
SELECT is(realtime_test.value(kept) -> 0 || (realtime_test.value(kept) -> 49), '[11, 60]', 'a list of the newest') FROM follower;

-- losses
SELECT realtime_test.lose(list) FROM follower;
SELECT realtime_test.call('todo/add', '[5, 1, "lost"]'), realtime_test.call('todo/add', '[6, 1, "found"]');
SELECT is((SELECT array_agg(row ->> 'title') FROM jsonb_array_elements(realtime_test.value(list)) AS row), '{bread,Brie,found}', 'an event is lost') FROM follower;
SELECT realtime_test.cut(list) FROM follower;
SELECT realtime_test.call('todo/add', '[7, 1, "away"]');
SELECT is(jsonb_array_length(realtime_test.value(list)), 3, 'who is away gets nothing') FROM follower;
SELECT realtime_test.resume(list) FROM follower;
SELECT * FROM check_test(realtime_test.converges((SELECT list FROM follower)), true, 'converges() after that');

-- live tables, with another transaction's worth of changes
SELECT realtime.live_table('app.todo', 'todos:{list}');
CREATE TEMPORARY TABLE live AS SELECT realtime_test.follow('todo/list', '[9]') AS id;
INSERT INTO app.todo VALUES (90, 9, 'a'), (91, 9, 'b');
UPDATE app.todo SET title = 'c' WHERE id = 90;
UPDATE app.todo SET list = 8 WHERE id = 91;
SELECT is(realtime_test.value(id), '[{"id":90,"list":9,"title":"c"}]', 'a live table publishes') FROM live;
SELECT * FROM check_test(realtime_test.converges((SELECT id FROM live)), true, 'converges() with a live table');

-- merging, as the protocol says
SELECT unnest(ARRAY[is(realtime_test.merge('presence', '[{"key":"a"}]', 'join', '{"key":"b"}'), '[{"key":"a"},{"key":"b"}]', 'join'),
	is(realtime_test.merge('presence', '[{"key":"a"},{"key":"b"}]', 'leave', '{"key":"a"}'), '[{"key":"b"}]', 'leave'),
	is(realtime_test.merge('cursor', '[{"key":"a"}]', 'update', '{"key":"a","data":1}'), '[{"key":"a","data":1}]', 'update'),
	is(realtime_test.merge('cursor', '[]', 'set', '[{"key":"a"}]'), '[{"key":"a"}]', 'set'),
	is(realtime_test.merge('crud', '[{"id":1}]', 'updated', '{"id":2}'), '[{"id":1}]', 'updated of a row that is not there'),
	is(realtime_test.merge('crud', '[{"id":1}]', 'created', '{"id":1,"a":2}'), '[{"id":1,"a":2}]', 'created of one that is'),
	is(realtime_test.merge('crud', '[{"id":1},{"id":2}]', 'created', '{"id":3}', max => 2), '[{"id":2},{"id":3}]', 'max'),
	is(realtime_test.merge('crud', '[{"_key":"1"}]', 'deleted', '{"_key":"1"}', 'a,b'), '[]', 'a key of several columns'),
	is(realtime_test.merge('crud', '[{"id":1}]', 'refreshed', '[]'), '[]', 'refreshed'),
	is(realtime_test.merge('crud', '[{"id":1}]', 'other', '{"id":2}'), '[{"id":1}]', 'any other event')]);

-- nobody else's
SELECT schema_privs_are('realtime_test', 'public', '{}', 'not everybody may');
SELECT is((SELECT count(*) FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'realtime_test'::regnamespace AND a.grantee = 0), 0::bigint, 'call it');
SELECT is(array_agg(proname ORDER BY 1), NULL, 'all is said what it is for') FROM pg_proc WHERE pronamespace = 'realtime_test'::regnamespace AND obj_description(oid) IS NULL;
SELECT * FROM finish();
ROLLBACK;
