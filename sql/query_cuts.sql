--
-- By which columns runs of a live query are restricted, and how values of
-- changed rows lead to them.
--
SET client_min_messages = warning;
CREATE SCHEMA regress_cuts;
SET search_path = regress_cuts;
\pset null '-'
\pset format unaligned
CREATE FUNCTION explain_query(sql text, key text DEFAULT 'id', types regtype[] DEFAULT '{}',
	depends_on regclass[] DEFAULT '{}', may_be_stale boolean DEFAULT false,
	OUT relation text, OUT alias text, OUT read_in text, OUT used text, OUT needed text,
	OUT filters text, OUT cut text, OUT path text, OUT plan text, OUT why_full text, OUT hint text, OUT tally text)
RETURNS SETOF record LANGUAGE c STRICT AS 'realtime', 'realtime_query_explain';

CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE list (id integer PRIMARY KEY, owner integer, name text, mood mood, price numeric);
CREATE TABLE item (id integer PRIMARY KEY, list_id integer, parent integer, done boolean, pos integer, title text, tag text COLLATE any_case);
CREATE TABLE member (list_id integer, usr integer, level text, PRIMARY KEY (list_id, usr));
CREATE TABLE tag (name text COLLATE any_case PRIMARY KEY, weight numeric);
CREATE TABLE priced (price numeric PRIMARY KEY, label text);
CREATE TABLE moods (mood mood PRIMARY KEY, label text);
CREATE INDEX ON item (list_id);
CREATE INDEX ON item (tag);
CREATE INDEX ON list (owner);
CREATE INDEX ON list (price);
CREATE INDEX ON list (mood);
CREATE INDEX ON member (usr);
INSERT INTO list SELECT i, i % 500, 'list ' || i, (enum_range(NULL::mood))[1 + i % 3], i % 50 FROM generate_series(1, 1000) i;
INSERT INTO item SELECT i, i % 1000, i / 2, i % 2 = 0, i % 10, 'item ' || i, 'tag ' || i % 200 FROM generate_series(1, 20000) i;
INSERT INTO member SELECT i % 1000, i % 300, 'read' FROM generate_series(1, 3000) i;
INSERT INTO tag SELECT 'tag ' || i, i FROM generate_series(1, 200) i;
ANALYZE list, item, member, tag;
CREATE VIEW per_list AS SELECT list_id, count(*) AS items, max(pos) AS top FROM item GROUP BY list_id;

