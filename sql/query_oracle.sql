--
-- The rows of a live query stay what the query gives if after changes only those
-- are asked for that have values of the changed rows: random changes, and after
-- each batch all of the query beside it.  And that they do not if something of
-- it is left out.
--
SET client_min_messages = warning;
CREATE SCHEMA regress_oracle;
SET search_path = regress_oracle;
\pset null '-'
\pset format unaligned
CREATE FUNCTION query_values(sql text, key text, arguments text[], relations oid[], images text[],
	OUT cut integer, OUT value text, OUT hash bigint)
RETURNS SETOF record LANGUAGE c STRICT AS 'realtime', 'realtime_query_values';
CREATE FUNCTION query_rows(sql text, key text, arguments text[], cuts integer[], cut_values text[],
	OUT key_text text, OUT row_text text, OUT hashes bigint[])
RETURNS SETOF record LANGUAGE c STRICT AS 'realtime', 'realtime_query_rows';

-- Tables, small and full of NULLs

CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE list (id integer PRIMARY KEY, owner integer, name text, mood mood, price numeric);
CREATE TABLE item (id integer PRIMARY KEY, list_id integer, done boolean, pos integer, title text, tag text COLLATE any_case);
CREATE TABLE member (list_id integer, usr integer, PRIMARY KEY (list_id, usr));
CREATE TABLE tag (name text COLLATE any_case PRIMARY KEY, weight integer);
CREATE TABLE priced (price numeric PRIMARY KEY, label text);
CREATE TABLE moods (mood mood PRIMARY KEY, label text);
CREATE TABLE secret (price numeric PRIMARY KEY, list_id integer, label text);
CREATE VIEW per_list AS SELECT list_id, count(*) AS items, max(pos) AS top FROM item GROUP BY list_id;
CREATE FUNCTION uid() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT current_setting('regress.uid')::integer $$;
CREATE ROLE regress_oracle_reader;
GRANT USAGE ON SCHEMA regress_oracle TO regress_oracle_reader;
GRANT SELECT ON member, list TO regress_oracle_reader;
GRANT SELECT (price, label) ON secret TO regress_oracle_reader;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY shared ON secret USING (EXISTS (SELECT FROM member m WHERE m.list_id = secret.list_id AND m.usr = (SELECT uid())));

-- What is run, as who

