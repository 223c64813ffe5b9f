--
-- Live tables: what can be declared, and what is published.  Topics of class
-- replay keep their events, so they can be looked at here.
--
SET client_min_messages = warning;
CREATE FUNCTION try(command text, OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	state := 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
\pset null '(null)'
\pset format unaligned

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
SELECT realtime.topic('list:{list}', class => 'replay'), realtime.topic('all', class => 'replay');

--
-- What is refused
--
CREATE TABLE todo (id integer PRIMARY KEY, list text, title text, done boolean, price float8, tags text[]);
CREATE TABLE two (a integer, b integer, PRIMARY KEY (a, b));
CREATE TABLE poisoned (id integer, "reqId" text);
CREATE VIEW looks AS SELECT * FROM todo;
CREATE MATERIALIZED VIEW stands AS SELECT * FROM todo;
CREATE TEMPORARY TABLE passing (id integer);
CREATE SEQUENCE counts;
CREATE TYPE composite AS (id integer);
SELECT c, (try(c)).* FROM (VALUES
	($$SELECT realtime.live_table(NULL, 'all')$$),
	($$SELECT realtime.live_table('todo', NULL)$$),
	($$SELECT realtime.live_table('todo', 'all', always => NULL)$$),
	($$SELECT realtime.live_table('nothing', 'all')$$),
	($$SELECT realtime.live_table(1::regclass, 'all')$$),
	($$SELECT realtime.live_table('looks', 'all')$$),
	($$SELECT realtime.live_table('stands', 'all')$$),
	($$SELECT realtime.live_table('passing', 'all')$$),
	($$SELECT realtime.live_table('counts', 'all')$$),
	($$SELECT realtime.live_table('composite', 'all')$$),
	($$SELECT realtime.live_table('todo_pkey', 'all')$$),
	($$SELECT realtime.live_table('pg_class', 'all')$$),
	($$SELECT realtime.live_table('realtime.rpc_declaration', 'all')$$),
	($$SELECT realtime.live_table('todo', '')$$),
	($$SELECT realtime.live_table('todo', 'list:{list')$$),
	($$SELECT realtime.live_table('todo', 'list:{nothing}')$$),
	($$SELECT realtime.live_table('todo', 'list:{1}')$$),
	($$SELECT realtime.live_table('todo', '__list')$$),
	($$SELECT realtime.live_table('todo', 'list:{price}')$$),
	($$SELECT realtime.live_table('todo', 'list:{tags}')$$),
	($$SELECT realtime.live_table('todo', 'list:{ctid}')$$),
	($$SELECT realtime.live_table('todo', 'all', key => 'nothing')$$),
	($$SELECT realtime.live_table('two', 'all')$$),
	($$SELECT realtime.live_table('todo', 'all', columns => '{}')$$),
	($$SELECT realtime.live_table('todo', 'all', columns => '{title,NULL}')$$),
	($$SELECT realtime.live_table('todo', 'all', columns => '{title,nothing}')$$),
	($$SELECT realtime.live_table('todo', 'all', columns => '{title,done,title}')$$),
	($$SELECT realtime.live_table('poisoned', 'all')$$),
	($$SELECT realtime.live_table('poisoned', 'all', key => 'reqId', columns => '{id}')$$),
	($$SELECT realtime.live_table('poisoned', 'all', columns => '{reqId}')$$),
	($$CREATE TRIGGER t BEFORE INSERT ON todo FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('all', 'id'); INSERT INTO todo VALUES (1)$$),
	($$CREATE TRIGGER t AFTER INSERT ON todo FOR EACH STATEMENT EXECUTE FUNCTION realtime.live_table_changed('all', 'id'); INSERT INTO todo VALUES (1)$$),
	($$SELECT realtime.live_table_changed()$$)
) AS x (c);
SELECT * FROM realtime.live_tables ORDER BY relation::text;

-- rights: of the table, and to declare at all
CREATE ROLE regress_live_owner;
CREATE ROLE regress_live_admin IN ROLE realtime_admin;
GRANT ALL ON SCHEMA public TO regress_live_owner, regress_live_admin;
SET ROLE regress_live_admin;
SELECT (try($$SELECT realtime.live_table('todo', 'all')$$)).*;
SELECT (try($$SELECT realtime.drop_live_table('todo')$$)).*;
CREATE TABLE mine (id integer PRIMARY KEY);
SELECT realtime.live_table('mine', 'all');
SELECT * FROM realtime.live_tables ORDER BY relation::text;
RESET ROLE;
SET ROLE regress_live_owner;
CREATE TABLE owners (id integer PRIMARY KEY);
SELECT (try($$SELECT realtime.live_table('owners', 'all')$$)).*;
SELECT (try($$CREATE TRIGGER t AFTER INSERT ON owners FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('all', 'id')$$)).*;
RESET ROLE;
-- a writer needs no right of ours, not even on the schema
GRANT INSERT ON mine TO regress_live_owner;
BEGIN;
REVOKE USAGE ON SCHEMA realtime FROM PUBLIC;
SET ROLE regress_live_owner;
INSERT INTO mine VALUES (1);
RESET ROLE;
ROLLBACK;
SET ROLE regress_live_owner;
INSERT INTO mine VALUES (2);
RESET ROLE;
SELECT * FROM news();
SET ROLE regress_live_admin;
SELECT realtime.drop_live_table('mine'), realtime.drop_live_table('mine');
RESET ROLE;
DROP TABLE mine, owners;
REVOKE ALL ON SCHEMA public FROM regress_live_owner, regress_live_admin;
DROP ROLE regress_live_owner, regress_live_admin;

--
-- Declaring
--
SELECT realtime.live_table('todo', 'list:{list}');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'todo'::regclass ORDER BY 1;
SELECT realtime.live_table('todo', 'all', columns => '{title,done}', always => true);
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'todo'::regclass ORDER BY 1;
SELECT * FROM realtime.live_tables ORDER BY relation::text;
-- renamed triggers are still ours
ALTER TRIGGER __realtime_live_table ON todo RENAME TO "other ""name""";
SELECT realtime.live_table('todo', E'it''s:\\{list}', key => 'id', columns => '{title}');
SELECT (try($$SELECT realtime.live_table('todo', E'it''s:{list}', key => 'id', columns => '{title}')$$)).state;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'todo'::regclass ORDER BY 1;
SELECT * FROM realtime.live_tables ORDER BY relation::text;
SELECT realtime.drop('todo'), realtime.drop('todo');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'todo'::regclass;
-- names that are no tables
SELECT realtime.drop('public.todo'), realtime.drop('no.such.thing'), realtime.drop('"'), realtime.drop('a b'), realtime.drop('nosuch.todo');
-- what else has the name goes first
SELECT realtime.topic('todo'), realtime.live_table('todo', 'all');
SELECT realtime.drop('todo');
SELECT relation FROM realtime.live_tables ORDER BY relation::text;
SELECT realtime.drop('public.todo');
SELECT relation FROM realtime.live_tables ORDER BY relation::text;
-- in a transaction that is rolled back
BEGIN;
SELECT realtime.live_table('todo', 'all');
ROLLBACK;
INSERT INTO todo VALUES (1);
SELECT * FROM news();
DELETE FROM todo;

--
-- Values are written as row_to_json() writes them
--
CREATE TYPE mood AS ENUM ('sad', 'ha"ppy');
CREATE TYPE pair AS (x integer, y text);
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
CREATE DOMAIN words AS text[];
CREATE TABLE every (
	id integer PRIMARY KEY, "na""me\" text, small smallint, big bigint, exact numeric, single real, double float8, yes boolean,
	day date, clock time, clockz timetz, stamp timestamp, stampz timestamptz, span interval,
	bytes bytea, fixed char(5), single_char "char", label name, uuid uuid, net inet, bits bit(3), j json, jb jsonb, x xml, cash money,
	numbers integer[], matrix text[][], times timestamptz[], mood mood, moods mood[], pair pair, pairs pair[], positive positive, words words,
	range int4range, place point, vector tsvector, oid oid, gone text,
	twice bigint GENERATED ALWAYS AS (big * 2) STORED);
ALTER TABLE every DROP COLUMN gone;
ALTER TABLE every ADD COLUMN later text DEFAULT 'added';
SELECT realtime.live_table('every', 'all');
CREATE FUNCTION same_as_row_to_json() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO wanted (data) SELECT row_to_json(NEW)::text;
	RETURN NULL;
END $$;
CREATE TABLE wanted (n serial, data text);
CREATE TRIGGER wanted AFTER INSERT ON every FOR EACH ROW EXECUTE FUNCTION same_as_row_to_json();
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kathmandu';
SET intervalstyle = 'iso_8601';
INSERT INTO every (id) VALUES (1);
INSERT INTO every VALUES (2, E'tab\t, quote", back\\slash, \x01, é', -1, 9007199254740993, 1.10, 'NaN', '-Infinity', true,
	'infinity', '12:34:56.789', '12:34+05:45', '-infinity', '2026-02-03 04:05:06.000007+00', '1 mon 2 days',
	'\xdeadbeef', 'ab', 'c', 'n', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1/8', '101', '{"a" : 1,  "a": 2}', '{"b": [1, 2.50, null], "a": "\u00e9"}', '<a>"</a>', 12.5,
	'{1,NULL,3}', '{{a,"b c"},{NULL,"\""}}', '{2026-01-01 00:00+00,infinity}', 'ha"ppy', '{sad}', ROW(1, 'q"'), ARRAY[ROW(1, NULL), NULL]::pair[], 1e30, '{a}',
	'[1,5)', '(1,2)', 'a:1 b', 42);
INSERT INTO every (id, big, exact, single, double, day, stamp, stampz, clock) VALUES (3, -4611686018427387904, 'NaN', '1e-20', 1e300, '0044-03-15 BC', '294276-12-31 23:59:59.999999', '0001-01-01 00:00+00 BC', '24:00');
RESET datestyle;
RESET timezone;
RESET intervalstyle;
SELECT n, data FROM wanted ORDER BY n;
SELECT count(*) AS same FROM wanted JOIN realtime.replay_message USING (data) WHERE event = 'created';
SELECT * FROM news() WHERE data NOT IN (SELECT data FROM wanted);
-- a cast to json of one's own counts
CREATE TYPE opaque_pair AS ENUM ('a', 'b');
CREATE FUNCTION opaque_json(opaque_pair) RETURNS json LANGUAGE sql IMMUTABLE AS $$ SELECT json_build_object('own', $1::text) $$;
CREATE CAST (opaque_pair AS json) WITH FUNCTION opaque_json(opaque_pair);
CREATE TABLE opaque (id integer PRIMARY KEY, o opaque_pair);
SELECT realtime.live_table('opaque', 'all');
INSERT INTO opaque VALUES (1, 'a');
SELECT * FROM news();
DROP TABLE every, wanted, opaque;

--
-- Topics
--
SELECT realtime.live_table('todo', 'list:{list}');
INSERT INTO todo (id, list) VALUES (1, 'a'), (2, NULL), (3, ''), (4, 'Café 1:/{}'), (5, repeat('x', 251)), (6, repeat('x', 252)), (7, 'b');
SELECT topic, event, length(data) FROM news();
UPDATE todo SET list = 'c' WHERE id IN (1, 2);
UPDATE todo SET list = NULL WHERE id = 7;
SELECT topic, event, data FROM news();
SELECT realtime.topic('{a}', class => 'replay'), realtime.topic('t:{id}:{b}:{i}:{d}:{n}:{z}', class => 'replay');
CREATE TABLE typed (id bigint PRIMARY KEY, b boolean, i smallint, d date, n numeric, z timestamptz, s text, c char(3));
SELECT realtime.live_table('typed', 't:{id}:{b}:{i}:{d}:{n}:{z}', columns => '{id}');
SET timezone = 'Asia/Kathmandu';
INSERT INTO typed VALUES (12345678901, true, -5, '2026-01-02', 1.50, '2026-01-01 05:45+05:45');
RESET timezone;
SELECT realtime.live_table('typed', '{s}', columns => '{id}');
INSERT INTO typed (id, s) VALUES (2, '__rpc'), (3, '_'), (4, '{}');
SELECT * FROM news();
SELECT realtime.live_table('typed', '{{{s}}}{c}', columns => '{id}');
SELECT realtime.live_table('typed', '{{}}:{c}', columns => '{id}'), realtime.topic('{{}}:{c}', class => 'replay');
INSERT INTO typed (id, c) VALUES (5, 'a');
SELECT * FROM news();
DROP TABLE typed;
SELECT realtime.drop('{a}'), realtime.drop('t:{id}:{b}:{i}:{d}:{n}:{z}'), realtime.drop('{{}}:{c}');

--
-- Columns
--
SELECT realtime.live_table('todo', 'list:{list}', columns => '{title,done}');
SELECT * FROM realtime.live_tables ORDER BY relation::text;
TRUNCATE todo;
SELECT topic, event, data FROM news();
INSERT INTO todo (id, list, title, price) VALUES (1, 'a', 'one', 7);
UPDATE todo SET price = 8, tags = '{x}';
UPDATE todo SET title = title, done = NULL;
UPDATE todo SET title = 'uno';
SELECT * FROM news();
-- a key that is no primary key, and NULL: a marker
SELECT realtime.live_table('todo', 'list:{list}', key => 'title', columns => '{done}');
INSERT INTO todo (id, list, title) VALUES (2, 'a', 'two');
UPDATE todo SET title = 'due' WHERE id = 2;
INSERT INTO todo (id, list) VALUES (3, 'a'), (4, 'a');
DELETE FROM todo WHERE id = 3;
SELECT * FROM news();
-- columns that come, go and get other names
DROP VIEW looks;
DROP MATERIALIZED VIEW stands;
SELECT realtime.live_table('todo', 'list:{list}', columns => '{title,done,price}');
ALTER TABLE todo RENAME COLUMN title TO label;
ALTER TABLE todo RENAME COLUMN list TO room;
ALTER TABLE todo RENAME COLUMN id TO number;
SELECT * FROM realtime.live_tables ORDER BY relation::text;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'todo'::regclass ORDER BY tgname;
INSERT INTO todo (number, room, label) VALUES (10, 'a', 'x');
ALTER TABLE todo DROP COLUMN done;
ALTER TABLE todo ALTER COLUMN label TYPE integer USING length(label);
INSERT INTO todo (number, room, label) VALUES (11, 'a', 7);
SELECT * FROM news();
SELECT (try($$ALTER TABLE todo DROP COLUMN room$$)).*;
SELECT (try($$ALTER TABLE todo DROP COLUMN number CASCADE$$)).*;
SELECT (try($$ALTER TABLE todo RENAME COLUMN room TO "a-b"$$)).*;
ALTER TABLE todo RENAME COLUMN price TO "reqId";
INSERT INTO todo (number, room) VALUES (12, 'a');
SELECT * FROM news();
ALTER TABLE todo RENAME COLUMN "reqId" TO price;
INSERT INTO todo (number, room) VALUES (13, 'a');
SELECT * FROM news();
-- arguments that have become wrong by other ways: a warning, and the row is there
CREATE TABLE wrong (id integer PRIMARY KEY);
CREATE TRIGGER w AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('all', 'nothing');
CREATE TRIGGER x AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('all');
CREATE TRIGGER y AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('{nothing}', 'id');
CREATE TRIGGER z AFTER INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION realtime.live_table_changed('{', 'id');
INSERT INTO wrong VALUES (1);
SELECT count(*) FROM wrong;
DROP TABLE wrong;

--
-- Triggers of the user that change rows again: the newest version is told
--
CREATE TABLE again (id integer PRIMARY KEY, n integer);
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_ARGV[0] = 'update' THEN
		UPDATE again SET n = n + 1 WHERE id = NEW.id AND n < 3;
	ELSIF TG_ARGV[0] = 'delete' THEN
		DELETE FROM again WHERE id = NEW.id;
	ELSIF TG_ARGV[0] = 'key' THEN
		UPDATE again SET id = id + 100 WHERE id = NEW.id AND id < 100;
	ELSIF NEW.n < 1000 THEN
		BEGIN
			UPDATE again SET n = n + 1000;
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END IF;
	RETURN NULL;
END $$;
SELECT realtime.live_table('again', 'all');
CREATE TRIGGER a AFTER INSERT OR UPDATE ON again FOR EACH ROW EXECUTE FUNCTION again('update');
INSERT INTO again VALUES (1, 0), (2, 0);
SELECT event, data FROM news();
DROP TRIGGER a ON again;
-- ours comes before theirs, unless the name begins with a capital letter
CREATE TRIGGER "A" AFTER INSERT OR UPDATE ON again FOR EACH ROW EXECUTE FUNCTION again('update');
INSERT INTO again VALUES (5, 0), (6, 0);
SELECT event, data FROM news();
DELETE FROM again WHERE id > 2;
SELECT FROM news();
DROP TRIGGER "A" ON again;
CREATE TRIGGER "A" AFTER INSERT OR UPDATE ON again FOR EACH ROW EXECUTE FUNCTION again('rolled back');
UPDATE again SET n = 7;
SELECT event, data FROM news();
DROP TRIGGER "A" ON again;
CREATE TRIGGER "A" AFTER INSERT OR UPDATE ON again FOR EACH ROW EXECUTE FUNCTION again('key');
INSERT INTO again VALUES (3, 3);
UPDATE again SET n = 8 WHERE id = 1;
SELECT event, data FROM news();
DROP TRIGGER "A" ON again;
CREATE TRIGGER "A" AFTER INSERT OR UPDATE ON again FOR EACH ROW EXECUTE FUNCTION again('delete');
INSERT INTO again VALUES (4, 4);
UPDATE again SET n = 9 WHERE id = 2;
SELECT event, data FROM news();
DROP TRIGGER "A" ON again;
CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO again SELECT OLD.id, OLD.n + 1;
	RETURN NULL;
END $$;
CREATE TRIGGER back AFTER DELETE ON again FOR EACH ROW EXECUTE FUNCTION back();
DELETE FROM again WHERE id = 101;
SELECT event, data FROM news();
DROP TABLE again;

--
-- Large rows, many rows
--
CREATE TABLE large (id integer PRIMARY KEY, body text, j jsonb);
SELECT realtime.live_table('large', 'all');
-- the longest row that fits, with a number; one byte more
INSERT INTO large SELECT 1, repeat('x', 1048576 - 95);
SELECT event, length(data) FROM news();
INSERT INTO large SELECT 2, repeat('x', 1048576 - 94);
SELECT event, length(data) FROM news();
-- escapes count; so does what is compressed and lies elsewhere
INSERT INTO large SELECT 3, repeat(E'\x01', 200000);
INSERT INTO large SELECT 4, repeat('x', 100000000);
SELECT event, length(data) FROM news();
INSERT INTO large SELECT 5, NULL, jsonb_build_object('a', repeat('x', 2000000));
SELECT event, length(data) FROM news();
-- of what is surely too long and lies elsewhere not even the pieces are read
CREATE VIEW pieces AS SELECT idx_tup_fetch AS read FROM pg_stat_xact_all_tables
	WHERE relid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'large'::regclass);
