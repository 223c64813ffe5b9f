--
-- What must be true
--
CREATE FUNCTION realtime.assert(
	condition boolean,
	category text,
	context jsonb DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_assert';
COMMENT ON FUNCTION realtime.assert(boolean, text, jsonb) IS
'Returns whether the condition is true. If not, that is counted, and logged with the context, and the transaction goes on; with realtime.assert_error it is an error instead.
category: 1 to 63 bytes, a name for the counter, not made of data: the first 64 have one each.
Errors: P0004 with realtime.assert_error, 22004 and 22023 for the category, 42939 for one of the server''s own.';

CREATE FUNCTION realtime.assertion_counters(
	OUT category text,
	OUT violations bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'realtime_assertion_counters';
COMMENT ON FUNCTION realtime.assertion_counters() IS
'How often what must be true was not since the server has started: of the server''s own books, and by realtime.assert(). "other" is all categories beyond the first 64.';
