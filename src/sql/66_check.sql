--
-- Topics by name, and what is wrong with declarations
--
CREATE FUNCTION realtime.topic_name(
	template text,
	VARIADIC args text[] DEFAULT '{}')
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_topic_name';
COMMENT ON FUNCTION realtime.topic_name(text, text[]) IS
'The topic that a template makes of values: topic_name(''chat:{room}'', ''Café 1'') is chat:Caf%C3%A9%201.
args: a text for each placeholder in order, or, if all placeholders are numbers, {1} the first of args and so on. What a topic cannot hold is percent-encoded.
NULL if the template or one of args is.
Errors: 22023 for a template that is not valid, another number of args or an empty one, RT430 for a topic above 256 bytes.';

CREATE FUNCTION realtime.topic_piece(value text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_topic_piece';
COMMENT ON FUNCTION realtime.topic_piece(text) IS
'A text as it stands in a topic in place of a placeholder, percent-encoded: ''chat:'' || topic_piece(''Café 1'') is chat:Caf%C3%A9%201. realtime.topic_name() writes a whole topic.
Errors: 22023 for an empty text, RT430 for one that fits into no topic.';

CREATE FUNCTION realtime.topic_matches(
	topic text,
	template text)
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_topic_matches';
COMMENT ON FUNCTION realtime.topic_matches(text, text) IS
'Whether a topic is one of those that a template makes. Errors: 22023 for a template that is not valid.';

CREATE FUNCTION realtime.topic_example(template text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_topic_example';
COMMENT ON FUNCTION realtime.topic_example(text) IS
'A topic of a template, with "-" for each placeholder. Errors: 22023 for a template that is not valid.';

CREATE FUNCTION realtime.topic_fault(template text)
RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_topic_fault';
COMMENT ON FUNCTION realtime.topic_fault(text) IS
'What is wrong with a template of topics, as the end of a sentence: "is empty"; NULL if nothing is.';

CREATE FUNCTION realtime.declared_topic(topic text)
RETURNS text
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_declared_topic';
COMMENT ON FUNCTION realtime.declared_topic(text) IS
'The declared template that counts for a topic; NULL if none matches.';

CREATE FUNCTION realtime.declared_functions(
	OUT kind text,
	OUT declaration text,
	OUT purpose text,
	OUT signature text,
	OUT function oid)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'realtime_declared_functions';
COMMENT ON FUNCTION realtime.declared_functions() IS
'Functions that declarations name: kind of the declaration, its path or template, what the function is for ("handler", "guard" ...), its signature as declared, and the function; NULL if it is gone.';

CREATE FUNCTION realtime.topic_is_declared() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_topic_is_declared';
COMMENT ON FUNCTION realtime.topic_is_declared() IS
'Trigger of tables of declarations: warns if a new topic matches none that is declared with realtime.topic(). Says nothing while none is declared at all.';

-- The declaring functions need not know of it, and it sees what was there before.
CREATE TRIGGER topic_is_declared
	AFTER INSERT OR UPDATE ON realtime.stream_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.topic_is_declared('stream', 'path', 'topic', 'template');
COMMENT ON TRIGGER topic_is_declared ON realtime.stream_declaration IS
	'Warns of a topic that is not declared';

CREATE TRIGGER topic_is_declared
	AFTER INSERT OR UPDATE ON realtime.bridge_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.topic_is_declared('bridge', 'channel', 'topic', 'topic');
COMMENT ON TRIGGER topic_is_declared ON realtime.bridge_declaration IS
	'Warns of a topic that is not declared';

CREATE VIEW realtime.topic_patterns AS
	SELECT template::text, class, 'topic'::text AS source, template AS declaration,
		CASE
			WHEN open THEN 'everybody'
			WHEN access IS NOT NULL THEN 'whom ' || access || ' lets'
			ELSE 'nobody'
		END AS subscribers
	FROM realtime.topic_declaration
UNION ALL
	SELECT topic,
		CASE WHEN replay THEN 'replay' WHEN volatile THEN 'volatile' ELSE 'ordered' END,
		CASE WHEN loader IS NULL THEN 'channel' ELSE 'stream' END, path,
		'who follows ' || path
	FROM realtime.stream_declaration
UNION ALL
	SELECT topic, NULL, 'live table', relation::text, NULL
	FROM realtime.live_tables
UNION ALL
	-- these name a topic: a brace is one
	SELECT pg_catalog.replace(pg_catalog.replace(topic, '{', '{{'), '}', '}}') || suffix, NULL, source, path, NULL
	FROM (
		SELECT topic, '' AS suffix, 'cron' AS source, path FROM realtime.cron_declaration
	UNION ALL
		SELECT topic, '', 'webhook', path FROM realtime.webhook_declaration
	UNION ALL
		SELECT topic, ':{id}', 'queue', name FROM realtime.queue_declaration
	) AS others
	WHERE topic IS NOT NULL;
COMMENT ON VIEW realtime.topic_patterns IS
	'All templates of topics that declarations have';
COMMENT ON COLUMN realtime.topic_patterns.template IS
	'Literal text with placeholders, such as chat:{room}';
COMMENT ON COLUMN realtime.topic_patterns.class IS
	'volatile, ordered or replay; NULL if this declaration does not say';
COMMENT ON COLUMN realtime.topic_patterns.source IS
	'Kind of the declaration: topic, stream, channel, live table, cron, webhook or queue';
COMMENT ON COLUMN realtime.topic_patterns.declaration IS
	'What it declares, by its path or name';
COMMENT ON COLUMN realtime.topic_patterns.subscribers IS
	'Who may subscribe because of it; NULL if it has no say in that';

CREATE FUNCTION realtime.check()
RETURNS TABLE (severity text, object text, problem text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
WITH client_role AS (
	SELECT current_setting(setting)::name AS rolname
	FROM (VALUES ('realtime.anonymous_role'), ('realtime.authenticated_role')) AS settings (setting)
),
-- what realtime.topic() has declared
declared AS (
	SELECT template FROM realtime.topic_declaration WHERE realtime.topic_fault(template) IS NULL
),
-- declarations that use topics, each with an example
other AS (
	SELECT source, declaration, template, realtime.topic_example(template) AS example
	FROM realtime.topic_patterns
	WHERE source <> 'topic' AND realtime.topic_fault(template) IS NULL
UNION ALL
	SELECT 'bridge', channel, topic, topic
	FROM realtime.bridge_declaration
	WHERE topic IS NOT NULL
UNION ALL
	SELECT 'bridge', channel, invalidate, invalidate
	FROM realtime.bridge_declaration
	WHERE invalidate IS DISTINCT FROM topic AND invalidate IS NOT NULL
),
finding (rank, object, problem, hint) AS (
	-- what keeps everything from working
	SELECT 1, 'setting realtime.database',
		format('clients are connected to database "%s", and this one is "%s"',
			current_setting('realtime.database'), current_database()),
		'Declare and publish there, or change realtime.database and restart the server.'
	WHERE current_setting('realtime.database') <> current_database()
UNION ALL
	SELECT 1, 'executors', format('calls are not answered: %s', realtime.service_state()),
		'The server''s log says more.'
	WHERE realtime.service_state() <> 'ready'
		AND current_setting('realtime.database') = current_database()
UNION ALL
	SELECT 1, 'setting realtime.port',
		format('gateway %s cannot listen on port %s: %s', number, current_setting('realtime.port'), listen_error),
		'It tries again every second. End what uses the port, or correct realtime.port or realtime.listen_addresses and restart the server.'
	FROM realtime.stat_get_gateway()
	WHERE listen_error IS NOT NULL
UNION ALL
	SELECT 1, 'scheduler', 'it does not run: nothing bridges notifications, publishes what is throttled, or removes old events',
		'The server''s log says more.'
	FROM realtime.stat_get_scheduler()
	WHERE state <> 'running'
		AND current_setting('realtime.database') = current_database()
UNION ALL
	SELECT 2, 'setting max_worker_processes',
		format('it is %s, but realtime needs %s', current_setting('max_worker_processes'), needed),
		'Raise it and restart the server; parallel queries and other extensions need some, too.'
	FROM (SELECT 2 + current_setting('realtime.gateways')::integer
			+ current_setting('realtime.executors')::integer
			+ (current_setting('max_logical_replication_workers')::integer > 0)::integer AS needed) AS workers
	WHERE current_setting('max_worker_processes')::integer < needed
UNION ALL
	-- roles
	SELECT 1, format('role "%s"', rolname), 'it does not exist',
		'Create the role, or change the setting that names it.'
	FROM client_role
	WHERE to_regrole(quote_ident(rolname)) IS NULL
UNION ALL
	SELECT 1, format('role "%s"', rolname),
		format('executors cannot run calls as this role: role "%s" is not a member of it, or may not become it',
			current_setting('realtime.executor_role')),
		format('GRANT %I TO %I%s;', rolname, current_setting('realtime.executor_role'),
			CASE WHEN pg_has_role(current_setting('realtime.executor_role')::name, rolname, 'MEMBER') THEN ' WITH SET TRUE' END)
	FROM client_role
	WHERE CASE WHEN to_regrole(quote_ident(rolname)) IS NOT NULL
			AND to_regrole(quote_ident(current_setting('realtime.executor_role'))) IS NOT NULL
		THEN NOT pg_has_role(current_setting('realtime.executor_role')::name, rolname,
			-- since 16 a member may become the role only WITH SET TRUE
			CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END) END
UNION ALL
	SELECT 2, format('role "%s"', rolname), 'it is a superuser, so clients are',
		format('ALTER ROLE %I NOSUPERUSER;', rolname)
	FROM client_role JOIN pg_roles USING (rolname)
	WHERE rolsuper
UNION ALL
	-- functions
	SELECT 1, format('%s "%s"', kind, declaration),
		format('its %s %s does not exist', purpose, signature),
		format('Create the function, or remove the declaration: SELECT realtime.%s;',
			CASE kind WHEN 'hook' THEN format('hook(%L, NULL)', declaration)
				WHEN 'class' THEN format('admission(%L)', declaration)
				WHEN 'module' THEN format('guard(%L)', declaration)
				WHEN 'middleware' THEN format('middleware(%L)', declaration)
				WHEN 'pipe' THEN format('pipe(%L)', declaration)
				ELSE format('drop(%L)', declaration) END)
	FROM realtime.declared_functions()
	WHERE function IS NULL
UNION ALL
	SELECT 2, format('%s "%s"', kind, declaration),
		format('no role of clients may execute its %s %s', purpose, signature),
		format('GRANT EXECUTE ON FUNCTION %s TO %s;', signature,
			(SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) FROM client_role))
	FROM realtime.declared_functions()
	WHERE function IS NOT NULL AND kind NOT IN ('cron', 'queue', 'effect', 'pipe')
		AND (kind <> 'aggregate' OR purpose NOT IN ('aggregate', 'snapshot function'))
		AND NOT EXISTS (SELECT FROM client_role JOIN pg_roles USING (rolname)
			WHERE has_function_privilege(pg_roles.oid, function, 'EXECUTE')
				-- nobody calls these but realtime, as anonymous
				AND (kind <> 'bridge' AND (kind <> 'hook' OR declaration NOT IN ('authenticate', 'init', 'shutdown', 'upgrade')) OR rolname = current_setting('realtime.anonymous_role')))
UNION ALL
	SELECT 1, format('cron "%s"', path),
		'the role that owns it does not exist',
		format('Declare it anew with realtime.cron(), or remove it before the next dump, in which its owner is a number: SELECT realtime.drop(%L);', path)
	FROM realtime.cron_declaration
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = owner)
UNION ALL
	SELECT 1, format('cron "%s"', path),
		format('its owner %s may not execute %s', owner, handler),
		format('GRANT EXECUTE ON FUNCTION %s TO %s;', handler, owner)
	FROM realtime.cron_declaration
		JOIN realtime.declared_functions() AS f ON f.kind = 'cron' AND f.declaration = path
	WHERE f.function IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE oid = owner)
		AND NOT has_function_privilege(owner, f.function, 'EXECUTE')
UNION ALL
	SELECT 1, format('queue "%s"', name),
		'the role that owns it does not exist',
		format('Declare it anew with realtime.queue(), or remove it before the next dump, in which its owner is a number: SELECT realtime.drop(%L);', name)
	FROM realtime.queue_declaration
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = owner)
UNION ALL
	SELECT 1, format('queue "%s"', name),
		format('its owner %s may not execute %s', owner, handler),
		format('GRANT EXECUTE ON FUNCTION %s TO %s;', handler, owner)
	FROM realtime.queue_declaration
		JOIN realtime.declared_functions() AS f ON f.kind = 'queue' AND f.declaration = name
	WHERE f.function IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE oid = owner)
		AND NOT has_function_privilege(owner, f.function, 'EXECUTE')
