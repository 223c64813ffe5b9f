--
-- Types of TypeScript, from what is declared.
--
CREATE FUNCTION realtime.entry_function_columns(
	function regprocedure,
	OUT name text,
	OUT type oid,
	OUT is_required boolean,
	OUT has_row boolean)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'realtime_function_columns';
COMMENT ON FUNCTION realtime.entry_function_columns(regprocedure) IS
'Columns that the last statement of a function of LANGUAGE sql returns: which of them are surely not NULL, and whether there is surely a row. Nothing for other functions.
Errors: those of the statements.';

CREATE FUNCTION realtime.entry_query_columns(
	path text,
	OUT name text,
	OUT type oid,
	OUT is_required boolean,
	OUT has_row boolean)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'realtime_query_columns';
COMMENT ON FUNCTION realtime.entry_query_columns(text) IS
'The same for a live query. Errors: 42704 for a path that is none.';

CREATE FUNCTION realtime.typescript_is_required(which oid) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE layer AS (
	SELECT typnotnull, typbasetype FROM pg_type WHERE oid = which
UNION ALL
	SELECT t.typnotnull, t.typbasetype FROM layer JOIN pg_type t ON t.oid = layer.typbasetype
)
SELECT coalesce(bool_or(typnotnull), false) FROM layer
$$;
COMMENT ON FUNCTION realtime.typescript_is_required(oid) IS
'Whether a type is a domain whose values are not NULL.';

