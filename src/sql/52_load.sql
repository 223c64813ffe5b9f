--
-- What a client would get, for sessions: pages that are rendered elsewhere
--
CREATE FUNCTION realtime.load(
	path text,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_load';
COMMENT ON FUNCTION realtime.load(text, jsonb, jsonb) IS
'What a client gets who begins to follow a stream, in this transaction: an object with data and, as far as the stream has them, topic, merge, key, seq, version, schemaVersion, hasMore, cursor, prepend, max; or gated.
path: of a stream or channel. args: array of its arguments. user_data: who asks, an object with the user''s id (or user_id, or sub), the database role, and whatever else policies look at; NULL is an anonymous client.
It runs as that role, which the session''s user must be able to become, through guards, gate, access and transform. A client that has this as its value goes on from seq or version.
Errors: RT404 for a path that is not declared, RT401, RT403 and what guards and loaders raise, 42704 and 42501 for the role, 0A000 within a call.';

CREATE FUNCTION realtime.call(
	path text,
	args jsonb DEFAULT '[]',
	user_data jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_call';
COMMENT ON FUNCTION realtime.call(text, jsonb, jsonb) IS
'What a client gets who calls a path, in this transaction: the result of its handler, or the value of a stream; NULL for a handler that returns nothing.
path, args, user_data and errors as for realtime.load(). What the handler writes and publishes is part of this transaction.';