UNION ALL
	SELECT 2, format('queue "%s"', queue),
		'it has jobs, but is not declared',
		'Declare it with realtime.queue(), or cancel its jobs with realtime.cancel_job().'
	FROM (SELECT DISTINCT queue FROM realtime.job) AS used
	WHERE NOT EXISTS (SELECT FROM realtime.queue_declaration AS d WHERE d.name = queue)
UNION ALL
	-- what takes events
	SELECT 1, format('%s "%s"', kind, path),
		'the role that owns it does not exist, so its events wait',
		format('Declare it anew with realtime.%s(), or remove it: SELECT realtime.drop(%L);', kind, path)
	FROM (SELECT 'aggregate' AS kind, path, owner FROM realtime.aggregate_declaration
		UNION ALL SELECT 'effect', path, owner FROM realtime.effect_declaration) AS taker
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = owner)
UNION ALL
	SELECT 1, format('effect "%s"', path),
		format('its queue "%s" does not exist, so its events wait', queue),
		'Declare the queue with realtime.queue(), or the effect with another one.'
	FROM realtime.effect_declaration
	WHERE queue IS NOT NULL
		AND NOT EXISTS (SELECT FROM realtime.queue_declaration q WHERE q.name = queue)
UNION ALL
	SELECT 2, format('%s "%s"', CASE WHEN EXISTS (SELECT FROM realtime.effect_declaration d WHERE d.path = i.path)
			THEN 'effect' ELSE 'aggregate' END, path),
		format('%s events wait to be taken, the first one since %s', count(*), min(published_at)),
		'The log says why, if it fails again and again; realtime.stat_executor shows what executors do.'
	FROM realtime.intake i
	GROUP BY path
	HAVING min(published_at) < now() - interval '1 min' AND current_setting('realtime.cron_clock') = ''
