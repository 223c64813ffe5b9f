--
-- Declaring bridges from NOTIFY
--
CREATE SCHEMA app;
CREATE FUNCTION app.parse(payload text) RETURNS realtime.envelope LANGUAGE sql AS $$ SELECT NULL::realtime.envelope $$;
CREATE FUNCTION app.parse_with_channel(payload text, channel text) RETURNS SETOF realtime.envelope LANGUAGE sql AS $$ SELECT NULL::realtime.envelope $$;
CREATE FUNCTION app.parse_jsonb(payload text) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.set_of_jsonb(payload text) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.three(a text, b text, c text) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.none() RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.number(payload int) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION app.texts(VARIADIC payload text[]) RETURNS jsonb LANGUAGE sql AS $$ SELECT NULL::jsonb $$;
CREATE PROCEDURE app.procedure(payload text) LANGUAGE sql AS $$ SELECT 1 $$;

-- what can be declared
SELECT realtime.bridge('raw');
SELECT realtime.bridge('Feed ä', topic => 'feed', event => 'news');
SELECT realtime.bridge('parsed', parse => 'app.parse(text)');
SELECT realtime.bridge('parsed', event => 'e', parse => 'app.parse_with_channel(text,text)');
SELECT realtime.bridge('object', topic => 'feed', parse => 'app.parse_jsonb(text)', invalidate => 'all');
SELECT realtime.bridge('changed', invalidate => 'all');
SELECT realtime.bridge(repeat('x', 63));
SELECT * FROM realtime.bridge_declaration ORDER BY channel;

-- the scheduler listens
DO $$
BEGIN
	FOR i IN 1..2400 LOOP
		EXIT WHEN (SELECT bridges = 6 FROM realtime.stat_scheduler);
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT state, bridges FROM realtime.stat_scheduler;

-- what cannot


CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE command;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', sqlstate || ' ' || sqlerrm, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on
SELECT try($c$SELECT realtime.bridge(NULL)$c$);
SELECT try($c$SELECT realtime.bridge('')$c$);
SELECT try($c$SELECT realtime.bridge(repeat('x', 64))$c$);
SELECT try($c$SELECT realtime.bridge('c', topic => 'no "topic"')$c$);
SELECT try($c$SELECT realtime.bridge('c', topic => '__rpc')$c$);
SELECT try($c$SELECT realtime.bridge('c', invalidate => '')$c$);
SELECT try($c$SELECT realtime.bridge('c', topic => 't', event => '')$c$);
SELECT try($c$SELECT realtime.bridge('c', event => 'e')$c$);
SELECT try($c$SELECT realtime.bridge('c', event => 'e', invalidate => 't')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 0)$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.set_of_jsonb(text)')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.three(text,text,text)')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.none()')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.number(int)')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.texts(text[])')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'app.procedure(text)')$c$);
SELECT try($c$SELECT realtime.bridge('c', parse => 'upper(text)')$c$);
SELECT try($c$INSERT INTO realtime.bridge_declaration (channel, event) VALUES ('c', 'e')$c$);
\pset tuples_only off
\pset format aligned


-- the function that is declared
DROP FUNCTION app.parse_jsonb(text);
ALTER FUNCTION app.parse_jsonb(text) RENAME TO renamed;
ALTER SCHEMA app RENAME TO moved;
SELECT channel, parse FROM realtime.bridge_declaration WHERE parse IS NOT NULL ORDER BY 1;
ALTER SCHEMA moved RENAME TO app;

-- who may declare
CREATE ROLE regress_realtime_nobody;
SET ROLE regress_realtime_nobody;
SELECT realtime.bridge('mine');
RESET ROLE;
DROP ROLE regress_realtime_nobody;

-- gone
SELECT realtime.drop(channel) FROM realtime.bridge_declaration;
SELECT realtime.drop('raw');
SELECT count(*) FROM realtime.bridge_declaration;
DROP FUNCTION try(text);
DROP SCHEMA app CASCADE;
