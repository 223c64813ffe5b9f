
--
-- Streams and channels
--
CREATE TYPE realtime.page AS (data jsonb, has_more boolean, cursor jsonb);
COMMENT ON TYPE realtime.page IS
'What a loader returns that gives its value piece by piece: data is this piece, has_more whether there is another, cursor what realtime.cursor() is when the client asks for it.';

-- The cursor stands in the query as a literal without a type, so it becomes what
-- it is compared with, and an index on the key finds where to go on.
CREATE FUNCTION realtime.keyset_page(query text, key text DEFAULT 'id', size integer DEFAULT 50,
	descending boolean DEFAULT false) RETURNS realtime.page
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
AS $function$
DECLARE
	after text := realtime.cursor() OPERATOR(pg_catalog.#>>) '{}';
	direction text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
	compare text := CASE WHEN descending THEN '<' ELSE '>' END;
	result realtime.page;
BEGIN
	IF size OPERATOR(pg_catalog.<) 1 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'size must be greater than 0',
			HINT = 'It is the number of rows of a page.';
	END IF;
	EXECUTE pg_catalog.format($query$
		SELECT coalesce(pg_catalog.jsonb_agg(p.item ORDER BY p.n) FILTER (WHERE p.n OPERATOR(pg_catalog.<=) $1), '[]'),
			pg_catalog.count(*) OPERATOR(pg_catalog.>) $1,
			CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) $1 THEN
				pg_catalog.max(p.key::text) FILTER (WHERE p.n OPERATOR(pg_catalog.=) $1)::jsonb END
		FROM (SELECT pg_catalog.to_jsonb(q) AS item, pg_catalog.to_jsonb(q.%1$I) AS key,
				pg_catalog.row_number() OVER (ORDER BY q.%1$I %2$s) AS n
			FROM (%3$s) q %4$s ORDER BY q.%1$I %2$s LIMIT $1 OPERATOR(pg_catalog.+) 1) p
		$query$,
		key, direction, query, CASE WHEN after IS NOT NULL THEN pg_catalog.format('WHERE q.%I %s %L', key, compare, after) END)
		INTO result USING size;
	RETURN result;
END
$function$;
COMMENT ON FUNCTION realtime.keyset_page(text, text, integer, boolean) IS
'For a loader: a page of the rows of a query, which go on behind the one where the page before has ended, however many came or went since.
query: a SELECT without parameters; values in it are quoted with format(). The caller''s rights count.
key: column of it that is unique and never NULL; pages follow its order. An index on it makes each page as cheap as the first.
size: rows of a page.
descending: whether the greatest keys come first.';

