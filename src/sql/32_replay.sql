--
-- Events of topics of class replay.  Written at commit by the server itself,
-- without SQL; the order of columns is known to src/catalog/message_store.h.
--
-- Numbers come from the newest row of a topic, so that row is never removed.
-- Rows come and go all the time: vacuum by number of rows, not by share, and
-- without giving pages back, for which publishers would have to wait.
--
CREATE TABLE realtime.replay_message (
	topic text COLLATE pg_catalog."C" NOT NULL,
	seq bigint NOT NULL
		CONSTRAINT seq_is_positive CHECK (seq > 0),
	event text,
	data text,
	created_at timestamptz NOT NULL,
	request_id text,
	PRIMARY KEY (topic, seq),
	CONSTRAINT event_has_data CHECK ((event IS NULL) = (data IS NULL))
) WITH (
	autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 10000,
	autovacuum_vacuum_insert_scale_factor = 0,
	autovacuum_vacuum_insert_threshold = 100000,
	autovacuum_analyze_scale_factor = 0,
	autovacuum_analyze_threshold = 100000,
	vacuum_truncate = off,
	toast.autovacuum_vacuum_scale_factor = 0,
	toast.autovacuum_vacuum_threshold = 10000,
	toast.autovacuum_vacuum_insert_scale_factor = 0,
	toast.autovacuum_vacuum_insert_threshold = 100000,
	toast.vacuum_truncate = off
);
-- Long events are compressed while others wait for the topic: quickly, if the
-- server can.
DO $$
BEGIN
	ALTER TABLE realtime.replay_message ALTER COLUMN data SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END
$$;
COMMENT ON TABLE realtime.replay_message IS
	'Events of topics of class replay, as long as they are kept; see realtime.replay()';
COMMENT ON COLUMN realtime.replay_message.topic IS
	'Where it was published';
COMMENT ON COLUMN realtime.replay_message.seq IS
	'Its number in the topic: epoch * 2^32 + n, counted up in commit order';
COMMENT ON COLUMN realtime.replay_message.event IS
	'Name of the event; NULL if what stood at this number cannot be replayed: clients that have seen less load again';
COMMENT ON COLUMN realtime.replay_message.data IS
	'JSON, exactly as it was sent';
COMMENT ON COLUMN realtime.replay_message.created_at IS
	'When its transaction committed, as near as can be told';
COMMENT ON COLUMN realtime.replay_message.request_id IS
	'The call that has published it, as realtime.request_id() says it; NULL if no client''s call has';
COMMENT ON INDEX realtime.replay_message_pkey IS
	'Events by number; the newest of a topic is found here';

CREATE TABLE realtime.replay_epoch (
	singleton boolean PRIMARY KEY DEFAULT true
		CONSTRAINT is_only_row CHECK (singleton),
	epoch integer NOT NULL
		CONSTRAINT epoch_fits CHECK (epoch BETWEEN 0 AND 2097151),
	floor bigint NOT NULL DEFAULT 0
		CONSTRAINT floor_fits CHECK (floor BETWEEN 0 AND 4294967295),
	system_identifier bigint NOT NULL,
	timeline integer NOT NULL,
	database_oid oid NOT NULL,
	table_oid oid NOT NULL
);
COMMENT ON TABLE realtime.replay_epoch IS
	'Which numbers of events count, and where they were given: numbers that are given elsewhere (promoted standby, restored backup or dump) begin a new epoch';
COMMENT ON COLUMN realtime.replay_epoch.singleton IS
	'There is one row at most; none before the first number';
COMMENT ON COLUMN realtime.replay_epoch.epoch IS
	'Numbers are epoch * 2^32 + n';
COMMENT ON COLUMN realtime.replay_epoch.floor IS
	'n of the highest number that is good for nothing but to load again';
COMMENT ON COLUMN realtime.replay_epoch.system_identifier IS
	'Of the server, as in pg_control_system()';
COMMENT ON COLUMN realtime.replay_epoch.timeline IS
	'Of the server''s log';
COMMENT ON COLUMN realtime.replay_epoch.database_oid IS
	'Of the database';
COMMENT ON COLUMN realtime.replay_epoch.table_oid IS
	'Of this very table, which is another one after a restore';
COMMENT ON INDEX realtime.replay_epoch_pkey IS
	'One row at most';

-- Numbers are each server's own: what logical replication brings is left out.
CREATE FUNCTION realtime.not_replicated() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_not_replicated';
COMMENT ON FUNCTION realtime.not_replicated() IS
	'Trigger of tables whose rows are each server''s own: leaves out what logical replication brings';

CREATE FUNCTION realtime.messages_truncated() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_messages_truncated';
COMMENT ON FUNCTION realtime.messages_truncated() IS
	'Trigger of the table of events: numbers go on above all that have been given';

CREATE FUNCTION realtime.messages_removed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_messages_removed';
COMMENT ON FUNCTION realtime.messages_removed() IS
	'Trigger of the table of events: gateways forget what they have in memory';

CREATE TRIGGER removed
	AFTER UPDATE OR DELETE ON realtime.replay_message
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.messages_removed();
CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.replay_message
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
CREATE TRIGGER truncated
	AFTER TRUNCATE ON realtime.replay_message
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.messages_truncated();
CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.replay_epoch
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
ALTER TABLE realtime.replay_message
	ENABLE REPLICA TRIGGER not_replicated,
	ENABLE ALWAYS TRIGGER removed,
	ENABLE ALWAYS TRIGGER truncated;
ALTER TABLE realtime.replay_epoch
	ENABLE REPLICA TRIGGER not_replicated;
COMMENT ON TRIGGER not_replicated ON realtime.replay_message IS
	'Leaves out events of other servers';
COMMENT ON TRIGGER removed ON realtime.replay_message IS
	'Nobody is told from memory what is gone from the table';
COMMENT ON TRIGGER truncated ON realtime.replay_message IS
	'Numbers go on above those that are gone';
COMMENT ON TRIGGER not_replicated ON realtime.replay_epoch IS
	'Leaves out numbers of other servers';

-- A dump carries the epoch, so that what restores it begins another one, and
-- not the messages.
SELECT pg_catalog.pg_extension_config_dump('realtime.replay_epoch', '');