UNION ALL
	SELECT 3, format('aggregate "%s"', path),
		format('%s events are not counted, because it failed with them', max(failed)),
		format('The last error was: %s', max(last_error))
	FROM realtime.aggregate_value
	GROUP BY path
	HAVING max(failed) > 0
UNION ALL
	SELECT 2, format('%s "%s"', kind, path),
		format('its class of service "%s" does not exist, so it never gives way', class_of_service),
		'Declare the class with realtime.admission(), or declare it without one.'
	FROM (SELECT 'rpc' AS kind, path, class_of_service FROM realtime.rpc_declaration
		UNION ALL SELECT 'stream', path, class_of_service FROM realtime.stream_declaration
		UNION ALL SELECT 'query', path, class_of_service FROM realtime.query_declaration) AS user_of_class
	WHERE class_of_service IS NOT NULL
		AND NOT EXISTS (SELECT FROM realtime.admission_declaration a WHERE a.class = class_of_service)
UNION ALL
	SELECT 2, format('%s "%s"', kind, path),
		format('its circuit breaker "%s" does not exist, so it never breaks', breaker),
		'Declare the breaker with realtime.breaker(), or declare the path without one.'
	FROM (SELECT 'rpc' AS kind, path, breaker FROM realtime.rpc_declaration
		UNION ALL SELECT 'stream', path, breaker FROM realtime.stream_declaration) AS user_of_breaker
	WHERE breaker IS NOT NULL
		AND NOT EXISTS (SELECT FROM realtime.breaker_declaration b WHERE b.name = breaker)
