--
-- Anchors make declarations known to DROP ... CASCADE and to dumps, see
-- src/backend/declare/anchor.c.  ALWAYS: where replication is applied, too.
--
CREATE FUNCTION realtime.declaration_anchored() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_declaration_anchored';
COMMENT ON FUNCTION realtime.declaration_anchored() IS
	'Trigger of the tables of declarations: makes PostgreSQL know which functions a declaration needs';

DO $$
DECLARE
	relation text;
BEGIN
	FOREACH relation IN ARRAY ARRAY['rpc_declaration', 'topic_declaration', 'stream_declaration', 'bridge_declaration', 'query_declaration', 'hook_declaration', 'admission_declaration', 'guard_declaration', 'breaker_declaration', 'middleware_declaration', 'rate_limit_declaration', 'cron_declaration', 'group_declaration', 'queue_declaration', 'aggregate_declaration', 'aggregate_window_declaration', 'effect_declaration', 'webhook_declaration', 'pipe_declaration']
	LOOP
		EXECUTE format('CREATE TRIGGER anchored AFTER INSERT OR UPDATE OR DELETE ON realtime.%I'
			' FOR EACH ROW EXECUTE FUNCTION realtime.declaration_anchored()', relation);
		EXECUTE format('CREATE TRIGGER anchored_truncate AFTER TRUNCATE ON realtime.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_anchored()', relation);
		EXECUTE format('ALTER TABLE realtime.%I ENABLE ALWAYS TRIGGER anchored,'
			' ENABLE ALWAYS TRIGGER anchored_truncate', relation);
		EXECUTE format('COMMENT ON TRIGGER anchored ON realtime.%I IS'
			' ''Makes PostgreSQL know which functions a declaration needs''', relation);
		EXECUTE format('COMMENT ON TRIGGER anchored_truncate ON realtime.%I IS'
			' ''Makes PostgreSQL forget which functions declarations needed''', relation);
	END LOOP;
END
$$;
