--
-- Functions that have a say in what the server does
--
CREATE FUNCTION realtime.hook(
	name text,
	function regprocedure)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_hook';
COMMENT ON FUNCTION realtime.hook(text, regprocedure) IS
'Has a function asked, instead of the one before; with NULL none is asked any more.
name: authenticate or error.
authenticate: who is on a connection: function(request jsonb) returns jsonb, run when a connection opens, for POST on realtime.auth_path, and when a client sends a token on a connection, as realtime.anonymous_role (SECURITY DEFINER lets it read tables that are nobody else''s).
request: {"headers": {name in lower case: value}, "cookies": {name: value}, "query": {name: value}, "path": text, "method": text, "remote_address": text, "request_id": text, "token": text or null, "claims": object or null}. claims is what a token says that realtime.jwt_* settings have checked; headers, cookies, query, path and method are null if a client has sent the token on a connection.
Returns the data of the user, an object: its id (or user_id, or sub) is the user''s, its member realtime.jwt_role_claim the role, exp (seconds since 1970) its end; without an id the connection is anonymous. NULL, null or false closes the connection with 4401; so does realtime.raise(''UNAUTHENTICATED'', reason), and with 4403 realtime.raise(''FORBIDDEN'', reason). After any other error clients try again.
error: function(error jsonb) returns void, run as the caller in a transaction of its own when a call, a load or the answer to a subscription has ended with an error that nobody meant to be told (such as an INTERNAL_ERROR, or one in a guard that is no refusal) and has been rolled back, before the client gets its answer; it has two seconds. error: {"path": path or topic, "code": what the client is told, "sqlstate": text, "message": what the error says}; realtime.user_id() and its like tell whose it was. What goes wrong in it is logged.
Errors: 22023 for another name, 42P13 for a function that does not fit.';

CREATE FUNCTION realtime.set_cookie(
	name text,
	value text,
	max_age interval DEFAULT NULL,
	path text DEFAULT '/',
	domain text DEFAULT NULL,
	http_only boolean DEFAULT true,
	secure boolean DEFAULT true,
	same_site text DEFAULT 'Lax')
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_set_cookie';
COMMENT ON FUNCTION realtime.set_cookie(text, text, interval, text, text, boolean, boolean, text) IS
'In an authenticate hook that answers POST on realtime.auth_path: sends a cookie along (RFC 6265). Returns whether it is sent: false where there is no such answer, as when a WebSocket opens.
value: any text; what a cookie cannot hold is percent-encoded, and decoded again in request -> ''cookies''. NULL has the client forget the cookie.
max_age: NULL = until the browser ends. same_site: Strict, Lax or None, which needs secure.
Errors: 22023 for what cannot stand in a cookie, 54000 if all cookies together have more than 8 kB.';
