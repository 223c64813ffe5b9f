--
-- Answers of calls that must happen once, see realtime.rpc().  Written in the
-- transaction of the handler; the order of columns is known to
-- src/catalog/answer_store.h.
--
CREATE TABLE realtime.idempotency (
	path text COLLATE pg_catalog."C" NOT NULL,
	user_id text COLLATE pg_catalog."C" NOT NULL,
	key text COLLATE pg_catalog."C" NOT NULL,
	answer text,
	request_id text,
	created_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	PRIMARY KEY (path, user_id, key)
);
CREATE INDEX idempotency_expires_at ON realtime.idempotency (expires_at);
COMMENT ON TABLE realtime.idempotency IS
	'Answers of calls with an idempotency key, as long as they are kept';
COMMENT ON COLUMN realtime.idempotency.path IS
	'What was called; after a word "webhook" or "database" what no client has called';
COMMENT ON COLUMN realtime.idempotency.user_id IS
	'Id of the user who has called; empty if anonymous';
COMMENT ON COLUMN realtime.idempotency.key IS
	'What the call was named';
COMMENT ON COLUMN realtime.idempotency.answer IS
	'JSON that was and will be answered; NULL if the handler returns nothing';
COMMENT ON COLUMN realtime.idempotency.request_id IS
	'The call that has done it, as realtime.request_id() says it';
COMMENT ON COLUMN realtime.idempotency.created_at IS
	'When it was done';
COMMENT ON COLUMN realtime.idempotency.expires_at IS
	'From when on the same key is a new call';
COMMENT ON INDEX realtime.idempotency_pkey IS
	'Whether a call has happened';
COMMENT ON INDEX realtime.idempotency_expires_at IS
	'What has expired';

-- Who restores a dump restores what the calls have done, too.
SELECT pg_catalog.pg_extension_config_dump('realtime.idempotency', '');

