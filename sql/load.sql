-- realtime.load() and realtime.call(): what a client would get
CREATE SCHEMA loads;
CREATE ROLE regress_load_reader;
CREATE ROLE regress_load_nobody;
GRANT USAGE ON SCHEMA loads TO PUBLIC;
CREATE TABLE loads.item (id integer PRIMARY KEY, owner text, what text);
INSERT INTO loads.item VALUES (1, 'ann', 'a lamp'), (2, 'bob', 'a book'), (3, 'ann', 'a pen');
ALTER TABLE loads.item ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON loads.item USING (owner = realtime.user_id());
CREATE POLICY reads_all ON loads.item TO regress_load_reader USING (true);
GRANT SELECT, INSERT ON loads.item TO realtime_anonymous, realtime_authenticated, regress_load_reader;

CREATE FUNCTION loads.items() RETURNS TABLE (id integer, what text) STABLE LANGUAGE sql AS
	'SELECT id, what FROM loads.item ORDER BY id';
CREATE FUNCTION loads.who() RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT jsonb_build_object('role', current_user, 'user', realtime.user_id(), 'data', realtime.user_data(), 'claims', current_setting('request.jwt.claims', true)::jsonb, 'read_only', current_setting('transaction_read_only'))$$;
CREATE FUNCTION loads.room(room integer) RETURNS text STABLE LANGUAGE sql AS $$SELECT 'room ' || room$$;
CREATE FUNCTION loads.writes() RETURNS integer LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO loads.item VALUES (9, 'ann', 'x'); RETURN 9; END$$;
CREATE FUNCTION loads.closed() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION loads.fails() RETURNS integer STABLE LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; RETURN 1; END';
CREATE FUNCTION loads.short(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data - 'what'$$;
CREATE FUNCTION loads.version() RETURNS text STABLE LANGUAGE sql AS $$SELECT 'v' || count(*) FROM loads.item$$;
CREATE FUNCTION loads.say(what text) RETURNS integer LANGUAGE sql AS
	$$SELECT realtime.publish('loads', 'said', to_jsonb(what)); SELECT length(what)$$;
CREATE FUNCTION loads.nested() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$SELECT realtime.load('loads/items')$$;
CREATE FUNCTION loads.nothing() RETURNS void LANGUAGE sql AS '';

SELECT realtime.stream('loads/items', 'items', 'loads.items()', delta_version => 'loads.version()'),
	realtime.stream('loads/who', 'who', 'loads.who()', merge => 'set'),
	realtime.stream('loads/room', 'room:{room}', 'loads.room(integer)', merge => 'set', replay => true),
	realtime.stream('loads/mine', 'mine:{user_id}', 'loads.items()', transform => 'loads.short(jsonb)'),
	realtime.stream('loads/writes', 'writes', 'loads.writes()', merge => 'set'),
	realtime.stream('loads/gated', 'gated', 'loads.items()', gate => 'loads.closed()'),
	realtime.stream('loads/refused', 'refused', 'loads.items()', access => 'loads.closed()'),
	realtime.stream('loads/fails', 'fails', 'loads.fails()', merge => 'set'),
	realtime.channel('loads/typing', 'typing:{1}'),
	realtime.rpc('loads/say', 'loads.say(text)'),
	realtime.rpc('loads/nested', 'loads.nested()'),
	realtime.rpc('loads/nothing', 'loads.nothing()');

-- Who asks: nobody sees another's rows, keys or counts
SELECT realtime.load('loads/items');
SELECT realtime.load('loads/items', '[]', '{"id": "ann"}');
SELECT realtime.load('loads/items', user_data => '{"sub": "bob", "role": "regress_load_reader"}');
SELECT jsonb_pretty(realtime.load('loads/who', '[]', '{"user_id": 7, "role": "regress_load_reader", "team": "blue"}')->'data');
SELECT realtime.load('loads/who')->'data';
SELECT realtime.load('loads/mine', '[]', '{"id": "ann"}');
SELECT realtime.load('loads/mine');
SELECT current_user = session_user AS user_is_back, realtime.user_id(), current_setting('request.jwt.claims', true) AS claims;

-- What there is to go on from
SELECT realtime.load('loads/room', '[4]') - 'seq', (realtime.load('loads/room', '[4]')->>'seq')::bigint = realtime.seq('room:4') AS seq_is_right;
SELECT realtime.load('loads/typing', '["x"]');

-- Refusals
SELECT realtime.load('loads/gated');
SELECT realtime.load('loads/refused');
SELECT realtime.load('loads/refused', '[]', '{"id": "ann"}');
SELECT realtime.load('loads/none');
SELECT realtime.load('loads/say', '["x"]');
SELECT realtime.load('loads/room', '["four"]');
SELECT realtime.load('loads/room', '[null]');
SELECT realtime.load('loads/room', '{"room": 4}');
SELECT realtime.load('loads/items', '[]', '"ann"');
SELECT realtime.load('loads/items', '[]', '{"role": "regress_load_none"}');
SELECT realtime.load(NULL);
SELECT realtime.load('loads/writes');
SELECT realtime.call('loads/nested', '[]', '{"id": "ann", "role": "regress_load_reader"}');
SELECT current_user = session_user AS user_is_back, realtime.user_id(), current_setting('transaction_read_only');

-- An error that is caught leaves nothing behind
DO $$
DECLARE
	path text;
BEGIN
	FOREACH path IN ARRAY '{loads/fails,loads/refused,loads/items}'::text[] LOOP
		BEGIN
			RAISE NOTICE '%', realtime.load(path, '[]', '{"id": "ann"}')->'data';
		EXCEPTION WHEN OTHERS THEN
			RAISE NOTICE '% %', SQLSTATE, SQLERRM;
		END;
		RAISE NOTICE '% % %', current_user = session_user, coalesce(realtime.user_id(), 'nobody'), current_setting('transaction_read_only');
	END LOOP;
END
$$;

-- Somebody is told of errors, and does not change them
CREATE FUNCTION loads.tell(code text, message text, topic text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
	RAISE NOTICE '% on %: %, told to %', code, topic, message, current_user;
	INSERT INTO loads.trouble VALUES (code);
END$$;
CREATE FUNCTION loads.tell_badly() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'nor can I'; END$$;
CREATE TABLE loads.trouble (code text);
GRANT ALL ON loads.trouble TO realtime_anonymous;
SELECT realtime.stream('loads/fails', 'fails', 'loads.fails()', merge => 'set', on_error => 'loads.tell(text,text,text)'),
	realtime.stream('loads/fails_too', 'fails_too', 'loads.fails()', merge => 'set', on_error => 'loads.tell_badly()'),
	realtime.stream('loads/refuses_too', 'refuses_too', 'loads.fails()', merge => 'set', access => 'loads.closed()',
		on_error => 'loads.tell(text,text,text)');
SELECT realtime.load('loads/fails');
SELECT realtime.call('loads/fails');
SELECT realtime.load('loads/fails_too');
SELECT realtime.load('loads/refuses_too');
SELECT * FROM loads.trouble;
DO $$BEGIN
	PERFORM realtime.load('loads/fails');
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE '% rows, the caller is %', (SELECT count(*) FROM loads.trouble), coalesce(realtime.user_id(), 'nobody');
END$$;

-- The session's own transaction
BEGIN;
INSERT INTO loads.item VALUES (4, 'bob', 'new');
SELECT realtime.load('loads/items', '[]', '{"id": "bob"}')->'data';
SELECT realtime.call('loads/say', '["hello"]');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT realtime.load('loads/items', '[]', '{"id": "bob"}')->'data';
COMMIT;

-- Calls
SELECT realtime.call('loads/say', '["hello"]', '{"id": "ann"}');
SELECT realtime.call('loads/nothing') IS NULL AS nothing;
SELECT realtime.call('loads/items', '[]', '{"id": "ann"}');
SELECT realtime.call('loads/gated');
SELECT realtime.call('loads/say', '[{"no": "text"}, 2]');

-- What was replaced
CREATE OR REPLACE FUNCTION loads.room(room integer) RETURNS text STABLE LANGUAGE sql AS $$SELECT 'hall ' || room$$;
SELECT realtime.call('loads/room', '[4]');

-- Who may
SET ROLE regress_load_nobody;
SELECT realtime.load('loads/items');
RESET ROLE;
GRANT EXECUTE ON FUNCTION realtime.load(text, jsonb, jsonb) TO regress_load_nobody;
SET ROLE regress_load_nobody;
SELECT realtime.load('loads/items');
RESET ROLE;
GRANT realtime_anonymous TO regress_load_nobody;
SET ROLE regress_load_nobody;
SELECT realtime.load('loads/items')->'data';
SELECT realtime.load('loads/items', '[]', '{"id": "ann"}')->'data';
RESET ROLE;

SELECT realtime.drop('loads/typing');
SET client_min_messages = warning;
DROP SCHEMA loads CASCADE;
REVOKE EXECUTE ON FUNCTION realtime.load(text, jsonb, jsonb) FROM regress_load_nobody;
DROP ROLE regress_load_reader, regress_load_nobody;
