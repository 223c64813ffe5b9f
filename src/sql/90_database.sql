--
-- Clients reach one database only, and speak UTF-8.
--
DO $$
DECLARE
	served text := pg_catalog.current_setting('realtime.database');
BEGIN
	IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
		RAISE EXCEPTION 'realtime cannot serve a database with encoding %', pg_catalog.getdatabaseencoding()
			USING ERRCODE = 'feature_not_supported',
				HINT = 'Clients speak UTF-8: create the database with ENCODING ''UTF8''.';
	END IF;
	IF pg_catalog.current_database() OPERATOR(pg_catalog.<>) served THEN
		RAISE WARNING 'clients are connected to database "%", not to this one', served
			USING HINT = 'Set realtime.database to the name of this database and restart the server.';
	END IF;
END
$$;
