--
-- What is known about a SELECT before it is run as a live query.
--
SET client_min_messages = warning;
CREATE SCHEMA regress_query;
SET search_path = regress_query;
\pset null '-'
\pset format unaligned
CREATE FUNCTION explain_query(sql text, key text DEFAULT 'id', types regtype[] DEFAULT '{}',
	depends_on regclass[] DEFAULT '{}', may_be_stale boolean DEFAULT false,
	OUT relation text, OUT alias text, OUT read_in text, OUT used text, OUT needed text,
	OUT filters text, OUT cut text, OUT path text, OUT plan text, OUT why_full text, OUT hint text)
RETURNS SETOF record LANGUAGE c AS 'realtime', 'realtime_query_explain';
CREATE FUNCTION refused(sql text, key text DEFAULT 'id', depends_on regclass[] DEFAULT '{}',
	OUT state text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM explain_query(sql, key, depends_on => depends_on);
	state := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;

CREATE TABLE list (id integer PRIMARY KEY, owner integer, name text);
CREATE TABLE item (id integer PRIMARY KEY, list_id integer, done boolean, pos integer, title text);
CREATE TABLE member (list_id integer, usr integer, PRIMARY KEY (list_id, usr));
CREATE VIEW open_item AS SELECT i.id, i.pos, l.name FROM item i JOIN list l ON l.id = i.list_id WHERE NOT done;
CREATE MATERIALIZED VIEW stands AS SELECT * FROM item;
CREATE TEMP TABLE draft (id integer);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE abroad (id integer) SERVER nowhere;
CREATE TABLE divided (id integer) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE divided_abroad PARTITION OF divided DEFAULT SERVER nowhere;
CREATE SEQUENCE counter;
CREATE FUNCTION uid() RETURNS integer LANGUAGE sql STABLE
	AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::integer $$;
CREATE FUNCTION owned(list integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = regress_query
	AS $$ SELECT EXISTS (SELECT FROM list WHERE id = $1 AND owner = uid()) $$;
CREATE FUNCTION opened(list integer) RETURNS bigint STABLE
BEGIN ATOMIC
	SELECT count(*) FROM open_item WHERE pos > list;
END;
CREATE FUNCTION unseen(list integer) RETURNS boolean LANGUAGE plpgsql STABLE
	AS $$ BEGIN RETURN EXISTS (SELECT FROM member WHERE list_id = list); END $$;
CREATE FUNCTION dice() RETURNS integer LANGUAGE sql AS $$ SELECT 4 $$;

--
-- What is refused
--
\pset expanded on
SELECT query, r.*
FROM (VALUES
	(1, 'SELECT 1 AS id; SELECT 2 AS id', 'id'),
	(2, '', 'id'),
	(3, 'DELETE FROM item RETURNING id', 'id'),
	(4, 'WITH d AS (DELETE FROM item RETURNING id) SELECT id FROM d', 'id'),
	(5, 'SELECT id INTO other FROM item', 'id'),
	(6, 'SELECT id FROM item WHERE list_id = $1 FOR UPDATE', 'id'),
	(7, 'SELECT id FROM item TABLESAMPLE system (1)', 'id'),
	(8, 'SELECT id FROM abroad', 'id'),
	(9, 'SELECT id FROM divided', 'id'),
	(10, 'SELECT id FROM stands', 'id'),
	(11, 'SELECT id FROM draft', 'id'),
	(12, 'SELECT oid::text AS id FROM pg_class', 'id'),
	(13, 'SELECT last_value AS id FROM counter', 'id'),
	(14, 'SELECT id, xmin FROM item', 'id'),
	(15, 'SELECT id, random() FROM item', 'id'),
	(16, 'SELECT id, nextval(''counter'') FROM item', 'id'),
	(17, 'SELECT id, dice() FROM item', 'id'),
	(18, 'SELECT id FROM item WHERE unseen(list_id)', 'id'),
	(19, 'SELECT id, title < now()::text FROM item', 'id'),
	(20, 'SELECT id FROM item WHERE title < current_date::text', 'id'),
	(21, 'SELECT id FROM item', 'key'),
	(22, 'SELECT id, pos FROM item', 'id,'),
	(23, 'SELECT point(1, 2) AS id FROM item', 'id'),
	(24, 'SELECT i.id, l.id FROM item i, list l', 'id'),
	(25, 'SELECT id FROM item ORDER BY pos FETCH FIRST 3 ROWS WITH TIES', 'id'),
	(26, 'SELECT id FROM item LIMIT (SELECT count(*) FROM list)', 'id'),
	(27, 'SELECT $1 AS id', 'id'),
	(28, 'SELECT id FROM item WHERE realtime.seq(title) > 1', 'id'),
	(29, 'SELECT id FROM nothing', 'id')
) AS refusals (number, query, key), refused(query, key) r
ORDER BY number;

--
-- What is read: through views, policies of all roles, and functions
--
\pset expanded off
SELECT relation, alias, read_in, used FROM explain_query('SELECT id, pos FROM item WHERE NOT done');
SELECT relation, alias, read_in, used FROM explain_query('SELECT i FROM item i', 'i');
SELECT relation, alias, read_in, used FROM explain_query('SELECT * FROM open_item WHERE pos > 3');
SELECT relation, alias, read_in, used FROM explain_query(
	'WITH x AS (SELECT id, list_id FROM item), y AS (SELECT list_id FROM x)
	 SELECT l.id, (SELECT count(*) FROM x WHERE x.list_id = l.id) n FROM list l WHERE EXISTS (SELECT FROM y WHERE y.list_id = l.id)');
SELECT relation, alias, read_in, used FROM explain_query(
	'SELECT list_id, l.name, count(*) FROM item JOIN (SELECT id AS list_id, name FROM list) l USING (list_id) GROUP BY list_id, l.name', 'list_id');
SELECT relation, alias, read_in, used FROM explain_query('SELECT id FROM item WHERE owned(list_id)');
SELECT relation, alias, read_in, used FROM explain_query('SELECT id, opened(pos) FROM item');
SELECT relation, alias, read_in, used FROM explain_query('SELECT id FROM item WHERE unseen(list_id)', depends_on => '{member}');
SELECT relation, alias, read_in, used FROM explain_query('SELECT id, now() FROM item', may_be_stale => true);

CREATE ROLE regress_query_reader;
GRANT USAGE ON SCHEMA regress_query TO regress_query_reader;
GRANT SELECT ON item, list, member TO regress_query_reader;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON item FOR SELECT TO regress_query_reader
	USING (EXISTS (SELECT FROM member m WHERE m.list_id = item.list_id AND m.usr = uid()));
CREATE POLICY writers ON item FOR INSERT TO regress_query_reader
	WITH CHECK (EXISTS (SELECT FROM list));
-- this role passes by policies: they are read for others
SELECT relation, alias, read_in, used FROM explain_query('SELECT id FROM item');
SET ROLE regress_query_reader;
SELECT relation, alias, read_in, used FROM explain_query('SELECT id FROM item');
RESET ROLE;

DROP SCHEMA regress_query CASCADE;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
DROP OWNED BY regress_query_reader;
DROP ROLE regress_query_reader;
