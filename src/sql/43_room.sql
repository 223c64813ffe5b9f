--
-- Rooms: a value, who is there, and what can be done there, in one declaration
--
CREATE FUNCTION realtime.room(
	path text,
	topic text,
	loader regprocedure,
	presence regprocedure DEFAULT NULL,
	cursors boolean DEFAULT false,
	guard regprocedure[] DEFAULT '{}',
	actions regprocedure[] DEFAULT '{}',
	merge text DEFAULT 'crud',
	key text DEFAULT 'id',
	prepend boolean DEFAULT false,
	max integer DEFAULT NULL,
	replay boolean DEFAULT false,
	replay_size integer DEFAULT 1000,
	replay_ttl interval DEFAULT NULL,
	volatile boolean DEFAULT false,
	coalesce_by text DEFAULT NULL,
	access regprocedure DEFAULT NULL,
	gate regprocedure DEFAULT NULL,
	transform regprocedure DEFAULT NULL,
	delta_version regprocedure DEFAULT NULL,
	delta_diff regprocedure DEFAULT NULL,
	delta_from_seq regprocedure DEFAULT NULL,
	schema_version integer DEFAULT NULL,
	migrate regprocedure[] DEFAULT '{}',
	stale_after interval DEFAULT NULL,
	invalidate_on text[] DEFAULT '{}',
	on_subscribe regprocedure DEFAULT NULL,
	on_unsubscribe regprocedure DEFAULT NULL,
	on_error regprocedure DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	shared boolean DEFAULT false,
	topic_by regprocedure DEFAULT NULL,
	breaker text DEFAULT NULL,
	fallback jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_room';
COMMENT ON FUNCTION realtime.room(text, text, regprocedure, regprocedure, boolean, regprocedure[], regprocedure[], text, text, boolean, integer, boolean, integer, interval, boolean, text, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, regprocedure, integer, regprocedure[], interval, text[], regprocedure, regprocedure, regprocedure, text, boolean, regprocedure, text, jsonb) IS
'Lets clients follow a value, as realtime.stream() does, and see who else does, and act on it. Replaces what was declared for the path; realtime.drop() drops all of it.
The value is the stream "path", which is also called "path/__data".
presence: function that returns what others see of the caller (jsonb, up to 8 kB; NULL: nothing, he is not seen); takes nothing or the loader''s parameters. The stream "path/__presence" is who follows it or the value: a user once, with all his connections, until he ceases to or the last of these has been gone for realtime.presence_grace. NULL: there is none.
cursors: whether there is a stream "path/__cursors": who follows it may send positions in frames "cursor", and sees those of others, with what presence returns of them (up to 4 kB).
actions: functions that take the loader''s parameters and then their own; called as "path/__action/NAME", NAME being the function''s without its schema. In them realtime.room_topic() is the topic that the arguments name, and realtime.room_publish() publishes there.
guard, access, gate: as in realtime.stream(), for the value, who is there and the actions alike; the guards of actions get the first arguments, those of the room.
All else, and the errors, as in realtime.stream(); 42P13 also for a function that cannot be an action.';

CREATE FUNCTION realtime.room_topic()
RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_room_topic';
COMMENT ON FUNCTION realtime.room_topic() IS
'In an action of a room: the topic that its arguments name; else NULL.';

CREATE FUNCTION realtime.room_publish(
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_room_publish';
COMMENT ON FUNCTION realtime.room_publish(text, jsonb) IS
'In an action of a room: publishes an event on its topic, as realtime.publish() does, whose errors it has; and 55000 anywhere else.';
