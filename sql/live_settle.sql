--
-- Live tables: the events of a transaction, applied by key, give what the table
-- has, in whatever order its rows have changed.  One event for each key of a
-- topic.
--
SET client_min_messages = warning;
\pset null '(null)'
\pset format unaligned
\pset tuples_only on
-- what has been published since the last look
CREATE TABLE seen (topic text PRIMARY KEY, seq bigint);
CREATE FUNCTION news(OUT topic text, OUT event text, OUT data text) RETURNS SETOF record
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY
		SELECT m.topic, m.event, m.data
		FROM realtime.replay_message m LEFT JOIN seen s USING (topic)
		WHERE m.seq > coalesce(s.seq, 0)
		ORDER BY m.created_at, m.topic, m.seq;
	DELETE FROM seen;
	INSERT INTO seen SELECT m.topic, max(m.seq) FROM realtime.replay_message m GROUP BY 1;
END $$;
SELECT realtime.topic('room:{room}', class => 'replay'), realtime.topic('all', class => 'replay');

--
-- Keys that two rows have for a while
--
CREATE TABLE seat (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, who text);
SELECT realtime.live_table('seat', 'all');
INSERT INTO seat VALUES (1, 'ann'), (2, 'bob');
SELECT * FROM news();
UPDATE seat SET id = 3 - id;
SELECT * FROM news();
-- and back again
BEGIN;
UPDATE seat SET id = 3 - id;
UPDATE seat SET id = 3 - id;
COMMIT;
SELECT * FROM news();
-- inserted before the other one is deleted
BEGIN;
INSERT INTO seat VALUES (1, 'carl');
DELETE FROM seat WHERE who = 'bob';
COMMIT;
SELECT * FROM news();
BEGIN;
INSERT INTO seat VALUES (2, 'ann');
DELETE FROM seat WHERE ctid = (SELECT min(ctid) FROM seat WHERE id = 2);
COMMIT;
SELECT * FROM news();
-- a ring of three, and one that leaves it
INSERT INTO seat VALUES (3, 'dora'), (4, 'emil');
UPDATE seat SET id = CASE id WHEN 3 THEN 1 WHEN 4 THEN 9 ELSE id + 1 END;
SELECT * FROM news();
TABLE seat ORDER BY id;
DROP TABLE seat;
-- a column by which clients know rows that is no primary key
CREATE TABLE place (id int PRIMARY KEY, position int UNIQUE DEFERRABLE, label text);
SELECT realtime.live_table('place', 'all', key => 'position', columns => '{label}');
INSERT INTO place VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
SELECT * FROM news();
UPDATE place SET position = CASE position WHEN 10 THEN 20 WHEN 20 THEN 30 ELSE 10 END;
SELECT * FROM news();
UPDATE place SET position = position + 10;
SELECT * FROM news();
DROP TABLE place;

--
-- Deleted and created again
--
CREATE TABLE item (id int PRIMARY KEY, n int, room text, hidden int);
SELECT realtime.live_table('item', 'room:{room}', columns => '{n}');
INSERT INTO item VALUES (1, 1, 'a'), (2, 2, 'a'), (3, 3, 'b');
SELECT FROM news();
BEGIN;
DELETE FROM item WHERE id = 1;
INSERT INTO item VALUES (1, 10, 'a');
DELETE FROM item WHERE id = 2;
INSERT INTO item VALUES (2, 2, 'a');
COMMIT;
SELECT * FROM news();
-- never seen by anybody
BEGIN;
INSERT INTO item VALUES (4, 4, 'a');
UPDATE item SET n = 5 WHERE id = 4;
DELETE FROM item WHERE id = 4;
COMMIT;
SELECT * FROM news();
-- changed and deleted, created and changed, changed twice
BEGIN;
UPDATE item SET n = 11 WHERE id = 1;
DELETE FROM item WHERE id = 1;
INSERT INTO item VALUES (5, 5, 'a');
UPDATE item SET n = 55 WHERE id = 5;
UPDATE item SET n = 33 WHERE id = 3;
UPDATE item SET n = 333 WHERE id = 3;
COMMIT;
SELECT * FROM news();
-- to another topic, and back, and by way of another key
BEGIN;
UPDATE item SET room = 'c' WHERE id = 5;
UPDATE item SET room = 'a' WHERE id = 5;
UPDATE item SET room = 'c' WHERE id = 3;
UPDATE item SET id = 30 WHERE id = 3;
UPDATE item SET id = 31 WHERE id = 30;
UPDATE item SET room = NULL WHERE id = 2;
UPDATE item SET n = 22 WHERE id = 2;
UPDATE item SET room = 'a' WHERE id = 2;
COMMIT;
SELECT * FROM news();
-- columns that are not published, in between
BEGIN;
UPDATE item SET hidden = 1;
UPDATE item SET hidden = 2;
UPDATE item SET n = 0 WHERE id = 5;
UPDATE item SET hidden = 3;
UPDATE item SET hidden = 4;
DELETE FROM item WHERE id = 5;
INSERT INTO item VALUES (6, 6, 'a');
UPDATE item SET hidden = 5;
UPDATE item SET n = 66 WHERE id = 6;
UPDATE item SET hidden = 6;
COMMIT;
SELECT * FROM news();
BEGIN;
UPDATE item SET hidden = 7;
UPDATE item SET hidden = 8;
COMMIT;
SELECT * FROM news();
-- what is rolled back does not count
BEGIN;
UPDATE item SET n = 100 WHERE id = 6;
SAVEPOINT a;
DELETE FROM item WHERE id = 6;
INSERT INTO item VALUES (6, 6, 'b');
SAVEPOINT b;
UPDATE item SET hidden = 9 WHERE id = 6;
RELEASE b;
ROLLBACK TO a;
UPDATE item SET hidden = 10 WHERE id = 6;
SAVEPOINT c;
UPDATE item SET hidden = 11 WHERE id = 6;
RELEASE c;
UPDATE item SET n = 101 WHERE id = 6;
COMMIT;
SELECT * FROM news();
-- what is published by hand stays where it is
BEGIN;
INSERT INTO item VALUES (7, 7, 'a');
SELECT realtime.publish('room:a', 'said', '"one"');
UPDATE item SET n = 77 WHERE id = 7;
SELECT realtime.publish('room:a', 'deleted', '{"id": 7}');
COMMIT;
SELECT * FROM news();
-- all rows at once; a savepoint for each
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN
			INSERT INTO item VALUES (1000 + i, i, 'many');
			UPDATE item SET n = -i WHERE id = 1000 + i;
			IF i % 2 = 0 THEN
				RAISE division_by_zero;
			END IF;
			DELETE FROM item WHERE id = 1000 + i AND i % 4 = 1;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT event, count(*), min(data), max(data) FROM news() GROUP BY event;
