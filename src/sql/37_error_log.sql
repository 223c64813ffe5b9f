--
-- What has gone wrong lately, see realtime.hook('error').  Written by executors
-- while realtime.error_log is more than 0; no part of dumps.
--
CREATE TABLE realtime.error_log (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL,
	path text NOT NULL,
	code text NOT NULL,
	sqlstate text NOT NULL,
	message text NOT NULL,
	user_id text,
	connection_id text,
	request_id text
);
COMMENT ON TABLE realtime.error_log IS
	'Errors that nobody has meant to happen, the last ones: as many as the setting realtime.error_log says; the id of each is told on the channel realtime_error as well';
COMMENT ON COLUMN realtime.error_log.id IS
	'Grows with each error';
COMMENT ON COLUMN realtime.error_log.at IS
	'When it was written down, as soon as all was rolled back';
COMMENT ON COLUMN realtime.error_log.path IS
	'Path that was called or followed, topic that was asked for, or "cron ..." and its like';
COMMENT ON COLUMN realtime.error_log.code IS
	'What the client was told';
COMMENT ON COLUMN realtime.error_log.sqlstate IS
	'SQLSTATE of the error';
COMMENT ON COLUMN realtime.error_log.message IS
	'What the error says, which no client is told';
COMMENT ON COLUMN realtime.error_log.user_id IS
	'Whose it was; NULL if nobody''s';
COMMENT ON COLUMN realtime.error_log.connection_id IS
	'Connection that had asked; NULL if none had';
COMMENT ON COLUMN realtime.error_log.request_id IS
	'What realtime.request_id() said in it';
COMMENT ON INDEX realtime.error_log_pkey IS
	'One row for each error';
COMMENT ON SEQUENCE realtime.error_log_id_seq IS
	'Numbers of errors';
