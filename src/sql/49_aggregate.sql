--
-- Aggregates over events
--
CREATE TYPE realtime.reducer AS (
	name text,
	aggregate regprocedure,
	field text
);
COMMENT ON TYPE realtime.reducer IS
	'What realtime.aggregate() computes, made by the function of the same name';
COMMENT ON COLUMN realtime.reducer.name IS
	'The member of the value';
COMMENT ON COLUMN realtime.reducer.aggregate IS
	'An aggregate of no or one argument';
COMMENT ON COLUMN realtime.reducer.field IS
	'The member of the events'' data that it gets';

CREATE FUNCTION realtime.reducer(
	name text,
	aggregate regprocedure,
	field text DEFAULT NULL)
RETURNS realtime.reducer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT ROW($1, $2, $3)::realtime.reducer $$;
COMMENT ON FUNCTION realtime.reducer(text, regprocedure, text) IS
'One member of the value of realtime.aggregate().
name: of the member.
aggregate: one of PostgreSQL or your own, such as sum(numeric): its INITCOND, SFUNC, COMBINEFUNC and FINALFUNC are used.
field: the member of the data that it gets, "amount" or "order.amount", converted to the type of its argument as arguments of calls are; what is not there is NULL. Without one it gets all of the data, as jsonb, or nothing.';

-- regprocedure has no way to write count(*).
CREATE FUNCTION realtime.reducer(
	name text,
	aggregate text,
	field text DEFAULT NULL)
RETURNS realtime.reducer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT ROW($1, pg_catalog.regprocedure(pg_catalog.replace($2, '(*)', '()')), $3)::realtime.reducer $$;
COMMENT ON FUNCTION realtime.reducer(text, text, text) IS
'The same with the name of the aggregate as text: also ''count(*)''.';

CREATE FUNCTION realtime.aggregate(
	path text,
	source text,
	topic text DEFAULT NULL,
	VARIADIC reducers realtime.reducer[] DEFAULT '{}')
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_aggregate';
COMMENT ON FUNCTION realtime.aggregate(text, text, text, realtime.reducer[]) IS
'Lets clients follow what the events of a topic come to: an object with a member for each reducer, published as event "set" as events are committed. Replaces what was declared for path; a reducer that stays the same keeps its state.
path: what clients follow, a stream of merge "set".
source: a topic, a pattern in which * is one character or more, or a template: events on all topics that match count, in the order of their commits.
topic: where values are published, by default path.
reducers: made by realtime.reducer().
Values are computed once, in an executor, by the role that declares it. States are kept in tables and changed in one transaction with the events that they count: each that has been committed counts once, whatever ends when. An event with which an aggregate fails is left out, logged, and told to the error hook.
Errors: 22023 for an option that is wrong, RT430 for a topic, 42809 or 0A000 for an aggregate that will not do, 42501 without EXECUTE on it, 42P17 if its values were events of its source.';

