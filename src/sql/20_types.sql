--
-- Types
--
CREATE TYPE realtime.envelope AS (
	topic text,
	event text,
	data jsonb
);
COMMENT ON TYPE realtime.envelope IS
	'An event to be published';
COMMENT ON COLUMN realtime.envelope.topic IS
	'Where to: 1 to 256 bytes of printable ASCII without quotation marks and backslashes, not beginning with __';
COMMENT ON COLUMN realtime.envelope.event IS
	'Name of the event: 1 to 256 bytes without quotation marks, backslashes and control characters';
COMMENT ON COLUMN realtime.envelope.data IS
	'What has happened; NULL is sent as null';

CREATE TYPE realtime.message AS (
	topic text,
	seq bigint,
	event text,
	data jsonb,
	created_at timestamptz
);
COMMENT ON TYPE realtime.message IS
	'An event that has been published on a topic of class replay';
COMMENT ON COLUMN realtime.message.topic IS
	'Where it was published';
COMMENT ON COLUMN realtime.message.seq IS
	'Its number in the topic: counted up in commit order, without gaps';
COMMENT ON COLUMN realtime.message.event IS
	'Name of the event';
COMMENT ON COLUMN realtime.message.data IS
	'What has happened';
COMMENT ON COLUMN realtime.message.created_at IS
	'When it was published';

