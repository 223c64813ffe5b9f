--
-- Limits that functions ask for themselves
--
CREATE FUNCTION realtime.consume(
	limiter text,
	points integer,
	period interval,
	key text DEFAULT NULL,
	cost integer DEFAULT 1,
	block interval DEFAULT '0',
	OUT allowed boolean,
	OUT remaining integer,
	OUT reset_ms integer)
RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_consume';
COMMENT ON FUNCTION realtime.consume(text, integer, interval, text, integer, interval) IS
'Takes cost points of a limiter, if there are so many left, and says so: each key has that many points in a period, which begins with the first use. It takes them at once, whatever becomes of the transaction.
limiter: any name; the same one counts together, over all sessions, executors and gateways. points, period: how many in what time. key: who is counted; by default the user who calls, or the address of an anonymous client (of IPv6, the first 64 bits). block: for how long a key is refused that has asked for more than it has; 0 is to the end of the period.
remaining: points that are left. reset_ms: milliseconds until the period, or the block, ends. With as many keys as there is room for (eight times realtime.rate_identities) others are not allowed.
Errors: 22004 for a NULL, or no key outside of a call; 22023 for a number or time that is not positive.';

CREATE FUNCTION realtime.limiter_ban(limiter text, key text, duration interval DEFAULT '1 min') RETURNS void
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_limiter_ban';
COMMENT ON FUNCTION realtime.limiter_ban(text, text, interval) IS
'Refuses a key of a limiter for a time, at once. The key of a user is its id.
Errors: 22004 for a NULL, 22023 for a time that is not positive, 53400 if there is no room.';

CREATE FUNCTION realtime.limiter_unban(limiter text, key text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_limiter_unban';
COMMENT ON FUNCTION realtime.limiter_unban(text, text) IS
'Ends that, and what realtime.consume() has blocked; returns whether there was something.';

CREATE FUNCTION realtime.limiter_reset(limiter text, key text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_limiter_reset';
COMMENT ON FUNCTION realtime.limiter_reset(text, text) IS
'Forgets what a key of a limiter has consumed, and its ban; returns whether there was something.';

CREATE FUNCTION realtime.limiter_clear(limiter text) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_limiter_clear';
COMMENT ON FUNCTION realtime.limiter_clear(text) IS
'Forgets all keys of a limiter; returns how many there were.';