-- A name that types have: user_account is UserAccount.
CREATE FUNCTION realtime.typescript_name(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT regexp_replace(string_agg(upper(left(piece, 1)) || substr(piece, 2), '' ORDER BY n), '^(?=[0-9]|$)', '_')
FROM regexp_split_to_table(regexp_replace(word, '[^[:alnum:]]', '_', 'g'), '_+') WITH ORDINALITY AS pieces (piece, n)
$$;
COMMENT ON FUNCTION realtime.typescript_name(text) IS
'A name of SQL as types of TypeScript are named: user_account is UserAccount.';

-- Composites, domains and enums get names, and so do those that they are made of.
-- Two of one name get that of their schema in front.
CREATE FUNCTION realtime.typescript_names(roots oid[]) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE reached (oid) AS (
	SELECT unnest(roots)
UNION
	SELECT next.oid
	FROM reached JOIN pg_type t ON t.oid = reached.oid,
		LATERAL (
			SELECT t.typelem WHERE t.typelem <> 0 AND t.typcategory = 'A'
		UNION ALL
			SELECT t.typbasetype WHERE t.typtype = 'd'
		UNION ALL
			SELECT a.atttypid FROM pg_attribute a
			WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
		) AS next (oid)
),
named AS (
	SELECT t.oid, realtime.typescript_name(t.typname) AS short,
		realtime.typescript_name(n.nspname) || realtime.typescript_name(t.typname) AS long
	FROM reached JOIN pg_type t USING (oid) JOIN pg_namespace n ON n.oid = t.typnamespace
	WHERE t.typtype IN ('c', 'd', 'e') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
),
counted AS (
	SELECT oid, CASE WHEN count(*) OVER (PARTITION BY short) = 1 THEN short ELSE long END AS name FROM named
),
numbered AS (
	SELECT oid, name, row_number() OVER (PARTITION BY name ORDER BY oid) AS n FROM counted
)
SELECT coalesce(jsonb_object_agg(oid::text, name || CASE WHEN n > 1 THEN '_' || n ELSE '' END), '{}') FROM numbered
$$;
COMMENT ON FUNCTION realtime.typescript_names(oid[]) IS
'Names of TypeScript for types, and for all that they are made of: an object by OIDs.';

-- What to_json() makes of it.
CREATE FUNCTION realtime.typescript_type(
	which oid,
	names jsonb,
	is_argument boolean)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	t pg_type;
	element text;
BEGIN
	SELECT * INTO t FROM pg_type WHERE oid = which;
	IF names ? which::text THEN
		WHILE t.typtype = 'd' LOOP
			SELECT * INTO t FROM pg_type WHERE oid = t.typbasetype;
		END LOOP;
		RETURN CASE WHEN is_argument AND t.typtype = 'c' THEN format('realtime.Input<%s>', names ->> which::text)
			ELSE names ->> which::text END;
	ELSIF t.typtype = 'd' THEN
		RETURN realtime.typescript_type(t.typbasetype, names, is_argument);
	ELSIF t.typsubscript = 'array_subscript_handler'::regproc THEN
		element := realtime.typescript_type(t.typelem, names, is_argument);
		RETURN CASE WHEN strpos(element, ' ') > 0 THEN format('(%s)[]', element) ELSE element || '[]' END;
	END IF;
	RETURN CASE
		WHEN which = 'boolean'::regtype THEN 'boolean'
		WHEN which IN ('smallint'::regtype, 'integer'::regtype, 'real'::regtype, 'double precision'::regtype) THEN 'number'
		WHEN which = 'bigint'::regtype THEN 'realtime.Int8' || CASE WHEN is_argument THEN ' | bigint' ELSE '' END
		WHEN which = 'numeric'::regtype THEN 'realtime.Numeric' || CASE WHEN is_argument THEN ' | bigint' ELSE '' END
		WHEN which = 'void'::regtype THEN 'void'
		WHEN which = 'record'::regtype OR t.typtype = 'c' THEN '{ [name: string]: any }'
		WHEN which IN ('json'::regtype, 'jsonb'::regtype) OR t.typtype = 'p' THEN 'any'
		WHEN EXISTS (SELECT FROM pg_cast WHERE castsource = which AND casttarget = 'json'::regtype AND castmethod = 'f') THEN 'any'
		ELSE 'string' END;
END
$$;
COMMENT ON FUNCTION realtime.typescript_type(oid, jsonb, boolean) IS
'The type of TypeScript that the JSON of a type has, with the names of realtime.typescript_names(); is_argument: as clients may send it.';

CREATE FUNCTION realtime.typescript_or_null(type text, is_required boolean) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN is_required OR type IN ('any', 'void') THEN type ELSE type || ' | null' END $$;
COMMENT ON FUNCTION realtime.typescript_or_null(text, boolean) IS
'A type of TypeScript with null, unless it is required or has that anyway.';

CREATE FUNCTION realtime.typescript_comment(comment text, indent text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN comment IS NULL THEN ''
	WHEN strpos(comment, chr(10)) = 0 THEN format('%s/** %s */%s', indent, replace(comment, '*/', '* /'), chr(10))
	ELSE format('%s/**%s%s%1$s */%2$s', indent, chr(10),
		(SELECT string_agg(format('%s * %s%s', indent, line, chr(10)), '' ORDER BY n)
			FROM regexp_split_to_table(replace(replace(comment, chr(13), ''), '*/', '* /'), chr(10)) WITH ORDINALITY AS lines (line, n))) END
$$;
COMMENT ON FUNCTION realtime.typescript_comment(text, text) IS
'A comment of TypeScript, behind an indent; nothing for NULL.';

-- As an index of an object or a label.
CREATE FUNCTION realtime.typescript_key(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE WHEN word ~ '^[A-Za-z_$][A-Za-z0-9_$]*$' THEN word ELSE to_json(word)::text END $$;
COMMENT ON FUNCTION realtime.typescript_key(text) IS
'A name as a member of an object of TypeScript.';

CREATE FUNCTION realtime.typescript_named(which oid, names jsonb) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT realtime.typescript_comment(coalesce(obj_description(t.oid, 'pg_type'), obj_description(nullif(t.typrelid, 0), 'pg_class')), '')
	|| CASE t.typtype
		WHEN 'e' THEN format('export type %s = %s;%s', names ->> which::text,
			(SELECT string_agg(to_json(enumlabel::text)::text, ' | ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = which), chr(10))
		WHEN 'd' THEN format('export type %s = %s;%s', names ->> which::text,
			realtime.typescript_type(t.typbasetype, names, false), chr(10))
		ELSE format('export interface %s {%2$s%3$s}%2$s', names ->> which::text, chr(10),
			(SELECT string_agg(realtime.typescript_comment(col_description(t.typrelid, attnum), chr(9))
					|| format('	%s: %s;%s', realtime.typescript_key(attname),
						realtime.typescript_or_null(realtime.typescript_type(atttypid, names, false),
							attnotnull OR realtime.typescript_is_required(atttypid)), chr(10)), '' ORDER BY attnum)
				FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)) END
FROM pg_type t
WHERE t.oid = which
$$;
COMMENT ON FUNCTION realtime.typescript_named(oid, jsonb) IS
'The declaration of a type that has a name in TypeScript.';

--
-- Arguments
--
CREATE FUNCTION realtime.entry_arguments(
	function oid,
	parameters oid[],
	names text[],
	has_payload boolean,
	OUT name text,
	OUT type oid,
	OUT is_required boolean,
	OUT is_optional boolean,
	OUT is_rest boolean)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE ROWS 4
SET search_path = pg_catalog, pg_temp
AS $$
WITH parameter AS (
	SELECT p.proargnames[i] AS name, (coalesce(p.proallargtypes, p.proargtypes::oid[]))[i - (p.proallargtypes IS NULL)::integer] AS type,
		coalesce(p.proargmodes[i], 'i') AS mode, p.proisstrict, i, p.pronargs, p.pronargdefaults
	FROM pg_proc p, generate_series(1, coalesce(cardinality(p.proallargtypes), p.pronargs)) AS i
	WHERE p.oid = function
),
argument AS (
	SELECT *, row_number() OVER (ORDER BY i) AS n FROM parameter WHERE mode IN ('i', 'b', 'v')
)
	SELECT coalesce(nullif(name, ''), 'arg' || n), type, proisstrict OR realtime.typescript_is_required(type),
		n > pronargs - pronargdefaults AND mode <> 'v', mode = 'v'
	FROM (SELECT * FROM argument WHERE n > 1 OR NOT has_payload ORDER BY n) AS ordered
UNION ALL
	SELECT 'arg' || n, type, false, false, false
	FROM unnest(parameters) WITH ORDINALITY AS given (type, n)
	WHERE function IS NULL
UNION ALL
	SELECT name, NULL, true, false, false
	FROM unnest(names) AS given (name)
	WHERE function IS NULL AND parameters IS NULL
$$;
COMMENT ON FUNCTION realtime.entry_arguments(oid, oid[], text[], boolean) IS
'Arguments of an entry of a module, in order; those without a type are texts or numbers.';

CREATE FUNCTION realtime.typescript_arguments(
	function oid,
	parameters oid[],
	argument_names text[],
	has_payload boolean,
	names jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH argument AS (
	SELECT *, row_number() OVER () AS n,
		regexp_replace(regexp_replace(name, '[^A-Za-z0-9_$]', '_', 'g'), '^(?=[0-9])', '_') AS label,
		coalesce(realtime.typescript_or_null(realtime.typescript_type(type, names, true), is_required OR is_rest), 'string | number') AS ts
	FROM realtime.entry_arguments(function, parameters, argument_names, has_payload)
)
SELECT '[' || coalesce(string_agg(CASE WHEN is_rest THEN '...' ELSE '' END || label
	|| CASE WHEN is_optional THEN '?' ELSE '' END || ': ' || ts, ', ' ORDER BY n), '') || ']'
FROM argument
$$;
COMMENT ON FUNCTION realtime.typescript_arguments(oid, oid[], text[], boolean, jsonb) IS
'The arguments of an entry of a module as a tuple of TypeScript.';

--
-- Values
--
CREATE FUNCTION realtime.entry_result(
	function oid,
	path text,
	OUT type oid,
	OUT is_set boolean,
	OUT is_required boolean,
	OUT column_names text[],
	OUT column_types oid[],
	OUT column_required boolean[])
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p pg_proc;
	described boolean[];
	described_type oid;
	has_row boolean;
	is_sql boolean;
BEGIN
	IF function IS NULL THEN
		BEGIN
			SELECT array_agg(q.name), array_agg(q.type), array_agg(q.is_required), true, true
			INTO column_names, column_types, column_required, is_set, is_required FROM realtime.entry_query_columns(path) AS q;
		EXCEPTION WHEN OTHERS THEN
			-- it is broken, or what it names is gone
			NULL;
		END;
		RETURN;
	END IF;
	SELECT * INTO p FROM pg_proc WHERE oid = function;
	BEGIN
		SELECT array_agg(f.is_required), max(f.type), bool_or(f.has_row) INTO described, described_type, has_row FROM realtime.entry_function_columns(function) AS f;
	EXCEPTION WHEN OTHERS THEN
		-- it cannot be read now: nothing is known of it
		described := NULL;
	END;
	SELECT array_agg(coalesce(nullif(p.proargnames[i], ''), 'column' || n) ORDER BY n), array_agg(p.proallargtypes[i] ORDER BY n),
		array_agg(realtime.typescript_is_required(p.proallargtypes[i]) OR coalesce(cardinality(described) = total AND described[n], false) ORDER BY n)
	INTO column_names, column_types, column_required
	FROM (SELECT i, row_number() OVER (ORDER BY i) AS n, count(*) OVER () AS total
		FROM generate_subscripts(p.proargmodes, 1) AS i WHERE p.proargmodes[i] IN ('o', 'b', 't')) AS columns;
	is_sql := p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql');
	is_set := p.proretset;
	type := p.prorettype;
	IF cardinality(column_names) = 1 AND p.prorettype <> 'record'::regtype
		AND coalesce((SELECT p.proargnames[i] FROM generate_subscripts(p.proargmodes, 1) AS i WHERE p.proargmodes[i] IN ('o', 'b', 't')), '') = '' THEN
		column_names := NULL;
	END IF;
	is_required := realtime.typescript_is_required(type) OR CASE
		WHEN column_names IS NOT NULL THEN is_set OR NOT is_sql OR coalesce(has_row, false)
		WHEN (SELECT typtype FROM pg_type WHERE oid = type) <> 'c' OR (cardinality(described) = 1 AND described_type = type)
			THEN coalesce(cardinality(described) = 1 AND described[1] AND (is_set OR has_row), false)
		ELSE is_set OR coalesce(has_row, false) END;
END
$$;
COMMENT ON FUNCTION realtime.entry_result(oid, text) IS
'What a function, or the live query of a path, returns: its type, or the columns of its rows if they have no type of their own, and what of it is never NULL.';

CREATE FUNCTION realtime.typescript_value(
	entry realtime.module_entry,
	type oid,
	is_set boolean,
	is_required boolean,
	row_name text,
	names jsonb)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	element text;
BEGIN
	IF entry.value IS NOT NULL THEN
		RETURN entry.value;
	ELSIF entry.is_transformed OR (entry.kind = 'stream' AND type = 'realtime.page'::regtype) THEN
		RETURN CASE WHEN is_set OR coalesce(entry.options ->> 'merge', 'crud') IN ('crud', 'latest') THEN 'any[]' ELSE 'any' END;
	END IF;
	element := coalesce(row_name, realtime.typescript_type(type, names, false), 'any');
	IF is_set IS NOT TRUE THEN
		RETURN realtime.typescript_or_null(element, coalesce(is_required, true));
	END IF;
	IF element <> 'any' THEN
		element := element || CASE WHEN strpos(entry.key, ',') > 0 THEN ' & { _key: string }' ELSE '' END
			|| coalesce((SELECT format(' & { %s }', string_agg(DISTINCT realtime.typescript_key(member) || ': any', '; '))
				FROM unnest(entry.joined) AS member), '');
	END IF;
	element := realtime.typescript_or_null(element, is_required);
	RETURN CASE WHEN strpos(element, ' ') > 0 THEN format('(%s)[]', element) ELSE element || '[]' END;
END
$$;
COMMENT ON FUNCTION realtime.typescript_value(realtime.module_entry, oid, boolean, boolean, text, jsonb) IS
'The type of TypeScript that an entry of a module gives.';

CREATE FUNCTION realtime.typescript_row(
	row_name text,
	column_names text[],
	column_types oid[],
	column_required boolean[],
	names jsonb)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT format('export interface %s {%s%s}%2$s', row_name, chr(10), string_agg(format('	%s: %s;%s', realtime.typescript_key(name),
	realtime.typescript_or_null(realtime.typescript_type(type, names, false), required), chr(10)), '' ORDER BY n))
FROM unnest(column_names, column_types, column_required) WITH ORDINALITY AS columns (name, type, required, n)
$$;
COMMENT ON FUNCTION realtime.typescript_row(text, text[], oid[], boolean[], jsonb) IS
'An interface of TypeScript for rows that have no type of their own.';

CREATE FUNCTION realtime.typescript_module(
	module text,
	client text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
WITH entry AS MATERIALIZED (
	SELECT x.name AS export, e, k.ts, r.*
	FROM realtime.entry_exports(module) AS x JOIN realtime.module_entries() AS e USING (path)
		JOIN realtime.entry_kind() AS k USING (kind)
		LEFT JOIN LATERAL realtime.entry_result((e).result, (e).path) AS r ON (e).value IS NULL
),
known AS MATERIALIZED (
	SELECT realtime.typescript_names(ARRAY(
		SELECT a.type FROM entry, realtime.entry_arguments((e).arguments, (e).parameters, (e).names, (e).has_payload) AS a WHERE a.type IS NOT NULL
	UNION
		SELECT type FROM entry WHERE column_names IS NULL AND type IS NOT NULL AND NOT (e).is_transformed
			AND ((e).kind <> 'stream' OR type <> 'realtime.page'::regtype)
	UNION
		SELECT unnest(column_types) FROM entry WHERE NOT (e).is_transformed)) AS names
),
part AS (
	SELECT entry.*, names,
		CASE WHEN column_names IS NOT NULL AND NOT (e).is_transformed
			THEN realtime.typescript_name(export || coalesce('_' || (e).member, '')) || 'Row' END AS row_name
	FROM entry, known
),
written AS (
	SELECT export, (e).path, (e).member,
		realtime.typescript_row(row_name, column_names, column_types, column_required, names) AS row,
		obj_description((e).result, 'pg_proc') AS comment,
		format(ts, realtime.typescript_arguments((e).arguments, (e).parameters, (e).names, (e).has_payload, names),
			realtime.typescript_value(e, type, is_set, is_required, row_name, names)) AS ts
	FROM part
),
export AS (
	SELECT path, coalesce(string_agg(row, '' ORDER BY member COLLATE "C"), '')
		|| CASE WHEN count(member) = 0 THEN realtime.typescript_comment(min(comment), '') || format('export const %s: %s;%s', export, min(ts), chr(10))
			ELSE format('export const %s: {%2$s%3$s};%2$s', export, chr(10),
				string_agg(realtime.typescript_comment(comment, chr(9)) || format('	readonly %s: %s;%s', realtime.typescript_key(member), ts, chr(10)),
					'' ORDER BY member COLLATE "C")) END AS ts
	FROM written
	GROUP BY path, export
)
SELECT format($f$import type * as realtime from %s;
export { empty } from %1$s;

%s%s$f$, to_json(client),
	(SELECT string_agg(realtime.typescript_named(oid::oid, names), '' ORDER BY names ->> oid COLLATE "C")
		FROM known, jsonb_object_keys(names) AS oid),
	string_agg(ts, '' ORDER BY path COLLATE "C"))
FROM export
HAVING count(*) > 0
$$;
COMMENT ON FUNCTION realtime.typescript_module(text, text) IS
'The types of a module as realtime.typescript() writes them; NULL if there is none.';

CREATE FUNCTION realtime.typescript(
	module text DEFAULT NULL,
	client text DEFAULT 'realtime-client')
RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE WHEN module IS NOT NULL THEN
	(SELECT format($f$// Types of module "%s" of realtime, made from what the database declares.
%s$f$, module, ts)
	FROM realtime.typescript_module(module, client) AS ts WHERE ts IS NOT NULL)
ELSE
	(SELECT $f$// Types of all modules of realtime, made from what the database declares.
$f$ || coalesce(string_agg(format($f$
declare module %s {
%s}
$f$, to_json('$live/' || name),
		regexp_replace(realtime.typescript_module(name, client), '^(?=.)', chr(9), 'gn')), '' ORDER BY name COLLATE "C"), '')
	FROM realtime.modules() AS name) END
$$;
COMMENT ON FUNCTION realtime.typescript(text, text) IS
'The types of a module (see realtime.client_module()) as a file of TypeScript, MODULE.d.ts; NULL if there is none. module NULL: those of all modules, as modules "$live/MODULE" of one file.
client: where the types of the client come from. The same text for the same declarations. Gateways serve it as /realtime/live/MODULE.d.ts.';