BEGIN;
SELECT read AS before FROM pieces \gset
INSERT INTO large SELECT 7, string_agg(md5(i::text), '') FROM generate_series(1, 100000) i;
SELECT read - :before AS read FROM pieces;
ROLLBACK;
DROP VIEW pieces;
-- unchanged values that lie elsewhere
INSERT INTO large SELECT 6, string_agg(md5(i::text), '') FROM generate_series(1, 1000) i;
UPDATE large SET j = '1' WHERE id = 6;
UPDATE large SET body = body, j = '1' WHERE id = 6;
UPDATE large SET body = body || '' WHERE id = 6;
SELECT event, length(data), data LIKE '%"j":1}' AS j FROM news();
DELETE FROM large;
SELECT event, CASE WHEN length(data) < 100 THEN data ELSE length(data)::text END FROM news();
-- many: 16 MB, then one mark
INSERT INTO large SELECT i, repeat('x', 100000) FROM generate_series(1, 400) i;
SELECT event, count(*) FROM news() GROUP BY 1 ORDER BY 2;
BEGIN;
SAVEPOINT s;
UPDATE large SET j = '1';
ROLLBACK TO s;
UPDATE large SET j = '2' WHERE id = 1;
COMMIT;
SELECT event, length(data) FROM news();
DROP TABLE large;
-- marks go with their savepoints, however these nest
CREATE TABLE nested (id integer PRIMARY KEY, list text, body text);
SELECT realtime.live_table('nested', 'list:{list}');
BEGIN;
INSERT INTO nested VALUES (1, 'n1', repeat('x', 2000000));
SAVEPOINT a;
INSERT INTO nested VALUES (2, 'n2', repeat('x', 2000000));
SAVEPOINT b;
INSERT INTO nested VALUES (3, 'n3', repeat('x', 2000000)), (4, 'n4', 'short');
RELEASE b;
INSERT INTO nested VALUES (5, 'n5', repeat('x', 2000000));
ROLLBACK TO a;
INSERT INTO nested VALUES (2, 'n2', 'two'), (6, 'n3', repeat('x', 2000000)), (7, 'n3', 'late'), (8, 'n1', 'late'), (9, 'n5', 'five');
SAVEPOINT c;
INSERT INTO nested VALUES (10, 'n6', repeat('x', 2000000));
RELEASE c;
INSERT INTO nested VALUES (11, 'n6', 'late');
COMMIT;
SELECT * FROM news();
-- more topics than are marked one by one, taken back, and again
BEGIN;
SAVEPOINT a;
INSERT INTO nested SELECT i, 'm' || i, repeat('x', 2000000) FROM generate_series(101, 1300) i;
ROLLBACK TO a;
INSERT INTO nested VALUES (101, 'm101', 'short'), (1300, 'm1300', 'short');
COMMIT;
SELECT * FROM news();
DROP TABLE nested;
-- publish() that has used up everything
CREATE TABLE small (id integer PRIMARY KEY);
SELECT realtime.live_table('small', 'all');
BEGIN;
SELECT count(realtime.publish('elsewhere', 'e', to_jsonb(repeat('x', 1000000)))) FROM generate_series(1, 33);
INSERT INTO small VALUES (1), (2);
COMMIT;
SELECT event, data FROM news();
TRUNCATE small;
SELECT event, data FROM news();
DROP TABLE small;

