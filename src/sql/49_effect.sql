--
-- What is done, and computed, because of events
--
CREATE FUNCTION realtime.effect(
	path text,
	sources text[],
	handler regprocedure DEFAULT NULL,
	durable boolean DEFAULT false,
	queue text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_effect';
COMMENT ON FUNCTION realtime.effect(text, text[], regprocedure, boolean, text) IS
'Has a function run for each event that is published on some topics, once its transaction has committed, in an executor and as the role that declares it; or replaces what was declared for path. realtime.drop(path) ends it. Nobody can follow it.
sources: topics, patterns in which * is one character or more, or templates.
handler: takes (topic text, event text, data jsonb), or less from the end. Events of an effect are handled one after the other, those of a topic in the order of their commits, each at most once: an error rolls back what the function has done, goes to the log and to the error hook, and is not repeated.
durable: instead of that each event becomes a job, of payload {"topic", "event", "data"}, in the transaction that takes it, so none is lost, and it is tried again as the queue says. queue: the queue, by default that of the name of path; it has a handler of its own, so this one must be NULL.
Errors: 22023 for an option that is wrong, 42704 for a queue that does not exist, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it.';

-- Values of all arguments make different topics.
CREATE FUNCTION realtime.derived_topic(path text, loader regprocedure) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.concat('derived:', $1, (SELECT pg_catalog.string_agg(
			pg_catalog.format(':{%s}', coalesce(nullif(proargnames[n], ''), n::text)), '' ORDER BY n)
		FROM pg_catalog.generate_series(1, pronargs) AS n))
	FROM pg_catalog.pg_proc WHERE oid OPERATOR(pg_catalog.=) $2
$$;
COMMENT ON FUNCTION realtime.derived_topic(text, regprocedure) IS
'The topic of realtime.derived() if none is given: derived, the path, and a placeholder for each parameter of the loader.';

CREATE FUNCTION realtime.derived(
	path text,
	sources text[],
	loader regprocedure,
	merge text DEFAULT 'set',
	debounce interval DEFAULT '0',
	topic text DEFAULT NULL,
	key text DEFAULT 'id',
	shared boolean DEFAULT true,
	access regprocedure DEFAULT NULL,
	gate regprocedure DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	transform regprocedure DEFAULT NULL,
	stale_after interval DEFAULT NULL,
	on_subscribe regprocedure DEFAULT NULL,
	on_unsubscribe regprocedure DEFAULT NULL,
	on_error regprocedure DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	breaker text DEFAULT NULL,
	fallback jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	IF loader IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'loader must not be null';
	ELSIF sources IS NULL OR pg_catalog.cardinality(sources) OPERATOR(pg_catalog.=) 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a derived value needs sources',
			HINT = 'For example: sources => ''{orders,"chat:*"}''.';
	END IF;
	PERFORM realtime.stream(path => path, topic => coalesce(topic, realtime.derived_topic(path, loader)), loader => loader,
		merge => merge, key => key, access => access, gate => gate, guard => guard, transform => transform,
		stale_after => stale_after, invalidate_on => sources, on_subscribe => on_subscribe, on_unsubscribe => on_unsubscribe,
		on_error => on_error, class_of_service => class_of_service, shared => shared, breaker => breaker, fallback => fallback,
		debounce => nullif(debounce, '0'));
END
$$;
COMMENT ON FUNCTION realtime.derived(text, text[], regprocedure, text, interval, text, text, boolean, regprocedure, regprocedure, regprocedure[], regprocedure, interval, regprocedure, regprocedure, regprocedure, text, text, jsonb) IS
'Lets clients follow a value that a function computes, anew whenever something is published on some topics: a stream, see realtime.stream(), that is loaded as long as somebody follows it.
sources: topics, patterns in which * is one character or more, or templates: of a source messages:{room} only those who follow the value for that room get it anew, room being a parameter of the loader. A placeholder that is none of its parameters stands for anything.
loader: computes the value. It runs once for all who follow it with the same arguments (in each gateway), as any of them; shared => false: once for each user.
debounce: how long no event must come before it runs.
topic: of the events with new values; by default one for each combination of arguments.
All else as in realtime.stream(), and the errors; 22023 without sources.';
