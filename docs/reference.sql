-- reference.sql - docs/reference.md as the catalog says it, a line in each row of
-- the temporary view reference_line (number, line).  "./run reference" writes the
-- file, test/pgtap/reference.sql compares.

-- What nobody calls by name: support of types, triggers, of views.
CREATE TEMPORARY VIEW reference_function AS
SELECT p.oid, p.proname AS name, p.proacl AS acl,
	regexp_replace(pg_get_function_arguments(p.oid), '(DEFAULT [^,]*?)::[^,]+(?=,|$)', '\1', 'g') AS arguments,
	pg_get_function_arguments(p.oid) AS signature,
	CASE WHEN p.prokind = 'f' THEN coalesce(pg_get_function_result(p.oid), 'void') END AS result,
	p.proargnames AS parameters,
	obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p
WHERE p.pronamespace = 'realtime'::regnamespace
	AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	AND p.proname !~ '^(stat_get|entry|typescript)_';

CREATE TEMPORARY VIEW reference_relation AS
SELECT c.oid, c.relname AS name, c.relacl AS acl,
	CASE c.relkind WHEN 'v' THEN 'Views' WHEN 'c' THEN 'Types' ELSE 'Tables' END AS section,
	obj_description(CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END,
		CASE c.relkind WHEN 'c' THEN 'pg_type' ELSE 'pg_class' END) AS comment
FROM pg_class c
WHERE c.relnamespace = 'realtime'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c');

-- Who may: the roles that have a right, without the owner, to whom all belongs.
CREATE TEMPORARY VIEW reference_right AS
SELECT o.oid, string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'everybody' ELSE '`' || a.grantee::regrole || '`' END, ', ') AS roles
FROM (SELECT oid, acl, 10::oid AS owner, 'f'::"char" AS kind FROM reference_function
	UNION ALL SELECT oid, acl, 10, 'r' FROM reference_relation) o,
	aclexplode(coalesce(o.acl, acldefault(o.kind, o.owner))) a
WHERE a.grantee <> a.grantor
GROUP BY o.oid;

-- A line that begins with a parameter's name becomes an entry of a list.
CREATE FUNCTION pg_temp.reference_comment(comment text, names text[]) RETURNS TABLE (place bigint, line text)
LANGUAGE sql AS $$
	SELECT n * 2 + shift, CASE shift WHEN 0 THEN '' ELSE shown END
	FROM (SELECT n, CASE WHEN entry THEN regexp_replace(said, '^(\w+(, \w+)*):', '- `\1`:') ELSE said END AS shown,
			entry AND coalesce(lag(entry) OVER (ORDER BY n), false) AS goes_on
		FROM (SELECT n, said, coalesce(substring(said FROM '^(\w+)(?:, \w+)*:') = ANY (names), false) AS entry
			FROM string_to_table(replace(replace(comment, '<', '&lt;'), '|', '\|'), E'\n') WITH ORDINALITY l (said, n)) line) line,
		generate_series(0, 1) shift
	WHERE shift = 1 OR NOT goes_on
$$;

CREATE TEMPORARY VIEW reference_text AS
SELECT 1 AS section, ''::text AS name, ''::text AS signature, n AS place, line
FROM string_to_table(
'# Reference

All functions, types, views and tables of the extension, with what the catalog says of them (`\df+ realtime.*` shows the same).
`./run reference` makes this page. Settings are in [configuration](configuration.md), codes of errors in the
[README](../README.md#error-codes), frames in [the protocol](protocol.md).

Where no role is named, superusers and the owner of the extension may, and whom they grant it to.

## Functions', E'\n') WITH ORDINALITY t (line, n)
UNION ALL
SELECT 2, f.name, f.signature, l.place, l.line
FROM reference_function f LEFT JOIN reference_right r USING (oid), LATERAL (
	SELECT -3::bigint, ''
	UNION ALL SELECT -2, format('### `realtime.%s(%s)%s`', f.name, f.arguments, ' → ' || f.result)
	UNION ALL SELECT * FROM pg_temp.reference_comment(f.comment, f.parameters)
	UNION ALL SELECT n, said FROM (VALUES (1000, ''), (1001, 'For: ' || r.roles || '.')) v (n, said) WHERE r.roles IS NOT NULL) l (place, line)
UNION ALL
SELECT CASE section WHEN 'Types' THEN 3 WHEN 'Views' THEN 4 ELSE 5 END, '', '', n, line
FROM (VALUES ('Types'), ('Views'), ('Tables')) v (section),
	LATERAL string_to_table(E'\n## ' || section, E'\n') WITH ORDINALITY t (line, n)
UNION ALL
SELECT CASE section WHEN 'Types' THEN 3 WHEN 'Views' THEN 4 ELSE 5 END, c.name, '', l.place, l.line
FROM reference_relation c LEFT JOIN reference_right r USING (oid), LATERAL (
	SELECT -3::bigint, ''
	UNION ALL SELECT -2, format('### `realtime.%s`', c.name)
	UNION ALL SELECT * FROM pg_temp.reference_comment(c.comment, '{}')
	UNION ALL SELECT n, said FROM (VALUES (1000, ''), (1001, 'For: ' || r.roles || '.')) v (n, said) WHERE r.roles IS NOT NULL
	UNION ALL SELECT n, said FROM (VALUES (1002, ''), (1003, '| column | type | |'), (1004, '| --- | --- | --- |')) v (n, said)
	UNION ALL SELECT 1100 + attnum, format('| `%s` | `%s` | %s |', attname, format_type(atttypid, atttypmod),
			replace(replace(replace(coalesce(col_description(attrelid, attnum), ''), '|', '\|'), '<', '&lt;'), E'\n', ' '))
		FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) l (place, line);

CREATE TEMPORARY VIEW reference_line AS
SELECT row_number() OVER (ORDER BY section, name COLLATE "C", signature COLLATE "C", place) AS number, line FROM reference_text;
