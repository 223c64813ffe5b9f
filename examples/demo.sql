-- How a shell reaches the server, for the pages of the demo to show.
--
-- Where the socket lies is nothing that a client should hear of a server that others
-- use; load this into that of a demo only.

CREATE EXTENSION IF NOT EXISTS realtime;

CREATE SCHEMA IF NOT EXISTS demo;
COMMENT ON SCHEMA demo IS 'What the demo of the extension realtime says of itself';

CREATE OR REPLACE FUNCTION demo.address(OUT socket text, OUT port text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')
$$;
COMMENT ON FUNCTION demo.address() IS 'What psql needs to know';

REVOKE ALL ON FUNCTION demo.address() FROM PUBLIC;
GRANT USAGE ON SCHEMA demo TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION demo.address() TO realtime_anonymous;
SELECT realtime.rpc('demo/address', 'demo.address()');

-- The page /server/ shows what the server does, to roles that may read PostgreSQL's own
-- statistics.  In a demo that is everybody.
GRANT pg_monitor TO realtime_anonymous;
SELECT realtime.devtools();
