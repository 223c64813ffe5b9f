--
-- Events that come too often
--
CREATE FUNCTION realtime.throttle(
	topic text,
	event text,
	data jsonb,
	every interval)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_throttle';
COMMENT ON FUNCTION realtime.throttle(text, text, jsonb, interval) IS
'Publishes an event as realtime.publish() does, but on one topic under one name at most once in every: the first at once, the last one of those that follow at the end of the interval, which begins the next one. Values in between are not sent.
every: 1 ms to 1 day, counted from the commit of the event that begins it.
What waits is published in a transaction of its own, and is forgotten if the server stops or crashes. When realtime.max_timers are in use, or there is no memory, nothing waits: the event is published at once.
Errors: those of realtime.publish(); 22004 without every, 22023 for one that is too short or too long.';

CREATE FUNCTION realtime.debounce(
	topic text,
	event text,
	data jsonb,
	after interval)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_debounce';
COMMENT ON FUNCTION realtime.debounce(text, text, jsonb, interval) IS
'Publishes an event as realtime.publish() does, but only once realtime.debounce() has not been called for its topic and name for the time after. Of several calls the last one''s data and time count.
after: 1 ms to 1 day, counted from the commit.
What waits is published in a transaction of its own, and is forgotten if the server stops or crashes. When realtime.max_timers are in use, or there is no memory, nothing waits: the event is published at once.
Errors: those of realtime.publish(); 22004 without after, 22023 for one that is too short or too long.';

CREATE FUNCTION realtime.stat_get_timer(
	OUT active bigint,
	OUT waiting bigint,
	OUT published bigint,
	OUT failed bigint,
	OUT overflowed bigint,
	OUT last_overflow timestamptz)
RETURNS record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_stat_get_timer';
COMMENT ON FUNCTION realtime.stat_get_timer() IS
'Row of the view realtime.stat_timer.';

CREATE VIEW realtime.stat_timer AS
	SELECT * FROM realtime.stat_get_timer();
COMMENT ON VIEW realtime.stat_timer IS
	'Timers of realtime.throttle() and realtime.debounce(); counters begin with the server';
COMMENT ON COLUMN realtime.stat_timer.active IS
	'Timers in use now, of realtime.max_timers';
COMMENT ON COLUMN realtime.stat_timer.waiting IS
	'Events that wait now';
COMMENT ON COLUMN realtime.stat_timer.published IS
	'Events published after they had waited';
COMMENT ON COLUMN realtime.stat_timer.failed IS
	'Times that publishing one of them failed, which is then tried again';
COMMENT ON COLUMN realtime.stat_timer.overflowed IS
	'Events published at once because there was no room for them to wait: raise realtime.max_timers or realtime.payload_memory';
COMMENT ON COLUMN realtime.stat_timer.last_overflow IS
	'When that has happened last';

