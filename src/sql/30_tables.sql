--
-- Tables of declarations.  Written by realtime.rpc() and its like; rows written
-- by hand or by a restored dump count as much.  The order of columns is known
-- to src/catalog/declaration_table.h.
--
-- Functions are named by signature text, as regprocedure prints it with an
-- empty search_path: a column of type regprocedure would stand in the way of
-- pg_upgrade.
--
CREATE TABLE realtime.rpc_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	handler text NOT NULL,
	guards text[] NOT NULL DEFAULT '{}',
	timeout interval
		CONSTRAINT timeout_is_positive CHECK (timeout > '0'),
	read_only boolean,
	rate_limit integer
		CONSTRAINT rate_limit_is_positive CHECK (rate_limit > 0),
	rate_window interval NOT NULL DEFAULT '10 s'
		CONSTRAINT rate_window_is_positive CHECK (rate_window > '0'),
	idempotency_key text,
	idempotency_ttl interval NOT NULL DEFAULT '48 h'
		CONSTRAINT idempotency_ttl_is_not_negative CHECK (idempotency_ttl >= '0'),
	lock_key text,
	lock_wait interval
		CONSTRAINT lock_wait_is_no_less_than_none CHECK (lock_wait >= '0'),
	class_of_service text,
	idempotent boolean NOT NULL DEFAULT false,
	breaker text,
	fallback jsonb,
	kind text NOT NULL DEFAULT 'rpc'
		CONSTRAINT kind_is_known CHECK (kind IN ('rpc', 'binary', 'upload')),
	max_size bigint
		CONSTRAINT max_size_is_positive CHECK (max_size > 0),
	max_per_session integer
		CONSTRAINT max_per_session_is_positive CHECK (max_per_session > 0),
	max_total integer
		CONSTRAINT max_total_is_positive CHECK (max_total > 0),
	reauth_every bigint
		CONSTRAINT reauth_every_is_positive CHECK (reauth_every > 0),
	share_result boolean NOT NULL DEFAULT false
		CONSTRAINT share_result_needs_lock_key CHECK (NOT share_result OR lock_key IS NOT NULL),
	CONSTRAINT limits_of_kind
		CHECK ((kind = 'rpc') = (max_size IS NULL) AND (kind = 'upload') = (max_per_session IS NOT NULL))
);
COMMENT ON TABLE realtime.rpc_declaration IS
	'Functions that clients can call, see realtime.rpc()';
COMMENT ON COLUMN realtime.rpc_declaration.path IS
	'What clients call it';
COMMENT ON COLUMN realtime.rpc_declaration.handler IS
	'Signature of the function that runs, such as app.send(text,integer)';
COMMENT ON COLUMN realtime.rpc_declaration.guards IS
	'Signatures of the functions that run before it, in this order';
COMMENT ON COLUMN realtime.rpc_declaration.timeout IS
	'How long a call may take; NULL is realtime.handler_timeout';
COMMENT ON COLUMN realtime.rpc_declaration.read_only IS
	'Whether the transaction is read only; NULL is as the function''s volatility says';
COMMENT ON COLUMN realtime.rpc_declaration.rate_limit IS
	'Calls that one client may make in rate_window; NULL is any number';
COMMENT ON COLUMN realtime.rpc_declaration.rate_window IS
	'The time in which rate_limit counts';
COMMENT ON COLUMN realtime.rpc_declaration.idempotency_key IS
	'Signature of the function that names a call that must happen once';
COMMENT ON COLUMN realtime.rpc_declaration.idempotency_ttl IS
	'How long the answer of such a call is kept; 0 is not at all';
COMMENT ON COLUMN realtime.rpc_declaration.lock_key IS
	'Signature of the function that names what calls must not do at the same time';
COMMENT ON COLUMN realtime.rpc_declaration.lock_wait IS
	'How long a call waits for that; NULL is as long as it may take';