CREATE TABLE shape (n integer GENERATED ALWAYS AS IDENTITY, key text DEFAULT 'id', sql text, what text);
INSERT INTO shape (what, key, sql) VALUES
	('one table', 'id', 'SELECT id, title FROM item WHERE list_id = $1'),
	('constant', 'id', 'SELECT id, title FROM item WHERE list_id = 7 AND NOT done'),
	('join', 'id', 'SELECT i.id, l.name FROM item i JOIN list l ON l.id = i.list_id WHERE l.owner = $1'),
	('left join', 'id', 'SELECT i.id, l.name FROM item i LEFT JOIN list l ON l.id = i.list_id'),
	('right join', 'id', 'SELECT i.id, l.name FROM list l RIGHT JOIN item i ON l.id = i.list_id'),
	('full join', 'id', 'SELECT coalesce(i.id, -l.id) AS id, l.name FROM list l FULL JOIN item i ON l.id = i.list_id'),
	('left join without equality', 'id', 'SELECT i.id, count(l.id) AS n FROM item i LEFT JOIN list l ON l.id < i.list_id GROUP BY i.id'),
	('chain', 'id', 'SELECT m.list_id * 1000 + i.id AS id FROM item i JOIN list l ON l.id = i.list_id JOIN member m ON m.list_id = l.id AND m.usr = l.owner'),
	('group', 'list_id', 'SELECT list_id, count(*) AS n FROM item GROUP BY list_id HAVING count(*) > 1'),
	('group over join', 'owner', 'SELECT l.owner, count(*) AS n FROM item i JOIN list l ON l.id = i.list_id GROUP BY l.owner'),
	('group by an expression', 'half', 'SELECT list_id / 2 AS half, count(*) AS n FROM item GROUP BY 1'),
	('grouping sets', 'list_id,done', 'SELECT list_id, done, count(*) AS n FROM item GROUP BY GROUPING SETS ((list_id), (list_id, done))'),
	('aggregate', 'n', 'SELECT count(*) AS n FROM item WHERE list_id = $1'),
	('distinct', 'tag', 'SELECT DISTINCT tag FROM item'),
	('distinct on', 'list_id', 'SELECT DISTINCT ON (list_id) list_id, id, title FROM item ORDER BY list_id, pos, id'),
	('window', 'id', 'SELECT id, rank() OVER (PARTITION BY list_id ORDER BY pos) AS r FROM item'),
	('two windows', 'id', 'SELECT id, rank() OVER (PARTITION BY list_id ORDER BY pos) AS r, count(*) OVER (PARTITION BY done) AS n FROM item'),
	('exists', 'id', 'SELECT id, name FROM list l WHERE EXISTS (SELECT FROM item i WHERE i.list_id = l.id AND NOT i.done)'),
	('not exists, chain', 'id', 'SELECT id, name FROM list l WHERE NOT EXISTS (SELECT FROM item i JOIN tag t ON t.name = i.tag WHERE i.list_id = l.id AND t.weight > 3)'),
	('not exists without equality', 'id', 'SELECT id, name FROM list l WHERE NOT EXISTS (SELECT FROM item i WHERE i.list_id < l.id)'),
	('in', 'id', 'SELECT id, name FROM list l WHERE id IN (SELECT list_id FROM item WHERE done)'),
	('not in, may be null', 'id', 'SELECT id, name FROM list l WHERE id NOT IN (SELECT list_id FROM item WHERE done)'),
	('not in, never null', 'id', 'SELECT id, name FROM list l WHERE id NOT IN (SELECT list_id FROM member WHERE usr = 3)'),
	('scalar', 'id', 'SELECT id, (SELECT count(*) FROM item i WHERE i.list_id = l.id) AS n FROM list l'),
	('lateral', 'id', 'SELECT l.id, x.n FROM list l CROSS JOIN LATERAL (SELECT count(*) AS n FROM item i WHERE i.list_id = l.id) x'),
	('left join to a grouped view', 'id', 'SELECT l.id, p.items FROM list l LEFT JOIN per_list p ON p.list_id = l.id'),
	('union', 'id', 'SELECT id, name FROM list UNION SELECT id, title FROM item'),
	('except', 'id', 'SELECT id FROM list EXCEPT SELECT list_id FROM item'),
	('with, twice', 'id', 'WITH n AS (SELECT list_id, count(*) AS n FROM item GROUP BY list_id) SELECT l.id, n.n, m.n AS of_owner FROM list l JOIN n ON n.list_id = l.id LEFT JOIN n m ON m.list_id = l.owner'),
	('recursive', 'id', 'WITH RECURSIVE r AS (SELECT id, parent FROM item WHERE id = 4 UNION SELECT i.id, i.parent FROM item i JOIN r ON i.id = r.parent) SELECT id FROM r'),
	('limit', 'id', 'SELECT id, pos FROM item WHERE list_id = $1 ORDER BY pos, id LIMIT 5'),
	('limit in a subquery', 'id', 'SELECT id FROM (SELECT id FROM item ORDER BY pos LIMIT 3) x'),
	('numeric', 'id', 'SELECT l.id, p.label FROM list l LEFT JOIN priced p ON p.price = l.price'),
	('enum', 'id', 'SELECT l.id, m.label FROM list l LEFT JOIN moods m ON m.mood = l.mood'),
	('collation', 'id', 'SELECT i.id, t.weight FROM item i LEFT JOIN tag t ON t.name = i.tag'),
	('other collation', 'id', 'SELECT i.id, t.weight FROM item i LEFT JOIN tag t ON t.name = i.tag COLLATE "C"'),
	('other type', 'id', 'SELECT i.id, l.name FROM item i LEFT JOIN list l ON l.price = i.list_id');
SELECT s.n, s.what, e.alias, e.filters, e.cut, e.path, e.why_full, e.hint
FROM shape s, explain_query(s.sql, s.key) e ORDER BY s.n, e.alias COLLATE "C", e.cut;

-- Of large tables no run with a cut reads all, except where the query compares
-- each row with all of them, or groups what it is then joined by another column with

SELECT s.n, s.what, e.alias, e.cut FROM shape s, explain_query(s.sql, s.key) e
WHERE e.plan ~ 'seq scan (item|list|member)' ORDER BY s.n, e.alias COLLATE "C", e.cut;

-- What would help

DROP INDEX item_tag_idx, list_owner_idx, item_list_id_idx;
SELECT s.n, s.what, e.alias, e.cut, e.path, e.hint
FROM shape s, explain_query(s.sql, s.key) e WHERE e.cut IS NOT NULL AND e.hint IS NOT NULL ORDER BY s.n, e.alias COLLATE "C";

-- What groups can be counted, by images of rows alone