CREATE FUNCTION realtime.aggregate(
	path text,
	source text,
	reducers realtime.reducer[],
	topic text DEFAULT NULL,
	access regprocedure DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	snapshot regprocedure DEFAULT NULL,
	class_of_service text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_aggregate_with_options';
COMMENT ON FUNCTION realtime.aggregate(text, text, realtime.reducer[], text, regprocedure, regprocedure[], regprocedure, text) IS
'The same with options.
access, guard, class_of_service: as in realtime.stream(), also for the windows.
snapshot: a function without parameters that returns a set of jsonb, the data of what had happened before the first event; it is run once, when the value begins, at a moment at which no event is counted twice or missed, and fills the value and the windows of kind lifetime that are there then. Windows of time, and a lifetime that is added later, begin with no events.';

CREATE FUNCTION realtime.aggregate_window(
	path text,
	name text,
	kind text,
	period text DEFAULT NULL,
	time_zone text DEFAULT NULL,
	duration interval DEFAULT NULL,
	anchor timestamptz DEFAULT NULL,
	slide interval DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_aggregate_window';
COMMENT ON FUNCTION realtime.aggregate_window(text, text, text, text, text, interval, timestamptz, interval) IS
'Adds a window to an aggregate, or replaces it: a stream path/__window/name on the topic of the aggregate, ":" and name. An event counts in the window in which its transaction has committed.
kind: "lifetime" never begins anew; "tumbling" does after each period: the value of the one that is over is published once more, then that of no events; "sliding" has the last duration, and moves by slide.
period: of a tumbling window: minute, hour, day, week, month, quarter or year, in time_zone, by default UTC.
duration: instead of a period, or of a sliding window: a length of time, without months. anchor: a time at which one begins, by default that of 1970.
slide: of a sliding window; it is kept in parts of that length, of which there are realtime.max_aggregate_buckets at most, and needs aggregates with a COMBINEFUNC.
Errors: 42704 if there is no such aggregate, 22023 for an option that is wrong, 0A000 for a sliding window of an aggregate without COMBINEFUNC, 42501 if the owner of the aggregate is a role that the user is not a member of.';

CREATE FUNCTION realtime.drop_aggregate_window(path text, name text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_drop_aggregate_window';
COMMENT ON FUNCTION realtime.drop_aggregate_window(text, text) IS
'Ends a window of an aggregate; returns whether there was one.';

-- For COMBINEFUNC of aggregates whose states are jsonb; strict, so a part without a state counts as none.
CREATE FUNCTION realtime.combine_sum(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT pg_catalog.to_jsonb($1::numeric OPERATOR(pg_catalog.+) $2::numeric) $$;
COMMENT ON FUNCTION realtime.combine_sum(jsonb, jsonb) IS
'For COMBINEFUNC of an aggregate whose state is a number as jsonb: their sum.';

CREATE FUNCTION realtime.combine_max(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT pg_catalog.to_jsonb(GREATEST($1::numeric, $2::numeric)) $$;
COMMENT ON FUNCTION realtime.combine_max(jsonb, jsonb) IS
'For COMBINEFUNC of an aggregate whose state is a number as jsonb: the greater one.';

CREATE FUNCTION realtime.combine_min(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT pg_catalog.to_jsonb(LEAST($1::numeric, $2::numeric)) $$;
COMMENT ON FUNCTION realtime.combine_min(jsonb, jsonb) IS
'For COMBINEFUNC of an aggregate whose state is a number as jsonb: the smaller one.';

CREATE FUNCTION realtime.combine_counts(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
	SELECT coalesce(pg_catalog.jsonb_object_agg(key, n), '{}')
	FROM (SELECT key, pg_catalog.sum(value::numeric) AS n
		FROM (SELECT * FROM pg_catalog.jsonb_each_text($1) UNION ALL SELECT * FROM pg_catalog.jsonb_each_text($2)) AS members (key, value)
		GROUP BY key) AS sums
$$;
COMMENT ON FUNCTION realtime.combine_counts(jsonb, jsonb) IS
'For COMBINEFUNC of an aggregate whose state is an object of numbers: one with the sum for each member.';

CREATE FUNCTION realtime.combine_merge(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT $1 OPERATOR(pg_catalog.||) $2 $$;
COMMENT ON FUNCTION realtime.combine_merge(jsonb, jsonb) IS
'For COMBINEFUNC of an aggregate whose state is an object: one with the members of both; of those that both have, that of the later.';

CREATE FUNCTION realtime.count_value(state jsonb, value text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN $2 IS NULL THEN $1 ELSE
		$1 OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object($2, coalesce(($1 OPERATOR(pg_catalog.->>) $2)::bigint, 0) OPERATOR(pg_catalog.+) 1) END
$$;
COMMENT ON FUNCTION realtime.count_value(jsonb, text) IS
'The transition function of realtime.counts().';

CREATE AGGREGATE realtime.counts(value text) (
	SFUNC = realtime.count_value, STYPE = jsonb, INITCOND = '{}', COMBINEFUNC = realtime.combine_counts, PARALLEL = SAFE);
COMMENT ON AGGREGATE realtime.counts(text) IS
'How often each value comes: {"tea": 3, "cake": 1}. For values that are few, since all of them are kept.';

CREATE VIEW realtime.aggregates AS
SELECT d.path, v.name AS "window", d.source,
	d.topic OPERATOR(pg_catalog.||) CASE WHEN v.name <> '' THEN ':' OPERATOR(pg_catalog.||) v.name ELSE '' END AS topic,
	v.value::jsonb AS value, v.since, v.until, v.events, v.failed, v.last_error,
	(SELECT count(*) FROM realtime.intake i WHERE i.path = d.path) AS waiting, d.owner
FROM realtime.aggregate_declaration d
	-- not what another one of that path has come to
	LEFT JOIN realtime.aggregate_value v ON v.path = d.path AND pg_catalog.starts_with(v.definition, d.id::text);
COMMENT ON VIEW realtime.aggregates IS
	'The aggregates of realtime.aggregate() and their windows: what they have come to';
COMMENT ON COLUMN realtime.aggregates.path IS 'What clients follow';
COMMENT ON COLUMN realtime.aggregates."window" IS 'Name of the window; empty: all events';
COMMENT ON COLUMN realtime.aggregates.source IS 'Whose events count';
COMMENT ON COLUMN realtime.aggregates.topic IS 'Where values are published';
COMMENT ON COLUMN realtime.aggregates.value IS 'What they have come to';
COMMENT ON COLUMN realtime.aggregates.since IS 'When the window began; of a sliding one, its newest part';
COMMENT ON COLUMN realtime.aggregates.until IS 'When that ends; NULL: never';
COMMENT ON COLUMN realtime.aggregates.events IS 'How many events have been counted since it was declared';
COMMENT ON COLUMN realtime.aggregates.failed IS 'How many have been left out because an aggregate failed';
COMMENT ON COLUMN realtime.aggregates.last_error IS 'The message of the last of these errors';
COMMENT ON COLUMN realtime.aggregates.waiting IS 'How many events are committed and not counted yet';
COMMENT ON COLUMN realtime.aggregates.owner IS 'Role that the aggregates run as';
