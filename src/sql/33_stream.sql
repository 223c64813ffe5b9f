--
-- Streams: what clients follow.  Written by realtime.stream(), realtime.channel()
-- and realtime.room(); a stream without a loader is a channel.  The order of columns is known to
-- src/catalog/declaration_table.h.
--
CREATE TABLE realtime.stream_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	topic text COLLATE pg_catalog."C" NOT NULL
		CONSTRAINT topic_is_not_reserved CHECK (NOT starts_with(topic, '__')),
	loader text,
	merge text NOT NULL DEFAULT 'crud'
		CONSTRAINT merge_exists CHECK (merge IN ('crud', 'latest', 'set', 'presence', 'cursor')),
	key text NOT NULL DEFAULT 'id'
		CONSTRAINT key_is_not_empty CHECK (key <> ''),
	prepend boolean NOT NULL DEFAULT false,
	max integer
		CONSTRAINT max_is_positive CHECK (max > 0),
	replay boolean NOT NULL DEFAULT false,
	replay_size integer NOT NULL DEFAULT 1000
		CONSTRAINT replay_size_is_positive CHECK (replay_size > 0),
	replay_ttl interval
		CONSTRAINT replay_ttl_is_positive CHECK (replay_ttl > '0'),
	volatile boolean NOT NULL DEFAULT false,
	coalesce_by text,
	access text,
	gate text,
	guards text[] NOT NULL DEFAULT '{}',
	transform text,
	delta_version text,
	delta_diff text,
	delta_from_seq text,
	schema_version integer
		CONSTRAINT schema_version_is_positive CHECK (schema_version > 0),
	migrate text[] NOT NULL DEFAULT '{}',
	stale_after interval
		CONSTRAINT stale_after_is_positive CHECK (stale_after > '0'),
	invalidate_on text[] NOT NULL DEFAULT '{}',
	on_subscribe text,
	on_unsubscribe text,
	on_error text,
	class_of_service text,
	shared boolean NOT NULL DEFAULT false,
	topic_by text,
	breaker text,
	fallback jsonb,
	presence text,
	is_room boolean NOT NULL DEFAULT false,
	cursors boolean NOT NULL DEFAULT false,
	actions text[] NOT NULL DEFAULT '{}',
	debounce interval
		CONSTRAINT debounce_is_positive CHECK (debounce > '0'),
	CONSTRAINT replay_or_volatile CHECK (NOT (replay AND volatile)),
	CONSTRAINT coalesced_has_no_numbers CHECK (coalesce_by IS NULL OR NOT (replay OR volatile)),
	CONSTRAINT replayed_has_no_fallback CHECK (fallback IS NULL OR NOT replay)
);
COMMENT ON TABLE realtime.stream_declaration IS
	'Streams that clients can follow, see realtime.stream()';
COMMENT ON COLUMN realtime.stream_declaration.path IS
	'What clients call it';
COMMENT ON COLUMN realtime.stream_declaration.topic IS
	'Template of the topics that its events are published on';
COMMENT ON COLUMN realtime.stream_declaration.loader IS
	'Signature of the function that loads the value; NULL is a channel, which has none';
COMMENT ON COLUMN realtime.stream_declaration.merge IS
	'How clients put events into their value: crud, latest, set, presence or cursor';
COMMENT ON COLUMN realtime.stream_declaration.key IS
	'Member of a row that names it (merge crud)';
COMMENT ON COLUMN realtime.stream_declaration.prepend IS
	'Whether new rows come first (merge crud)';
COMMENT ON COLUMN realtime.stream_declaration.max IS
	'Rows that clients keep (merge crud, latest); NULL is all, for latest 50';
COMMENT ON COLUMN realtime.stream_declaration.replay IS
	'Whether its topics are of class replay';
COMMENT ON COLUMN realtime.stream_declaration.replay_size IS
	'Events that are kept of each topic (replay)';
COMMENT ON COLUMN realtime.stream_declaration.replay_ttl IS
	'How long events are kept (replay); NULL is without an end';