UNION ALL
	-- topics
	SELECT 2, format('topic "%s"', template), 'nobody may subscribe to it',
		'Declare it with access or with open => true, or let clients follow it with realtime.stream() or realtime.channel().'
	FROM realtime.topic_patterns
	GROUP BY template
	HAVING bool_and(subscribers = 'nobody') FILTER (WHERE subscribers IS NOT NULL)
UNION ALL
	SELECT 2, format('topic "%s"', template),
		format('it never counts: its topics match "%s" first', counts),
		'Of several templates the one with the longest text before its first placeholder counts: change one of the two.'
	FROM (SELECT template, realtime.declared_topic(realtime.topic_example(template)) AS counts
		FROM declared) AS topics
	WHERE counts <> template
UNION ALL
	SELECT 1, format('%s "%s"', source, declaration),
		format('its topic "%s" %s', template, realtime.topic_fault(template)),
		'The table has been written by hand. Remove the declaration and declare it anew.'
	FROM realtime.topic_patterns
	WHERE realtime.topic_fault(template) IS NOT NULL
UNION ALL
	SELECT 2, format('%s "%s"', source, declaration),
		format('nobody may subscribe to its topic "%s": it is not declared', template),
		'Correct the topic, or declare it with realtime.topic(), realtime.stream() or realtime.channel().'
	FROM other
	WHERE realtime.declared_topic(example) IS NULL