COMMENT ON COLUMN realtime.rpc_declaration.class_of_service IS
	'The class whose rules refuse calls under load; NULL is none';
COMMENT ON COLUMN realtime.rpc_declaration.idempotent IS
	'Whether a call that comes with an idempotency key must happen once';
COMMENT ON COLUMN realtime.rpc_declaration.breaker IS
	'Name of its circuit breaker; NULL is none';
COMMENT ON COLUMN realtime.rpc_declaration.fallback IS
	'What clients get while that is broken; NULL is an error';
COMMENT ON COLUMN realtime.rpc_declaration.kind IS
	'How clients call it: rpc; binary, with a payload; or upload, with chunks that the function reads';
COMMENT ON COLUMN realtime.rpc_declaration.max_size IS
	'Bytes of that, at most';
COMMENT ON COLUMN realtime.rpc_declaration.max_per_session IS
	'Uploads of one connection at a time';
COMMENT ON COLUMN realtime.rpc_declaration.max_total IS
	'Uploads of all at a time; NULL is any number';
COMMENT ON COLUMN realtime.rpc_declaration.reauth_every IS
	'Bytes of an upload after which its guards are run again; NULL is never';
COMMENT ON COLUMN realtime.rpc_declaration.share_result IS
	'Whether calls that wait for that get the result of the one that has it';
COMMENT ON INDEX realtime.rpc_declaration_pkey IS
	'One declaration for each path';

CREATE TABLE realtime.topic_declaration (
	template text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT template_is_not_reserved CHECK (NOT starts_with(template, '__')),
	class text NOT NULL DEFAULT 'ordered'
		CONSTRAINT class_exists CHECK (class IN ('volatile', 'ordered', 'replay')),
	open boolean NOT NULL DEFAULT false,
	access text,
	replay_size integer NOT NULL DEFAULT 1000
		CONSTRAINT replay_size_is_positive CHECK (replay_size > 0),
	replay_ttl interval
		CONSTRAINT replay_ttl_is_positive CHECK (replay_ttl > '0'),
	CONSTRAINT open_or_access CHECK (NOT open OR access IS NULL)
);
COMMENT ON TABLE realtime.topic_declaration IS
	'Topics and who may subscribe to them, see realtime.topic()';
COMMENT ON COLUMN realtime.topic_declaration.template IS
	'Literal text with placeholders, such as chat:{room}';
COMMENT ON COLUMN realtime.topic_declaration.class IS
	'volatile: no order, may be lost; ordered: in commit order; replay: numbered and stored as well';
COMMENT ON COLUMN realtime.topic_declaration.open IS
	'Whether anybody may subscribe';
COMMENT ON COLUMN realtime.topic_declaration.access IS
	'Signature of the function that says who may subscribe';
COMMENT ON COLUMN realtime.topic_declaration.replay_size IS
	'How many events of each topic are kept (class replay)';
COMMENT ON COLUMN realtime.topic_declaration.replay_ttl IS
	'How long events are kept, NULL is as long as replay_size allows (class replay)';
COMMENT ON INDEX realtime.topic_declaration_pkey IS
	'One declaration for each template';

CREATE FUNCTION realtime.declaration_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_declaration_changed';
COMMENT ON FUNCTION realtime.declaration_changed() IS
	'Trigger of the tables of declarations: makes all processes read them again after commit';

-- ALWAYS: a change counts that logical replication applies, too; and for each
-- row, because that calls no triggers for statements.
CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.rpc_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.rpc_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.rpc_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.rpc_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.rpc_declaration IS
	'Makes a change known to all processes';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.topic_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed('template');
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.topic_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed('template');
ALTER TABLE realtime.topic_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.topic_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.topic_declaration IS
	'Makes a change known to all processes';

-- Declarations are data of the user: a dump carries them.
SELECT pg_catalog.pg_extension_config_dump('realtime.rpc_declaration', '');
SELECT pg_catalog.pg_extension_config_dump('realtime.topic_declaration', '');