SELECT count(*) FROM item WHERE room = 'many';
DROP TABLE item;
-- numbers that are the same to clients
CREATE TABLE priced (price numeric PRIMARY KEY DEFERRABLE, n int);
SELECT realtime.live_table('priced', 'all');
INSERT INTO priced VALUES (1.50, 1), (2, 2), (100, 3);
UPDATE priced SET price = price * 1.00;
SELECT * FROM news();
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO priced VALUES (1.5, 4), (100.0, 5);
DELETE FROM priced WHERE n IN (1, 3);
COMMIT;
SELECT * FROM news();
DROP TABLE priced;

--
-- Triggers that are called before ours
--
CREATE TABLE ver (id int PRIMARY KEY, n int);
CREATE FUNCTION keep_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO ver VALUES (OLD.id, OLD.n) ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
SELECT realtime.live_table('ver', 'all');
CREATE TRIGGER "10_hist" AFTER UPDATE ON ver FOR EACH ROW EXECUTE FUNCTION keep_row();
INSERT INTO ver VALUES (1, 1);
SELECT * FROM news();
UPDATE ver SET id = 2;
SELECT * FROM news();
TABLE ver ORDER BY id;
ALTER TRIGGER "10_hist" ON ver RENAME TO "KeepRow";
UPDATE ver SET id = id + 10, n = n + 1;
SELECT * FROM news();
ALTER TRIGGER "KeepRow" ON ver RENAME TO later;
UPDATE ver SET id = id + 100;
SELECT * FROM news();
DROP TRIGGER later ON ver;
CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON ver DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION keep_row();
DELETE FROM ver WHERE id < 12;
SELECT * FROM news();
BEGIN;
DELETE FROM ver WHERE id = 12;
INSERT INTO ver VALUES (12, 0);
COMMIT;
SELECT * FROM news();
DROP TABLE ver;
-- of one row, first undone and then done
CREATE TABLE loop (id int PRIMARY KEY, n int);
CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		DELETE FROM loop WHERE id = NEW.id;
	ELSE
		UPDATE loop SET n = 0 WHERE id = NEW.id AND n <> 0;
	END IF;
	RETURN NULL;
END $$;
SELECT realtime.live_table('loop', 'all');
INSERT INTO loop VALUES (1, 0), (2, 0);
SELECT FROM news();
CREATE TRIGGER "Undo" AFTER INSERT OR UPDATE ON loop FOR EACH ROW EXECUTE FUNCTION undo();
UPDATE loop SET n = id;
INSERT INTO loop VALUES (3, 3);
SELECT * FROM news();
DROP TABLE loop;
-- cascades
CREATE TABLE owner (id int PRIMARY KEY);
CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owner ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED);
SELECT realtime.live_table('owned', 'room:{owner}', key => 'id');
INSERT INTO owner VALUES (1), (2);
INSERT INTO owned VALUES (1, 1), (2, 2);
SELECT FROM news();
BEGIN;
UPDATE owner SET id = 10 WHERE id = 1;
UPDATE owner SET id = 1 WHERE id = 10;
DELETE FROM owner WHERE id = 2;
INSERT INTO owner VALUES (2);
INSERT INTO owned VALUES (2, 2);
COMMIT;
SELECT * FROM news();
DROP TABLE owned, owner;

