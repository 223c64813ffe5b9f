-- What the part "queries" of the benchmarks follows: items of lists of ten, in
-- results of three sizes.  Items of a size have numbers that follow on it, and so
-- have lists.
CREATE TABLE bench.q_list (
	id integer PRIMARY KEY,
	size integer NOT NULL,
	name text NOT NULL
);
CREATE TABLE bench.q_item (
	id integer PRIMARY KEY,
	size integer NOT NULL,
	list integer NOT NULL,
	place integer NOT NULL,
	t bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE FUNCTION bench.q_fill(sizes integer[]) RETURNS void
LANGUAGE sql
AS $$
	INSERT INTO bench.q_list
		SELECT s - 1000 + i, s, 'list ' || i FROM unnest(sizes) s, generate_series(1, s / 10) i;
	INSERT INTO bench.q_item
		SELECT s + i, s, s - 999 + (i - 1) / 10, i FROM unnest(sizes) s, generate_series(1, s) i;
$$;
SELECT bench.q_fill('{1000,100000,1000000}');
-- One more in each of 1,000 lists
INSERT INTO bench.q_item SELECT 3000000 + i, 0, i, 1 FROM generate_series(1, 1000) i;
CREATE INDEX ON bench.q_item (list);
CREATE INDEX ON bench.q_item (size, place, id);
CREATE INDEX ON bench.q_list (size);

-- The same row, for what a write costs without a query, and with a live table
CREATE TABLE bench.q_none (LIKE bench.q_item INCLUDING ALL);
CREATE TABLE bench.q_live (LIKE bench.q_item INCLUDING ALL);
INSERT INTO bench.q_none SELECT * FROM bench.q_item WHERE size = 1000;
INSERT INTO bench.q_live SELECT * FROM bench.q_item WHERE size = 1000;
SELECT realtime.topic('q_live:{size}', open => true);
SELECT realtime.live_table('bench.q_live', topic => 'q_live:{size}');

-- For those who run the query again when they are notified
CREATE TABLE bench.q_rival (LIKE bench.q_item INCLUDING ALL);
INSERT INTO bench.q_rival SELECT * FROM bench.q_item;
CREATE FUNCTION bench.q_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY q_rival; RETURN NULL; END $$;
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE ON bench.q_rival FOR EACH STATEMENT EXECUTE FUNCTION bench.q_notify();

-- One of so many rows of a size is changed
CREATE FUNCTION bench.q_touch(size integer, among integer, t bigint) RETURNS void
LANGUAGE sql
AS $$
	UPDATE bench.q_item SET t = $3 WHERE id = (SELECT $1 + 1 + floor(random() * $2)::integer);
$$;

CREATE FUNCTION bench.q_touch_live(size integer, among integer, t bigint) RETURNS void
LANGUAGE sql
AS $$
	UPDATE bench.q_live SET t = $3 WHERE id = (SELECT $1 + 1 + floor(random() * $2)::integer);
$$;

SELECT realtime.query('bench/filter', 'SELECT id, place, t FROM bench.q_item WHERE size = $1', max_rows => 2000000);
SELECT realtime.query('bench/join', 'SELECT i.id, i.t, l.name FROM bench.q_item i JOIN bench.q_list l ON l.id = i.list WHERE i.size = $1', max_rows => 2000000);
SELECT realtime.query('bench/grouped', 'SELECT l.id, l.name, x.items, x.t FROM bench.q_list l
	JOIN (SELECT list, count(*) AS items, max(t) AS t FROM bench.q_item GROUP BY list) x ON x.list = l.id WHERE l.size = $1', max_rows => 2000000);
SELECT realtime.query('bench/window', 'SELECT id, t, row_number() OVER (PARTITION BY list ORDER BY place, id) AS n FROM bench.q_item WHERE size = $1', max_rows => 2000000);
SELECT realtime.query('bench/top', 'SELECT id, place, t FROM bench.q_item WHERE size = $1 ORDER BY place, id LIMIT 20');
SELECT realtime.query('bench/list', 'SELECT id, place, t FROM bench.q_item WHERE list = $1');
-- What depends on who asks is run for each group alone
SELECT realtime.query('bench/alone', $$SELECT id, place, t FROM bench.q_item WHERE list = $1 AND coalesce(realtime.user_id(), '') = ''$$);
GRANT SELECT, UPDATE ON bench.q_list, bench.q_item, bench.q_none, bench.q_live, bench.q_rival TO realtime_anonymous, bench;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bench TO realtime_anonymous, bench;
VACUUM ANALYZE bench.q_list, bench.q_item, bench.q_none, bench.q_live, bench.q_rival;
