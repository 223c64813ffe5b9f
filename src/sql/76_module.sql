--
-- Modules of JavaScript from what is declared.
--
-- realtime.module_entries() says what there is, a row for each thing that can be called
-- or followed, and realtime.entry_kind() how each kind of them is written: format()
-- puts the path and the options into js, the types of the arguments and of the value
-- into ts; entry is where the maker is, behind the client's own name.  A new kind of declaration is a row of the one and an arm of the other.
--
CREATE FUNCTION realtime.entry_kind(
	OUT kind text,
	OUT entry text,
	OUT maker text,
	OUT js text,
	OUT ts text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
AS $$
VALUES
	('rpc', '', '__rpc', '__rpc(%1$s%2$s)', 'realtime.Rpc<%1$s, %2$s>'),
	('stream', '', '__stream', '__stream(%1$s%2$s)', 'realtime.StreamFactory<%2$s, %1$s>'),
	('aggregate', '', '__aggregate', '__aggregate(%1$s%2$s)', 'realtime.Aggregate<%2$s>'),
	('binary', '/upload', '__binaryRpc', '__binaryRpc(%1$s)', 'realtime.BinaryCall<%1$s, %2$s>'),
	('upload', '/upload', '__upload', '__upload(%1$s)', 'realtime.Upload<%1$s, %2$s>')
$$;
COMMENT ON FUNCTION realtime.entry_kind() IS
'How each kind of realtime.module_entries() is written in a module: the function of the client that makes it and the entry of the client where that is, a call of it with the path and options, the type with those of the arguments and of the value.';

CREATE FUNCTION realtime.entry_topic_arguments(template text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH placeholder AS (
	SELECT match[1] AS name, min(n) AS n
	FROM regexp_matches(replace(replace(template, '{{', ''), '}}', ''), '[{]([^{}]+)[}]', 'g') WITH ORDINALITY AS found (match, n)
	WHERE match[1] <> 'user_id'
	GROUP BY match[1]
)
SELECT CASE WHEN bool_and(name ~ '^[0-9]+$')
	THEN (SELECT array_agg('arg' || number) FROM generate_series(1, (SELECT max(name::integer) FROM placeholder)) AS number)
	ELSE array_agg(name ORDER BY n) END
FROM placeholder
$$;
COMMENT ON FUNCTION realtime.entry_topic_arguments(text) IS
'Names of the arguments that a stream takes whose topic alone says them; NULL if there are none.';

CREATE TYPE realtime.module_entry AS (
	path text,
	member text,
	called text,
	kind text,
	arguments oid,
	parameters oid[],
	names text[],
	result oid,
	value text,
	key text,
	is_transformed boolean,
	options jsonb,
	has_payload boolean,
	joined text[]
);
COMMENT ON TYPE realtime.module_entry IS
	'What can be called or followed, as modules of JavaScript have it';
COMMENT ON COLUMN realtime.module_entry.path IS
	'What is declared; what is before its last slash is the module';
COMMENT ON COLUMN realtime.module_entry.member IS
	'Its name in the object that the path is; NULL if the path is this alone';
COMMENT ON COLUMN realtime.module_entry.called IS
	'What clients call it';
COMMENT ON COLUMN realtime.module_entry.kind IS
	'As in realtime.entry_kind()';
COMMENT ON COLUMN realtime.module_entry.arguments IS
	'The function whose parameters are its arguments';
COMMENT ON COLUMN realtime.module_entry.parameters IS
	'Without that, their types';
COMMENT ON COLUMN realtime.module_entry.names IS
	'Without both, their names; they are texts or numbers';
COMMENT ON COLUMN realtime.module_entry.result IS
	'The function whose result it gives';
COMMENT ON COLUMN realtime.module_entry.value IS
	'The type of its value, if no function says it; NULL for rows of a query';
COMMENT ON COLUMN realtime.module_entry.key IS
	'Columns that name a row of its value';
COMMENT ON COLUMN realtime.module_entry.is_transformed IS
	'Whether a function changes the rows';
COMMENT ON COLUMN realtime.module_entry.options IS
	'Of the function or store, for the client';
COMMENT ON COLUMN realtime.module_entry.has_payload IS
	'Whether bytes are what the function is given first, before the arguments';
COMMENT ON COLUMN realtime.module_entry.joined IS
	'Members that a pipe adds to rows';

CREATE FUNCTION realtime.module_entries() RETURNS SETOF realtime.module_entry
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
WITH stream AS (
	SELECT *,
		to_regprocedure(loader)::oid AS loader_oid,
		(SELECT p.oid FROM pg_proc p
			WHERE p.oid IN (to_regprocedure(access), to_regprocedure(topic_by)) AND p.pronargs > 0
			ORDER BY p.oid <> to_regprocedure(access) LIMIT 1) AS access_oid,
		jsonb_strip_nulls(jsonb_build_object(
			'merge', nullif(merge, 'crud'),
			'key', CASE WHEN merge <> 'crud' OR key = 'id' THEN NULL WHEN strpos(key, ',') > 0 THEN '_key' ELSE key END,
			'prepend', nullif(prepend, false),
			'max', max,
			'schemaVersion', schema_version)) AS options,
		(SELECT array_agg(p.options[i] ORDER BY i) FROM realtime.pipe_declaration AS p, generate_subscripts(p.kinds, 1) AS i
			WHERE p.path = s.path AND p.kinds[i] = 'join') AS joined
	FROM realtime.stream_declaration AS s
),
room AS (
	SELECT path, coalesce(loader_oid, access_oid) AS arguments,
		CASE WHEN coalesce(loader_oid, access_oid) IS NULL THEN realtime.entry_topic_arguments(topic) END AS names
	FROM stream
	WHERE is_room
),
aggregate AS (
	SELECT path, '{ ' || string_agg(format('%s: %s', realtime.typescript_key(name), coalesce(
			realtime.typescript_or_null(realtime.typescript_type(p.prorettype, '{}', false), p.oid = 'count()'::regprocedure), 'any')),
			'; ' ORDER BY n) || ' }' AS value,
		(SELECT jsonb_agg(name ORDER BY name)
			FROM (SELECT 'all' COLLATE "C" AS name UNION SELECT w.name FROM realtime.aggregate_window_declaration AS w WHERE w.path = a.path) AS w) AS windows
	FROM realtime.aggregate_declaration AS a,
		unnest(names, aggregates) WITH ORDINALITY AS reducers (name, signature, n)
		LEFT JOIN pg_proc p ON p.oid = to_regprocedure(replace(signature, '(*)', '()'))
	GROUP BY path
)
	SELECT path::text AS path, NULL::text AS member, path::text AS called, kind,
		to_regprocedure(handler)::oid AS arguments, NULL::oid[] AS parameters, NULL::text[] AS names,
		to_regprocedure(handler)::oid AS result, NULL::text AS value, NULL::text AS key,
		false AS is_transformed,
		-- may be made again, because its answer is kept
		CASE WHEN (idempotent OR idempotency_key IS NOT NULL) AND idempotency_ttl > '0' THEN '{"idempotent": true}'::jsonb ELSE '{}' END AS options,
		kind = 'binary' AS has_payload, NULL::text[] AS joined
	FROM realtime.rpc_declaration
UNION ALL
	SELECT path, CASE WHEN is_room THEN 'data' END, CASE WHEN is_room THEN path || '/__data' ELSE path END, 'stream',
		coalesce(loader_oid, access_oid), NULL,
		CASE WHEN coalesce(loader_oid, access_oid) IS NULL THEN realtime.entry_topic_arguments(topic) END,
		loader_oid,
		CASE WHEN loader IS NOT NULL THEN NULL WHEN merge = 'presence' THEN 'realtime.Person[]' WHEN merge = 'cursor' THEN 'realtime.Cursor[]'
			WHEN merge = 'set' THEN 'any' ELSE 'any[]' END,
		CASE WHEN merge = 'crud' THEN key END, transform IS NOT NULL, options, false, joined
	FROM stream
UNION ALL
	SELECT path, what, path || '/__' || what, 'stream', room.arguments, NULL, room.names, NULL, value, NULL, false,
		jsonb_build_object('merge', merge_of), false, NULL
	FROM room JOIN realtime.stream_declaration AS declared USING (path),
		(VALUES ('presence', 'realtime.Person[]', 'presence'), ('cursors', 'realtime.Cursor[]', 'cursor')) AS kept (what, value, merge_of)
	WHERE CASE what WHEN 'presence' THEN declared.presence IS NOT NULL ELSE declared.cursors END
UNION ALL
	SELECT path, p.proname::text, path || '/__action/' || p.proname, 'rpc', p.oid, NULL, NULL, p.oid, NULL, NULL, false, '{}', false, NULL
	FROM realtime.stream_declaration, unnest(actions) AS action
		JOIN pg_proc p ON p.oid = to_regprocedure(action)
	WHERE is_room
UNION ALL
	SELECT path, NULL, path, 'stream', to_regprocedure(loader), parameters::oid[], NULL,
		to_regprocedure(loader), NULL, key, transform IS NOT NULL,
		jsonb_strip_nulls(jsonb_build_object(
			'key', CASE WHEN key = 'id' THEN NULL WHEN strpos(key, ',') > 0 THEN '_key' ELSE key END,
			'prepend', nullif(prepend, false),
			'max', max)), false, NULL
	FROM realtime.query_declaration
UNION ALL
	SELECT path, NULL, path, 'stream', NULL, NULL, NULL, NULL, value, NULL, false, '{"merge": "set"}', false, NULL
	FROM aggregate
	WHERE jsonb_array_length(windows) = 1
UNION ALL
	-- its type has two parameters: the value, and the names of windows
	SELECT path, NULL, path, 'aggregate', NULL, NULL, NULL, NULL,
		format('%s, %s', value, (SELECT string_agg(name::text, ' | ' ORDER BY n) FROM jsonb_array_elements(windows) WITH ORDINALITY AS w (name, n))),
		NULL, false, windows, false, NULL
	FROM aggregate
	WHERE jsonb_array_length(windows) > 1
$$;
COMMENT ON FUNCTION realtime.module_entries() IS
'What modules of JavaScript have, from all declarations.';

-- Decided by the last word of the path.  What JavaScript has taken, or the module
-- itself, gets an underscore behind it.
CREATE FUNCTION realtime.entry_exports(
	module text,
	OUT path text,
	OUT name text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	taken text[] := string_to_array('arguments await break case catch class const continue debugger default delete do else'
		' enum eval export extends false finally for function if implements import in instanceof interface let new null'
		' package private protected public return static super switch this throw true try typeof undefined var void while'
		-- what vite.js of the client makes for servers, besides the makers
		' with yield empty realtime __client __create __createUploads', ' ') || ARRAY(SELECT maker FROM realtime.entry_kind());
	word text;
BEGIN
	FOR path, word IN
		SELECT e.path, substr(e.path, length(module) + 2) FROM realtime.module_entries() AS e
		WHERE starts_with(e.path, module || '/') AND strpos(substr(e.path, length(module) + 2), '/') = 0
		GROUP BY e.path
		-- who has the name as it is keeps it
		ORDER BY substr(e.path, length(module) + 2) ~ '[^A-Za-z0-9_]', 1
	LOOP
		name := regexp_replace(regexp_replace(word, '[^A-Za-z0-9_]', '_', 'g'), '^(?=[0-9])', '_');
		WHILE name = ANY (taken) LOOP
			name := name || '_';
		END LOOP;
		taken := taken || name;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION realtime.entry_exports(text) IS
'What a module exports, under which names: the last words of the paths, with _ for what cannot be in a name, and behind what is taken.';

CREATE FUNCTION realtime.modules() RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
SELECT DISTINCT regexp_replace(path, '/[^/]*$', '') COLLATE "C" FROM realtime.module_entries() ORDER BY 1
$$;
COMMENT ON FUNCTION realtime.modules() IS
'All modules that paths have been declared in: what is before the last slash.';

CREATE FUNCTION realtime.client_module(
	module text,
	client text DEFAULT '/realtime/client.js')
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
WITH part AS (
	SELECT x.name, e.path, e.member, k.entry, k.maker,
		'/* @__PURE__ */ ' || format(k.js, to_json(e.called),
			CASE WHEN e.options <> '{}' THEN ', ' || e.options::text ELSE '' END) AS js
	FROM realtime.entry_exports(module) AS x JOIN realtime.module_entries() AS e USING (path)
		JOIN realtime.entry_kind() AS k USING (kind)
),
export AS (
	SELECT path, format('export const %s = %s;', name,
		CASE WHEN count(member) = 0 THEN min(js)
			ELSE format('{%s%s}', chr(10), string_agg(format('	%s: %s,%s',
			-- with brackets it is a name like others
			CASE member WHEN '__proto__' THEN '["__proto__"]' ELSE to_json(member)::text END, js, chr(10)), '' ORDER BY member COLLATE "C")) END) AS js
	FROM part
	GROUP BY path, name
),
import AS (
	SELECT entry, format('import { %s } from %s;%s', string_agg(maker, ', ' ORDER BY maker COLLATE "C"),
		to_json(CASE WHEN right(client, 3) = '.js' THEN left(client, -3) || entry || '.js' ELSE client || entry END), chr(10)) AS js
	FROM (SELECT entry, maker FROM part UNION SELECT '', 'empty') AS makers
	GROUP BY entry
)
SELECT format($f$// Module "%s" of realtime, made from what the database declares.
%s
%s
export { empty };
$f$, module, (SELECT string_agg(js, '' ORDER BY entry) FROM import),
	string_agg(js || chr(10), '' ORDER BY path COLLATE "C"))
FROM export
HAVING count(*) > 0
$$;
COMMENT ON FUNCTION realtime.client_module(text, text) IS
'A module of JavaScript with a function or store for each path that is declared right below module; NULL if there is none. client: where it imports the client from; further entries of the client are beside it, as "/realtime/client/upload.js".
The same text for the same declarations. Gateways serve it as /realtime/live/MODULE.js, see realtime.serve_modules.';
