
--
-- Who may go on to anything of a module
--
CREATE FUNCTION realtime.guard(
	module text,
	guard regprocedure[] DEFAULT '{}',
	authenticated boolean DEFAULT false)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_guard';
COMMENT ON FUNCTION realtime.guard(text, regprocedure[], boolean) IS
'Has functions run before everything that is declared under a module, whatever its kind, and whoever declares it later; or replaces what was said about the module.
module: what paths begin with, up to a slash: chat has chat/send and chat/room/members. If a path is in several, the outer one comes first.
guard: functions that run in this order, before the guards of the path itself; each returns boolean or void and takes nothing or one parameter "path text". false, NULL or an error refuses. realtime.set_context() passes on what they have found out.
authenticated: anonymous clients are refused with UNAUTHENTICATED before any function runs.
Without guard and authenticated the module has none any more; realtime.drop() leaves it alone.
Errors: 22023 for a module that is not valid, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it.';

--
-- From guards to what they guard
--
CREATE FUNCTION realtime.set_context(
	key text,
	value jsonb)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_set_context';
COMMENT ON FUNCTION realtime.set_context(text, jsonb) IS
'Keeps a value until the end of what the client has asked, for guards that come later, the handler, and a stream''s gate, access, loader and transform. Live queries run again without it, so it is not there for them.
Errors: 22004 or 22023 for a key without 1 to 255 bytes, 54000 above a megabyte, 55000 outside of a call.';

CREATE FUNCTION realtime.context(key text) RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_context';
COMMENT ON FUNCTION realtime.context(text) IS
'What realtime.set_context() has kept last under a key; NULL if nothing, or outside of a call.';

--
-- Ready-made answers of guards and access functions.  The names of members are
-- of type name, so that a client''s text never gets into their place.
--
CREATE FUNCTION realtime.access_owner() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN realtime.user_id() IS NOT NULL;
COMMENT ON FUNCTION realtime.access_owner() IS
'Whether a user calls, and no anonymous client.';

CREATE FUNCTION realtime.access_owner(field name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN coalesce(realtime.user_data() OPERATOR(pg_catalog.->>) field::text, '') OPERATOR(pg_catalog.<>) '';
COMMENT ON FUNCTION realtime.access_owner(name) IS
'Whether the data of the user has that member, and it is not null or empty.';

CREATE FUNCTION realtime.access_team() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN realtime.access_owner('teamId'::name);
COMMENT ON FUNCTION realtime.access_team() IS
'Whether the data of the user has a member teamId.';

CREATE FUNCTION realtime.access_role(roles jsonb, field name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN coalesce(roles OPERATOR(pg_catalog.->) (realtime.user_data() OPERATOR(pg_catalog.->>) field::text) OPERATOR(pg_catalog.=) 'true'::jsonb, false);
COMMENT ON FUNCTION realtime.access_role(jsonb, name) IS
'Whether a member of the user''s data stands for true in an object; for applications whose roles are not those of the database.';

CREATE FUNCTION realtime.access_role(roles jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN realtime.access_role(roles, 'role'::name);
COMMENT ON FUNCTION realtime.access_role(jsonb) IS
'Whether the member role of the user''s data stands for true in an object: access_role(''{"admin": true, "guest": false}''). What is not there is false.';

CREATE FUNCTION realtime.access_pg_role(role name) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_access_pg_role';
COMMENT ON FUNCTION realtime.access_pg_role(name) IS
'Whether the role of who calls has the rights of another one, directly or not, without SET ROLE; also within SECURITY DEFINER functions. Outside of a call it is the role that has logged in. Errors: 42704 if there is no such role.';

CREATE FUNCTION realtime.access_org(organization text, field name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN coalesce(realtime.user_data() OPERATOR(pg_catalog.->>) field::text OPERATOR(pg_catalog.=) organization, false);
COMMENT ON FUNCTION realtime.access_org(text, name) IS
'Whether a member of the user''s data is that organization.';

CREATE FUNCTION realtime.access_org(organization text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN realtime.access_org(organization, 'organization_id'::name);
COMMENT ON FUNCTION realtime.access_org(text) IS
'Whether the member organization_id of the user''s data is that; can be named as the guard or access function of what takes one text.';

CREATE FUNCTION realtime.access_user(user_id text, field name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN coalesce(realtime.user_data() OPERATOR(pg_catalog.->>) field::text OPERATOR(pg_catalog.=) user_id, false);
COMMENT ON FUNCTION realtime.access_user(text, name) IS
'Whether a member of the user''s data is that.';

CREATE FUNCTION realtime.access_user(user_id text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED
RETURN coalesce(realtime.user_id() OPERATOR(pg_catalog.=) user_id, false);
COMMENT ON FUNCTION realtime.access_user(text) IS
'Whether it is the id of the user who calls; can be named as the guard or access function of what takes one text.';

CREATE FUNCTION realtime.access_any(VARIADIC verdicts boolean[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(true OPERATOR(pg_catalog.=) ANY (verdicts), false);
COMMENT ON FUNCTION realtime.access_any(boolean[]) IS
'Whether one of them is true: access_any(access_role(''{"admin": true}''), access_org(org)).';

CREATE FUNCTION realtime.access_all(VARIADIC verdicts boolean[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(true OPERATOR(pg_catalog.=) ALL (verdicts), false);
COMMENT ON FUNCTION realtime.access_all(boolean[]) IS
'Whether all of them are true, and none is NULL.';
