--
-- Guards of modules, what they pass on, and ready-made predicates
--
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.log (entry text);
GRANT ALL ON app.log TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.learn(path text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.log VALUES (path);
	PERFORM realtime.set_context('path', to_jsonb(path));
	PERFORM realtime.set_context('n', to_jsonb(coalesce((realtime.context('n'))::integer, 0) + 1));
END $$;
CREATE FUNCTION app.inner() RETURNS boolean LANGUAGE sql AS $$
	INSERT INTO app.log VALUES ('inner ' || realtime.context('path')::text);
	SELECT realtime.user_data() ->> 'id' IS DISTINCT FROM 'bad' $$;
CREATE FUNCTION app.own(what text) RETURNS boolean LANGUAGE sql AS $$ SELECT what <> 'no' $$;
CREATE FUNCTION app.say(what text) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('what', what, 'path', realtime.context('path'), 'n', realtime.context('n')) $$;
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT jsonb_build_array(jsonb_build_object('id', 1, 'path', realtime.context('path'))) $$;
CREATE FUNCTION app.caught() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	seen jsonb;
BEGIN
	PERFORM realtime.set_context('a', '1');
	BEGIN
		PERFORM realtime.set_context('a', '2');
		BEGIN
			PERFORM realtime.set_context('a', '3');
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
		seen := realtime.context('a');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		RETURN jsonb_build_array(seen, realtime.context('a'));
	END;
END $$;
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text; d text; h text; s text; r text;
BEGIN
	EXECUTE command INTO r;
	RETURN coalesce(r, 'ok');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ': ' || m, 'DETAIL: ' || nullif(d, ''), 'HINT: ' || nullif(h, ''));
END $$;
SELECT realtime.rpc('m/say', 'app.say(text)', guard => '{app.own(text)}');
SELECT realtime.rpc('m/x/say', 'app.say(text)');
SELECT realtime.rpc('mm/say', 'app.say(text)');
SELECT realtime.stream('m/x/rows', 'rows', 'app.rows()');

-- declaring
SELECT realtime.guard('m/x', '{app.inner()}');
SELECT realtime.guard('m', '{app.learn(text)}', authenticated => true);
SELECT realtime.guard('m', '{app.learn(text)}');
SELECT * FROM realtime.guard_declaration ORDER BY module;
SELECT kind, declaration, purpose, signature FROM realtime.declared_functions() WHERE kind = 'module' ORDER BY 2;
SELECT realtime.guard('mm', '{app.learn(text)}');
SELECT realtime.guard('mm');
SELECT count(*) FROM realtime.guard_declaration WHERE module = 'mm';
SELECT realtime.drop('m');
SELECT try($$SELECT realtime.guard('m/', '{app.inner()}')$$);
SELECT try($$SELECT realtime.guard('', '{app.inner()}')$$);
SELECT try($$SELECT realtime.guard(NULL, '{app.inner()}')$$);
SELECT try($$SELECT realtime.guard('m', '{app.own(text)}')$$);
SELECT try($$SELECT realtime.guard('m', '{app.say(text)}')$$);
SELECT try($$SELECT realtime.guard('m', '{NULL}')$$);
SELECT try($$SELECT realtime.guard('m', authenticated => NULL)$$);
SELECT try('DROP FUNCTION app.inner()');
SET ROLE realtime_authenticated;
SELECT try($$SELECT realtime.guard('m')$$);
RESET ROLE;

-- running: modules' guards, the outer first, then the path's own
SELECT realtime.call('m/say', '["hi"]');
SELECT realtime.call('m/x/say', '["hi"]');
SELECT realtime.call('mm/say', '["hi"]');
SELECT realtime.load('m/x/rows') -> 'data';
SELECT * FROM app.log;
SELECT try($$SELECT realtime.call('m/x/say', '["hi"]', '{"id": "bad"}')$$);
SELECT try($$SELECT realtime.load('m/x/rows', '[]', '{"id": "bad"}')$$);
SELECT try($$SELECT realtime.call('m/say', '["no"]')$$);
-- what a refused call has to do with arguments nobody learns
SELECT realtime.guard('m', authenticated => true);
SELECT try($$SELECT realtime.call('m/say', '[1, 2, 3]')$$);
SELECT try($$SELECT realtime.load('m/x/rows')$$);
SELECT realtime.call('m/say', '["hi"]', '{"id": "ann"}');