CREATE TABLE amount (id integer PRIMARY KEY, list_id integer, state text, tag text COLLATE any_case, price numeric, small smallint, n integer, big bigint, real real, at timestamptz, letter char(3));
CREATE TABLE amount_part (list_id integer, n integer) PARTITION BY LIST (list_id);
TRUNCATE shape RESTART IDENTITY;
INSERT INTO shape (what, key, sql) VALUES
	('count', 'list_id', 'SELECT list_id, count(*) FROM amount GROUP BY list_id'),
	('without groups', 'k', 'SELECT 1 AS k, count(*) FROM amount'),
	('without aggregates', 'list_id', 'SELECT list_id FROM amount GROUP BY list_id'),
	('sums', 'list_id,state', 'SELECT list_id, state, sum(small) AS a, sum(n) AS b, sum(big) AS c FROM amount WHERE list_id = $1 AND NOT state = ''gone'' GROUP BY list_id, state'),
	('computed', 'list_id', 'SELECT list_id, 100 * count(*) FILTER (WHERE n > 3) / count(*) AS a, coalesce(sum(CASE WHEN n > 2 THEN 1 END), 0) AS b FROM amount GROUP BY list_id HAVING sum(n) > 3'),
	('one column twice', 'list_id', 'SELECT list_id, count(n) AS a, sum(n) AS b, count(n) + sum(n) AS c FROM amount GROUP BY list_id'),
	('grouped by an expression', 'done', 'SELECT n > 3 AS done, count(*) FROM amount GROUP BY n > 3'),
	('max', 'list_id', 'SELECT list_id, max(n) FROM amount GROUP BY list_id'),
	('sum of numeric', 'list_id', 'SELECT list_id, sum(price) FROM amount GROUP BY list_id'),
	('sum of real', 'list_id', 'SELECT list_id, sum(real) FROM amount GROUP BY list_id'),
	('sum that may fail', 'list_id', 'SELECT list_id, sum(n * n) FROM amount GROUP BY list_id'),
	('distinct', 'list_id', 'SELECT list_id, count(DISTINCT n) FROM amount GROUP BY list_id'),
	('collation', 'tag', 'SELECT tag, count(*) FROM amount GROUP BY tag'),
	('numeric', 'price', 'SELECT price, count(*) FROM amount GROUP BY price'),
	('blanks', 'letter', 'SELECT letter, count(*) FROM amount GROUP BY letter'),
	('long', 'list_id', 'SELECT list_id, count(state) FROM amount GROUP BY list_id'),
	('time zone', 'day', 'SELECT date_trunc(''day'', at) AS day, count(*) FROM amount GROUP BY 1'),
	('condition', 'list_id', 'SELECT list_id, count(*) FROM amount WHERE n / 2 = 1 GROUP BY list_id'),
	('two tables', 'owner', 'SELECT l.owner, count(*) FROM amount a JOIN list l ON l.id = a.list_id GROUP BY l.owner'),
	('subquery', 'list_id', 'SELECT list_id, count(*) FROM amount a WHERE EXISTS (SELECT FROM list l WHERE l.id = a.list_id) GROUP BY list_id'),
	('partitions', 'list_id', 'SELECT list_id, count(*) FROM amount_part GROUP BY list_id'),
	('order', 'list_id', 'SELECT list_id, count(*) FROM amount GROUP BY list_id ORDER BY 2 DESC LIMIT 3'),
	('grouping sets', 'list_id', 'SELECT list_id, count(*) FROM amount GROUP BY ROLLUP (list_id)'),
	('key', 'count', 'SELECT count(*), list_id FROM amount GROUP BY list_id'),
	('of the key', 'id', 'SELECT id, n, count(*) FROM amount GROUP BY id');
SELECT s.n, s.what, e.alias, e.needed, e.tally FROM shape s, explain_query(s.sql, s.key) e ORDER BY s.n, e.alias COLLATE "C";
SELECT e.tally IS NULL AS no_groups FROM explain_query('SELECT id FROM amount') e;

-- Policies: found in the query as it is run by who is asked, whose columns need not be theirs

CREATE ROLE regress_cuts_reader;
GRANT USAGE ON SCHEMA regress_cuts TO regress_cuts_reader;
GRANT SELECT ON member TO regress_cuts_reader;
GRANT SELECT (price, label) ON priced TO regress_cuts_reader;
ALTER TABLE priced ADD list_id integer, ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON priced (list_id);
INSERT INTO priced SELECT i, 'p', i FROM generate_series(1, 2000) i;
ANALYZE priced;
CREATE POLICY shared ON priced USING (EXISTS (SELECT FROM member m WHERE m.list_id = priced.list_id AND m.usr = 3));
SELECT relation, read_in, used, needed, cut, path, why_full FROM explain_query('SELECT price, label FROM priced', 'price');
SELECT realtime.query('cuts/priced', 'SELECT price, label FROM regress_cuts.priced', key => 'price');
GRANT EXECUTE ON FUNCTION realtime.explain_query(text) TO regress_cuts_reader;
SET ROLE regress_cuts_reader;
SELECT relation, read_in, used, needed, filters, cut, way, plan, why_full FROM realtime.explain_query('cuts/priced');
RESET ROLE;
SELECT (realtime.live_table_arguments(tgargs))::text AS told FROM pg_trigger
WHERE tgfoid = 'realtime.query_table_changed()'::regprocedure AND tgrelid = 'priced'::regclass AND tgname !~ 'truncate';
\set VERBOSITY terse
SELECT realtime.explain_query('cuts/none');
SELECT realtime.drop('cuts/priced');
DROP OWNED BY regress_cuts_reader;
DROP ROLE regress_cuts_reader;
DROP SCHEMA regress_cuts CASCADE;
