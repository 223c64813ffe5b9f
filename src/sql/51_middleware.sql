
--
-- Around all that clients ask for
--
CREATE FUNCTION realtime.middleware(
	name text,
	function regprocedure DEFAULT NULL,
	place integer DEFAULT 0)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_middleware';
COMMENT ON FUNCTION realtime.middleware(text, regprocedure, integer) IS
'Has a function run around every call, before the guards, and around the guards, gate and access function of whatever is followed or loaded; or replaces it; without a function removes it.
function: function() or function(path text) returns jsonb, run as the caller. realtime.next() runs what is inside, and gives its result; what the function returns is the answer of the call. One that does not call it ends the call with what it returns; nobody gets to follow anything by that. An error that it catches has rolled back what is inside.
It is not SECURITY DEFINER and has no SET, which what is inside would have, too.
place: the lower, the further outside; of one place by name.
Errors: 22023 for a name that is not valid, 42P13 for a function that does not fit.';

CREATE FUNCTION realtime.next() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_next';
COMMENT ON FUNCTION realtime.next() IS
'In a function that realtime.middleware() has declared: runs what is inside, and returns the result of the call as far as it is known there; NULL for one that has none, and for streams. At most once.
Errors: those of what is inside; 55000 in any other place, and the second time; 42501 in a SECURITY DEFINER function.';
