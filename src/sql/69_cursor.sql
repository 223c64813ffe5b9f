--
-- Cursors and other positions that are worth nothing a second later
--
CREATE FUNCTION realtime.cursor_join(
	topic text,
	user_data jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cursor_join';
COMMENT ON FUNCTION realtime.cursor_join(text, jsonb) IS
'In a call: once the transaction commits the connection may move a cursor on a topic, with frames {"type": "cursor", "topic": topic, "data": any} that run nothing in the database, until it leaves or ends; and it gets where all cursors are, on "__cursor:" followed by the topic: all of them in "snapshot", and then what changes in "update", "bulk" and "remove".
A user has one cursor on a topic, however many connections he has, at the last position that any of them has sent; the key is the user id, of who is nobody the connection id. It is gone when the connection that has moved it last ends, and when it has not moved for realtime.cursor_ttl. Positions of a cursor are told once in realtime.cursor_interval, the last one always.
topic: as of realtime.publish(), up to 240 bytes. user_data: what others see beside the key, up to 4 kB; NULL leaves what is there, which is {} at first.
Errors: 55000 outside of a call, 22004 for a NULL, RT430 for the topic, 54000 for the data.';

CREATE FUNCTION realtime.cursor_watch(topic text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cursor_watch';
COMMENT ON FUNCTION realtime.cursor_watch(text) IS
'In a call: the connection gets where the cursors of a topic are, as after realtime.cursor_join(), without moving one.';

CREATE FUNCTION realtime.cursor_leave(topic text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cursor_leave';
COMMENT ON FUNCTION realtime.cursor_leave(text) IS
'In a call: takes back what realtime.cursor_join() and cursor_watch() have done for the connection, on a topic or, if it is NULL, on all, once the transaction commits. Its cursor is gone.';

CREATE FUNCTION realtime.cursor_update(
	topic text,
	data jsonb)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cursor_update';
COMMENT ON FUNCTION realtime.cursor_update(text, jsonb) IS
'In a call: moves the connection''s cursor, once the transaction commits, as a frame of its client would; it need not have joined.
data: up to 8 kB. Errors: as for realtime.cursor_join().';

CREATE FUNCTION realtime.cursor_remove(topic text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_cursor_remove';
COMMENT ON FUNCTION realtime.cursor_remove(text) IS
'In a call: the connection''s cursor is gone, until it moves it again, once the transaction commits.';

CREATE FUNCTION realtime.stat_get_cursors(
	topic text,
	OUT cursor jsonb,
	OUT moved_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_stat_get_cursors';
COMMENT ON FUNCTION realtime.stat_get_cursors(text) IS
'Rows of realtime.cursor_list().';

CREATE FUNCTION realtime.cursor_list(
	topic text,
	OUT key text,
	OUT user_data jsonb,
	OUT data jsonb,
	OUT moved_at timestamptz)
RETURNS SETOF record
LANGUAGE sql VOLATILE STRICT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
	SELECT c.cursor OPERATOR(pg_catalog.->>) 'key', c.cursor OPERATOR(pg_catalog.->) 'user',
		c.cursor OPERATOR(pg_catalog.->) 'data', c.moved_at
	FROM realtime.stat_get_cursors(topic) c;
END;
COMMENT ON FUNCTION realtime.cursor_list(text) IS
'Where the cursors of a topic are now, over all gateways; not part of any snapshot.';

CREATE FUNCTION realtime.stat_get_cursor(
	OUT topic text,
	OUT cursors bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'realtime_stat_get_cursor';
COMMENT ON FUNCTION realtime.stat_get_cursor() IS
'Rows of the view realtime.stat_cursor.';

CREATE VIEW realtime.stat_cursor AS
	SELECT * FROM realtime.stat_get_cursor();
COMMENT ON VIEW realtime.stat_cursor IS
	'Topics that have cursors now';
COMMENT ON COLUMN realtime.stat_cursor.topic IS
	'The topic';
COMMENT ON COLUMN realtime.stat_cursor.cursors IS
	'How many there are';
