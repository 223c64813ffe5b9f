--
-- For use inside a call: who is calling, and how to end it
--
CREATE FUNCTION realtime.user_id() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_user_id';
COMMENT ON FUNCTION realtime.user_id() IS
'Id of the user whose connection calls; NULL if anonymous or outside of a call.';

CREATE FUNCTION realtime.user_data() RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_user_data';
COMMENT ON FUNCTION realtime.user_data() IS
'What authentication has said about that user; NULL if anonymous or outside of a call.';

CREATE FUNCTION realtime.connection_id() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_connection_id';
COMMENT ON FUNCTION realtime.connection_id() IS
'UUID of the connection that calls, as in its "welcome" frame; NULL outside of a call.';

CREATE FUNCTION realtime.remote_address() RETURNS inet
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_remote_address';
COMMENT ON FUNCTION realtime.remote_address() IS
'Address of the client that calls, as a trusted proxy has said it if there is one; NULL if it has gone meanwhile, and outside of a call.';

CREATE FUNCTION realtime.request_id() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_request_id';
COMMENT ON FUNCTION realtime.request_id() IS
'Identity of this call for logs: what a trusted proxy has called the request that has opened the connection (X-Request-ID), or else the id of the connection; behind a slash the id that the client has given to the call, if it has. In a job, that of the call that has enqueued it. NULL elsewhere.';

CREATE FUNCTION realtime.cursor() RETURNS jsonb
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_cursor';
COMMENT ON FUNCTION realtime.cursor() IS
'Where to go on, when a client asks a loader for more; else NULL.';

CREATE FUNCTION realtime.topic_version() RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_topic_version';
COMMENT ON FUNCTION realtime.topic_version() IS
'For delta_version of a stream whose value changes with an event of its topic and not otherwise, such as rows of a live table: another text after each event, and after each restart of the server. It costs no look at any table. NULL outside of delta_version and in realtime.load().';

CREATE FUNCTION realtime.shed(class text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_shed';
COMMENT ON FUNCTION realtime.shed(text) IS
'Whether calls of a class of service should be refused now. A class that realtime.admission() has not declared is refused while realtime.pressure has the reason MEMORY or EXECUTORS. NULL outside of a call.';

CREATE FUNCTION realtime.raise(
	code text,
	message text DEFAULT NULL,
	issues jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_raise';
COMMENT ON FUNCTION realtime.raise(text, text, jsonb) IS
'Ends the call, rolls it back and sends the client an error.
code: A to Z, 0 to 9 and _; one of the server''s own has a default message.
issues: array of {"path": [text, ...], "message": text}, for a form.
Raises SQLSTATE RT000, or the one of the server''s own code; 22004 without a code, 22023 for a code or issues of another form.';