--
-- Partitions and children
--
CREATE TABLE whole (id integer, kind text, note text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE whole_a PARTITION OF whole FOR VALUES IN ('a');
CREATE TABLE whole_b PARTITION OF whole FOR VALUES IN ('b') PARTITION BY RANGE (id);
ALTER TABLE whole RENAME COLUMN id TO number;
CREATE TABLE whole_b1 (note text, gone text, kind text NOT NULL, number integer NOT NULL);
ALTER TABLE whole_b1 DROP COLUMN gone;
SELECT (try($$SELECT realtime.live_table('whole', 'all')$$)).message;
SELECT realtime.live_table('whole_a', 'all', key => 'number');
SELECT (try($$SELECT realtime.live_table('whole', 'all', key => 'number')$$)).*;
SELECT realtime.drop_live_table('whole_a');
SELECT realtime.live_table('whole', 'all', key => 'number', always => true);
ALTER TABLE whole_b ATTACH PARTITION whole_b1 FOR VALUES FROM (0) TO (100);
SELECT * FROM realtime.live_tables ORDER BY relation::text;
SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0 AS cloned FROM pg_trigger WHERE tgname ~ '^__realtime' ORDER BY 1, 2;
SELECT (try($$SELECT realtime.live_table('whole_a', 'all', key => 'number')$$)).*;
SELECT (try($$SELECT realtime.drop_live_table('whole_b1')$$)).*;
INSERT INTO whole VALUES (1, 'a', 'one'), (2, 'b', 'two');
INSERT INTO whole_b1 VALUES ('three', 'b', 3);
UPDATE whole SET kind = 'b' WHERE number = 1;
UPDATE whole SET note = upper(note);
DELETE FROM whole WHERE number = 3;
SELECT event, data FROM news();
ALTER TABLE whole RENAME COLUMN number TO id;
INSERT INTO whole VALUES (4, 'b', 'four');
SELECT event, data FROM news();
TRUNCATE whole_b1;
SELECT event, data FROM news();
TRUNCATE whole;
SELECT event, data FROM news();
-- replaced in all partitions
SELECT realtime.live_table('whole', 'all', key => 'id', columns => '{kind}');
INSERT INTO whole VALUES (5, 'b', 'five');
SELECT event, data FROM news();
SELECT tgrelid::regclass, tgenabled FROM pg_trigger WHERE tgname ~ '^__realtime' ORDER BY 1, tgname;
ALTER TABLE whole DETACH PARTITION whole_a;
INSERT INTO whole_a VALUES (6, 'a');
SELECT event, data FROM news();
SELECT realtime.drop('whole');
DROP TABLE whole, whole_a;
SET client_min_messages = notice;
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (more text) INHERITS (parent);
SELECT realtime.live_table('parent', 'all');
SET client_min_messages = warning;
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 'x');
UPDATE parent SET id = id + 10;
SELECT event, data FROM news();
DROP TABLE child, parent;

