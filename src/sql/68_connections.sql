--
-- Connections: who is there, and orders about them
--
CREATE FUNCTION realtime.stat_get_connections(
	OUT connection_id text,
	OUT gateway integer,
	OUT user_id text,
	OUT role text,
	OUT remote_address inet,
	OUT connected_at timestamptz,
	OUT expires_at timestamptz,
	OUT subscriptions integer)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_stat_get_connections';
COMMENT ON FUNCTION realtime.stat_get_connections() IS
'Rows of the view realtime.connections.';

CREATE VIEW realtime.connections AS
	SELECT * FROM realtime.stat_get_connections();
COMMENT ON VIEW realtime.connections IS
	'Connections of all gateways, as of a moment ago; not part of any snapshot';
COMMENT ON COLUMN realtime.connections.connection_id IS
	'What realtime.connection_id() gives in its calls';
COMMENT ON COLUMN realtime.connections.gateway IS
	'Number of the gateway that holds it';
COMMENT ON COLUMN realtime.connections.user_id IS
	'What realtime.user_id() gives in its calls; NULL if it is anonymous';
COMMENT ON COLUMN realtime.connections.role IS
	'The role that its calls are run as';
COMMENT ON COLUMN realtime.connections.remote_address IS
	'Address of the client, as a trusted proxy says or of the other end of the TCP connection';
COMMENT ON COLUMN realtime.connections.connected_at IS
	'When its WebSocket was opened';
COMMENT ON COLUMN realtime.connections.expires_at IS
	'When its token expires; NULL if it has none that does';
COMMENT ON COLUMN realtime.connections.subscriptions IS
	'Topics that it had about a second ago';

CREATE FUNCTION realtime.disconnect(
	user_id text DEFAULT NULL,
	connection_id text DEFAULT NULL,
	code integer DEFAULT 4403,
	reason text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_disconnect';
COMMENT ON FUNCTION realtime.disconnect(text, text, integer, text) IS
'Closes the connections of a user, or one of them, once the transaction commits. Returns how many there are now.
user_id, connection_id: as in realtime.connections; if both are given, both must fit; not both NULL.
code: of the close frame (RFC 6455, 7.4): 1000, 1001, 1008, 1011 to 1014, 3000 to 4999. After 1008, 4401 and 4403 clients do not come back.
reason: at most 123 bytes of UTF-8, which the client sees.
Who is just proving to be that user is closed as well. Errors: 22004 if nobody is named, 22023 for a code, 22001 for a long reason, 54000 after 1,000 orders in a transaction.';

CREATE FUNCTION realtime.recheck(
	user_id text DEFAULT NULL,
	topic text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_recheck';
COMMENT ON FUNCTION realtime.recheck(text, text) IS
'Has it asked again, once the transaction commits, what clients may see: after that who may not any more gets nothing of a topic.
user_id: whose connections; NULL means everybody''s. topic: a topic; NULL means all.
Subscriptions by name are asked about with the access functions of realtime.topic() and taken away with subscribe-denied if these refuse.
Who follows a stream by its path is closed with 4408, after which clients come back and ask for all they had.
What a token says stays what it was until it expires: realtime.disconnect() ends it. Errors: 54000 after 1,000 orders in a transaction.';

CREATE FUNCTION realtime.handle_frame(connection_id text, frame text) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_handle_frame';
COMMENT ON FUNCTION realtime.handle_frame(text, text) IS
'Has a frame carried out as if a connection had sent it, once the transaction commits: with its identity, limits and place behind what the client has sent before; answers go to the client. For tests, and for what comes another way than by the WebSocket.
connection_id: as in realtime.connections. frame: text of one message, such as {"rpc": "chat/send", "id": "1", "args": ["hello"]}.
Returns whether it will: false if there is no such connection, or the frame means nothing to the server and no message hook is declared. A connection that ends meanwhile takes it along.
Errors: 54000 if it is longer than realtime.max_payload; as for realtime.publish().';