CREATE FUNCTION realtime.stream(
	path text,
	topic text,
	loader regprocedure DEFAULT NULL,
	merge text DEFAULT 'crud',
	key text DEFAULT 'id',
	prepend boolean DEFAULT false,
	max integer DEFAULT NULL,
	replay boolean DEFAULT false,
	replay_size integer DEFAULT 1000,
	replay_ttl interval DEFAULT NULL,
	volatile boolean DEFAULT false,
	coalesce_by text DEFAULT NULL,
	access regprocedure DEFAULT NULL,
	gate regprocedure DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	transform regprocedure DEFAULT NULL,
	delta_version regprocedure DEFAULT NULL,
	delta_diff regprocedure DEFAULT NULL,
	delta_from_seq regprocedure DEFAULT NULL,
	schema_version integer DEFAULT NULL,
	migrate regprocedure[] DEFAULT '{}',
	stale_after interval DEFAULT NULL,
	invalidate_on text[] DEFAULT '{}',
	on_subscribe regprocedure DEFAULT NULL,
	on_unsubscribe regprocedure DEFAULT NULL,
	on_error regprocedure DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	shared boolean DEFAULT false,
	topic_by regprocedure DEFAULT NULL,
	breaker text DEFAULT NULL,
	fallback jsonb DEFAULT NULL,
	presence regprocedure DEFAULT NULL,
	debounce interval DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_stream';
COMMENT ON FUNCTION realtime.stream(text, text, regprocedure, text, text, boolean, integer, boolean, integer, interval, boolean, text, regprocedure, regprocedure, regprocedure[], regprocedure, regprocedure, regprocedure, regprocedure, integer, regprocedure[], interval, text[], regprocedure, regprocedure, regprocedure, text, boolean, regprocedure, text, jsonb, regprocedure, interval) IS
'Lets clients follow a value: they get what the loader returns and from then on the events of a topic. Replaces what was declared for the path.
topic: template of the topic. {name} is the loader''s parameter of that name, {1} its first, {user_id} the caller''s id.
topic_by: function that returns the topic (text) instead, one of those that the template makes with any values; takes nothing or the loader''s parameters, and is STABLE or IMMUTABLE. NULL refuses the arguments.
loader: function that returns the value to begin with; its parameters take the client''s args by position. It runs in a read-only transaction at one snapshot. Rows, an array, jsonb, or realtime.page for a value that comes in pieces. Without a loader it is a channel, see there.
merge: how clients put events into their value: crud (rows by key), latest (a list of the newest), set (the newest), presence or cursor.
key: member of a row that names it; prepend: new rows come first (both with crud). max: rows that clients keep (with crud or latest; latest keeps 50 unless told).
replay: events are numbered and kept, and who was away gets what it has missed; replay_size: how many are kept of a topic; replay_ttl: for how long.
volatile: events may be lost and have no order. Without replay and volatile they come in commit order.
coalesce_by: a client that is slow gets only the newest event for each value of this member of the data (id, or a.b), or of what a function (jsonb) returns, named with its parentheses.
guard: functions that run first, in this order; each returns boolean or void and takes nothing, "path text", or the loader''s parameters. access: returns boolean, takes nothing or the loader''s parameters. false, NULL or an error refuses.
gate: the same, but who is not let in gets no error and no value: the stream is closed for now.
transform: (data jsonb) returns jsonb; applied to each item of the value and to the data of events; NULL leaves it out.
delta_version: returns text, takes nothing or the loader''s parameters; a client that has this version keeps its value. delta_diff: (since text, parameters) returns the rows that have changed since, NULL is all anew.
delta_from_seq: (since bigint, parameters) returns the events that are no longer kept, as an array of {event, data, seq}; NULL is all anew.
schema_version, migrate: migrate[n](item jsonb) takes an item of version n to version n + 1, for clients that are older.
stale_after: the value is loaded again when no event has come for this time. invalidate_on: patterns of topics whose events have it loaded again; * is one or more characters. With a placeholder in braces it is a template, and of the stream''s topics only those with the same values are concerned.
debounce: how long none of these must come before it is loaded again.
on_subscribe([topic text]), on_unsubscribe([topic text, [remaining integer]]), on_error([code text, [message text, [topic text]]]): run when somebody begins or ceases to follow it, or the value cannot be loaded.
class_of_service: the class whose rules refuse it under load. shared: the loader''s result does not depend on who asks, so that identical loads run once.
breaker: name of a realtime.breaker(), for the loader and the delta functions; fallback: the value that clients get while it is broken, instead of SERVICE_UNAVAILABLE, until it can be loaded.
presence: function that returns what others see of the caller (jsonb, up to 8 kB; NULL: nothing, he is not seen); takes nothing or the loader''s parameters. Who follows the stream is present on its topic, see realtime.presence(), until he does not any more. With merge presence, which then has no loader, the value is who is present, and its events come on the topic with ":presence" behind it.
Errors: 22023 for an option that is wrong, 42939 for a topic that begins with __, 42710 if the same topics are declared with another class or transform, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it, 42704 for a class or breaker that does not exist.';

CREATE FUNCTION realtime.channel(
	path text,
	topic text,
	merge text DEFAULT 'set',
	key text DEFAULT 'id',
	prepend boolean DEFAULT false,
	max integer DEFAULT NULL,
	replay boolean DEFAULT false,
	replay_size integer DEFAULT 1000,
	replay_ttl interval DEFAULT NULL,
	volatile boolean DEFAULT false,
	access regprocedure DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	coalesce_by text DEFAULT NULL,
	gate regprocedure DEFAULT NULL,
	transform regprocedure DEFAULT NULL,
	on_subscribe regprocedure DEFAULT NULL,
	on_unsubscribe regprocedure DEFAULT NULL,
	on_error regprocedure DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	topic_by regprocedure DEFAULT NULL)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$
	SELECT realtime.stream(path => path, topic => topic, merge => merge, key => key, prepend => prepend, max => max,
		replay => replay, replay_size => replay_size, replay_ttl => replay_ttl, volatile => volatile,
		coalesce_by => coalesce_by, access => access, gate => gate, guard => guard, transform => transform,
		on_subscribe => on_subscribe, on_unsubscribe => on_unsubscribe, on_error => on_error,
		class_of_service => class_of_service, topic_by => topic_by)
$$;
COMMENT ON FUNCTION realtime.channel(text, text, text, text, boolean, integer, boolean, integer, interval, boolean, regprocedure, regprocedure[], text, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, text, regprocedure) IS
'Lets clients follow the events of a topic: a stream without a loader, see realtime.stream(). Replaces what was declared for the path.
topic: template of the topic. {1} is the client''s first argument, {user_id} the caller''s id, {name} the parameter of access of that name; if access takes nothing, names stand for the arguments in the order in which they appear.
topic_by: as in realtime.stream(); without access its parameters take the client''s args.
merge: how clients put events into their value: set (the newest), latest (a list of the newest), crud (rows by key), presence or cursor.
access: function that returns boolean; its parameters take the client''s args by position. Only true lets a client follow the topic. Without access and guard anybody may.
guard, gate: take nothing or what access takes; a guard may also take one parameter "path text".
All else, and the errors, as in realtime.stream().';
