--
-- Live queries
--
CREATE FUNCTION realtime.query(
	path text,
	sql text DEFAULT NULL,
	loader regprocedure DEFAULT NULL,
	key text DEFAULT 'id',
	parameters regtype[] DEFAULT NULL,
	depends_on regclass[] DEFAULT '{}',
	stale_after interval DEFAULT NULL,
	debounce interval DEFAULT '0',
	max_rows integer DEFAULT 10000,
	access regprocedure DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	transform regprocedure DEFAULT NULL,
	on_subscribe regprocedure DEFAULT NULL,
	on_unsubscribe regprocedure DEFAULT NULL,
	on_error regprocedure DEFAULT NULL,
	max integer DEFAULT NULL,
	prepend boolean DEFAULT false,
	class_of_service text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_query';
COMMENT ON FUNCTION realtime.query(text, text, regprocedure, text, regtype[], regclass[], interval, interval, integer, regprocedure, regprocedure[], regprocedure, regprocedure, regprocedure, regprocedure, integer, boolean, text) IS
'Lets clients follow the rows of a SELECT, which are kept true when the tables change that it reads, without a publish anywhere. Replaces what was declared for the path.
sql: the SELECT; $1 and so on are the client''s args. loader: instead, a STABLE function of LANGUAGE sql that returns rows.
key: column or columns, separated by commas, that name a row of the result. parameters: types of $1 and so on, as in PREPARE; NULL is as the query needs them.
depends_on: tables that functions read which the query calls. stale_after: run again after this time whatever has changed; needed if it depends on the time. debounce: time for which changes are gathered. max_rows: rows that the result may have.
access, guard, transform, on_subscribe, on_unsubscribe, on_error, max, prepend, class_of_service: as in realtime.stream(); arguments are those of the query.
Triggers on the tables that it reads note what has changed. So their owners must consent: they declare it themselves, or GRANT TRIGGER. A LIMIT without a total order is ordered by the key, too.
Errors: 22023 for an option that is wrong, 42601 or any other error of the SELECT, 0A000 for a query that cannot be followed, 42P18 for a parameter of unknown type, 42703 for a key that is no column, 42501 for a table whose owner has not consented, 55P03 if it was in use for 5 s, 42883, 42809 or 42P13 for a function that will not do, 42704 for a class that does not exist.';

CREATE FUNCTION realtime.explain_query(
	path text,
	OUT relation text,
	OUT alias text,
	OUT read_in text,
	OUT used text,
	OUT needed text,
	OUT filters text,
	OUT cut text,
	OUT way text,
	OUT plan text,
	OUT why_full text,
	OUT hint text,
	OUT tally text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'realtime_explain_query';
COMMENT ON FUNCTION realtime.explain_query(text) IS
'How a live query is kept true when it is run as the current role: a row for each time that it reads a table.
read_in: the query itself, a policy, a function. used: columns whose changes matter. needed: those whose values are told with a change. filters: what a row must pass to matter.
cut: the column by which a run after a change of this table is restricted. way: how its values are found from the changed row, through other tables if need be. plan: how tables are read then.
why_full: why there is no cut, so that the whole query is run. hint: an index or a condition that would help.
tally: of a query with groups, how many counts and sums large ones are kept by, without reading their rows; or why they are read.
Errors: 42704 for a path that is no live query, those of the query.';
