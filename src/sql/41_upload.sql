--
-- Calls with bytes
--
CREATE FUNCTION realtime.binary(
	path text,
	handler regprocedure,
	max_size integer DEFAULT 10485760,
	guard regprocedure[] DEFAULT '{}',
	timeout interval DEFAULT NULL,
	read_only boolean DEFAULT NULL,
	rate_limit integer DEFAULT NULL,
	rate_window interval DEFAULT '10 s',
	idempotency_key regprocedure DEFAULT NULL,
	idempotency_ttl interval DEFAULT '48 h',
	lock_key regprocedure DEFAULT NULL,
	lock_wait interval DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	idempotent boolean DEFAULT false,
	breaker text DEFAULT NULL,
	fallback jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_binary';
COMMENT ON FUNCTION realtime.binary(text, regprocedure, integer, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb) IS
'Lets clients call a function with bytes, or replaces what was declared for the path.
handler: its first parameter is of type bytea and gets the payload; the others take the client''s args by position.
max_size: bytes of the payload, at most; a client''s frame has realtime.max_payload in any case. More gets PAYLOAD_TOO_LARGE.
All else is as in realtime.rpc(). Functions that take what the handler takes get the payload, too.';

CREATE FUNCTION realtime.upload(
	path text,
	handler regprocedure,
	max_size bigint DEFAULT 104857600,
	max_per_session integer DEFAULT 4,
	max_total integer DEFAULT NULL,
	reauth_every bigint DEFAULT NULL,
	guard regprocedure[] DEFAULT '{}',
	timeout interval DEFAULT NULL,
	read_only boolean DEFAULT NULL,
	rate_limit integer DEFAULT NULL,
	rate_window interval DEFAULT '10 s',
	idempotency_key regprocedure DEFAULT NULL,
	idempotency_ttl interval DEFAULT '48 h',
	lock_key regprocedure DEFAULT NULL,
	lock_wait interval DEFAULT NULL,
	class_of_service text DEFAULT NULL,
	idempotent boolean DEFAULT false,
	breaker text DEFAULT NULL,
	fallback jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_upload';
COMMENT ON FUNCTION realtime.upload(text, regprocedure, bigint, integer, integer, bigint, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb) IS
'Lets clients send bytes of any length to a function, or replaces what was declared for the path.
handler: takes the client''s args by position, and reads what is sent with realtime.upload_next() or realtime.upload_chunks() while it comes; its result is the answer. If the client cancels or is gone it is rolled back.
max_size: bytes, at most; more gets PAYLOAD_TOO_LARGE.
max_per_session, max_total: uploads to this path at a time, of one connection and in all; more get TOO_MANY_UPLOADS, as they do beyond realtime.max_uploads.
reauth_every: guards are run again after so many bytes, in a transaction of their own, with the claims that the connection has then; a refusal ends the upload.
timeout: how long it may take, by default realtime.upload_timeout.
All else is as in realtime.rpc(); it is never retried.';

--
-- In the handler of an upload
--
CREATE FUNCTION realtime.upload_next() RETURNS bytea
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_upload_next';
COMMENT ON FUNCTION realtime.upload_next() IS
'The next bytes of the upload, for which it waits; NULL when there are no more. At most 64 kB and never empty: what the client has sent in one frame, or a part of that.';

CREATE FUNCTION realtime.upload_chunks() RETURNS SETOF bytea
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'realtime_upload_chunks';
COMMENT ON FUNCTION realtime.upload_chunks() IS
'The same as rows, up to the end. SELECT realtime.upload_chunks() gives each as it comes; in FROM PostgreSQL collects all of them first, beyond work_mem in a temporary file.';

CREATE FUNCTION realtime.upload_id() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_upload_id';
COMMENT ON FUNCTION realtime.upload_id() IS
'The upload as its client calls it, eight digits; NULL outside of one.';

CREATE FUNCTION realtime.upload_aborted() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_upload_aborted';
COMMENT ON FUNCTION realtime.upload_aborted() IS
'Whether the client has cancelled the upload, or is gone: nothing of it will be kept. NULL outside of one.';

CREATE FUNCTION realtime.upload_to_lo() RETURNS oid
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_upload_to_lo';
COMMENT ON FUNCTION realtime.upload_to_lo() IS
'Makes a large object of what is left of the upload, owned by the current user, and returns it.';
