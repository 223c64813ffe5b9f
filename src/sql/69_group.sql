--
-- Groups of connections
--
CREATE FUNCTION realtime.group(
	name text,
	max_members integer DEFAULT NULL,
	meta jsonb DEFAULT '{}',
	member_ttl interval DEFAULT '120 s',
	on_join regprocedure DEFAULT NULL,
	on_leave regprocedure DEFAULT NULL,
	on_full regprocedure DEFAULT NULL,
	on_close regprocedure DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group';
COMMENT ON FUNCTION realtime.group(text, integer, jsonb, interval, regprocedure, regprocedure, regprocedure, regprocedure) IS
'Declares a group of connections, or replaces its declaration, and opens it if it was closed; who is in it stays.
name: a topic as of realtime.publish(), up to 240 bytes. max_members: counted over all gateways; NULL is any number. meta: whatever is to be kept about it.
member_ttl: for how long a member whose connection is gone counts if for some reason nobody has told that it left.
on_join, on_leave, on_full: function(name text, role text) or (name text) returns void, called in the transaction that joins, leaves, or finds the group full; when a connection ends, as who it was, in a transaction of its own, where an error is logged and the member leaves all the same. on_close: function(name text, reason text) or (name text) returns void, called by realtime.group_close().
Errors: 22004, 22023 for the name and options, RT430 for the name, 42883, 42P13 for functions, 42501 without EXECUTE on them.';

CREATE FUNCTION realtime.group_join(
	name text,
	role text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_join';
COMMENT ON FUNCTION realtime.group_join(text, text) IS
'In a call: the connection joins a group. Returns false, and it does not, if the group is full or closed; true if it is in it already. Of those who join at once, over all gateways, as many get in as there is room for.
Once the transaction commits the other members get "join" {"role", "count"} on "__group:" followed by the name, and it gets "members" [{"role"}, ...] and then what comes.
role: member (the default), admin or viewer.
Errors: 55000 outside of a call, 22004 for a NULL, 22023 for another role, 42704 for a group that is not declared.';

CREATE FUNCTION realtime.group_leave(name text)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_leave';
COMMENT ON FUNCTION realtime.group_leave(text) IS
'In a call: the connection leaves a group, once the transaction commits; the others get "leave" {"role", "count"}. Returns false if it is not in it. A connection that ends leaves all of its groups.
Errors: as for realtime.group_join().';

CREATE FUNCTION realtime.group_publish(
	name text,
	event text,
	data jsonb DEFAULT NULL,
	role text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_publish';
COMMENT ON FUNCTION realtime.group_publish(text, text, jsonb, text) IS
'Sends an event to the members of a group once this transaction commits; with role only to those who are in it as that.
Errors: 42704 for a group that is not declared, 22023 for the role, and those of realtime.publish().';

CREATE FUNCTION realtime.group_send(
	name text,
	connection_id text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_send';
COMMENT ON FUNCTION realtime.group_send(text, text, text, jsonb) IS
'The same to one member. Errors: RT404 if the connection is not in the group, and those of realtime.group_publish().';

CREATE FUNCTION realtime.group_close(
	name text,
	reason text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_close';
COMMENT ON FUNCTION realtime.group_close(text, text) IS
'Closes a group: once this transaction commits its members get "close" with {"reason"}, or null without one, and are not in it any more; nobody can join it before it is declared again. Returns false if it was closed.
Errors: 42704 for a group that is not declared.';

CREATE FUNCTION realtime.group_members(
	name text,
	OUT connection_id text,
	OUT user_id text,
	OUT role text,
	OUT joined_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_group_members';
COMMENT ON FUNCTION realtime.group_members(text) IS
'The members of a group, by when they joined.';

CREATE FUNCTION realtime.group_count(name text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_count';
COMMENT ON FUNCTION realtime.group_count(text) IS
'How many members a group has.';

CREATE FUNCTION realtime.group_has(
	name text,
	connection_id text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_has';
COMMENT ON FUNCTION realtime.group_has(text, text) IS
'Whether a connection is in a group; NULL is the one that has called.';

CREATE FUNCTION realtime.group_meta(name text)
RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_meta';
COMMENT ON FUNCTION realtime.group_meta(text) IS
'What is kept about a group. Errors: 42704 for a group that is not declared.';

CREATE FUNCTION realtime.group_set_meta(
	name text,
	meta jsonb)
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_group_set_meta';
COMMENT ON FUNCTION realtime.group_set_meta(text, jsonb) IS
'Replaces it. Errors: 42704 for a group that is not declared.';
