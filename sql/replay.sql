--
-- Topics of class replay: numbers, what is kept, what is refused
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
-- Numbers without their epoch, which depends on what was done here before.
CREATE FUNCTION n(seq bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT seq & 4294967295';
CREATE FUNCTION epoch() RETURNS integer LANGUAGE sql STABLE
AS 'SELECT epoch FROM realtime.replay_epoch';
CREATE FUNCTION kept(topic text) RETURNS TABLE (n bigint, event text, data jsonb) LANGUAGE sql STABLE
AS 'SELECT n(seq), event, data FROM realtime.replay(topic, 0)';

SELECT realtime.topic('log:{name}', class => 'replay', replay_size => 100000);
SELECT realtime.topic('fast:{name}', class => 'volatile');

-- before there is anything
SELECT n(realtime.seq('log:a')), realtime.seq(NULL) IS NULL AS "null", (SELECT count(*) FROM realtime.replay('log:a', 0));

-- numbers without gaps, for each topic its own; other classes have none
SELECT realtime.publish('log:a', 'first', '{"id": 1}');
SELECT realtime.publish('log:a', 'second'), realtime.publish('log:b', 'other', '"b"'), realtime.publish('log:a', 'third', '[1.00, 12345678901234567890]');
SELECT realtime.publish('slow:a', 'e'), realtime.publish('fast:a', 'e');
SELECT realtime.publish(ARRAY[('log:b', 'x', '1'), ('slow:a', 'y', '2'), ('log:a', 'z', '3'), ('log:b', 'x', '4')]::realtime.envelope[]);
SELECT topic, n(seq), event, data FROM realtime.replay_message ORDER BY topic, seq;
SELECT n(realtime.seq('log:a')) AS a, n(realtime.seq('log:b')) AS b, n(realtime.seq('slow:a')) AS slow;
-- the wire has the text that is stored
SELECT pg_typeof(data), data::text FROM realtime.replay_message WHERE topic = 'log:a' AND n(seq) = 3;

-- what is missed since a number
SELECT n(seq), event FROM realtime.replay('log:a', realtime.seq('log:a') - 2);
SELECT count(*) FROM realtime.replay('log:a', realtime.seq('log:a'));
SELECT count(*) FROM realtime.replay('log:a', -1);
SELECT count(*) FROM realtime.replay('log:a', 9223372036854775807);
SELECT count(*) FROM realtime.replay('log:a', NULL);
SELECT count(*) FROM realtime.replay(NULL, 0);
SELECT count(*) FROM realtime.replay('log', 0);
SELECT (realtime.replay('log:a', 0)).event LIMIT 2;
SELECT created_at BETWEEN now() - interval '1 min' AND clock_timestamp() AS now FROM realtime.replay('log:a', 0) LIMIT 1;

-- rolled back, also to a savepoint, an event takes no number
BEGIN;
SELECT realtime.publish('log:a', 'never');
ROLLBACK;
BEGIN;
SELECT realtime.publish('log:c', '1');
SAVEPOINT a;
SELECT realtime.publish('log:c', 'never'), realtime.publish('log:d', 'never');
SAVEPOINT b;
SELECT realtime.publish('log:c', 'never');
RELEASE b;
ROLLBACK TO a;
SELECT realtime.publish('log:c', '2');
SAVEPOINT c;
SELECT realtime.publish('log:c', '3');
RELEASE c;
SAVEPOINT d;
SELECT realtime.publish('log:c', 'never');
ROLLBACK TO d;
COMMIT;
DO $$
BEGIN
	FOR i IN 4..6 LOOP
		BEGIN
			PERFORM realtime.publish('log:c', i::text);
			IF i = 5 THEN RAISE 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN
			PERFORM realtime.publish('log:c', 'instead of ' || i);
		END;
	END LOOP;
END $$;
SELECT * FROM kept('log:c');
SELECT count(*) FROM kept('log:d');
-- an error as late as in a deferred trigger
CREATE TABLE item (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
BEGIN;
SELECT realtime.publish('log:c', 'never');
INSERT INTO item VALUES (1), (1);
COMMIT;
DROP TABLE item;
SELECT max(n) FROM kept('log:c');

-- several transactions in one statement
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM realtime.publish('log:e', 'e', to_jsonb(i));
		COMMIT;
	END LOOP;
END $$;
SELECT * FROM kept('log:e');

-- in other transactions
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT realtime.publish('log:e', 'e', '4');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT realtime.publish('log:e', 'e', '5');
COMMIT;
BEGIN READ ONLY;
SELECT t.* FROM try($$SELECT realtime.publish('log:e', 'e')$$) t;
SELECT t.* FROM try($$SELECT realtime.publish('slow:a', 'e')$$) t;
SELECT t.* FROM try($$SELECT realtime.clear_replay('log:e')$$) t;
SELECT count(*) FROM realtime.replay('log:e', 0);
COMMIT;
BEGIN;
SELECT realtime.publish('log:e', 'e', '6');
PREPARE TRANSACTION 'regress_realtime_replay';
SELECT * FROM kept('log:e');
BEGIN;
SELECT realtime.clear_replay('log:none');
PREPARE TRANSACTION 'regress_realtime_replay';

-- many at once: of one topic, of many topics, more than half of the ring
SELECT count(realtime.publish('log:many', 'e', to_jsonb(i))) FROM generate_series(1, 5000) i;
SELECT count(*), min(n), max(n), bool_and(n = data::bigint) AS in_order FROM kept('log:many');
SELECT count(realtime.publish('log:many' || i % 1000, 'e', to_jsonb(i))) FROM generate_series(1, 3000) i;
SELECT count(*), count(DISTINCT topic), min(n(seq)), max(n(seq)),
	bool_and(data::integer / 1000 = n(seq) - (data::integer % 1000 <> 0)::integer) AS in_order
FROM realtime.replay_message WHERE topic LIKE 'log:many%' AND topic <> 'log:many';
SELECT * FROM try($$SELECT realtime.publish('log:big', 'e', to_jsonb(repeat('x', 1000000))) FROM generate_series(1, 34)$$);

-- large ones: the frame with the longest number may have 1048576 bytes
SELECT (try(format('SELECT realtime.publish(%L, %L, to_jsonb(repeat(%L, %s)))', 'log:b', 'e', 'x', 1048576 - 27 - 39 + i))).* FROM generate_series(0, 1) i;
SELECT n, length(data #>> '{}') FROM kept('log:b') WHERE event = 'e';
SELECT realtime.publish('log:big', 'e', to_jsonb(string_agg(md5(i::text), ''))) FROM generate_series(1, 30000) i;
SELECT n, md5(data #>> '{}') = (SELECT md5(string_agg(md5(i::text), '')) FROM generate_series(1, 30000) i) AS same FROM kept('log:big');
-- frames around the lengths at which their headers change
SELECT count(realtime.publish('log:len', 'e', to_jsonb(repeat('x', i)))) FROM generate_series(40, 130) i;
SELECT count(realtime.publish('log:len', 'e', to_jsonb(repeat('x', i)))) FROM generate_series(65450, 65540, 10) i;
SELECT count(*), max(n), sum(length(data #>> '{}')) FROM kept('log:len');

-- clearing: numbers go on, the newest leaves a mark
SELECT realtime.clear_replay('log:c');
SELECT * FROM kept('log:c');
SELECT realtime.clear_replay('log:c'), realtime.clear_replay('log:nothing');
SELECT realtime.publish('log:c', 'next');
SELECT * FROM kept('log:c');
BEGIN;
SELECT realtime.publish('log:c', 'in the same transaction');
SELECT realtime.clear_replay('log:c');
COMMIT;
SELECT * FROM kept('log:c');
BEGIN;
SELECT realtime.clear_replay('log:c');
ROLLBACK;
SELECT count(*) FROM kept('log:c');
SELECT realtime.clear_replay() = (SELECT count(event) FROM realtime.replay_message) AS all;
SELECT count(*) = count(DISTINCT topic) AS one_each, count(event) AS events, count(data) AS data FROM realtime.replay_message;
SELECT n(realtime.seq('log:many')) AS many, n(realtime.seq('log:c')) AS c;

-- what may be changed by hand does not matter: rights, triggers, policies; indexes do
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON realtime.replay_message FOR EACH ROW EXECUTE FUNCTION fail();
ALTER TABLE realtime.replay_message ENABLE ROW LEVEL SECURITY;
CREATE INDEX by_length ON realtime.replay_message (length(data)) WHERE event = 'indexed';
CREATE ROLE regress_realtime_publisher IN ROLE realtime_publisher;
CREATE ROLE regress_realtime_nobody;
SET ROLE regress_realtime_publisher;
SELECT realtime.publish('log:f', 'indexed', '"12345"');
SELECT * FROM kept('log:f') CROSS JOIN (SELECT n(realtime.seq('log:f')) AS seq) s;
SELECT t.* FROM unnest(ARRAY['realtime.clear_replay()', '* FROM realtime.replay_message', 'epoch FROM realtime.replay_epoch']) n,
	try('SELECT ' || n) t;
SET ROLE regress_realtime_nobody;
SELECT t.* FROM unnest(ARRAY[$$realtime.seq('log:f')$$, $$realtime.replay('log:f', 0)$$]) n, try('SELECT ' || n) t;
RESET ROLE;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT topic FROM realtime.replay_message WHERE event = 'indexed' AND length(data) = 7;
SELECT topic FROM realtime.replay_message WHERE event = 'indexed' AND length(data) = 7;
RESET enable_seqscan;
DROP TRIGGER fail ON realtime.replay_message;
DROP FUNCTION fail();
ALTER TABLE realtime.replay_message DISABLE ROW LEVEL SECURITY;
DROP INDEX realtime.by_length;
DROP ROLE regress_realtime_publisher, regress_realtime_nobody;

-- vacuum goes by numbers of rows, and nothing waits for it to give pages back
SELECT c.relkind, option FROM pg_class c LEFT JOIN pg_class t ON t.reltoastrelid = c.oid, unnest(c.reloptions) option
WHERE 'realtime.replay_message'::regclass IN (c.oid, t.oid) ORDER BY c.relkind, option COLLATE "C";
SELECT prorows FROM pg_proc WHERE oid = 'realtime.replay'::regproc;

-- numbers given elsewhere begin an epoch
SELECT system_identifier = (SELECT system_identifier FROM pg_control_system()) AS server,
	timeline = (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
	database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
	table_oid = 'realtime.replay_epoch'::regclass AS "table"
FROM realtime.replay_epoch;
SELECT epoch() AS epoch \gset
CREATE PROCEDURE publish_elsewhere(what text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'UPDATE realtime.replay_epoch SET ' || what;
	COMMIT;
	PERFORM realtime.publish('log:f', what);
	COMMIT;
	PERFORM realtime.publish('log:f', 'again');
END $$;
CALL publish_elsewhere('system_identifier = 1');
CALL publish_elsewhere('timeline = 9');
CALL publish_elsewhere('database_oid = 1');
CALL publish_elsewhere('table_oid = 1');
SELECT (seq >> 32) - :epoch AS epoch, n(seq), event FROM realtime.replay('log:f', 0);
SELECT epoch() - :epoch AS epoch, (realtime.seq('log:none') >> 32) - :epoch AS none, n(realtime.seq('log:none'));
-- an epoch ends when half of its numbers are used up on a topic, or all, and
-- there is a last epoch
INSERT INTO realtime.replay_message VALUES ('log:half', (epoch()::bigint << 32) + 2147483646, 'e', '1', now());
SELECT realtime.publish('log:half', 'e', i::text::jsonb) FROM generate_series(2, 4) i;
SELECT realtime.publish('log:half', 'e', '5');
SELECT (seq >> 32) - :epoch AS epoch, n(seq), data FROM realtime.replay('log:half', 0);
INSERT INTO realtime.replay_message VALUES ('log:end', ((epoch() + 1)::bigint << 32) - 2, 'e', '1', now());
SELECT count(realtime.publish('log:end', 'e', '2')) FROM generate_series(1, 2);
SELECT count(realtime.publish('log:end', 'e', '2')) FROM generate_series(1, 2);
SELECT (seq >> 32) - :epoch AS epoch, n(seq) FROM realtime.replay('log:end', 0);
SELECT epoch() AS before_last \gset
UPDATE realtime.replay_epoch SET epoch = 2097150, system_identifier = 1;
SELECT realtime.publish('log:end', 'e', '3');
SELECT realtime.seq('log:end'), realtime.seq('log:end') < 2^53 AS fits;
UPDATE realtime.replay_epoch SET system_identifier = 1;
SELECT realtime.publish('log:end', 'e', '3');
DELETE FROM realtime.replay_message WHERE topic = 'log:end';
UPDATE realtime.replay_epoch SET epoch = :before_last + 1,
	system_identifier = (SELECT system_identifier FROM pg_control_system());

-- events in between without numbers: no number from before is good any more
SELECT realtime.publish('turn:1', 'unnumbered');
SELECT realtime.topic('turn:{x}', class => 'replay');
SELECT realtime.topic('turn:{x}', class => 'replay', replay_size => 10);
SELECT epoch() - :before_last AS epoch;
SELECT realtime.publish('turn:1', 'numbered');
SELECT realtime.topic('turn:{x}');
SELECT realtime.publish('turn:1', 'unnumbered');
SELECT realtime.topic('turn:{x}', class => 'replay');
SELECT realtime.publish('turn:1', 'numbered');
SELECT realtime.topic('turn:1');
SELECT realtime.drop('turn:1');
SELECT realtime.publish('turn:1', 'numbered'), realtime.drop('turn:1');
SELECT dense_rank() OVER (ORDER BY seq >> 32), n(seq), event FROM realtime.replay('turn:1', 0);
-- also in a transaction of its own kind
SELECT epoch() AS before \gset
BEGIN;
SELECT realtime.drop('turn:{x}');
ROLLBACK;
SELECT epoch() - :before AS epoch;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT realtime.drop('turn:{x}'), realtime.publish('log:a', 'e');
COMMIT;
SELECT epoch() - :before AS epoch, (realtime.seq('log:a') >> 32) - :before AS a, n(realtime.seq('log:a'));
-- not while another declaration says the same of the topics
SELECT realtime.topic('twice:{x}', class => 'replay'), realtime.channel('twice/a', 'twice:{1}', replay => true),
	realtime.channel('twice/b', 'twice:{1}', replay => true);
SELECT realtime.publish('twice:1', 'e');
SELECT epoch() AS before \gset
SELECT realtime.drop('twice/a');
SELECT epoch() - :before AS epoch;
SELECT realtime.drop('twice:{x}');
SELECT epoch() - :before AS epoch;
SELECT realtime.drop('twice/b');
SELECT epoch() - :before AS epoch;

-- nobody knows which events a TRUNCATE of a live table would have been
SELECT realtime.topic('row:{name}', class => 'replay');
CREATE TABLE one (id integer PRIMARY KEY, name text);
CREATE TABLE other (id integer PRIMARY KEY, name text);
SELECT realtime.live_table('one', 'row:{name}'), realtime.live_table('other', 'other:{name}');
INSERT INTO one VALUES (1, 'a');
SELECT epoch() AS before \gset
TRUNCATE other;
SELECT epoch() - :before AS epoch;
TRUNCATE one;
INSERT INTO one VALUES (2, 'a');
SELECT (seq >> 32) - :before AS epoch, n(seq), data FROM realtime.replay('row:a', 0);
DROP TABLE one, other;

-- what json can hold and jsonb cannot
CREATE TABLE odd (id integer PRIMARY KEY, j json);
SELECT realtime.live_table('odd', 'row:odd');
INSERT INTO odd VALUES (1, '"\u0000"'), (2, '1e1000000'), (3, '3');
SELECT n(seq), event, data FROM realtime.replay('row:odd', 0);
DROP TABLE odd;

SELECT realtime.drop('log:{name}'), realtime.drop('fast:{name}'), realtime.drop('row:{name}');
TRUNCATE realtime.replay_message;
DROP PROCEDURE publish_elsewhere(text);
DROP FUNCTION try(text), n(bigint), epoch(), kept(text);