UNION ALL
	SELECT 2, format('%s "%s"', source, declaration),
		format('its topic "%s" is not declared, though other topics are', template),
		'Correct the topic, or declare it with realtime.topic().'
	FROM other
	WHERE realtime.declared_topic(example) IS NOT NULL
		AND EXISTS (SELECT FROM declared)
		-- realtime.derived() has made it
		AND NOT (source = 'stream' AND starts_with(template || ':', format('derived:%s:', declaration)))
		AND NOT EXISTS (SELECT FROM declared WHERE realtime.topic_matches(example, declared.template))
UNION ALL
	SELECT 2, 'setting realtime.cleanup_interval',
		'events of replay topics are never removed for their age',
		'Set it to a time, such as 60s.'
	WHERE current_setting('realtime.cleanup_interval', true) = '0'
		AND EXISTS (SELECT FROM realtime.topic_patterns WHERE class = 'replay')
UNION ALL
	-- live tables
	SELECT 2, format('live table "%s"', relation), 'its triggers are disabled: nothing is published',
		format('ALTER TABLE %s ENABLE TRIGGER __realtime_live_table, ENABLE TRIGGER __realtime_live_table_truncate;', relation)
	FROM realtime.live_tables
	WHERE NOT enabled
UNION ALL
	SELECT 2, format('live table "%s"', relation),
		CASE WHEN for_truncate THEN 'its trigger for rows is missing: nothing is published but TRUNCATE'
			ELSE 'its trigger for TRUNCATE is missing: clients keep rows that are gone' END,
		format('Declare it again with realtime.live_table(), or end it: SELECT realtime.drop_live_table(%L);', relation)
	FROM (SELECT tgrelid::regclass AS relation, bool_or(tgtype & 1 = 1) AS for_rows, bool_or(tgtype & 1 = 0) AS for_truncate
		FROM pg_trigger
		WHERE tgfoid = 'realtime.live_table_changed()'::regprocedure AND tgparentid = 0
		GROUP BY tgrelid) AS triggers
	WHERE NOT (for_rows AND for_truncate)
UNION ALL
	SELECT 3, format('live table "%s"', relation),
		format('column "%s" is to be published, but does not exist', name),
		'Declare it again without the column, or a later one of this name will be published.'
	FROM realtime.live_tables, unnest(columns) AS name
	WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relation AND attname = name)
UNION ALL
	-- timers
	SELECT 3, 'setting realtime.max_timers',
		format('%s throttled or debounced events had to be published at once, the last one less than a day ago', overflowed),
		'Raise realtime.max_timers or realtime.payload_memory, or throttle fewer topics.'
	FROM realtime.stat_timer
	-- so that it goes when there is room
	WHERE last_overflow > now() - interval '1 day'
)
SELECT (ARRAY['error', 'warning', 'info'])[rank], object, problem, hint
FROM finding
ORDER BY rank, object, problem
$$;
COMMENT ON FUNCTION realtime.check() IS
'What cannot work, or hardly as meant: declarations, roles, settings, processes. No rows are a good sign.
severity: error (something does not work), warning (somebody should look) or info. object: what it is about. problem, hint: in words.';