-- the context
SELECT realtime.rpc('c/caught', 'app.caught()');
SELECT realtime.call('c/caught'), realtime.context('a');
SELECT try($$SELECT realtime.set_context('a', '1')$$);
CREATE FUNCTION app.set(key text, bytes integer) RETURNS void LANGUAGE sql AS $$ SELECT realtime.set_context(key, to_jsonb(repeat('x', bytes))) $$;
SELECT realtime.rpc('c/set', 'app.set(text,integer)');
SELECT try($$SELECT realtime.call('c/set', '[null, 1]')$$);
SELECT try($$SELECT realtime.call('c/set', '["", 1]')$$);
SELECT try($$SELECT realtime.call('c/set', '["a", 1048576]')$$);
SELECT realtime.call('c/set', '["a", 1000000]');

-- predicates
CREATE FUNCTION app.predicates(org text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('owner', realtime.access_owner(), 'mail', realtime.access_owner('mail'), 'team', realtime.access_team(),
		'member', realtime.access_pg_role('realtime_publisher'), 'role', realtime.access_role('{"realtime_authenticated": true, "realtime_anonymous": false}'),
		'rank', realtime.access_role('{"admin": true, "guest": false, "odd": "true"}', 'rank'), 'org', realtime.access_org(org),
		'org by', realtime.access_org(org, 'company'), 'user', realtime.access_user(org), 'user by', realtime.access_user(org, 'boss'),
		'any', realtime.access_any(NULL, realtime.access_owner()), 'all', realtime.access_all(true, realtime.access_owner()),
		'none', realtime.access_all(true, NULL)) $$;
SELECT realtime.rpc('p/all', 'app.predicates(text)');
SELECT key, a.value AS nobody, b.value AS ann, c.value AS other
	FROM jsonb_each(realtime.call('p/all', '["x"]')) a
	JOIN jsonb_each(realtime.call('p/all', '["ann"]', '{"id": "ann", "mail": "a@b", "teamId": 3, "boss": "ann", "rank": "admin", "role": "realtime_authenticated", "company": "ann", "organization_id": "ann"}')) b USING (key)
	JOIN jsonb_each(realtime.call('p/all', '["7"]', '{"id": "x", "mail": "", "teamId": null, "rank": "odd", "role": "realtime_anonymous", "organization_id": 7}')) c USING (key);
-- of who calls, not of who has defined the function
CREATE FUNCTION app.defined() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT realtime.access_pg_role('pg_monitor') $$;
SELECT realtime.rpc('p/defined', 'app.defined()');
SELECT realtime.call('p/defined'), realtime.access_pg_role('pg_monitor') AS session;
GRANT pg_monitor TO realtime_anonymous;
SELECT realtime.call('p/defined');
REVOKE pg_monitor FROM realtime_anonymous;
-- as they are; and never with a client's text for a member's name
SELECT realtime.rpc('p/org', 'app.predicates(text)', guard => '{realtime.access_org(text)}');
SELECT try($$SELECT realtime.call('p/org', '["o2"]', '{"id": "ann", "organization_id": "o1"}')$$);
SELECT realtime.call('p/org', '["o1"]', '{"id": "ann", "organization_id": "o1"}') -> 'org';
CREATE FUNCTION app.two(a text, b text) RETURNS text LANGUAGE sql AS $$ SELECT a $$;
SELECT try($$SELECT realtime.rpc('p/two', 'app.two(text,text)', guard => ARRAY['realtime.access_org(text,name)'::regprocedure])$$);

DROP SCHEMA app CASCADE;
SELECT module FROM realtime.guard_declaration;
SELECT realtime.guard('m');
DROP FUNCTION try(text);
