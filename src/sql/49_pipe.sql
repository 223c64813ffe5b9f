--
-- What becomes of the items of a stream's value, and of its events
--
CREATE TYPE realtime.pipe_step AS (
	kind text,
	function regprocedure,
	field text,
	option text,
	live boolean
);
COMMENT ON TYPE realtime.pipe_step IS
	'A step of realtime.pipe(), made by realtime.pipe_filter() and its like';
COMMENT ON COLUMN realtime.pipe_step.kind IS
	'filter, sort, limit or join';
COMMENT ON COLUMN realtime.pipe_step.function IS
	'The filter or resolver';
COMMENT ON COLUMN realtime.pipe_step.field IS
	'The member that is sorted by, or names what is joined';
COMMENT ON COLUMN realtime.pipe_step.option IS
	'Direction of sort, number of limit, the member that join adds';
COMMENT ON COLUMN realtime.pipe_step.live IS
	'Whether events go through it, too';

CREATE FUNCTION realtime.pipe_filter(predicate regprocedure, live boolean DEFAULT false) RETURNS realtime.pipe_step
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('filter', $1, NULL, NULL, $2)::realtime.pipe_step $$;
COMMENT ON FUNCTION realtime.pipe_filter(regprocedure, boolean) IS
'A step of realtime.pipe() that leaves items out: those for which predicate, (item jsonb) and perhaps the loader''s parameters, does not return true.
live: events, too. Then it takes nothing but the item. An "updated" of a row that passes is told as "created", which replaces a row that a client has, and one that does not as "deleted" with its key.';

CREATE FUNCTION realtime.pipe_sort(field text, direction text DEFAULT 'asc') RETURNS realtime.pipe_step
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('sort', NULL, $1, $2, false)::realtime.pipe_step $$;
COMMENT ON FUNCTION realtime.pipe_sort(text, text) IS
'A step of realtime.pipe() that sorts items by a member, "amount" or "order.amount", as jsonb values are sorted; direction: "asc" or "desc". What has none, or null, is greater than all that have, as in ORDER BY; items that are the same keep their order.';

CREATE FUNCTION realtime.pipe_limit(n integer) RETURNS realtime.pipe_step
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('limit', NULL, NULL, $1::text, false)::realtime.pipe_step $$;
COMMENT ON FUNCTION realtime.pipe_limit(integer) IS
'A step of realtime.pipe() that leaves out all items behind the first n.';

CREATE FUNCTION realtime.pipe_join(field text, resolver regprocedure, as_field text, live boolean DEFAULT false) RETURNS realtime.pipe_step
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ROW('join', $2, $1, $3, $4)::realtime.pipe_step $$;
COMMENT ON FUNCTION realtime.pipe_join(text, regprocedure, text, boolean) IS
'A step of realtime.pipe() that gives each item a member more, as_field: what resolver knows of the value of its member field, or null. resolver, (ids text[]) and perhaps the loader''s parameters, returns a jsonb object with a member for each id; it is called once for all items.
live: events, too, one call for each. Then it takes nothing but the ids.';

CREATE FUNCTION realtime.pipe(path text, VARIADIC steps realtime.pipe_step[] DEFAULT '{}') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_pipe';
COMMENT ON FUNCTION realtime.pipe(text, realtime.pipe_step[]) IS
'Lets the value of a stream, or of a room, go through steps, one after the other, before its transform: what its loader returns, and what it is loaded anew; with pages each by itself. Replaces what was declared for the path; without steps there is none any more. It stays if the stream is declared again, and goes with it.
Filters and resolvers run as who follows the stream, in the transaction and at the snapshot of its loader; for events, of steps that are live, once for all, in the transaction that publishes and with the rights of whoever does. All streams of a topic have the same live steps.
Errors: 42704 if there is no such stream, 22023 for a step that is wrong, 0A000 for a live query, channel or aggregate, 42710 if another stream of the topic has other live steps, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it.';
