-- A dashboard over the tables of pgbench: three queries, and nothing that publishes.
-- Whoever writes the tables, with psql, pgbench or otherwise, is seen.
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

-- [branches] One row for each branch
-- A SELECT, declared once.  When somebody commits, the page gets the rows of its result
-- that have changed, and no others.  A change of a branch or of a teller is followed to
-- its row by the column that is grouped by: only that branch is counted again.
SELECT realtime.query('dashboard/branches', $$
	SELECT b.bid, b.bbalance AS balance, count(t.tid) AS tellers, max(t.tbalance) AS best
	FROM pgbench_branches AS b
	JOIN pgbench_tellers AS t ON t.bid = b.bid
	GROUP BY b.bid
$$, key => 'bid');

-- [tellers] The ten tellers with the most
-- A teller that changes is put where it belongs among them; the index is for the moment
-- when one has to be found who was not among them before.
CREATE INDEX IF NOT EXISTS pgbench_tellers_best ON pgbench_tellers (tbalance DESC, tid);
SELECT realtime.query('dashboard/tellers', $$
	SELECT tid, bid, tbalance AS balance
	FROM pgbench_tellers
	ORDER BY tbalance DESC, tid
	LIMIT 10
$$, key => 'tid');

-- [total] What all have together
-- pgbench adds the same to a branch and to a teller in one transaction, so the two sums
-- are always the same: clients never see half of one.  This query reads all rows each
-- time, so four times a second is enough.
SELECT realtime.query('dashboard/total', $$
	SELECT 1 AS id,
		(SELECT sum(bbalance) FROM pgbench_branches) AS branches,
		(SELECT sum(tbalance) FROM pgbench_tellers) AS tellers
$$, debounce => '250 ms');

-- [deposit] The button that writes
-- It does what pgbench does, to a teller of chance.  It tells nobody: that the page shows
-- it is because it has changed the tables, as psql would have.
CREATE SCHEMA IF NOT EXISTS dashboard;
COMMENT ON SCHEMA dashboard IS 'A dashboard over the tables of pgbench, an example of the extension realtime';

CREATE OR REPLACE FUNCTION dashboard.deposit(amount integer)
RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = public, pg_catalog, pg_temp
AS $$
	WITH teller AS (
		UPDATE pgbench_tellers SET tbalance = tbalance + least(greatest(amount, -5000), 5000)
		WHERE tid = (SELECT tid FROM pgbench_tellers ORDER BY random() LIMIT 1)
		RETURNING bid)
	UPDATE pgbench_branches AS b SET bbalance = bbalance + least(greatest(amount, -5000), 5000)
	FROM teller WHERE b.bid = teller.bid
$$;
COMMENT ON FUNCTION dashboard.deposit(integer) IS 'Gives an amount to a teller of chance and to his branch';
SELECT realtime.rpc('dashboard/deposit', 'dashboard.deposit(integer)', rate_limit => 100);

-- [rights] Who may see and do it
-- Connections run as realtime_anonymous, and what it may not read it does not see.  It may
-- not write the tables, but call the function, which runs as its owner.
GRANT SELECT ON pgbench_branches, pgbench_tellers TO realtime_anonymous;
REVOKE ALL ON FUNCTION dashboard.deposit(integer) FROM PUBLIC;
GRANT USAGE ON SCHEMA dashboard TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION dashboard.deposit(integer) TO realtime_anonymous;
