--
-- Aggregates: what can be declared, and what is refused
--
SET TimeZone = 'UTC';
CREATE SCHEMA app;

-- ---- reducers ----
SELECT realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount'),
	realtime.reducer('most', 'max(integer)'::regprocedure, 'a.b');
CREATE FUNCTION app.longest(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT CASE WHEN length($2) > length($1) THEN $2 ELSE $1 END$$;
CREATE AGGREGATE app.longest(text) (SFUNC = app.longest, STYPE = text, INITCOND = '');
CREATE FUNCTION app.merge(jsonb, jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT $1 || $2$$;
CREATE AGGREGATE app.merge(jsonb) (SFUNC = app.merge, STYPE = jsonb, INITCOND = '{}', COMBINEFUNC = app.merge);
CREATE FUNCTION app.add(bigint, integer, integer) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2 + $3';
CREATE AGGREGATE app.both(integer, integer) (SFUNC = app.add, STYPE = bigint);
CREATE AGGREGATE app.list(jsonb) (SFUNC = array_append, STYPE = jsonb[]);
CREATE FUNCTION app.kept(jsonb, jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION app.may() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.before() RETURNS SETOF jsonb LANGUAGE sql STABLE AS 'SELECT jsonb_build_object(''amount'', 1)';

SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'),
	realtime.reducer('total', 'sum(numeric)', 'amount'), realtime.reducer('mean', 'avg(numeric)', 'amount'),
	realtime.reducer('least', 'min(integer)', 'amount'), realtime.reducer('all', 'app.list(jsonb)', 'amount'),
	realtime.reducer('longest', 'app.longest(text)', 'name'), realtime.reducer('every', 'bool_and(boolean)', 'paid'),
	realtime.reducer('given', 'count("any")', 'name'), realtime.reducer('last', 'app.merge(jsonb)'),
	realtime.reducer('deviation', 'stddev(float8)', 'amount'));
SELECT path, source, topic, names, aggregates, fields, owner = current_user::regrole AS mine, initial
FROM realtime.aggregate_declaration;
SELECT realtime.aggregate('shop/more', 'orders:*', ARRAY[realtime.reducer('n', 'count(*)')], access => 'app.may()',
	guard => '{app.may()}', snapshot => 'app.before()');
SELECT realtime.aggregate('shop/templates', 'orders:{city}', NULL, realtime.reducer('n', 'count(*)'));
SELECT path, source, topic, access, guards, snapshot FROM realtime.aggregate_declaration WHERE path <> 'shop/sales' ORDER BY path;

-- the functions of a declaration cannot go without it
DROP AGGREGATE app.longest(text);
ALTER AGGREGATE app.longest(text) RENAME TO longest_of;
SELECT aggregates[6] FROM realtime.aggregate_declaration WHERE path = 'shop/sales';

-- what cannot be a reducer
\set VERBOSITY terse
SELECT realtime.aggregate('a/b', 'x', NULL);
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'count(*)'), realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'count(*)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'sum(integer)'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'sum(integer)', 'a..b'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'length(text)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'app.both(integer, integer)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'mode(anyelement)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'jsonb_agg(anyelement)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'array_agg(anyarray)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, realtime.reducer('n', 'nothing(text)', 'a'));
SELECT realtime.aggregate('a/b', 'x', NULL, VARIADIC ARRAY[NULL]::realtime.reducer[]);
SELECT realtime.aggregate('a/b', 'x', NULL, ROW('n', NULL, NULL)::realtime.reducer);

-- what cannot be an aggregate
SELECT realtime.aggregate('ab', 'x', NULL, realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', '__x', NULL, realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x{', NULL, realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', '', NULL, realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', 'y{z}', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', '__y', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', 'x', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'sales:*', 'orders:back', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'shop/more', 'orders:back', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('a/b', 'x', ARRAY[realtime.reducer('n', 'count(*)')], access => 'app.before()');
SELECT realtime.aggregate('a/b', 'x', ARRAY[realtime.reducer('n', 'count(*)')], snapshot => 'app.may()');
SELECT realtime.aggregate('a/b', 'x', ARRAY[realtime.reducer('n', 'count(*)')], class_of_service => 'none');
SELECT realtime.topic('kept', 'replay');
SELECT realtime.aggregate('a/b', 'x', 'kept', realtime.reducer('n', 'count(*)'));

-- ---- windows ----
SELECT realtime.aggregate_window('shop/none', 'day', 'tumbling', 'day');
SELECT realtime.aggregate_window('shop/sales', 'a/b', 'lifetime');
SELECT realtime.aggregate_window('shop/sales', 'day', 'rolling');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'fortnight');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'day', 'Europe/Nowhere');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'day', duration => '1 day');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'day', anchor => '2026-01-01');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', duration => '1 month');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', duration => '10 ms');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', time_zone => 'UTC', duration => '1 h');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', duration => '1 h', anchor => 'infinity');
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'day', slide => '1 h');
SELECT realtime.aggregate_window('shop/more', 'hour', 'sliding', duration => '1 h');
SELECT realtime.aggregate_window('shop/more', 'hour', 'sliding', duration => '1 h', slide => '2 h');
SELECT realtime.aggregate_window('shop/more', 'hour', 'sliding', duration => '1 h', slide => '1 s');
SELECT realtime.aggregate_window('shop/more', 'hour', 'sliding', 'hour', duration => '1 h', slide => '1 min');
SELECT realtime.aggregate_window('shop/sales', 'hour', 'sliding', duration => '1 h', slide => '1 min');
SELECT realtime.aggregate_window('shop/more', 'all', 'lifetime', 'day');

