--
-- How often clients may call what says nothing about it
--
CREATE FUNCTION realtime.rate_limits(
	path text,
	rate_limit integer DEFAULT NULL,
	rate_window interval DEFAULT '10 s',
	exempt boolean DEFAULT false)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_rate_limits';
COMMENT ON FUNCTION realtime.rate_limits(text, integer, interval, boolean) IS
'Limits how often one client may call a path, whether it is declared already or not, or replaces that rule; without rate_limit and exempt it removes the rule.
path: of a call; * is of all paths for which nothing else is said. A limit of the path itself, in realtime.rpc(), goes before that of a rule.
rate_limit, rate_window: as in realtime.rpc(). exempt: the path has no limit at all, whatever it says itself.
Errors: 22023 for an option that is wrong, 22004 for a NULL.';

