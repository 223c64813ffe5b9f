--
-- Clients reach one database only.
--
DO $$
DECLARE
	served text := pg_catalog.current_setting('realtime.database');
BEGIN
	IF pg_catalog.current_database() OPERATOR(pg_catalog.<>) served THEN
		RAISE WARNING 'clients are connected to database "%", not to this one', served
			USING HINT = 'Set realtime.database to the name of this database and restart the server.';
	END IF;
END
$$;
