--
-- Webhooks
--
CREATE FUNCTION realtime.webhook(
	path text,
	topic text DEFAULT NULL,
	verify regprocedure DEFAULT NULL,
	transform regprocedure DEFAULT NULL,
	max_body integer DEFAULT 1048576)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_webhook';
COMMENT ON FUNCTION realtime.webhook(text, text, regprocedure, regprocedure, integer) IS
'Has other services tell what happens there, by POST /__webhook/PATH, or replaces what was declared for the path.
verify: function (body bytea, headers jsonb) that returns jsonb, what it tells, or NULL or false if it is not from whom it should be, which is answered with 401. Names of headers are in lower case.
transform: function (jsonb) of that; what it returns, {"event": ..., "data": ...}, is published, NULL is not. topic: where; without it transform returns it, too, as "topic".
Both run as the anonymous role, in one transaction. An error of realtime.raise() is answered with the status of its code, any other with 500, so that senders try again.
max_body: bytes, at most; more is answered with 413.';

CREATE FUNCTION realtime.handle_webhook(
	path text,
	payload bytea,
	headers jsonb,
	OUT status integer,
	OUT body text)
RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_handle_webhook';
COMMENT ON FUNCTION realtime.handle_webhook(text, bytea, jsonb) IS
'Does what a gateway does with a webhook, for another front end, in the session''s transaction and with its rights: returns the status and the JSON to answer. After an error nothing of it stays.';

CREATE FUNCTION realtime.webhook_once(
	id text,
	ttl interval DEFAULT '3 days')
RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_webhook_once';
COMMENT ON FUNCTION realtime.webhook_once(text, interval) IS
'In the functions of a webhook: whether a delivery comes for the first time within ttl. It is remembered in the same transaction, so one that fails comes for the first time again.';

CREATE FUNCTION realtime.hmac_equals(
	message bytea,
	key bytea,
	signature bytea,
	algorithm text DEFAULT 'sha256')
RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_hmac_equals';
COMMENT ON FUNCTION realtime.hmac_equals(bytea, bytea, bytea, text) IS
'Whether the signature is the HMAC of the message, found out in a time that says nothing about it.
Errors: 22023 for an algorithm that is not known, and an empty key, with which anybody could sign.';

CREATE FUNCTION realtime.verify_standard_webhook(
	body bytea,
	headers jsonb,
	secret text,
	tolerance interval DEFAULT '5 minutes')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_verify_standard_webhook';
COMMENT ON FUNCTION realtime.verify_standard_webhook(bytea, jsonb, text, interval) IS
'The body of a webhook that is signed as Standard Webhooks says, with a secret like whsec_... or v1,whsec_...; NULL if it is not, or not of this moment (tolerance NULL: of any).';

CREATE FUNCTION realtime.verify_stripe(
	body bytea,
	headers jsonb,
	secret text,
	tolerance interval DEFAULT '5 minutes')
RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_verify_stripe';
COMMENT ON FUNCTION realtime.verify_stripe(bytea, jsonb, text, interval) IS
'The same for webhooks of Stripe.';

CREATE FUNCTION realtime.verify_github(
	body bytea,
	headers jsonb,
	secret text)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_verify_github';
COMMENT ON FUNCTION realtime.verify_github(bytea, jsonb, text) IS
'The same for webhooks of GitHub, which are not dated.';