SELECT realtime.aggregate_window('shop/sales', 'today', 'tumbling', 'day', 'Europe/Berlin'),
	realtime.aggregate_window('shop/sales', 'shift', 'tumbling', duration => '8 h', anchor => '2026-01-01 06:00+00'),
	realtime.aggregate_window('shop/sales', 'always', 'lifetime'),
	realtime.aggregate_window('shop/more', 'hour', 'sliding', duration => '1 h', slide => '1 min');
SELECT * FROM realtime.aggregate_window_declaration ORDER BY path, name;
-- an aggregate that has it keeps what the window needs
SELECT realtime.aggregate('shop/more', 'orders:*', NULL, realtime.reducer('longest', 'app.longest_of(text)', 'name'));
-- whose topics the windows have
SELECT realtime.aggregate('a/b', 'x', 'sales:today', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate('back/sales', 'shop/more:hour', 'orders:back', realtime.reducer('n', 'count(*)'));
SELECT realtime.drop_aggregate_window('shop/sales', 'shift'), realtime.drop_aggregate_window('shop/sales', 'shift');

-- somebody else's
CREATE ROLE regress_clerk IN ROLE realtime_admin;
SET ROLE regress_clerk;
SELECT realtime.aggregate_window('shop/sales', 'day', 'tumbling', 'day');
SELECT realtime.aggregate('own/sales', 'orders', NULL, realtime.reducer('longest', 'app.longest_of(text)', 'name'));
SELECT realtime.aggregate('own/sales', 'orders', NULL, realtime.reducer('n', 'count(*)'));
RESET ROLE;
SELECT owner FROM realtime.aggregate_declaration WHERE path = 'own/sales';
SELECT realtime.drop('own/sales');
DROP ROLE regress_clerk;

-- ---- events: written down by who publishes, if and only if it commits ----
BEGIN;
SELECT realtime.publish('orders', 'sold', '{"amount": 1}');
SAVEPOINT s;
SELECT realtime.publish('orders', 'sold', '{"amount": 2}');
ROLLBACK TO s;
SELECT realtime.publish('other', 'sold', '{"amount": 3}');
SELECT count(*) FROM realtime.intake WHERE published_at >= now();		-- what others have published may still be there
ROLLBACK;
BEGIN READ ONLY;
SELECT realtime.publish('orders', 'sold', '{"amount": 1}');
ROLLBACK;

-- replaced by others, and dropped
SELECT realtime.channel('shop/templates', 'templates');
SELECT path FROM realtime.aggregate_declaration ORDER BY path;
SELECT realtime.drop('shop/sales');
SELECT path, name FROM realtime.aggregate_window_declaration;
DROP AGGREGATE app.longest_of(text);
SELECT realtime.drop('shop/more'), realtime.drop('shop/templates'), realtime.drop('a/b'), realtime.drop('kept');
\set VERBOSITY default
DROP SCHEMA app CASCADE;

-- ---- parts that are jsonb ----
SELECT realtime.counts(kind) FROM (VALUES ('tea'), ('cake'), (NULL), ('tea')) AS sold (kind);
SELECT realtime.aggregate('shop/kinds', 'orders', NULL, realtime.reducer('kinds', 'realtime.counts(text)', 'kind'));
SELECT realtime.aggregate_window('shop/kinds', 'hour', 'sliding', duration => '1 h', slide => '1 min');
SELECT realtime.combine_counts('{"a": 1}', NULL), realtime.combine_merge('{"a": 1}', '{"a": null}');
SELECT realtime.drop('shop/kinds');