--
-- Other ways to change rows
--
CREATE TABLE owner (id integer PRIMARY KEY);
CREATE TABLE owned (id integer PRIMARY KEY, owner integer REFERENCES owner ON DELETE CASCADE ON UPDATE SET NULL);
SELECT realtime.live_table('owned', 'all');
INSERT INTO owner VALUES (1), (2);
INSERT INTO owned VALUES (1, 1), (2, 2);
DELETE FROM owner WHERE id = 1;
UPDATE owner SET id = 3;
INSERT INTO owned VALUES (2, 3) ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner;
INSERT INTO owned VALUES (2, 3) ON CONFLICT (id) DO NOTHING;
MERGE INTO owned USING (VALUES (2), (4)) AS n (id) ON owned.id = n.id
	WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (n.id, 3);
SELECT event, data FROM news();
TRUNCATE owner CASCADE;
SELECT event, data FROM news();
COPY owned (id) FROM stdin;
5
6
\.
SET session_replication_role = replica;
INSERT INTO owned VALUES (7);
RESET session_replication_role;
SELECT event, data FROM news();
SELECT realtime.live_table('owned', 'all', always => true);
SET session_replication_role = replica;
INSERT INTO owned VALUES (8);
RESET session_replication_role;
SELECT event, data FROM news();
ALTER TABLE owned DISABLE TRIGGER USER;
INSERT INTO owned VALUES (9);
SELECT * FROM realtime.live_tables ORDER BY relation::text;
ALTER TABLE owned ENABLE TRIGGER USER;
-- renamed and moved
CREATE SCHEMA elsewhere;
ALTER TABLE owned RENAME TO "Ow ned";
ALTER TABLE "Ow ned" SET SCHEMA elsewhere;
INSERT INTO elsewhere."Ow ned" VALUES (10);
SELECT relation, topic FROM realtime.live_tables ORDER BY relation::text;
SELECT event, data FROM news();
SELECT realtime.drop('elsewhere."Ow ned"');
SELECT realtime.live_table('elsewhere."Ow ned"', 'all');
DROP SCHEMA elsewhere CASCADE;
SELECT * FROM realtime.live_tables ORDER BY relation::text;

--
-- The extension
--
SELECT realtime.live_table('owner', 'all');
SELECT (try($$DROP EXTENSION realtime$$)).message;
BEGIN;
DROP EXTENSION realtime CASCADE;
INSERT INTO owner VALUES (1);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'owner'::regclass AND NOT tgisinternal;
ROLLBACK;
DROP TABLE owner, todo, two, poisoned, seen CASCADE;
DROP TYPE mood, pair, composite CASCADE;
DROP TYPE opaque_pair CASCADE;
DROP DOMAIN positive, words;
DROP SEQUENCE counts;
DROP FUNCTION try, news, again(), back(), same_as_row_to_json();
SELECT realtime.drop('list:{list}'), realtime.drop('all');
-- leave nothing to other tests
DELETE FROM realtime.replay_message;
DELETE FROM realtime.replay_epoch;
