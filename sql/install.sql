--
-- What CREATE EXTENSION makes, and who may do what with it
--
\pset format unaligned
\pset footer off
-- its objects, without row types of tables and arrays, which are members since
-- 18 only
CREATE TEMPORARY VIEW member AS
SELECT classid, objid, pg_describe_object(classid, objid, 0) AS object
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'realtime')
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (
		SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
		WHERE t.oid = objid AND (c.relkind <> 'c'
			OR EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid))));
SELECT object FROM member ORDER BY object COLLATE "C";

-- roles
SELECT rolname, rolcanlogin, rolinherit, rolsuper, rolcreatedb, rolcreaterole
FROM pg_roles
WHERE rolname ~ '^realtime_' ORDER BY 1;

SELECT r.rolname AS role, m.rolname AS member
FROM pg_auth_members a
	JOIN pg_roles r ON r.oid = a.roleid
	JOIN pg_roles m ON m.oid = a.member
WHERE r.rolname ~ '^realtime_' OR m.rolname ~ '^realtime_'
ORDER BY 1, 2;

-- functions: v is VOLATILE, s is STABLE; u is UNSAFE, r is RESTRICTED, s is SAFE
SELECT oid::regprocedure AS function, provolatile AS vol, proparallel AS par, prosecdef AS definer
FROM pg_proc
WHERE pronamespace = 'realtime'::regnamespace
ORDER BY oid::regprocedure::text COLLATE "C";

-- rights, without those of the owner
SELECT p.oid::regprocedure AS function,
	CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END AS grantee
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'realtime'::regnamespace AND a.grantee <> p.proowner
ORDER BY p.oid::regprocedure::text COLLATE "C", grantee;

SELECT c.oid::regclass AS relation, a.grantee::regrole AS grantee, a.privilege_type
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
WHERE c.relnamespace = 'realtime'::regnamespace AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner
ORDER BY c.relname COLLATE "C", a.grantee::regrole::text COLLATE "C", 3;

SELECT t.oid::regtype AS type, a.grantee::regrole AS grantee, a.privilege_type
FROM pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
WHERE t.oid IN ('realtime.envelope'::regtype, 'realtime.message'::regtype) AND a.grantee <> t.typowner
ORDER BY t.typname COLLATE "C", a.grantee::regrole::text COLLATE "C";

SELECT CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END AS grantee, a.privilege_type
FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE n.nspname = 'realtime' AND a.grantee <> n.nspowner;

-- every object says what it is
SELECT object AS "object without comment" FROM member
WHERE obj_description(objid, classid::regclass::name) IS NULL;

SELECT attrelid::regclass AS relation, attname AS "column without comment"
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE c.relnamespace = 'realtime'::regnamespace AND c.relkind IN ('r', 'v', 'c')
	AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL;

-- what a dump carries
SELECT unnest(extconfig)::regclass AS "table", unnest(extcondition) AS condition
FROM pg_extension WHERE extname = 'realtime';

-- the library must be loaded at server start, so its settings are there
SELECT count(*) > 20 AS settings FROM pg_settings WHERE name ~ '^realtime\.';
DROP VIEW member;
