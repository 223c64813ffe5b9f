--
-- Events that somebody is still to take: aggregates and effects.  Written before
-- the commit of who publishes, without SQL; the order of columns is known to
-- src/catalog/intake_store.h.  Of two events of a topic, the one whose
-- transaction has committed first has the lower number.
--
CREATE SEQUENCE realtime.intake_id;
COMMENT ON SEQUENCE realtime.intake_id IS
	'Numbers of transactions in realtime.intake';

CREATE TABLE realtime.intake (
	path text COLLATE pg_catalog."C" NOT NULL,
	id bigint NOT NULL,
	n integer NOT NULL,
	topic text COLLATE pg_catalog."C" NOT NULL,
	event text NOT NULL,
	data text NOT NULL,
	published_at timestamptz NOT NULL,
	PRIMARY KEY (path, id, n)
) WITH (
	autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 10000,
	autovacuum_vacuum_insert_scale_factor = 0,
	autovacuum_vacuum_insert_threshold = 100000,
	autovacuum_analyze_scale_factor = 0,
	autovacuum_analyze_threshold = 100000,
	vacuum_truncate = off
);
COMMENT ON TABLE realtime.intake IS
	'Events that aggregates and effects have not taken yet; mostly none';
COMMENT ON COLUMN realtime.intake.path IS
	'Who takes it';
COMMENT ON COLUMN realtime.intake.id IS
	'Number of the transaction that has published it';
COMMENT ON COLUMN realtime.intake.n IS
	'Its place among the events of that';
COMMENT ON COLUMN realtime.intake.topic IS
	'Where it was published';
COMMENT ON COLUMN realtime.intake.event IS
	'Name of the event';
COMMENT ON COLUMN realtime.intake.data IS
	'JSON, exactly as it was sent';
COMMENT ON COLUMN realtime.intake.published_at IS
	'When its transaction committed, as near as can be told';
COMMENT ON INDEX realtime.intake_pkey IS
	'What somebody is to take, in order';

CREATE TRIGGER not_replicated
	BEFORE INSERT OR UPDATE OR DELETE ON realtime.intake
	FOR EACH ROW EXECUTE FUNCTION realtime.not_replicated();
ALTER TABLE realtime.intake
	ENABLE REPLICA TRIGGER not_replicated;
COMMENT ON TRIGGER not_replicated ON realtime.intake IS
	'Leaves out events of other servers';

-- What is not taken yet is no less data than what has become of the rest.
SELECT pg_catalog.pg_extension_config_dump('realtime.intake_id', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.intake', '');
