--
-- Messages to somebody, whatever topics he follows
--
CREATE FUNCTION realtime.signal(
	user_id text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_signal';
COMMENT ON FUNCTION realtime.signal(text, text, jsonb) IS
'Sends an event to all connections of a user once this transaction commits, on the topic "__signal:" followed by the user id, which nobody has to subscribe to. Who is not connected does not get it.
user_id: 1 to 256 bytes without quotation marks, backslashes and control characters. event, data: as of realtime.publish(), and data is anything.
Errors: RT000 with the code INVALID_USER_ID, 22004 for a NULL, 22023 for the event, 54000 above 1 MiB and as for realtime.publish(), as is another database.';

CREATE FUNCTION realtime.notify(
	user_id text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_notify';
COMMENT ON FUNCTION realtime.notify(text, text, jsonb) IS
'Sends what realtime.push() sends, once this transaction commits, and waits for no answer. It goes to the connection that the user has opened last, as of this call; who is not connected does not get it.
Arguments and errors are those of realtime.signal(), but RT422 for the user_id.';

CREATE FUNCTION realtime.send(
	user_id text,
	topic text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_send';
COMMENT ON FUNCTION realtime.send(text, text, text, jsonb) IS
'Sends an event of a topic to one user, once this transaction commits: to the connection that he has opened last, as of this call, whether it follows the topic or not. It has no number and no place among others of the topic.
user_id: as for realtime.signal(); the rest as for realtime.publish(), with its errors, and RT422 for the user_id.';

CREATE FUNCTION realtime.send_coalesced(
	user_id text,
	key text,
	topic text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_send_coalesced';
COMMENT ON FUNCTION realtime.send_coalesced(text, text, text, text, jsonb) IS
'Sends what realtime.send() sends; but if the connection does not take what it is sent fast enough, it gets of each key only the value of the last commit.
key: 1 to 255 bytes, for this connection alone; what has another key, or none, is not concerned, and may be overtaken.
The rest, and errors, as for realtime.send(), and 22023 for the key.';

CREATE FUNCTION realtime.send_to(
	criteria jsonb,
	topic text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_send_to';
COMMENT ON FUNCTION realtime.send_to(jsonb, text, text, jsonb) IS
'Sends an event of a topic, once this transaction commits, to all connections of users whose claims are as the criteria say, whether they follow the topic or not.
criteria: {"claim": text, number or boolean, ...}, 1 to 16 of them, all of which must be equal; only claims that realtime.attribute_claims names when a client logs in can be found, and no value that is an object, an array, null or above 256 bytes.
The rest as for realtime.publish(). Errors: 22023 for criteria, and those of realtime.publish().';

CREATE FUNCTION realtime.push(
	user_id text,
	event text,
	data jsonb DEFAULT NULL,
	timeout interval DEFAULT '5 s')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_push';
COMMENT ON FUNCTION realtime.push(text, text, jsonb, interval) IS
'Asks a client and returns what it answers: the connection that the user has opened last. It is sent at once, not at the end of the transaction, which waits and keeps its locks meanwhile.
user_id, event, data: as for realtime.signal(). timeout: 1 ms to a day.
Returns NULL if the answer is null. A call that waits does not keep its executor from others, but two of realtime.max_executors never wait.
Errors: RT408 if nothing comes in time, which then is ignored; RT404 if the user is not connected, or not any more; RT424 with the client''s text if it refuses; RT529 if too many calls wait, or memory is scarce; RT422 for the user_id; 22004, 22023, 54000 as for realtime.signal(); 22P02, 22P05 for an answer that jsonb cannot hold.';

CREATE FUNCTION realtime.lookup(user_id text)
RETURNS SETOF realtime.connections
LANGUAGE sql STABLE
ROWS 1
BEGIN ATOMIC
	SELECT * FROM realtime.connections c WHERE c.user_id = lookup.user_id
	ORDER BY c.connected_at DESC LIMIT 1;
END;
COMMENT ON FUNCTION realtime.lookup(text) IS
'The connection that a user has opened last, to which realtime.push(), notify() and send() go; no row if he is not connected.';

-- Likewise to one connection, whoever has it.

CREATE FUNCTION realtime.connection_send(
	connection_id text,
	topic text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_connection_send';
COMMENT ON FUNCTION realtime.connection_send(text, text, text, jsonb) IS
'Sends what realtime.send() sends, to one connection: that with this id, whoever has it. One that is gone, or goes before this transaction commits, does not get it.
connection_id: as realtime.connection_id() gives that of the caller. The rest as for realtime.publish(), with its errors.';

CREATE FUNCTION realtime.connection_notify(
	connection_id text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_connection_notify';
COMMENT ON FUNCTION realtime.connection_notify(text, text, jsonb) IS
'Sends what realtime.notify() sends, to one connection: that with this id, whoever has it. One that is gone, or goes before this transaction commits, does not get it.
Errors: 22004 for a NULL, 22023 for the event, 54000 above 1 MiB and as for realtime.publish(), as is another database.';

CREATE FUNCTION realtime.connection_push(
	connection_id text,
	event text,
	data jsonb DEFAULT NULL,
	timeout interval DEFAULT '5 s')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_connection_push';
COMMENT ON FUNCTION realtime.connection_push(text, text, jsonb, interval) IS
'Asks a client as realtime.push() does: the connection with this id, whoever has it, and no other in its place.
Errors are those of realtime.push(), and RT404 if the connection is not there, or not any more.';
