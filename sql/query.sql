--
-- realtime.query(): what is stored, the triggers of tables that are read, and
-- every way to get it wrong.
--
\set VERBOSITY terse
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
CREATE VIEW watched AS
	SELECT tgrelid::regclass::text COLLATE "C" AS relation, tgenabled AS enabled,
		CASE WHEN tgparentid <> 0 THEN 'copy' WHEN tgname ~ 'truncate$' THEN 'truncate' ELSE 'row' END AS kind,
		(realtime.live_table_arguments(tgargs))::text AS columns
	FROM pg_trigger WHERE tgfoid = 'realtime.query_table_changed()'::regprocedure ORDER BY 1, 3;
CREATE SCHEMA app;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text, secret text);
CREATE TABLE app.todo (id integer PRIMARY KEY, list integer, title text, done boolean, junk text);
CREATE VIEW app.open AS SELECT id, list, title FROM app.todo WHERE NOT done;
CREATE FUNCTION app.mine(l integer) RETURNS TABLE (id integer, title text) STABLE LANGUAGE sql AS 'SELECT t.id, t.title FROM app.todo t WHERE t.list = l';
CREATE FUNCTION app.may(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.may_text(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.change(data jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT data';
CREATE FUNCTION app.seen(topic text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.one() RETURNS integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.wild() RETURNS SETOF app.list VOLATILE LANGUAGE sql AS 'SELECT * FROM app.list';
CREATE FUNCTION app.plain() RETURNS SETOF app.list STABLE LANGUAGE plpgsql AS 'BEGIN END';

-- what is stored: all names with their schemas
SET search_path TO app, public;
SELECT realtime.query('app/open', 'SELECT o.id, o.title, l.owner FROM open o JOIN list l ON l.id = o.list WHERE l.id = $1',
	stale_after => '1 min', debounce => '10 ms', max_rows => 50, access => 'app.may(integer)', guard => '{app.may(integer)}',
	transform => 'app.change(jsonb)', on_subscribe => 'app.seen(text)', max => 10, prepend => true);
RESET search_path;
\pset expanded on
SELECT path, regexp_replace(sql, '\s+', ' ', 'g') AS sql, loader, key, parameters, depends_on, stale_after, debounce, max_rows, access, guards,
	transform, on_subscribe, on_unsubscribe, on_error, max, prepend, class_of_service FROM realtime.query_declaration;
\pset expanded off
SELECT * FROM watched;
SELECT kind, purpose, signature FROM realtime.declared_functions() ORDER BY purpose;

-- triggers follow the declarations
SELECT id AS old_id FROM realtime.query_declaration \gset
SELECT realtime.query('app/open', 'SELECT id, owner FROM app.list', key => 'owner,id');
SELECT id <> :old_id AS other_id, key FROM realtime.query_declaration;
SELECT realtime.query('app/top', 'SELECT id, title FROM app.todo ORDER BY title LIMIT 3');
SELECT realtime.query('app/top', 'SELECT id, title FROM app.todo ORDER BY title, id LIMIT 3');
SELECT realtime.query('app/count', 'SELECT count(*) AS n FROM app.todo', key => 'n');
SELECT realtime.query('app/mine', loader => 'app.mine(integer)', depends_on => '{app.list}');
SELECT * FROM watched;
SELECT path, loader, parameters, depends_on FROM realtime.query_declaration WHERE loader IS NOT NULL;
ALTER FUNCTION app.mine(integer) RENAME TO ours;
SELECT loader FROM realtime.query_declaration WHERE loader IS NOT NULL;
SELECT (try('DROP FUNCTION app.ours(integer)')).*;
DROP FUNCTION app.ours(integer) CASCADE;
SELECT path FROM realtime.query_declaration ORDER BY 1;

-- one path is one thing
SELECT realtime.rpc('app/open', 'app.one()');
SELECT realtime.stream('app/count', 'count', 'app.one()');
SELECT path FROM realtime.query_declaration ORDER BY 1;
SELECT * FROM watched;
SELECT realtime.query('app/open', 'SELECT id FROM app.list'), realtime.query('app/count', 'SELECT id FROM app.list');
SELECT count(*) FROM realtime.rpc_declaration;
SELECT count(*) FROM realtime.stream_declaration;
SELECT realtime.drop('app/open'), realtime.drop('app/count'), realtime.drop('app/top'), realtime.drop('app/top');
SELECT * FROM watched;

-- partitions, heirs, views
CREATE TABLE app.part (id integer, n integer) PARTITION BY RANGE (id);
CREATE TABLE app.part1 PARTITION OF app.part FOR VALUES FROM (0) TO (10);
CREATE TABLE app.base (id integer, n integer);
CREATE TABLE app.heir (x integer) INHERITS (app.base);
CREATE VIEW app.chosen AS SELECT id FROM app.base;
SELECT realtime.query('app/part1', 'SELECT id, n FROM app.part1');
SELECT * FROM watched;
SELECT realtime.query('app/part', 'SELECT id FROM app.part'), realtime.query('app/base', 'SELECT id FROM app.base WHERE n > 0'),
	realtime.query('app/chosen', 'SELECT id FROM app.chosen');
CREATE TABLE app.heir2 () INHERITS (app.base);
CREATE OR REPLACE VIEW app.chosen AS SELECT id FROM app.list;
SELECT * FROM watched;
ALTER TABLE app.part DETACH PARTITION app.part1;
SELECT * FROM watched WHERE relation ~ 'part';
ALTER TABLE app.part ATTACH PARTITION app.part1 FOR VALUES FROM (0) TO (10);
SELECT * FROM watched WHERE relation ~ 'part';
ALTER TABLE app.part RENAME n TO m;
SELECT * FROM watched WHERE relation ~ 'part' AND kind <> 'truncate';
DROP TABLE app.part;
SELECT realtime.drop('app/part'), realtime.drop('app/base');
SELECT relation FROM watched WHERE kind = 'row';
SELECT realtime.drop('app/part1'), realtime.drop('app/chosen');
SELECT * FROM watched;

-- the owner's consent
CREATE ROLE regress_declarer IN ROLE realtime_admin;
GRANT USAGE ON SCHEMA app TO regress_declarer;
GRANT SELECT ON app.list TO regress_declarer;
SET ROLE regress_declarer;
SELECT (try($$SELECT realtime.query('app/list', 'SELECT id FROM app.list')$$)).*;
RESET ROLE;
GRANT TRIGGER ON app.list TO regress_declarer;
SET ROLE regress_declarer;
SELECT realtime.query('app/list', 'SELECT id FROM app.list');
RESET ROLE;
SELECT * FROM watched;
REVOKE TRIGGER ON app.list FROM regress_declarer;
SET ROLE regress_declarer;
SELECT realtime.drop('app/list');
RESET ROLE;
SELECT * FROM watched;
DROP OWNED BY regress_declarer;
DROP ROLE regress_declarer;

-- what is refused
SELECT * FROM (VALUES
	($$SELECT realtime.query('list', 'SELECT id FROM app.list')$$),
	($$SELECT realtime.query('app/no')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', loader => 'app.plain()')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.lost')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list WHERE id = $2')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', key => 'x')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', key => NULL)$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', parameters => '{NULL}')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', depends_on => '{NULL}')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', stale_after => '0')$$),
	($$SELECT realtime.query('app/no', 'SELECT id, now() FROM app.list')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', debounce => '-1 s')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', debounce => NULL)$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', max_rows => 0)$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', max => 0)$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', prepend => NULL)$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', on_error => 'app.may(integer)')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', class_of_service => 'gold')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list WHERE id = $1', access => 'app.may_text(text)')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', guard => '{app.may(integer)}')$$),
	($$SELECT realtime.query('app/no', 'SELECT id FROM app.list', transform => 'app.may(integer)')$$),
	($$SELECT realtime.query('app/no', loader => 'app.one()')$$),
	($$SELECT realtime.query('app/no', loader => 'app.wild()')$$),
	($$SELECT realtime.query('app/no', loader => 'app.plain()')$$),
	($$SELECT realtime.query('app/no', loader => 'app.mine(integer)', parameters => '{integer}')$$),
	($$CREATE TRIGGER t BEFORE INSERT ON app.list FOR EACH ROW EXECUTE FUNCTION realtime.query_table_changed(); INSERT INTO app.list VALUES (1)$$),
	($$SELECT realtime.query_table_changed()$$)
	) AS t (command), try(command);

DROP SCHEMA app CASCADE;
DROP VIEW watched;
DROP FUNCTION try(text);
