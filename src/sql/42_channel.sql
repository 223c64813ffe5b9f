--
-- Channels
--
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
	guard regprocedure[] DEFAULT '{}')
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_channel';
COMMENT ON FUNCTION realtime.channel(text, text, text, text, boolean, integer, boolean, integer, interval, boolean, regprocedure, regprocedure[]) IS
'Lets clients follow the events of a topic as a stream without a loader, or replaces what was declared for the path.
topic: template of the topic. {1} is the client''s first argument, {user_id} the caller''s id, {name} the parameter of access of that name; if access takes nothing, names stand for the arguments in the order in which they appear.
merge: how clients put events into their value: set (the newest), latest (a list of the newest), crud (rows by key), presence or cursor.
key: member of a row that names it; prepend: new rows come first (both with crud). max: rows that clients keep (with crud or latest; latest keeps 50 unless told).
replay: events are numbered and kept, and who was away gets what it has missed; replay_size: how many are kept of a topic; replay_ttl: for how long.
volatile: events may be lost and have no order. Without replay and volatile they come in commit order.
access: function that returns boolean; its parameters take the client''s args by position. Only true lets a client follow the topic. Without access and guard anybody may.
guard: functions that run first, in this order; each returns boolean or void and takes nothing, one parameter "path text", or what access takes. false, NULL or an error refuses.
Errors: 22023 for an option that is wrong, 42939 for a topic that begins with __, 42710 if the same topics are declared with another class, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it.';

