--
-- Who may declare, publish and look
--
CREATE FUNCTION try(command text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.hello() RETURNS text LANGUAGE sql AS $$ SELECT 'hello' $$;
CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql AS $$ SELECT 'secret' $$;
REVOKE ALL ON FUNCTION app.secret() FROM PUBLIC;
CREATE ROLE regress_realtime_nobody;
CREATE ROLE regress_realtime_admin IN ROLE realtime_admin;
CREATE ROLE regress_realtime_publisher IN ROLE realtime_publisher;
CREATE ROLE regress_realtime_monitor IN ROLE pg_monitor;
CREATE ROLE regress_realtime_owner;

CREATE FUNCTION try_as(role name) RETURNS TABLE (command text, result text)
LANGUAGE plpgsql AS $$
BEGIN
	FOREACH command IN ARRAY ARRAY[
		$c$SELECT realtime.rpc('app/hello', 'app.hello()')$c$,
		$c$SELECT realtime.topic('news')$c$,
		$c$SELECT realtime.drop('app/hello')$c$,
		$c$SELECT * FROM realtime.rpc_declaration$c$,
		$c$INSERT INTO realtime.rpc_declaration (path, handler) VALUES ('x/y', 'app.hello()')$c$,
		$c$DELETE FROM realtime.topic_declaration$c$,
		$c$SELECT realtime.publish('news', 'hello')$c$,
		$c$SELECT realtime.publish(ARRAY[('news', 'hello', NULL)::realtime.envelope])$c$,
		$c$SELECT realtime.throttle('news', 'hello', NULL, '1 ms')$c$,
		$c$SELECT realtime.topic_name('chat:{room}', 'lobby')$c$,
		$c$SELECT count(*) FROM realtime.check()$c$,
		$c$SELECT realtime.user_id(), realtime.user_data(), realtime.connection_id(), realtime.request_id(), realtime.cursor()$c$,
		$c$SELECT * FROM realtime.stat_gateway$c$,
		$c$SELECT * FROM realtime.stat_executor$c$,
		$c$SELECT * FROM realtime.stat_scheduler$c$,
		$c$SELECT * FROM realtime.stat_timer$c$,
		$c$SELECT realtime.service_state()$c$]
	LOOP
		EXECUTE format('SET LOCAL ROLE %I', role);
		result := try(command);
		RESET ROLE;
		RETURN NEXT;
	END LOOP;
END $$;

SELECT * FROM try_as('regress_realtime_nobody');
SELECT * FROM try_as('regress_realtime_admin');
SELECT * FROM try_as('regress_realtime_publisher');
SELECT * FROM try_as('regress_realtime_monitor');
SELECT * FROM try_as('realtime_anonymous');
SELECT * FROM try_as('realtime_executor');

-- the owner of the database may declare without being a member of anything
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_realtime_owner', current_database()); END $$;
SELECT * FROM try_as('regress_realtime_owner');
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), current_user); END $$;

-- one who declares must have EXECUTE on what is declared
SET ROLE regress_realtime_admin;
SELECT realtime.rpc('app/secret', 'app.secret()');
SELECT realtime.rpc('app/hello', 'app.hello()', guard => '{app.secret()}');
-- and cannot use the identity that writes the table
SELECT current_user, realtime.rpc('app/hello', 'app.hello()'), current_user;
SELECT path, handler FROM realtime.rpc_declaration;
SELECT realtime.drop('app/hello'), realtime.drop('news');
RESET ROLE;

DROP FUNCTION try_as(name);
DROP FUNCTION try(text);
DROP SCHEMA app CASCADE;
DROP ROLE regress_realtime_nobody, regress_realtime_admin, regress_realtime_publisher,
	regress_realtime_monitor, regress_realtime_owner;
