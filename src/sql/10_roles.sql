--
-- Roles.  They belong to the whole server: DROP EXTENSION leaves them, and one
-- that is there already is left as it is.
--
DO $$
DECLARE
	role record;
BEGIN
	FOR role IN
		SELECT *
		FROM (VALUES
			('realtime_executor', 'LOGIN NOINHERIT',
			 'Executors of the extension realtime log in as this role, and run calls as roles that it is a member of'),
			('realtime_anonymous', 'NOLOGIN',
			 'Calls of anonymous connections of the extension realtime run as this role'),
			('realtime_authenticated', 'NOLOGIN',
			 'Calls of authenticated connections of the extension realtime run as this role'),
			('realtime_publisher', 'NOLOGIN',
			 'Members may publish events of the extension realtime'),
			('realtime_admin', 'NOLOGIN',
			 'Members may declare what clients of the extension realtime can call and subscribe to')
		) AS roles (name, options, description)
	LOOP
		IF pg_catalog.to_regrole(role.name) IS NULL THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I %s', role.name, role.options);
			EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', role.name, role.description);
		ELSIF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) role.name) THEN
			RAISE WARNING 'role "%" is a superuser', role.name
				USING HINT = pg_catalog.format('Clients could do anything. Run ALTER ROLE %I NOSUPERUSER.', role.name);
		END IF;
	END LOOP;
END
$$;

