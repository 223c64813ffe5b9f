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
name: authenticate, close, error, init, message, open, shutdown, subscribe, unsubscribe or upgrade.
authenticate: who is on a connection: function(request jsonb) returns jsonb, run when a connection opens, for POST on realtime.auth_path, and when a client sends a token on a connection, as realtime.anonymous_role (SECURITY DEFINER lets it read tables that are nobody else''s).
request: {"headers": {name in lower case: value}, "cookies": {name: value}, "query": {name: value}, "path": text, "method": text, "remote_address": text, "request_id": text, "token": text or null, "claims": object or null}. claims is what a token says that realtime.jwt_* settings have checked; headers, cookies, query, path and method are null if a client has sent the token on a connection.
Returns the data of the user, an object: its id (or user_id, or sub) is the user''s, its member realtime.jwt_role_claim the role, exp (seconds since 1970) its end; without an id the connection is anonymous. NULL, null or false closes the connection with 4401; so does realtime.raise(''UNAUTHENTICATED'', reason), and with 4403 realtime.raise(''FORBIDDEN'', reason). After any other error clients try again.
error: function(error jsonb) returns void, run as the caller in a transaction of its own when a call, a load or the answer to a subscription has ended with an error that nobody meant to be told (such as an INTERNAL_ERROR, or one in a guard that is no refusal) and has been rolled back, before the client gets its answer; it has two seconds. Errors of live queries that are kept up to date, of jobs of realtime.cron() and of effects are told as well; those of the last two, whatever they say, as realtime.anonymous_role. error: {"path": path or topic, "code": what the client is told, "sqlstate": text, "message": what the error says}; realtime.user_id() and its like tell whose it was. What goes wrong in it is logged.
The following ones run as the connection''s role with its claims, in a transaction of their own:
open: function(connection jsonb) returns void, run when it is known who is on a connection and before anything else that it asks. connection: {"id": text, "user_id": text or null, "role": text, "remote_address": text}. realtime.raise(''UNAUTHENTICATED'', reason) closes it with 4401, FORBIDDEN with 4403, RATE_LIMITED with 4429, any other error with 1013, after which clients try again; of such a connection no end is told.
close: function(connection jsonb) returns void, run once when a connection has ended and what it had asked is over, also after a gateway or the server has died. connection: as for open, and "since": text, "code": the number with which it was closed, null if nobody knows. An error is logged, and it is not run again.
subscribe: function(topic text) returns text, asked when a client subscribes to a topic by its name and the topic''s declaration lets it, and when that is asked again. NULL = it may; else the code with which it is refused. Streams are not asked about.
unsubscribe: function(topic text, remaining integer) returns void, or without remaining, run once when such a subscription has ended, whatever has ended it. remaining: how many others are left.
message: function(message bytea, is_text boolean) returns jsonb, given the messages that mean nothing to the server: binary ones, text that is no JSON or has no type that it knows. What it returns is sent as a message, NULL is not. An error is told nobody.
And as realtime.anonymous_role:
init: function() returns void, run once after each start of the server, also that after a crash, before anything that clients ask is run; if the extension comes later, then.
shutdown: function() returns void, run once when the server stops (smart or fast), after all that clients have asked; it has realtime.shutdown_timeout. It is not run after an immediate stop or a crash, nor if no executor is there at the end that may run it; if that is because what it ran has spoiled its session, the log says so.
What goes wrong in these two is logged, and everything goes on.
upgrade: function(request jsonb) returns boolean, asked before a WebSocket opens; request: as for authenticate, claims null. NULL or false refuses with 401; realtime.raise() refuses with its own status (FORBIDDEN 403, RATE_LIMITED 429), any other error with 503. Clients try again whatever the status is: who is to stay away is for authenticate or open to refuse.
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
