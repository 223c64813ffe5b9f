--
-- Declaring hooks
--
CREATE SCHEMA app;
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT request -> 'claims' $$;
CREATE FUNCTION app.other(request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.text(request text) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.two(request jsonb, more jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.yes(request jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION app.many(request jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text; d text; h text; s text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ': ' || m, 'DETAIL: ' || nullif(d, ''), 'HINT: ' || nullif(h, ''));
END $$;

SELECT realtime.hook('authenticate', 'app.who(jsonb)');
SELECT realtime.hook('authenticate', 'app.other(jsonb)');
SELECT * FROM realtime.hook_declaration;
SELECT kind, declaration, purpose, function::regprocedure FROM realtime.declared_functions() WHERE kind = 'hook';

-- what cannot
SELECT try($$SELECT realtime.hook('authentication', 'app.who(jsonb)')$$);
SELECT try($$SELECT realtime.hook(NULL, 'app.who(jsonb)')$$);
SELECT try($$SELECT realtime.hook('authenticate', 'app.text(text)')$$);
SELECT try($$SELECT realtime.hook('authenticate', 'app.two(jsonb,jsonb)')$$);
SELECT try($$SELECT realtime.hook('authenticate', 'app.yes(jsonb)')$$);
SELECT try($$SELECT realtime.hook('authenticate', 'app.many(jsonb)')$$);

-- the other one
CREATE FUNCTION app.note(error jsonb) RETURNS void LANGUAGE sql AS '';
SELECT realtime.hook('error', 'app.note(jsonb)');
SELECT try($$SELECT realtime.hook('error', 'app.who(jsonb)')$$);
SELECT realtime.hook('error', NULL);

-- the others, each with its own shape
CREATE FUNCTION app.told(connection jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.code(topic text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
CREATE FUNCTION app.ended(topic text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.ended(topic text, remaining integer) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.message(message bytea, is_text boolean) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION app.begins() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT realtime.hook(name, function::regprocedure) FROM (VALUES ('open', 'app.told(jsonb)'), ('close', 'app.told(jsonb)'), ('subscribe', 'app.code(text)'),
	('unsubscribe', 'app.ended(text)'), ('unsubscribe', 'app.ended(text,integer)'), ('message', 'app.message(bytea,boolean)'), ('upgrade', 'app.may(jsonb)'),
	('init', 'app.begins()'), ('shutdown', 'app.begins()')) AS t (name, function);
SELECT * FROM realtime.hook_declaration ORDER BY name;
SELECT try(format('SELECT realtime.hook(%L, %L)', name, function)) FROM (VALUES ('open', 'app.code(text)'), ('close', 'app.may(jsonb)'), ('subscribe', 'app.ended(text)'),
	('unsubscribe', 'app.code(text)'), ('message', 'app.told(jsonb)'), ('upgrade', 'app.told(jsonb)'), ('init', 'app.told(jsonb)'), ('shutdown', 'app.told(jsonb)')) AS t (name, function);
SELECT count(realtime.hook(name, NULL)) FROM realtime.hook_declaration WHERE name <> 'authenticate';

-- it is not lost by accident
SELECT realtime.drop('authenticate');
SELECT try('DROP FUNCTION app.other(jsonb)');
ALTER FUNCTION app.other(jsonb) RENAME TO renamed;
SELECT * FROM realtime.hook_declaration;
REVOKE EXECUTE ON FUNCTION app.renamed(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.renamed(jsonb) TO realtime_authenticated;
SELECT severity, problem, hint FROM realtime.check() WHERE object = 'hook "authenticate"';
DROP FUNCTION app.renamed(jsonb) CASCADE;
SELECT count(*) FROM realtime.hook_declaration;
INSERT INTO realtime.hook_declaration VALUES ('authenticate', 'app.gone(jsonb)');
SELECT severity, problem, hint FROM realtime.check() WHERE object = 'hook "authenticate"';
SELECT realtime.hook('authenticate', NULL);
SELECT count(*) FROM realtime.hook_declaration;
SELECT realtime.hook('authenticate', NULL);

-- those that run as anonymous, whoever else may
CREATE FUNCTION app.quiet() RETURNS void LANGUAGE sql AS '';
REVOKE EXECUTE ON FUNCTION app.quiet() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.quiet() TO realtime_authenticated;
SELECT realtime.hook('init', 'app.quiet()'), realtime.hook('shutdown', 'app.quiet()');
SELECT object, severity, problem FROM realtime.check() WHERE object LIKE 'hook%' ORDER BY object;
SELECT realtime.hook('init', NULL), realtime.hook('shutdown', NULL);

-- who may
SET ROLE realtime_anonymous;
SELECT try($$SELECT realtime.hook('authenticate', NULL)$$);
RESET ROLE;

-- cookies; outside of a hook none is sent
SELECT realtime.set_cookie('session', 'x'), realtime.set_cookie('a', NULL), realtime.set_cookie('b', 'ü; y', '1 day', '/app', 'example.org', false, false, NULL);
SELECT try(format('SELECT realtime.set_cookie(%L, %L)', name, 'x')) FROM unnest(ARRAY[NULL, '', 'a b', 'a=', E'a\nb', 'ä']) AS name;
SELECT try($$SELECT realtime.set_cookie('a', 'x', path => '/; Domain=evil.example')$$);
SELECT try($$SELECT realtime.set_cookie('a', 'x', domain => E'x\r\nSet-Cookie: y')$$);
SELECT try($$SELECT realtime.set_cookie('a', 'x', same_site => 'Some')$$);
SELECT try($$SELECT realtime.set_cookie('a', 'x', same_site => 'none', secure => false)$$);
SELECT try($$SELECT realtime.set_cookie('a', 'x', same_site => 'none')$$);

DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
