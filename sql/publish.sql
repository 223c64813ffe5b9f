--
-- realtime.publish() without anybody listening: what is refused, when
--
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

-- good ones
SELECT realtime.publish('news', 'hello');
SELECT realtime.publish('news', 'hello', NULL);
SELECT realtime.publish('news', 'created', '{"id": 1}');
SELECT realtime.publish('news', 'größer', '"text"');
SELECT realtime.publish(repeat('x', 256), repeat('y', 256), '{"nested": {"reqId": 1}}');
SELECT realtime.publish('news', 'other', 'null');
SELECT realtime.publish('news', 'list', '["reqId"]');
SELECT realtime.publish(ARRAY[('a', 'b', '1'), ('c', 'd', NULL)]::realtime.envelope[]);
SELECT realtime.publish('{}'::realtime.envelope[]);
SELECT realtime.publish(array_agg(('t' || i, 'e', to_jsonb(i))::realtime.envelope)) FROM generate_series(1, 3000) i;

-- topics
SELECT t.* FROM unnest(ARRAY['', repeat('x', 257), 'a"b', 'a\b', E'a\nb', 'ä', '__rpc', '__']) n,
	try(format('SELECT realtime.publish(%L, %L)', n, 'e')) t;
-- events
SELECT t.* FROM unnest(ARRAY['', repeat('x', 257), 'a"b', 'a\b', E'a\nb']) n,
	try(format('SELECT realtime.publish(%L, %L)', 't', n)) t;
-- nulls
SELECT * FROM try($$SELECT realtime.publish(NULL, 'e')$$);
SELECT * FROM try($$SELECT realtime.publish('t', NULL)$$);
SELECT * FROM try($$SELECT realtime.publish(NULL::realtime.envelope[])$$);
SELECT * FROM try($$SELECT realtime.publish(ARRAY[NULL]::realtime.envelope[])$$);
-- how a topic is
SELECT realtime.mark_degraded('news'), realtime.mark_degraded(repeat('x', 256), repeat('"', 1024)), realtime.mark_recovered('news');
SELECT t.* FROM unnest(ARRAY[$$NULL$$, $$''$$, $$'__system:news'$$, $$'news', repeat('x', 1025)$$]) o,
	try(format('SELECT realtime.mark_degraded(%s)', o)) t;
SELECT * FROM try($$SELECT realtime.mark_recovered(NULL)$$);
SELECT * FROM try($$SELECT realtime.publish(ARRAY[('t', NULL, NULL)]::realtime.envelope[])$$);
-- data that clients could not merge
SELECT n, t.* FROM unnest(ARRAY['created', 'updated', 'deleted', 'join', 'leave', 'update', 'remove', 'refreshed', 'set']) n,
	try(format('SELECT realtime.publish(%L, %L)', 't', n)) t;
SELECT * FROM try($$SELECT realtime.publish('t', 'created', 'null')$$);
SELECT * FROM try($$SELECT realtime.publish('t', 'created', '"text"')$$);
SELECT * FROM try($$SELECT realtime.publish('t', 'e', '{"reqId": null}')$$);

-- sizes: the frame {"topic":"t","event":"e","data":"..."} may have 1048576 bytes
SELECT (try(format('SELECT realtime.publish(%L, %L, to_jsonb(repeat(%L, %s)))', 't', 'e', 'x', 1048576 - 35 + i))).* FROM generate_series(0, 1) i;
SELECT * FROM try($$SELECT realtime.publish('t', 'e', to_jsonb(repeat('x', 3000000)))$$);
-- a transaction: half of the ring, here 32 MB
SELECT * FROM try($$SELECT realtime.publish('t', 'e', to_jsonb(repeat('x', 1000000))) FROM generate_series(1, 33)$$);
SELECT * FROM try($$SELECT realtime.publish('t', 'e', to_jsonb(repeat('x', 1000000))) FROM generate_series(1, 34)$$);
-- what was rolled back does not count
BEGIN;
SELECT count(*) FROM generate_series(1, 10) r, try($$SELECT realtime.publish('t', 'e', to_jsonb(repeat('x', 1000000))) FROM generate_series(1, 33); SELECT 1/0$$);
SELECT realtime.publish('t', 'e');
COMMIT;

-- savepoints
BEGIN;
SELECT realtime.publish('t', '1');
SAVEPOINT a;
SELECT realtime.publish('t', '2');
SAVEPOINT b;
SAVEPOINT c;
SELECT realtime.publish('t', '3');
RELEASE c;
ROLLBACK TO b;
SELECT realtime.publish('t', '4');
SAVEPOINT d;
SELECT realtime.publish('t', '5');
RELEASE d;
ROLLBACK TO a;
SELECT realtime.publish('t', '6');
COMMIT;

-- two-phase commit
BEGIN;
SELECT realtime.publish('t', 'e');
PREPARE TRANSACTION 'regress_realtime';
ROLLBACK;
-- fine when nothing is left to publish
BEGIN;
SAVEPOINT s;
SELECT realtime.publish('t', 'e');
ROLLBACK TO s;
DO $$ BEGIN PERFORM 1; END $$;
ROLLBACK;

-- the class of a topic is the one declared when it is published
BEGIN;
SELECT realtime.topic('fast:{x}', class => 'volatile');
SELECT realtime.publish('fast:1', 'e');
SELECT realtime.publish('slow:1', 'e');
-- one lock, that of the ordered topic, is taken at commit only
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
ROLLBACK;

-- in other transactions
BEGIN READ ONLY;
SELECT realtime.publish('t', 'e');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT realtime.publish('t', 'e');
COMMIT;
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM realtime.publish('t', 'e', to_jsonb(i));
		COMMIT;
	END LOOP;
END $$;

-- from a trigger, also a deferred one
CREATE TABLE item (id integer);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.publish('item:' || NEW.id, 'created', to_jsonb(NEW));
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON item DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO item SELECT generate_series(1, 100);
DROP TABLE item;
DROP FUNCTION tell();

-- in another database
SELECT current_database() AS db \gset
CREATE DATABASE regress_realtime_other;
\c regress_realtime_other
\set VERBOSITY default
CREATE EXTENSION realtime;
-- a copy of a database under another name: nobody listens, nothing fails
CREATE TABLE item (id integer);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM realtime.publish('t', 'e'); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO item VALUES (1), (2);
INSERT INTO item VALUES (3);
SELECT realtime.throttle('t', 'e', '1', '1 s'), realtime.debounce('t', 'e', '1', '1 s'),
	realtime.publish(ARRAY[('t', 'e', '1')::realtime.envelope]);
SELECT count(*) FROM item;
\c :db
DROP DATABASE regress_realtime_other;
DROP FUNCTION try(text);
