-- A dashboard over the tables of pgbench: three declarations, and nothing that
-- publishes.  Whoever writes the tables, with psql, pgbench or otherwise, is seen.
--
--     pgbench -i postgres
--     psql -1 -v ON_ERROR_STOP=1 -f examples/dashboard/dashboard.sql postgres
--     pgbench -c 4 -T 60 postgres
--
-- Load it into the database that realtime.database names, as the owner of the
-- tables.  Loading it again changes nothing.  Remove what it has done with
--
--     SELECT realtime.drop(path) FROM realtime.query_declaration WHERE path LIKE 'dashboard/%';

CREATE EXTENSION IF NOT EXISTS realtime;

--
-- Connections run as realtime_anonymous, and what it may not read it does not see.
--
GRANT SELECT ON pgbench_branches, pgbench_tellers TO realtime_anonymous;

--
-- One row for each branch.  A change of a branch or of a teller is followed to it by
-- the column that is grouped by: only that branch is counted again.
--
SELECT realtime.query('dashboard/branches', $$
	SELECT b.bid, b.bbalance AS balance, count(t.tid) AS tellers, max(t.tbalance) AS best
	FROM pgbench_branches AS b
	JOIN pgbench_tellers AS t ON t.bid = b.bid
	GROUP BY b.bid
$$, key => 'bid');

--
-- The ten tellers with the most.  A teller that changes is put where it belongs
-- among them; the index is for the moment when one has to be found who was not
-- among them before.
--
CREATE INDEX IF NOT EXISTS pgbench_tellers_best ON pgbench_tellers (tbalance DESC, tid);
SELECT realtime.query('dashboard/tellers', $$
	SELECT tid, bid, tbalance AS balance
	FROM pgbench_tellers
	ORDER BY tbalance DESC, tid
	LIMIT 10
$$, key => 'tid');

--
-- What all have together.  pgbench adds the same to a branch and to a teller in one
-- transaction, so the two are always the same: clients never see half of one.  This
-- one reads all rows each time, so four times a second is enough.
--
SELECT realtime.query('dashboard/total', $$
	SELECT 1 AS id,
		(SELECT sum(bbalance) FROM pgbench_branches) AS branches,
		(SELECT sum(tbalance) FROM pgbench_tellers) AS tellers
$$, debounce => '250 ms');
