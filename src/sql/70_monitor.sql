--
-- Seeing inside
--
CREATE FUNCTION realtime.service_state() RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_service_state';
COMMENT ON FUNCTION realtime.service_state() IS
'"ready", or in words what keeps calls from being answered.';

CREATE FUNCTION realtime.subscribers(topic text) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_subscribers';
COMMENT ON FUNCTION realtime.subscribers(text) IS
'How many connections of all gateways get the events of a topic, as of a moment ago; not part of any snapshot.
NULL: not known, because so many topics are subscribed to that a gateway does not count all of them.';

CREATE FUNCTION realtime.stat_get_gateway(
	OUT number integer,
	OUT pid integer,
	OUT state text,
	OUT started_at timestamptz,
	OUT listening boolean,
	OUT listen_error text,
	OUT connections bigint,
	OUT subscriptions bigint,
	OUT accepted bigint,
	OUT refused bigint,
	OUT frames_in bigint,
	OUT frames_ignored bigint,
	OUT calls bigint,
	OUT overloaded bigint,
	OUT deliveries bigint,
	OUT dropped bigint,
	OUT markers bigint,
	OUT repairs bigint,
	OUT remembered bigint,
	OUT ring_overruns bigint,
	OUT bytes_out bigint,
	OUT memory bigint,
	OUT stalled bigint,
	OUT in_flight bigint,
	OUT waiting bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'realtime_stat_get_gateway';
COMMENT ON FUNCTION realtime.stat_get_gateway() IS
'Rows of the view realtime.stat_gateway.';

CREATE VIEW realtime.stat_gateway AS
	SELECT * FROM realtime.stat_get_gateway();
COMMENT ON VIEW realtime.stat_gateway IS
	'Gateways, the processes that hold the connections; counters begin with the process';
COMMENT ON COLUMN realtime.stat_gateway.number IS
	'Number of the gateway, as in its process title';
COMMENT ON COLUMN realtime.stat_gateway.pid IS
	'Process id; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_gateway.state IS
	'absent, starting or running';
COMMENT ON COLUMN realtime.stat_gateway.started_at IS
	'When the process started; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_gateway.listening IS
	'Whether clients can connect to it';
COMMENT ON COLUMN realtime.stat_gateway.listen_error IS
	'What has kept it from listening on an address, such as a port that another program uses; NULL if nothing has';
COMMENT ON COLUMN realtime.stat_gateway.connections IS
	'Connections that are open now';
COMMENT ON COLUMN realtime.stat_gateway.subscriptions IS
	'Subscriptions that are held now';
COMMENT ON COLUMN realtime.stat_gateway.accepted IS
	'Connections accepted';
COMMENT ON COLUMN realtime.stat_gateway.refused IS
	'Connections refused';
COMMENT ON COLUMN realtime.stat_gateway.frames_in IS
	'Frames received';
COMMENT ON COLUMN realtime.stat_gateway.frames_ignored IS
	'Frames received that could not be understood';
COMMENT ON COLUMN realtime.stat_gateway.calls IS
	'Calls received';
COMMENT ON COLUMN realtime.stat_gateway.overloaded IS
	'Calls refused because realtime.queue_depth calls were in flight';
COMMENT ON COLUMN realtime.stat_gateway.deliveries IS
	'Events sent, counted for each subscriber';
COMMENT ON COLUMN realtime.stat_gateway.dropped IS
	'Events not sent because a subscriber read too slowly';
COMMENT ON COLUMN realtime.stat_gateway.markers IS
	'Messages sent that tell a subscriber to load again because it has lost events';
COMMENT ON COLUMN realtime.stat_gateway.repairs IS
	'Times that connections got events of replay topics that they had lost';
COMMENT ON COLUMN realtime.stat_gateway.remembered IS
	'Times that connections got events of replay topics, or of live queries, that they had missed or lost from the memory of the gateway (realtime.replay_memory)';
COMMENT ON COLUMN realtime.stat_gateway.ring_overruns IS
	'Times that more events were committed than the gateway could read: raise realtime.ring_size';
COMMENT ON COLUMN realtime.stat_gateway.bytes_out IS
	'Bytes sent';
COMMENT ON COLUMN realtime.stat_gateway.memory IS
	'Bytes that clients make the gateway keep now, of realtime.gateway_memory';
COMMENT ON COLUMN realtime.stat_gateway.stalled IS
	'Connections ended because they did not read';
COMMENT ON COLUMN realtime.stat_gateway.in_flight IS
	'Requests that executors have now, or whose answers wait to be told';
COMMENT ON COLUMN realtime.stat_gateway.waiting IS
	'Requests that wait now because their connection has realtime.max_calls_in_flight, or because there is no room for them';

CREATE FUNCTION realtime.stat_get_executor(
	OUT number integer,
	OUT pid integer,
	OUT state text,
	OUT started_at timestamptz,
	OUT calls bigint,
	OUT errors bigint,
	OUT retries bigint,
	OUT flushes bigint,
	OUT replayed bigint,
	OUT bridged bigint,
	OUT unchanged bigint,
	OUT differences bigint,
	OUT loaded bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 2
AS 'MODULE_PATHNAME', 'realtime_stat_get_executor';
COMMENT ON FUNCTION realtime.stat_get_executor() IS
'Rows of the view realtime.stat_executor.';

CREATE VIEW realtime.stat_executor AS
	SELECT * FROM realtime.stat_get_executor();
COMMENT ON VIEW realtime.stat_executor IS
	'Executors, the processes that run calls; those beyond realtime.executors while they are there; counters begin with the process';
COMMENT ON COLUMN realtime.stat_executor.number IS
	'Number of the executor, as in its process title';
COMMENT ON COLUMN realtime.stat_executor.pid IS
	'Process id; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_executor.state IS
	'absent, starting or running';
COMMENT ON COLUMN realtime.stat_executor.started_at IS
	'When the process started; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_executor.calls IS
	'Calls run';
COMMENT ON COLUMN realtime.stat_executor.errors IS
	'Calls that ended with an error';
COMMENT ON COLUMN realtime.stat_executor.retries IS
	'Times that a call was run again after a serialization failure or a deadlock';
COMMENT ON COLUMN realtime.stat_executor.flushes IS
	'Flushes of the write-ahead log made for calls that were committed together';
COMMENT ON COLUMN realtime.stat_executor.replayed IS
	'Who follows a stream has got the events that he had missed, as they were kept';
COMMENT ON COLUMN realtime.stat_executor.bridged IS
	'The same, from delta_from_seq';
COMMENT ON COLUMN realtime.stat_executor.unchanged IS
	'He has been told that his version is still the value, by delta_version';
COMMENT ON COLUMN realtime.stat_executor.differences IS
	'He has got the rows that had changed, from delta_diff';
COMMENT ON COLUMN realtime.stat_executor.loaded IS
	'A value has been loaded';

CREATE FUNCTION realtime.stat_get_scheduler(
	OUT number integer,
	OUT pid integer,
	OUT state text,
	OUT started_at timestamptz,
	OUT bridges bigint,
	OUT notifications bigint,
	OUT waiting bigint,
	OUT skipped bigint,
	OUT failed bigint,
	OUT dropped bigint,
	OUT passes bigint,
	OUT trimmed bigint,
	OUT errors bigint,
	OUT in_flight bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL SAFE ROWS 1
AS 'MODULE_PATHNAME', 'realtime_stat_get_scheduler';
COMMENT ON FUNCTION realtime.stat_get_scheduler() IS
'Rows of the view realtime.stat_scheduler.';

CREATE VIEW realtime.stat_scheduler AS
	SELECT pid, state, started_at, bridges, notifications, waiting, skipped,
		failed, dropped, passes, trimmed, errors,
		in_flight
	FROM realtime.stat_get_scheduler();
COMMENT ON VIEW realtime.stat_scheduler IS
	'The scheduler, the process that does what no client asks for, in one row; counters begin with the process';
COMMENT ON COLUMN realtime.stat_scheduler.pid IS
	'Process id; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_scheduler.state IS
	'absent, starting or running';
COMMENT ON COLUMN realtime.stat_scheduler.started_at IS
	'When the process started; NULL if it is not running';
COMMENT ON COLUMN realtime.stat_scheduler.bridges IS
	'Channels that it listens to now';
COMMENT ON COLUMN realtime.stat_scheduler.notifications IS
	'Notifications received on these channels';
COMMENT ON COLUMN realtime.stat_scheduler.waiting IS
	'Notifications that wait to be published now';
COMMENT ON COLUMN realtime.stat_scheduler.skipped IS
	'Notifications that a parse function has left out';
COMMENT ON COLUMN realtime.stat_scheduler.failed IS
	'Notifications that could not be published because of an error, see the log';
COMMENT ON COLUMN realtime.stat_scheduler.dropped IS
	'Notifications lost because realtime.bridge_queue was full, or because an executor died';
COMMENT ON COLUMN realtime.stat_scheduler.passes IS
	'Looks at all topics of class replay for events that are too old or too many';
COMMENT ON COLUMN realtime.stat_scheduler.trimmed IS
	'Rows of realtime.replay_message removed';
COMMENT ON COLUMN realtime.stat_scheduler.errors IS
	'Tasks that ended with an error, see the log';
COMMENT ON COLUMN realtime.stat_scheduler.in_flight IS
	'Requests that executors have now';

--
-- What is followed
--
CREATE FUNCTION realtime.stat_get_topic(
	OUT topic text,
	OUT subscribers bigint,
	OUT events bigint,
	OUT last_event_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000
AS 'MODULE_PATHNAME', 'realtime_stat_get_topic';
COMMENT ON FUNCTION realtime.stat_get_topic() IS
'Rows of the view realtime.stat_topic.';

CREATE VIEW realtime.stat_topic AS
	SELECT * FROM realtime.stat_get_topic();
COMMENT ON VIEW realtime.stat_topic IS
	'Topics that somebody is subscribed to, of streams and by name, as gateways tell them that are asked for it: some time of each, and a WARNING if one does not answer within 2 seconds';
COMMENT ON COLUMN realtime.stat_topic.topic IS
	'Name of the topic';
COMMENT ON COLUMN realtime.stat_topic.subscribers IS
	'Connections of all gateways that are subscribed to it now';
COMMENT ON COLUMN realtime.stat_topic.events IS
	'Events since somebody is subscribed to it';
COMMENT ON COLUMN realtime.stat_topic.last_event_at IS
	'When the last of these came; NULL if none has';
