-- realtime.pipe(): what becomes of the items of a value, and of events.
BEGIN;
CREATE EXTENSION realtime_test;
SELECT no_plan();

CREATE SCHEMA app;
CREATE ROLE reader IN ROLE realtime_anonymous;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.person (id text PRIMARY KEY, name text NOT NULL, is_secret boolean NOT NULL DEFAULT false);
ALTER TABLE app.person ENABLE ROW LEVEL SECURITY;
CREATE POLICY known ON app.person FOR SELECT USING (NOT is_secret OR id = realtime.user_id());
INSERT INTO app.person VALUES ('1', 'Ann', false), ('2', 'Ben', true), ('3', 'Cyd', false);
CREATE TABLE app.note (id integer PRIMARY KEY, author integer, rank numeric, title text, dismissed boolean NOT NULL DEFAULT false);
INSERT INTO app.note VALUES (1, 1, 10, 'a', false), (2, 2, 9, 'b', true), (3, 3, NULL, 'c', false), (4, 1, 2.50, 'd', false), (5, NULL, 9, 'e', false), (6, 2, 9, 'f', false);
GRANT SELECT ON app.person, app.note TO PUBLIC;
CREATE TABLE app.asked (ids text[]);
GRANT ALL ON app.asked TO PUBLIC;

