--
-- Live queries
--
CREATE FUNCTION realtime.stat_get_query(
	OUT path text,
	OUT arguments text,
	OUT role text,
	OUT user_id text,
	OUT topic text,
	OUT state text,
	OUT gateways integer,
	OUT rows bigint,
	OUT runs bigint,
	OUT failures bigint,
	OUT refreshes bigint,
	OUT restricted bigint,
	OUT together bigint,
	OUT counted bigint,
	OUT why_full text,
	OUT events bigint,
	OUT total_time double precision,
	OUT last_time double precision,
	OUT memory bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'realtime_stat_get_query';
COMMENT ON FUNCTION realtime.stat_get_query() IS
'Rows of the view realtime.stat_query.';

CREATE VIEW realtime.stat_query AS
	SELECT * FROM realtime.stat_get_query();
COMMENT ON VIEW realtime.stat_query IS
	'Groups of live queries: clients that ask the same and therefore get the same';
COMMENT ON COLUMN realtime.stat_query.path IS
	'The query';
COMMENT ON COLUMN realtime.stat_query.arguments IS
	'With which it is run, as a JSON array of texts';
COMMENT ON COLUMN realtime.stat_query.role IS
	'As which it is run';
COMMENT ON COLUMN realtime.stat_query.user_id IS
	'For whom; NULL if the result does not depend on who asks, empty for nobody in particular';
COMMENT ON COLUMN realtime.stat_query.topic IS
	'On which its clients get what has changed';
COMMENT ON COLUMN realtime.stat_query.state IS
	'loading: the first client waits for it; ready; keyless: ready, and too long for its rows to be remembered; failing: the last run has failed; empty: it is run, or removed, the next time';
COMMENT ON COLUMN realtime.stat_query.gateways IS
	'Gateways that have subscribers of it; without any the group is removed after a while';
COMMENT ON COLUMN realtime.stat_query.rows IS
	'That the clients have; of a keyless group those that they had when all rows were asked for';
COMMENT ON COLUMN realtime.stat_query.runs IS
	'Because something that it reads has changed';
COMMENT ON COLUMN realtime.stat_query.failures IS
	'Runs that have failed';
COMMENT ON COLUMN realtime.stat_query.refreshes IS
	'Runs whose whole result was sent';
COMMENT ON COLUMN realtime.stat_query.restricted IS
	'Runs that asked only for rows that may have changed; see realtime.explain_query()';
COMMENT ON COLUMN realtime.stat_query.together IS
	'Of these, runs by a statement for many groups of the query';
COMMENT ON COLUMN realtime.stat_query.counted IS
	'Of these, runs that asked for nothing, because groups are counted; see tally of realtime.explain_query()';
COMMENT ON COLUMN realtime.stat_query.why_full IS
	'Why the last of the other runs asked for all rows; NULL if there was none';
COMMENT ON COLUMN realtime.stat_query.events IS
	'Sent because of runs, not counting subscribers';
COMMENT ON COLUMN realtime.stat_query.total_time IS
	'Of all runs, in milliseconds';
COMMENT ON COLUMN realtime.stat_query.last_time IS
	'Of the last run, in milliseconds';
COMMENT ON COLUMN realtime.stat_query.memory IS
	'Bytes of shared memory';