--
-- Partitions
--
CREATE TABLE part (id int, kind text, n int, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
CREATE TABLE part_b PARTITION OF part FOR VALUES IN ('b');
SELECT realtime.live_table('part', 'all', key => 'id');
INSERT INTO part VALUES (1, 'a', 1), (2, 'b', 2), (3, 'a', 3);
SELECT FROM news();
UPDATE part SET kind = CASE kind WHEN 'a' THEN 'b' ELSE 'a' END;
SELECT * FROM news();
BEGIN;
UPDATE part SET kind = 'a';
UPDATE part SET n = n * 10 WHERE id < 3;
UPDATE part SET kind = 'b' WHERE id = 3;
DELETE FROM part WHERE id = 1;
COMMIT;
SELECT * FROM news();
DROP TABLE part;

--
-- A table that gets another file
--
CREATE TABLE moved (id int PRIMARY KEY, room text, n int);
SELECT realtime.live_table('moved', 'room:{room}');
INSERT INTO moved VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4);
SELECT FROM news();
-- what has changed before is told, what changes after that loads again
BEGIN;
UPDATE moved SET n = 10 WHERE id IN (1, 2);
ALTER TABLE moved ALTER COLUMN n TYPE bigint;
DELETE FROM moved WHERE id = 1;
UPDATE moved SET room = 'e' WHERE id = 3;
UPDATE moved SET n = n;
COMMIT;
SELECT * FROM news();
UPDATE moved SET n = 11 WHERE id = 2;
SELECT * FROM news();
BEGIN;
SAVEPOINT s;
CLUSTER moved USING moved_pkey;
DELETE FROM moved WHERE id = 2;
ROLLBACK TO s;
UPDATE moved SET n = 12 WHERE id = 2;
UPDATE moved SET n = 13 WHERE id = 2;
COMMIT;
SELECT * FROM news();
-- behind a TRUNCATE clients load again anyhow, unless it is rolled back
BEGIN;
UPDATE moved SET n = 14 WHERE id = 2;
TRUNCATE moved;
INSERT INTO moved VALUES (5, 'a', 5);
UPDATE moved SET n = 6;
COMMIT;
SELECT * FROM news();
BEGIN;
SAVEPOINT s;
TRUNCATE moved;
INSERT INTO moved VALUES (5, 'a', 7);
ROLLBACK TO s;
UPDATE moved SET n = 8;
COMMIT;
SELECT * FROM news();
-- one that is new, with rows that are frozen at once
BEGIN;
CREATE TABLE fresh (id int PRIMARY KEY, n int);
SELECT realtime.live_table('fresh', 'all');
COPY fresh FROM stdin (FREEZE);
1	1
2	2
\.
UPDATE fresh SET n = 3 WHERE id = 1;
DELETE FROM fresh WHERE id = 2;
COMMIT;
SELECT * FROM news();
DROP TABLE moved, fresh;

--
-- Rows that are not shown as they are, or not at all
--
CREATE FUNCTION load_shown() RETURNS json LANGUAGE sql STABLE AS 'SELECT NULL::json';
CREATE FUNCTION show(data jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE WHEN data ->> 'n' <> '0' THEN jsonb_build_object('shown', data -> 'n') || data END
$$;
SELECT realtime.stream('shown/all', 'shown', 'load_shown()', replay => true, transform => 'show(jsonb)');
CREATE TABLE shown (id text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n int);
SELECT realtime.live_table('shown', 'shown');
INSERT INTO shown VALUES ('a', 1), ('"b"', 2), ('c', 0);
SELECT * FROM news();
BEGIN;
UPDATE shown SET id = CASE id WHEN 'a' THEN '"b"' WHEN '"b"' THEN 'a' ELSE id END;
UPDATE shown SET n = n + 1;
COMMIT;
SELECT * FROM news();
-- comes to be hidden, and is deleted
BEGIN;
UPDATE shown SET n = 10 WHERE id = 'a';
UPDATE shown SET n = 0 WHERE id = 'a';
DELETE FROM shown WHERE id = 'a';
COMMIT;
SELECT * FROM news();
-- comes hidden, and shows up; comes hidden and goes
BEGIN;
INSERT INTO shown VALUES ('d', 0), ('e', 0);
UPDATE shown SET n = 4 WHERE id = 'd';
DELETE FROM shown WHERE id = 'e';
COMMIT;
SELECT * FROM news();
-- a transform whose time is up ends the command
CREATE OR REPLACE FUNCTION show(data jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN data; END $$;
SET statement_timeout = '100ms';
INSERT INTO shown VALUES ('f', 1);
RESET statement_timeout;
SELECT count(*) FROM shown WHERE id = 'f';
DROP TABLE shown;

DROP TABLE seen;
SELECT realtime.drop('shown/all');
DROP FUNCTION news, keep_row, undo, show, load_shown;
SELECT realtime.drop('room:{room}'), realtime.drop('all');
-- leave nothing to other tests
DELETE FROM realtime.replay_message;
DELETE FROM realtime.replay_epoch;
