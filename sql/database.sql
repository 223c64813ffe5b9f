--
-- Commands that need a database for themselves: our workers make room, and
-- come back
--
CREATE FUNCTION wait_for_executors() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..2400 LOOP
		PERFORM pg_stat_clear_snapshot();
		IF (SELECT count(*) = current_setting('realtime.executors')::integer
			FROM pg_stat_activity
			WHERE backend_type = 'realtime executor' AND datname = current_setting('realtime.database')) THEN
			RETURN true;
		END IF;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN false;
END $$;
SELECT current_database() = current_setting('realtime.database') AS "this is the database";
SELECT wait_for_executors();
SELECT current_database() AS db, current_user AS me \gset
SELECT array_agg(pid ORDER BY pid) AS executors FROM realtime.stat_executor \gset

-- a command that PostgreSQL will refuse disturbs nobody
CREATE ROLE regress_realtime_role CREATEDB;
\c postgres
SET ROLE regress_realtime_role;
DROP DATABASE :"db";
ALTER DATABASE :"db" RENAME TO regress_realtime_renamed;
CREATE DATABASE regress_realtime_copy TEMPLATE :"db";
RESET ROLE;
BEGIN;
DROP DATABASE :"db";
ROLLBACK;
\c :db
DROP DATABASE :"db";
SELECT array_agg(pid ORDER BY pid) = :'executors' AS "the same executors" FROM realtime.stat_executor;

-- a copy
\c postgres
CREATE DATABASE regress_realtime_copy TEMPLATE :"db";
\c regress_realtime_copy
SELECT count(*) FROM realtime.rpc_declaration;
SELECT wait_for_executors();
\c postgres
DROP DATABASE regress_realtime_copy;

-- another name, also for a while only
BEGIN;
ALTER DATABASE :"db" RENAME TO regress_realtime_renamed;
ROLLBACK;
ALTER DATABASE :"db" RENAME TO regress_realtime_renamed;
ALTER DATABASE regress_realtime_renamed RENAME TO :"db";
\c :db
SELECT wait_for_executors();

-- the owner may do it without being a superuser
ALTER DATABASE :"db" OWNER TO regress_realtime_role;
\c postgres
SET ROLE regress_realtime_role;
ALTER DATABASE :"db" RENAME TO regress_realtime_renamed;
ALTER DATABASE regress_realtime_renamed RENAME TO :"db";
RESET ROLE;
ALTER DATABASE :"db" OWNER TO :"me";
DROP ROLE regress_realtime_role;
\c :db
SELECT wait_for_executors();
DROP FUNCTION wait_for_executors();
