--
-- What has come of a request
--
CREATE VIEW realtime.trace AS
	SELECT request_id, created_at AS at, 'event' AS kind, topic AS name,
		pg_catalog.jsonb_build_object('event', event, 'seq', seq) AS detail
	FROM realtime.replay_message
	WHERE request_id IS NOT NULL
	UNION ALL
	SELECT request_id, created_at, 'answer', path,
		pg_catalog.jsonb_build_object('user_id', user_id, 'key', key)
	FROM realtime.idempotency
	WHERE request_id IS NOT NULL
	UNION ALL
	SELECT request_id, created_at, 'job', queue,
		pg_catalog.jsonb_build_object('id', id, 'attempts', attempts)
	FROM realtime.job
	WHERE request_id IS NOT NULL
	UNION ALL
	SELECT request_id, created_at, 'job', queue,
		pg_catalog.jsonb_build_object('id', id, 'attempts', attempts, 'state', state, 'finished_at', finished_at)
	FROM realtime.job_finished
	WHERE request_id IS NOT NULL
	UNION ALL
	SELECT request_id, at, 'error', path,
		pg_catalog.jsonb_build_object('id', id, 'code', code, 'sqlstate', sqlstate, 'message', message, 'user_id', user_id)
	FROM realtime.error_log
	WHERE request_id IS NOT NULL;
COMMENT ON VIEW realtime.trace IS
	'What is kept of what calls have done, and of what has gone wrong in them, by the ids of their requests';
COMMENT ON COLUMN realtime.trace.request_id IS
	'As realtime.request_id() says it in the call';
COMMENT ON COLUMN realtime.trace.at IS
	'When it was done, or had gone wrong';
COMMENT ON COLUMN realtime.trace.kind IS
	'event: one of a topic of class replay; answer: that of a call which happens once; job: one of a queue; error: one of realtime.error_log';
COMMENT ON COLUMN realtime.trace.name IS
	'The topic, the path, or the queue';
COMMENT ON COLUMN realtime.trace.detail IS
	'Of an event its name and number; of an answer its user and key; of a job its id and, if it is over, how; of an error what it was, and whose';
