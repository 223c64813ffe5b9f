--
-- Events
--
CREATE FUNCTION realtime.publish(
	topic text,
	event text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_publish';
COMMENT ON FUNCTION realtime.publish(text, text, jsonb) IS
'Sends an event to the subscribers of a topic once this transaction commits; rolled back, also to a savepoint, it is never sent.
topic: 1 to 256 bytes of printable ASCII without quotation marks and backslashes, not beginning with __; it need not be declared.
event: 1 to 256 bytes without quotation marks, backslashes and control characters.
data: NULL is sent as null, but not for created, updated, deleted, join, leave, update and remove, which clients merge by a key in the data. A member "reqId" at the top level is refused.
In another database than realtime.database it does nothing, and warns once in a session.
Errors: RT430 for the topic, 22004 for a NULL, 22023 for event or data, 54000 for an event above 1 MiB or a transaction that publishes more than half of realtime.ring_size, 25006 for a topic of class replay in a read-only transaction, 0A000 at PREPARE TRANSACTION.';

CREATE FUNCTION realtime.invalidate(pattern text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_invalidate';
COMMENT ON FUNCTION realtime.invalidate(text) IS
'Has streams loaded anew for all that follow them, once this transaction commits, as if they had asked again: those whose topic matches the pattern, and those whose invalidate_on matches it as if it had been published on.
pattern: * is one or more characters, all else is itself. Said twice in a transaction it happens once; rolled back, also to a savepoint, it does not.
Errors: 22004 for a NULL, RT430 for a pattern that is no topic, 54000 and 0A000 as for realtime.publish(), as is another database.';

CREATE FUNCTION realtime.mark_degraded(
	topic text,
	reason text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_mark_degraded';
COMMENT ON FUNCTION realtime.mark_degraded(text, text) IS
'Tells those who follow a topic, once this transaction commits, that what they have of it may be out of date: an event "degraded" on the topic "__system:" followed by its name, with {"reason": ...} or null. on_error of a stream may call it.
topic: NULL is the whole server, which the database''s owner and members of realtime_admin may say: all clients get "degraded" on the topic "__realtime", and so does who connects later, until realtime.mark_recovered(NULL) or the server''s next start.
reason: up to 1024 bytes, for people; of the whole server it goes to the log.
Errors: 42501 for a NULL topic, RT430 for the topic, 22023 for the reason, 54000 and 0A000 as for realtime.publish(), as is another database.';

CREATE FUNCTION realtime.mark_recovered(topic text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_mark_recovered';
COMMENT ON FUNCTION realtime.mark_recovered(text) IS
'Tells those who follow a topic, once this transaction commits, that it is as it should be again: an event "recovered" on the topic "__system:" followed by its name. NULL takes back what realtime.mark_degraded(NULL) has said; clients then get "recovered" on the topic "__realtime", unless something else is out of order.';

CREATE FUNCTION realtime.publish(messages realtime.envelope[])
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_publish_envelopes';
COMMENT ON FUNCTION realtime.publish(realtime.envelope[]) IS
'Publishes several events, in the order of the array.';

