--
-- Declarations
--
CREATE FUNCTION realtime.rpc(
	path text,
	handler regprocedure,
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
	fallback jsonb DEFAULT NULL,
	share_result boolean DEFAULT false)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_rpc';
COMMENT ON FUNCTION realtime.rpc(text, regprocedure, regprocedure[], interval, boolean, integer, interval, regprocedure, interval, regprocedure, interval, text, boolean, text, jsonb, boolean) IS
'Lets clients call a function as path, or replaces what was declared for it.
handler: an ordinary function; its parameters take the client''s args by position, its result is the answer.
guard: functions that run before it, in this order; each returns boolean or void and takes nothing, one parameter "path text", or what the handler takes. false, NULL or an error refuses the call.
timeout: how long a call may take, by default realtime.handler_timeout.
read_only: whether its transaction is; by default if the function is STABLE or IMMUTABLE.
idempotency_key: function of the handler''s arguments, or of nothing, that returns text of at most 256 bytes: of the calls of one user with the same text one runs, and all get its answer. Where it returns NULL the key counts that the client sends.
idempotent: the same by the key that the client sends alone. idempotency_ttl: how long answers are kept; 0 shares one only with those that wait for it.
lock_key: function of the handler''s arguments, or of nothing, that returns text: calls with the same text, of any path, run one after the other; NULL and empty texts lock nothing. lock_wait: how long a call waits for that before it fails with LOCK_TIMEOUT, by default as long as it may take; 0: not at all.
share_result: calls of the path that wait for the lock are answered with the result of the one that has it, whoever has called, if their roles are the same (and, where a middleware runs around the path, the user), and do not run. So it must depend on nothing but the key.
breaker: name of a realtime.breaker(); fallback: what clients get while it is broken, instead of SERVICE_UNAVAILABLE.
rate_limit: how many calls a user, or the anonymous clients of an address, may make in any rate_window; more get RATE_LIMITED with retryAfter, in milliseconds.
Errors: 22023 for an option that is wrong, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it, 0A000 for what is not supported.';

CREATE FUNCTION realtime.topic(
	template text,
	class text DEFAULT 'ordered',
	access regprocedure DEFAULT NULL,
	open boolean DEFAULT false,
	replay_size integer DEFAULT 1000,
	replay_ttl interval DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_topic';
COMMENT ON FUNCTION realtime.topic(text, text, regprocedure, boolean, integer, interval) IS
'Says how events of the topics that match a template are ordered and who may subscribe, or replaces what was declared for the template.
template: literal text with placeholders that match one piece of a topic, such as chat:{room}. Of several that match a topic, the one with the longest text before its first placeholder counts.
class: volatile (no order, may be lost), ordered (commit order) or replay (commit order, numbered without gaps and stored, so that clients get what they missed).
access: function that returns boolean; its parameters are named "topic" or like placeholders and get the text from the topic, converted to their types. Only true lets a client subscribe.
open: anybody may subscribe. Without access and open nobody may.
replay_size, replay_ttl: how many events of each topic are kept, and how long; class replay only.
Errors: 22023 for an option that is wrong, 42939 for a template that begins with __, 42710 if another template matches the same topics, 42883, 42809 or 42P13 for a function that will not do.';

CREATE FUNCTION realtime.drop(path text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_drop';
COMMENT ON FUNCTION realtime.drop(text) IS
'Removes what is declared under a path, topic template or channel, whatever its kind, or else the live table of that name; returns whether there was something.';