CREATE TABLE shape (n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, key text, sql text, arguments text[], reader boolean);
INSERT INTO shape (what, key, sql, arguments, reader)
SELECT what, key, sql, coalesce(arguments, '{}'), coalesce(reader, false) FROM (VALUES
	('one table', 'id', 'SELECT id, title FROM item WHERE list_id = $1', '{3}'::text[], NULL::boolean),
	('constant', 'id', 'SELECT id, title FROM item WHERE list_id = 2 AND NOT done', NULL, NULL),
	('join', 'id', 'SELECT i.id, l.name FROM item i JOIN list l ON l.id = i.list_id WHERE l.owner = $1', '{1}', NULL),
	('left join', 'id', 'SELECT i.id, l.name FROM item i LEFT JOIN list l ON l.id = i.list_id AND l.owner < 3', NULL, NULL),
	('right join', 'id', 'SELECT i.id, l.name FROM list l RIGHT JOIN item i ON l.id = i.list_id', NULL, NULL),
	('full join', 'id', 'SELECT coalesce(i.id, -l.id) AS id, l.name FROM list l FULL JOIN item i ON l.id = i.list_id AND i.pos = 1', NULL, NULL),
	('two outer joins', 'id', 'SELECT i.id, l.name, t.weight FROM item i LEFT JOIN (list l JOIN tag t ON t.name = l.name) ON l.id = i.list_id', NULL, NULL),
	('outer joins, nested', 'id', 'SELECT i.id, l.name, p.label FROM item i LEFT JOIN list l ON l.id = i.list_id LEFT JOIN priced p ON p.price = l.price', NULL, NULL),
	('anti join', 'id', 'SELECT i.id FROM item i LEFT JOIN list l ON l.id = i.list_id WHERE l.id IS NULL', NULL, NULL),
	('chain', 'id,usr', 'SELECT i.id, m.usr FROM item i JOIN list l ON l.id = i.list_id JOIN member m ON m.list_id = l.id', NULL, NULL),
	('self-join', 'id,other', 'SELECT a.id, b.id AS other FROM item a JOIN item b ON b.list_id = a.list_id AND b.pos < a.pos', NULL, NULL),
	('group', 'list_id', 'SELECT list_id, count(*) AS n, sum(pos) AS s FROM item GROUP BY list_id HAVING count(*) > 1', NULL, NULL),
	('group over join', 'owner', 'SELECT l.owner, count(*) AS n FROM item i JOIN list l ON l.id = i.list_id GROUP BY l.owner', NULL, NULL),
	('group over outer join', 'owner', 'SELECT l.owner, count(i.id) AS n FROM list l LEFT JOIN item i ON i.list_id = l.id GROUP BY l.owner', NULL, NULL),
	('group over chain', 'owner', 'SELECT l.owner, sum(t.weight) AS s FROM list l JOIN item i ON i.list_id = l.id JOIN tag t ON t.name = i.tag GROUP BY l.owner', NULL, NULL),
	('group by a collation', 'tag', 'SELECT lower(min(tag COLLATE "C")) AS tag, count(*) AS n FROM item GROUP BY item.tag', NULL, NULL),
	('group by numeric', 'price', 'SELECT trim_scale(price) AS price, n FROM (SELECT price, count(*) AS n FROM list GROUP BY price) x', NULL, NULL),
	('group by enum', 'mood', 'SELECT mood, count(*) AS n FROM list GROUP BY mood', NULL, NULL),
	('aggregate', 'one', 'SELECT 1 AS one, count(*) AS n FROM item WHERE list_id = 3', NULL, NULL),
	('distinct', 'owner', 'SELECT DISTINCT owner FROM list', NULL, NULL),
	('distinct over join', 'owner', 'SELECT DISTINCT l.owner FROM list l JOIN item i ON i.list_id = l.id WHERE i.done', NULL, NULL),
	('distinct on', 'list_id', 'SELECT DISTINCT ON (list_id) list_id, id, title FROM item ORDER BY list_id, pos, id', NULL, NULL),
	('window', 'id', 'SELECT id, list_id, rank() OVER (PARTITION BY list_id ORDER BY pos) AS r FROM item', NULL, NULL),
	('first of each', 'id', 'SELECT * FROM (SELECT id, list_id, row_number() OVER (PARTITION BY list_id ORDER BY pos, id) AS r FROM item) x WHERE r <= 2', NULL, NULL),
	('window over join', 'id', 'SELECT i.id, l.owner, count(*) OVER (PARTITION BY l.owner) AS n FROM item i JOIN list l ON l.id = i.list_id', NULL, NULL),
	('exists', 'id', 'SELECT id, name FROM list l WHERE EXISTS (SELECT FROM item i WHERE i.list_id = l.id AND NOT i.done)', NULL, NULL),
	('not exists, chain', 'id', 'SELECT id, name FROM list l WHERE NOT EXISTS (SELECT FROM item i JOIN tag t ON t.name = i.tag WHERE i.list_id = l.id AND t.weight > 3)', NULL, NULL),
	('exists or exists', 'id', 'SELECT id FROM list l WHERE EXISTS (SELECT FROM item i WHERE i.list_id = l.id) OR EXISTS (SELECT FROM member m WHERE m.list_id = l.id AND m.usr = l.owner)', NULL, NULL),
	('nested', 'id', 'SELECT id FROM list l WHERE EXISTS (SELECT FROM item i WHERE i.list_id = l.id AND NOT EXISTS (SELECT FROM tag t WHERE t.name = i.tag))', NULL, NULL),
	('in', 'id', 'SELECT id, name FROM list l WHERE id IN (SELECT list_id FROM item WHERE done)', NULL, NULL),
	('in a group', 'id', 'SELECT id, name FROM list l WHERE id IN (SELECT list_id FROM item GROUP BY list_id HAVING sum(pos) > 4)', NULL, NULL),
	('in, shown', 'id', 'SELECT id, owner IN (SELECT list_id FROM item WHERE done) AS is_in FROM list', NULL, NULL),
	('not in, may be null', 'id', 'SELECT id, name FROM list l WHERE id NOT IN (SELECT list_id FROM item WHERE done)', NULL, NULL),
	('not in, never null', 'id', 'SELECT id, name FROM list l WHERE id NOT IN (SELECT list_id FROM member WHERE usr = 2)', NULL, NULL),
	('scalar', 'id', 'SELECT id, (SELECT count(*) FROM item i WHERE i.list_id = l.id) AS n FROM list l', NULL, NULL),
	('lateral', 'id', 'SELECT l.id, x.n FROM list l CROSS JOIN LATERAL (SELECT count(*) AS n FROM item i WHERE i.list_id = l.id) x', NULL, NULL),
	('lateral limit', 'id', 'SELECT l.id, x.title FROM list l LEFT JOIN LATERAL (SELECT title FROM item i WHERE i.list_id = l.id ORDER BY pos, id LIMIT 1) x ON true', NULL, NULL),
	('grouped view', 'id', 'SELECT l.id, p.items FROM list l LEFT JOIN per_list p ON p.list_id = l.id', NULL, NULL),
	('grouped view, inner', 'id', 'SELECT l.id, p.top FROM list l JOIN per_list p ON p.list_id = l.id AND p.items > 1', NULL, NULL),
	('union', 'id,name', 'SELECT id, name FROM list UNION SELECT list_id, tag COLLATE "C" FROM item WHERE list_id > 5', NULL, NULL),
	('union all', 'id', 'SELECT id, name FROM list UNION ALL SELECT 100 + id, title FROM item', NULL, NULL),
	('except', 'id', 'SELECT id FROM list EXCEPT SELECT list_id FROM item', NULL, NULL),
	('intersect', 'id', 'SELECT id FROM list INTERSECT SELECT list_id FROM item', NULL, NULL),
	('with, twice', 'id', 'WITH n AS (SELECT list_id, count(*) AS n FROM item GROUP BY list_id) SELECT l.id, n.n, m.n AS of_owner FROM list l JOIN n ON n.list_id = l.id LEFT JOIN n m ON m.list_id = l.owner', NULL, NULL),
	('numeric', 'id', 'SELECT l.id, p.label FROM list l LEFT JOIN priced p ON p.price = l.price', NULL, NULL),
	('enum', 'id', 'SELECT l.id, m.label FROM list l LEFT JOIN moods m ON m.mood = l.mood', NULL, NULL),
	('collation', 'id', 'SELECT i.id, t.weight FROM item i LEFT JOIN tag t ON t.name = i.tag', NULL, NULL),
	('other collation', 'id', 'SELECT i.id, t.weight FROM item i LEFT JOIN tag t ON t.name = i.tag COLLATE "C"', NULL, NULL),
	('policy', 'price', 'SELECT price, label FROM secret', NULL, true),
	('policy, join', 'price,id', 'SELECT s.price, l.id FROM secret s JOIN list l ON l.price = s.price', NULL, true),
	('order', 'id', 'SELECT id FROM item WHERE list_id < 4 ORDER BY pos DESC NULLS FIRST', NULL, NULL)
	) AS v (what, key, sql, arguments, reader);

