--
-- Notifications become events
--
CREATE FUNCTION realtime.bridge(
	channel text,
	topic text DEFAULT NULL,
	event text DEFAULT NULL,
	parse regprocedure DEFAULT NULL,
	invalidate text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_bridge';
COMMENT ON FUNCTION realtime.bridge(text, text, text, regprocedure, text) IS
'Publishes what is notified on a channel (NOTIFY, pg_notify()), in the order of the notifications, or replaces what was declared for the channel. Whoever can connect to the database can notify, and so publish, on it.
topic: where to. The payload is the event''s data: its JSON, or a JSON string if it is not JSON; null if it is empty.
event: name of the event, "notify" by default.
parse: function (payload text) or (payload text, channel text) that returns realtime.envelope, SETOF realtime.envelope, or jsonb of the form {"topic": text, "event": text, "data": any}. NULL and no row leave the notification out. What it leaves NULL of topic and event is taken from the parameters of these names. It runs as realtime.anonymous_role, which must have EXECUTE on it.
Without topic, parse and invalidate the payload itself is JSON of that form.
invalidate: topic whose subscribers are told by each notification to load again; without topic and parse nothing else is published.
A notification that cannot be published is left out with a WARNING in the log; the others are published. Notifications while the scheduler does not run are lost; subscribers of topic and invalidate are then told to load again.
Errors: 22004 without a channel, 22023 for a channel above 63 bytes or an option that is wrong, RT430 for a topic, 42883, 42809 or 42P13 for a function that will not do, 42501 without EXECUTE on it.';