CREATE FUNCTION app.notes() RETURNS SETOF app.note STABLE LANGUAGE sql AS 'SELECT * FROM app.note ORDER BY id';
CREATE FUNCTION app.notes_from(low integer) RETURNS jsonb STABLE LANGUAGE sql AS 'SELECT jsonb_agg(to_jsonb(n) ORDER BY id) FROM app.note n WHERE id >= low';
CREATE FUNCTION app.is_open(item jsonb) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT NOT (item->>'dismissed')::boolean$$;
CREATE FUNCTION app.is_of(item jsonb, low integer) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$SELECT (item->>'id')::integer <> low + 1$$;
CREATE FUNCTION app.is_mine(item jsonb) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT item->>'author' = realtime.user_id()$$;
CREATE FUNCTION app.names(ids text[]) RETURNS jsonb STABLE LANGUAGE sql AS 'SELECT jsonb_object_agg(id, name) FROM app.person WHERE id = ANY (ids)';
CREATE FUNCTION app.names_noted(ids text[]) RETURNS jsonb LANGUAGE sql AS $$SELECT jsonb_build_object('asked', ids, '1', 'one', '3', 3)$$;
CREATE FUNCTION app.wrong(ids text[]) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT '[1]'::jsonb$$;
CREATE FUNCTION app.brief(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data - 'dismissed' - 'rank' - 'author'$$;
CREATE FUNCTION app.one() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT to_jsonb(n) FROM app.note n WHERE id = 1$$;
CREATE FUNCTION app.page() RETURNS realtime.page STABLE LANGUAGE sql AS $$SELECT jsonb_agg(to_jsonb(n) ORDER BY id), true, '3'::jsonb FROM app.note n WHERE id <= 3$$;

CREATE FUNCTION app.told(path text, args jsonb DEFAULT '[]', user_data jsonb DEFAULT NULL) RETURNS text LANGUAGE sql
AS $$SELECT string_agg(concat_ws(' ', item->>'id', item->>'title', item->>'who'), ', ' ORDER BY n)
	FROM jsonb_array_elements(realtime.load($1, $2, $3)->'data') WITH ORDINALITY AS items (item, n)$$;

SELECT realtime.stream('note/all', 'notes', 'app.notes()', max => 10);
SELECT realtime.stream('note/from', 'notes:{low}', 'app.notes_from(integer)');

-- values
SELECT is(app.told('note/all'), '1 a, 2 b, 3 c, 4 d, 5 e, 6 f', 'without a pipe it is what the loader returns');
SELECT realtime.pipe('note/all', realtime.pipe_filter('app.is_open(jsonb)'));
SELECT is(app.told('note/all'), '1 a, 3 c, 4 d, 5 e, 6 f', 'a filter leaves items out');
SELECT realtime.pipe('note/all', realtime.pipe_sort('rank', 'desc'));
SELECT is(app.told('note/all'), '3 c, 1 a, 2 b, 5 e, 6 f, 4 d', 'sorted by numbers, null first as ORDER BY DESC has it, in their order where they are the same');
SELECT realtime.pipe('note/all', realtime.pipe_sort('title', 'desc'), realtime.pipe_sort('rank'), realtime.pipe_limit(4));
SELECT is(app.told('note/all'), '4 d, 6 f, 5 e, 2 b', 'steps are done in their order');
SELECT realtime.pipe('note/all', realtime.pipe_limit(3), realtime.pipe_filter('app.is_open(jsonb)'));
SELECT is(app.told('note/all'), '1 a, 3 c', 'whichever that is');
SELECT realtime.pipe('note/all', realtime.pipe_join('author', 'app.names_noted(text[])', 'who'));
SELECT is(app.told('note/all'), '1 a one, 2 b, 3 c 3, 4 d one, 5 e, 6 f', 'what is joined is found by the member''s text, and null where there is none');
SELECT is(realtime.load('note/all', '[]')->'data'->4->'who', 'null', 'which is there');
SELECT realtime.pipe('note/all', realtime.pipe_join('title', 'app.names_noted(text[])', 'who'), realtime.pipe_limit(1));
SELECT realtime.pipe('note/from', realtime.pipe_filter('app.is_of(jsonb,integer)'), realtime.pipe_join('author', 'app.names(text[])', 'who'));
SELECT is(app.told('note/from', '[3]'), '3 c Cyd, 5 e, 6 f', 'a function may take the loader''s arguments; what the caller may not see is not joined');
SELECT is(app.told('note/from', '[3]', '{"id": "2", "role": "reader"}'), '3 c Cyd, 5 e, 6 f Ben', 'but for who may');
SELECT is((SELECT realtime.call('note/from', '[5]')->0->>'id'), '5', 'who calls the path gets the same');
SELECT realtime.stream('note/one', 'one', 'app.one()', merge => 'set'), realtime.pipe('note/one', realtime.pipe_join('author', 'app.names(text[])', 'who'));
SELECT is(realtime.load('note/one', '[]')->'data'->>'who', 'Ann', 'a value that is no array is one item');
SELECT realtime.pipe('note/one', realtime.pipe_filter('app.is_mine(jsonb)'));
SELECT is(realtime.load('note/one', '[]')->'data', 'null', 'which may be left out');
SELECT is(realtime.load('note/one', '[]', '{"id": "1", "role": "reader"}')->'data'->>'title', 'a', 'by who asks');
SELECT realtime.stream('note/page', 'page', 'app.page()'), realtime.pipe('note/page', realtime.pipe_filter('app.is_open(jsonb)'));
SELECT is(realtime.load('note/page', '[]') - 'topic' - 'merge' - 'key' - 'seq' - 'version',
	'{"data": [{"id": 1, "rank": 10, "title": "a", "author": 1, "dismissed": false}, {"id": 3, "rank": null, "title": "c", "author": 3, "dismissed": false}], "cursor": 3, "hasMore": true}',
	'a page goes through it by itself');
SELECT realtime.pipe('note/page');
SELECT is(jsonb_array_length(realtime.load('note/page', '[]')->'data'), 3, 'without steps there is no pipe any more');
SELECT throws_ok($$SELECT realtime.load('note/all', '[]') FROM realtime.pipe('note/all', realtime.pipe_join('author', 'app.wrong(text[])', 'who'))$$,
	'22023', 'resolver app.wrong(text[]) has returned no object', 'an error of a step is the load''s');

-- with a transform, and events
SELECT realtime.stream('note/open', 'open', 'app.notes()', transform => 'app.brief(jsonb)');
SELECT realtime.pipe('note/open', realtime.pipe_filter('app.is_open(jsonb)', live => true), realtime.pipe_sort('rank'),
	realtime.pipe_join('author', 'app.names(text[])', 'who', live => true));
SELECT is(realtime.load('note/open', '[]')->'data'->0, '{"id": 4, "title": "d", "who": "Ann"}', 'a transform comes behind the pipe');
SELECT realtime_test.follow('note/open') AS open \gset
CREATE FUNCTION app.said(topic text) RETURNS text LANGUAGE sql AS $$SELECT string_agg(event || ' ' || data::text, '; ' ORDER BY n) FROM (SELECT row_number() OVER () AS n, * FROM realtime_test.published(topic)) p$$;
SELECT realtime.publish('open', 'created', '{"id": 7, "author": 3, "title": "g", "dismissed": false}'), realtime.publish('open', 'created', '{"id": 8, "dismissed": true}');
SELECT is(app.said('open'), 'created {"id": 7, "who": "Cyd", "title": "g"}', 'events go through steps that are live, and then through the transform');
SELECT realtime.publish('open', 'updated', '{"id": 2, "author": 1, "title": "b!", "dismissed": false}'), realtime.publish('open', 'updated', '{"id": 4, "author": 1, "title": "d!", "dismissed": true}'),
	realtime.publish('open', 'deleted', '{"id": 5, "dismissed": true}'), realtime.publish('open', 'other', '{"id": 1}');
SELECT is((SELECT string_agg(event || ' ' || (data->>'id'), ', ') FROM realtime_test.published('open')), 'created 7, created 2, deleted 4, deleted 5, other 1',
	'a change is told as what it means to who sees the rest');
SELECT is((SELECT data FROM realtime_test.published('open') WHERE event = 'deleted' LIMIT 1), '{"id": 4}', 'of what is hidden now nothing but the key');
SELECT is((SELECT string_agg(i->>'id', ' ' ORDER BY (i->>'id')::integer) FROM jsonb_array_elements(realtime_test.value(:open)) i), '1 2 3 6 7', 'so clients have what passes');
SELECT realtime.publish('open', 'refreshed', '[{"id": 1, "dismissed": true}, {"id": 2, "dismissed": false, "author": 3}]');
SELECT is(realtime_test.value(:open), '[{"id": 2, "who": "Cyd"}]', 'a value that is published as a whole goes through it item by item');

-- a live table
SELECT realtime.live_table('app.note', 'open');
UPDATE app.note SET dismissed = true WHERE id = 1;
UPDATE app.note SET dismissed = false, title = 'b.' WHERE id = 2;
UPDATE app.note SET title = 'c.' WHERE id = 3;
DELETE FROM app.note WHERE id = 6;
INSERT INTO app.note VALUES (9, 1, 1, 'i', true), (10, 1, 1, 'j', false);
UPDATE app.note SET dismissed = false WHERE id = 9;
UPDATE app.note SET dismissed = true WHERE id = 10;
SELECT is((SELECT jsonb_agg(i ORDER BY i->'id') FROM jsonb_array_elements(realtime_test.value(:open)) i),
	'[{"id": 2, "who": "Ben", "title": "b."}, {"id": 3, "who": "Cyd", "title": "c."}, {"id": 9, "who": "Ann", "title": "i"}]', 'rows of a live table come and go as they pass');

-- what is kept, and what goes along
SELECT realtime.stream('note/open', 'open', 'app.notes()', transform => 'app.brief(jsonb)', prepend => true);
SELECT is((SELECT kinds FROM realtime.pipe_declaration WHERE path = 'note/open'), '{filter,sort,join}', 'a stream that is declared again keeps its pipe');
SELECT throws_ok($$SELECT realtime.stream('note/from', 'from', 'app.notes()')$$, '42P13', NULL, 'if it still can be: not with a loader of other parameters');
SELECT throws_ok($$SELECT realtime.stream('note/too', 'open', 'app.notes()', transform => 'app.brief(jsonb)')$$, '42710', NULL, 'another stream of the topic has the same live steps');
SELECT lives_ok($$SELECT realtime.channel('note/told', 'open', merge => 'crud', transform => 'app.brief(jsonb)')$$, 'or is a channel');
SELECT lives_ok($$ALTER FUNCTION app.is_open(jsonb) RENAME TO is_shown$$, 'a function is renamed');
SELECT is((SELECT functions[1] FROM realtime.pipe_declaration WHERE path = 'note/open'), 'app.is_shown(jsonb)', 'in its pipe, too');
SELECT throws_ok('DROP FUNCTION app.is_shown(jsonb)', '2BP01', NULL, 'and cannot be dropped alone');
SAVEPOINT dropped;
DROP FUNCTION app.is_shown(jsonb) CASCADE;
SELECT is((SELECT count(*) FROM realtime.stream_declaration WHERE path = 'note/open'), 0::bigint, 'a filter takes its stream along: nobody sees what it has hidden');
ROLLBACK TO dropped;
SELECT is(realtime.drop('note/open'), true, 'a stream');
SELECT is((SELECT count(*) FROM realtime.pipe_declaration WHERE path = 'note/open'), 0::bigint, 'takes its pipe along');
SELECT realtime.rpc('note/all', 'app.one()');
SELECT is((SELECT count(*) FROM realtime.pipe_declaration WHERE path = 'note/all'), 0::bigint, 'and so does what comes in its place');

-- what cannot be
SELECT realtime.query('note/query', 'SELECT * FROM app.note');
SELECT realtime.aggregate('note/sum', 'notes', NULL, realtime.reducer('n', 'count(*)'));
CREATE FUNCTION app.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM || '.', nullif(detail, ''));
END $$;
SELECT is(app.refusal(format('SELECT realtime.pipe(%s)', given)), refused, given) FROM (VALUES
	($$'note/none', realtime.pipe_limit(1)$$, '42704 there is no stream "note/none".'),
	($$'note/query', realtime.pipe_limit(1)$$, '0A000 "note/query" cannot have a pipe. It is a live query.'),
	($$'note/sum', realtime.pipe_limit(1)$$, '0A000 "note/sum" cannot have a pipe. It is an aggregate.'),
	($$'note/told', realtime.pipe_limit(1)$$, '0A000 "note/told" cannot have a pipe. It has no loader, so it has no value to begin with.'),
	($$'note/page', realtime.pipe_limit(0)$$, '22023 step 1 of the pipe of "note/page" is not valid. Its limit is not greater than 0.'),
	($$'note/page', realtime.pipe_limit(NULL)$$, '22023 step 1 of the pipe of "note/page" is not valid. Its limit is not greater than 0.'),
	($$'note/page', realtime.pipe_limit(1), realtime.pipe_sort('a..b')$$, '22023 step 2 of the pipe of "note/page" is not valid. Its field is no member of an item.'),
	($$'note/page', realtime.pipe_sort('a', 'up')$$, '22023 step 1 of the pipe of "note/page" is not valid. Its direction is none.'),
	($$'note/page', realtime.pipe_join('author', 'app.names(text[])', 'id')$$, '22023 step 1 of the pipe of "note/page" is not valid. The member "id" is the key of its items.'),
	($$'note/page', realtime.pipe_join('author', 'app.names(text[])', 'reqId')$$, '22023 step 1 of the pipe of "note/page" is not valid. Items cannot get the member "reqId".'),
	($$'note/page', realtime.pipe_join('author', 'app.names(text[])', '')$$, '22023 step 1 of the pipe of "note/page" is not valid. It does not say which member items get.'),
	($$'note/page', realtime.pipe_filter(NULL)$$, '22023 step 1 of the pipe of "note/page" is not valid. It has no function.'),
	($$'note/page', ROW('turn', NULL, NULL, NULL, NULL)::realtime.pipe_step$$, '22023 step 1 of the pipe of "note/page" is not valid. It is of no kind that there is.'),
	($$'note/page', ROW('sort', NULL, 'a', 'asc', true)::realtime.pipe_step$$, '22023 step 1 of the pipe of "note/page" is not valid. A single event has no order and no number.'),
	($$'note/page', VARIADIC ARRAY[NULL]::realtime.pipe_step[]$$, '22004 step must not be null.'),
	($$'note/page', VARIADIC (SELECT array_agg(realtime.pipe_limit(n)) FROM generate_series(1, 21) n)$$, '22023 a pipe has at most 20 steps.'),
	($$'note/page', realtime.pipe_filter('app.names(text[])')$$, '42P13 function app.names(text[]) cannot be a filter. It takes (text[]) and returns jsonb.'),
	($$'note/from', realtime.pipe_filter('app.is_of(jsonb,integer)', live => true)$$, '42P13 function app.is_of(jsonb,integer) cannot be a filter. It takes (jsonb, integer) and returns boolean.')) AS given (given, refused);

SELECT * FROM finish();
ROLLBACK;