CREATE FUNCTION rows_of(shape, integer[] DEFAULT '{}', text[] DEFAULT '{}') RETURNS TABLE (key_text text, row_text text, hashes bigint[])
LANGUAGE sql AS $$ SELECT r.key_text, lower(r.row_text), r.hashes FROM query_rows($1.sql, $1.key, $1.arguments, $2, $3) r $$;
CREATE FUNCTION reader_rows_of(shape, integer[] DEFAULT '{}', text[] DEFAULT '{}') RETURNS TABLE (key_text text, row_text text, hashes bigint[])
LANGUAGE sql SECURITY DEFINER SET search_path = regress_oracle AS $$ SELECT * FROM rows_of($1, $2, $3) $$;
CREATE FUNCTION values_of(shape, oid[], text[]) RETURNS TABLE (cut integer, value text, hash bigint)
LANGUAGE sql AS $$ SELECT v.* FROM query_values($1.sql, $1.key, $1.arguments, $2, $3) v $$;
CREATE FUNCTION reader_values_of(shape, oid[], text[]) RETURNS TABLE (cut integer, value text, hash bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = regress_oracle AS $$ SELECT * FROM values_of($1, $2, $3) $$;
GRANT CREATE ON SCHEMA regress_oracle TO regress_oracle_reader;
ALTER FUNCTION reader_rows_of OWNER TO regress_oracle_reader;
ALTER FUNCTION reader_values_of OWNER TO regress_oracle_reader;
REVOKE CREATE ON SCHEMA regress_oracle FROM regress_oracle_reader;

-- What is known of the rows

CREATE TABLE state (n integer, key_text text, row_text text, hashes bigint[], PRIMARY KEY (n, key_text));
CREATE TABLE run (n integer, batch integer, way text, different integer);
CREATE TABLE change (relation regclass, is_new boolean, image text);
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN INSERT INTO change VALUES (TG_RELID, false, OLD::text); END IF;
	IF TG_OP <> 'DELETE' THEN INSERT INTO change VALUES (TG_RELID, true, NEW::text); END IF;
	RETURN NULL;
END $$;
DO $$
DECLARE name text;
BEGIN
	FOREACH name IN ARRAY '{list,item,member,tag,priced,moods,secret}'::text[] LOOP
		EXECUTE format('CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note_change()', name);
	END LOOP;
END $$;

-- Random changes

CREATE FUNCTION upto(most integer) RETURNS integer LANGUAGE sql VOLATILE AS $$ SELECT nullif(floor(random() * (most + 1))::integer, 0) $$;
CREATE FUNCTION some_text() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT ('{a,A,b,B,c,NULL}'::text[])[1 + floor(random() * 6)] $$;
CREATE FUNCTION some_price() RETURNS numeric LANGUAGE sql VOLATILE AS $$ SELECT ('{1,1.0,1.00,2,2.5,NULL}'::numeric[])[1 + floor(random() * 6)] $$;
CREATE FUNCTION some_mood() RETURNS mood LANGUAGE sql VOLATILE AS $$ SELECT ('{sad,ok,happy,NULL}'::mood[])[1 + floor(random() * 4)] $$;
CREATE FUNCTION change_something() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	-- a number below 1 each, so that one statement uses it once
	a integer := 1 + floor(random() * 8);
	b integer := 1 + floor(random() * 20);
	o integer := upto(4); l integer := upto(9); p integer := upto(3); t text := some_text();
	c numeric := some_price(); m mood := some_mood();
BEGIN
	CASE floor(random() * 16)::integer
	WHEN 0, 1 THEN INSERT INTO list VALUES (a, o, t, m, c) ON CONFLICT DO NOTHING;
	WHEN 2 THEN UPDATE list SET owner = o, name = t WHERE id = a;
	WHEN 3 THEN UPDATE list SET mood = m, price = c WHERE id = a;
	WHEN 4 THEN DELETE FROM list WHERE id = a;
	WHEN 5, 6, 7 THEN INSERT INTO item VALUES (b, l, random() < 0.5, p, t, some_text()) ON CONFLICT DO NOTHING;
	WHEN 8 THEN UPDATE item SET list_id = l WHERE id = b;
	WHEN 9 THEN UPDATE item SET tag = t, pos = p, done = NOT done, id = id + CASE WHEN EXISTS (SELECT FROM item WHERE id = b + 100) THEN 0 ELSE 100 END WHERE id = b;
	WHEN 10 THEN DELETE FROM item WHERE id IN (b, b + 1, b + 100);
	WHEN 11 THEN INSERT INTO member VALUES (a, coalesce(p, 4)) ON CONFLICT DO NOTHING;
	WHEN 12 THEN DELETE FROM member WHERE list_id = a OR usr = l;
	WHEN 13 THEN
		INSERT INTO tag VALUES (coalesce(t, 'd'), coalesce(l, 1)) ON CONFLICT (name) DO UPDATE SET weight = excluded.weight;
		DELETE FROM tag WHERE weight = o;
	WHEN 14 THEN
		INSERT INTO priced VALUES (coalesce(c, 3), t) ON CONFLICT (price) DO UPDATE SET label = excluded.label;
		DELETE FROM priced WHERE price = o;
		INSERT INTO moods VALUES (coalesce(m, 'sad'), t) ON CONFLICT (mood) DO UPDATE SET label = excluded.label;
	ELSE
		INSERT INTO secret VALUES (coalesce(c, 3), a, t) ON CONFLICT (price) DO UPDATE SET list_id = excluded.list_id;
		DELETE FROM secret WHERE price = o;
	END CASE;
END $$;

-- After each batch

CREATE FUNCTION touched(s shape, without text) RETURNS TABLE (cut integer, value text, hash bigint) LANGUAGE plpgsql AS $$
DECLARE
	relations oid[];
	images text[];
BEGIN
	SELECT array_agg(relation), array_agg(image) INTO relations, images FROM change WHERE is_new OR without <> 'old images';
	IF s.reader THEN
		RETURN QUERY SELECT * FROM reader_values_of(s, relations, images);
	ELSIF images IS NOT NULL THEN
		RETURN QUERY SELECT * FROM values_of(s, relations, images);
	END IF;
END $$;
CREATE FUNCTION some_rows(s shape, cuts integer[] DEFAULT '{}', cut_values text[] DEFAULT '{}') RETURNS TABLE (key_text text, row_text text, hashes bigint[])
LANGUAGE plpgsql AS $$
BEGIN
	IF s.reader THEN
		RETURN QUERY SELECT * FROM reader_rows_of(s, cuts, cut_values);
	ELSE
		RETURN QUERY SELECT * FROM rows_of(s, cuts, cut_values);
	END IF;
END $$;
CREATE FUNCTION maintain(s shape, batch integer, without text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	way text := 'nothing';
	different integer;
	cuts integer[];
	cut_values text[];
	hashes_of bigint[];
BEGIN
	SELECT array_agg(v.cut), array_agg(v.value), array_agg(v.hash) INTO cuts, cut_values, hashes_of
		FROM (SELECT DISTINCT ON (t.cut, t.hash) t.* FROM touched(s, without) t WHERE t.value IS NOT NULL OR t.cut < 0 OR without <> 'null') v;
	IF -1 = ANY (cuts) THEN
		way := 'full';
		DELETE FROM state WHERE n = s.n;
		INSERT INTO state SELECT s.n, r.* FROM some_rows(s) r;
	ELSIF cuts IS NOT NULL THEN
		way := 'restricted';
		DELETE FROM state x USING unnest(cuts, hashes_of) AS v (cut, hash) WHERE x.n = s.n AND x.hashes[v.cut + 1] = v.hash;
		INSERT INTO state SELECT DISTINCT ON (r.key_text) s.n, r.* FROM some_rows(s, cuts, cut_values) r ON CONFLICT DO NOTHING;
	END IF;
	SELECT count(*) INTO different FROM
		(SELECT x.key_text, x.row_text FROM state x WHERE x.n = s.n) a FULL JOIN some_rows(s) b USING (key_text, row_text)
		WHERE a IS NULL OR b IS NULL;
	INSERT INTO run VALUES (s.n, maintain.batch, way, different);
END $$;
CREATE PROCEDURE play(seed float8, batches integer, without text DEFAULT 'nothing') LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(seed);
	TRUNCATE list, item, member, tag, priced, moods, secret, state, run, change;
	FOR i IN 1 .. 60 LOOP PERFORM change_something(); END LOOP;
	DELETE FROM change;
	INSERT INTO state SELECT s.n, r.* FROM shape s, some_rows(s) r;
	FOR i IN 1 .. batches LOOP
		FOR j IN 0 .. coalesce(upto(5), 0) LOOP PERFORM change_something(); END LOOP;
		PERFORM maintain(s, i, without) FROM shape s;
		DELETE FROM change;
	END LOOP;
END $$;

SET regress.uid = 2;

-- Nothing is different, and only these are run in full

CALL play(0.1, 12);
SELECT s.what, r.batch, r.way, r.different FROM run r JOIN shape s USING (n) WHERE r.different > 0 ORDER BY s.n, r.batch;
SELECT s.what, bool_or(r.way = 'restricted') AS restricted, bool_or(r.way = 'full') AS full
FROM run r JOIN shape s USING (n) GROUP BY s.n HAVING bool_or(r.way = 'full') ORDER BY s.n;
SELECT count(DISTINCT n) > 40 AS restricted FROM run WHERE way = 'restricted';

-- What this would not find is no proof: without old images, and without NULL

CALL play(0.1, 12, 'old images');
SELECT count(DISTINCT n) > 10 AS found FROM run WHERE different > 0;
CALL play(0.1, 12, 'null');
SELECT count(DISTINCT n) > 5 AS found FROM run WHERE different > 0;

DROP OWNED BY regress_oracle_reader;
DROP ROLE regress_oracle_reader;
DROP SCHEMA regress_oracle CASCADE;
