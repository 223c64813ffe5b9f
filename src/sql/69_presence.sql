--
-- Who is present
--
CREATE FUNCTION realtime.presence_join(
	topic text,
	data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_presence_join';
COMMENT ON FUNCTION realtime.presence_join(text, jsonb) IS
'In a call: the connection is present on a topic, once the transaction commits, until it leaves or ends; and it gets who is present, on "__presence:" followed by the topic: all of them in "presence_state", and then what changes in "presence_diff".
A user is present once, however many connections he has; the key is the user id, of who is nobody the connection id. Called again it changes the data.
topic: as of realtime.publish(), up to 240 bytes. data: what others see, up to 8 kB; NULL leaves what is there, which is {} at first.
Errors: 55000 outside of a call, 22004 for a NULL, RT430 for the topic, 54000 for the data.';

CREATE FUNCTION realtime.presence_update(
	topic text,
	data jsonb)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_presence_update';
COMMENT ON FUNCTION realtime.presence_update(text, jsonb) IS
'In a call: if the connection is present on a topic, by realtime.presence_join() or because it follows a stream or room, others see these data from now on, once the transaction commits; if it is not nothing happens.
data, errors: as of realtime.presence_join(); 22004 for NULL data.';

CREATE FUNCTION realtime.presence_watch(topic text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_presence_watch';
COMMENT ON FUNCTION realtime.presence_watch(text) IS
'In a call: the connection gets who is present on a topic, as after realtime.presence_join(), without being so.';

CREATE FUNCTION realtime.presence_leave(topic text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_presence_leave';
COMMENT ON FUNCTION realtime.presence_leave(text) IS
'In a call: takes back what realtime.presence_join() and presence_watch() have done for the connection, on a topic or, if it is NULL, on all; once the transaction commits, without a delay.';

CREATE FUNCTION realtime.presence(
	topic text,
	OUT key text,
	OUT data jsonb,
	OUT connections integer,
	OUT since timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_presence';
COMMENT ON FUNCTION realtime.presence(text) IS
'Who is present on a topic now, over all gateways; not part of any snapshot. connections: 0 for who has none at the moment and is expected back within realtime.presence_grace.';

CREATE FUNCTION realtime.presence_count(topic text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_presence_count';
COMMENT ON FUNCTION realtime.presence_count(text) IS
'How many keys are present on a topic now.';

CREATE FUNCTION realtime.stat_get_presence(
	OUT topic text,
	OUT present bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_presence_topics';
COMMENT ON FUNCTION realtime.stat_get_presence() IS
'Rows of the view realtime.stat_presence.';

CREATE VIEW realtime.stat_presence AS
	SELECT * FROM realtime.stat_get_presence();
COMMENT ON VIEW realtime.stat_presence IS
	'Topics that somebody is present on now';
COMMENT ON COLUMN realtime.stat_presence.topic IS
	'The topic';
COMMENT ON COLUMN realtime.stat_presence.present IS
	'How many keys are';