COMMENT ON COLUMN realtime.stream_declaration.volatile IS
	'Whether its topics are of class volatile';
COMMENT ON COLUMN realtime.stream_declaration.coalesce_by IS
	'Member of the data (id, or a.b) by which a slow client gets only the newest event, or signature of a function that names it';
COMMENT ON COLUMN realtime.stream_declaration.access IS
	'Signature of the function that says who may follow it';
COMMENT ON COLUMN realtime.stream_declaration.gate IS
	'Signature of the function that says whether it is open for the caller';
COMMENT ON COLUMN realtime.stream_declaration.guards IS
	'Signatures of the functions that run first, in this order';
COMMENT ON COLUMN realtime.stream_declaration.transform IS
	'Signature of the function that changes what is sent';
COMMENT ON COLUMN realtime.stream_declaration.delta_version IS
	'Signature of the function that names the value''s version';
COMMENT ON COLUMN realtime.stream_declaration.delta_diff IS
	'Signature of the function that finds what has changed since a version';
COMMENT ON COLUMN realtime.stream_declaration.delta_from_seq IS
	'Signature of the function that finds what has changed since a number';
COMMENT ON COLUMN realtime.stream_declaration.schema_version IS
	'Version of the rows'' shape';
COMMENT ON COLUMN realtime.stream_declaration.migrate IS
	'Signatures of the functions that bring rows from version 1 to 2, and so on';
COMMENT ON COLUMN realtime.stream_declaration.stale_after IS
	'Time without an event after which the value is loaded again';
COMMENT ON COLUMN realtime.stream_declaration.invalidate_on IS
	'Patterns of topics whose events have the value loaded again; * is one or more characters';
COMMENT ON COLUMN realtime.stream_declaration.on_subscribe IS
	'Signature of the function that runs when somebody begins to follow it';
COMMENT ON COLUMN realtime.stream_declaration.on_unsubscribe IS
	'Signature of the function that runs when somebody ceases to';
COMMENT ON COLUMN realtime.stream_declaration.on_error IS
	'Signature of the function that is told when the value cannot be loaded';
COMMENT ON COLUMN realtime.stream_declaration.class_of_service IS
	'The class whose rules refuse it under load; NULL is none';
COMMENT ON COLUMN realtime.stream_declaration.shared IS
	'Whether the value is the same for everybody who may follow it';
COMMENT ON COLUMN realtime.stream_declaration.topic_by IS
	'Signature of the function that names the topic; NULL is what the template makes of the arguments';
COMMENT ON COLUMN realtime.stream_declaration.breaker IS
	'Name of the circuit breaker of its loader; NULL is none';
COMMENT ON COLUMN realtime.stream_declaration.fallback IS
	'What clients get while that is broken; NULL is an error';
COMMENT ON COLUMN realtime.stream_declaration.presence IS
	'Signature of the function that says what others see of who follows it; NULL: nobody is seen';
COMMENT ON COLUMN realtime.stream_declaration.is_room IS
	'Whether it is a room, see realtime.room(): paths below its own belong to it';
COMMENT ON COLUMN realtime.stream_declaration.cursors IS
	'Whether those in the room have cursors';
COMMENT ON COLUMN realtime.stream_declaration.actions IS
	'Signatures of the functions that can be called in the room';
COMMENT ON COLUMN realtime.stream_declaration.debounce IS
	'How long nothing must happen before the value is loaded anew; NULL is at once';
COMMENT ON INDEX realtime.stream_declaration_pkey IS
	'One declaration for each path';

-- ALWAYS: a change counts that logical replication applies, too; and for each
-- row, because that calls no triggers for statements.
CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.stream_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed('topic');
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.stream_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed('topic');
ALTER TABLE realtime.stream_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.stream_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.stream_declaration IS
	'Makes a change known to all processes';

-- Declarations are data of the user: a dump carries them.
SELECT pg_catalog.pg_extension_config_dump('realtime.stream_declaration', '');

