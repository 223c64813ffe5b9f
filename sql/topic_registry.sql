--
-- Names and templates of topics, and what realtime.check() finds
--
\pset format unaligned
\pset fieldsep ' | '
CREATE FUNCTION try(command text) RETURNS TABLE (state text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	state := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;

-- topics from values
SELECT realtime.topic_name('news');
SELECT realtime.topic_name('chat:{room}', 'lobby');
SELECT realtime.topic_name('chat:{room}', 'Café 1');
SELECT realtime.topic_name('chat:{room}', ':%{}"\' || E'\n');
SELECT realtime.topic_name('{{literal}}:{x}', 'y');
SELECT realtime.topic_name('{shop}:order/{id}', 'north', 7::text);
SELECT realtime.topic_name('{2}:{1}', 'a', 'b');
SELECT realtime.topic_name('{2}', 'a', 'b');
SELECT realtime.topic_name('{2}:{name}', 'a', 'b');
SELECT realtime.topic_name('{user_id}:{1}', VARIADIC ARRAY['a', 'b']);
SELECT realtime.topic_name('chat:{room}', NULL) IS NULL, realtime.topic_name(NULL, 'x') IS NULL,
	realtime.topic_name('{1}:{2}', 'a', NULL) IS NULL;
SELECT length(realtime.topic_name('{a}', repeat('x', 256)));
SELECT realtime.topic_piece('Café 1'), realtime.topic_piece('a:b/{c}%'), realtime.topic_piece(NULL) IS NULL,
	length(realtime.topic_piece(repeat('x', 256))),
	'chat:' || realtime.topic_piece(':%{}"\') = realtime.topic_name('chat:{room}', ':%{}"\');
SELECT realtime.topic_piece('');
SELECT realtime.topic_piece(repeat('x', 257));
SELECT realtime.topic_piece(repeat('é', 1000000));
-- as an expression of an index
CREATE TABLE room (name text);
CREATE INDEX ON room (realtime.topic_name('chat:{room}', name));
DROP TABLE room;
-- bad ones
SELECT t.* FROM unnest(ARRAY['', '{', '{a}{b}', '{a}:{a}', 'a"b', '{1a}', 'ä']) tpl,
	try(format('SELECT realtime.topic_name(%L, %L)', tpl, 'x')) t;
SELECT * FROM try($$SELECT realtime.topic_name('chat:{room}')$$);
SELECT * FROM try($$SELECT realtime.topic_name('news', 'x')$$);
SELECT * FROM try($$SELECT realtime.topic_name('{1}:{3}', 'x', 'y')$$);
SELECT * FROM try($$SELECT realtime.topic_name('{a}:{b}', 'x', '')$$);
SELECT * FROM try($$SELECT realtime.topic_name('{a}', repeat('x', 257))$$);
SELECT * FROM try($$SELECT realtime.topic_name('{a}', repeat(' ', 86))$$);

-- and back
SELECT topic, template, realtime.topic_matches(topic, template)
FROM (VALUES ('chat:lobby', 'chat:{room}'), ('chat:', 'chat:{room}'), ('chat:a:b', 'chat:{room}'),
	('chat:Caf%C3%A9%201', 'chat:{room}'), ('chat:Café 1', 'chat:{room}'), ('news', 'news'), ('new', 'news')) t (topic, template);
SELECT * FROM try($$SELECT realtime.topic_matches('a', '{')$$);
SELECT realtime.topic_example('chat:{room}/{id}'), realtime.topic_example('news'), realtime.topic_example('{999}');
SELECT t, realtime.topic_fault(t) FROM unnest(ARRAY['chat:{room}', '{', NULL]) t;

-- nothing is declared, and all is well
SELECT * FROM realtime.topic_patterns;
SELECT * FROM realtime.check() WHERE object !~ '^(executors|scheduler|setting)';

-- no warning without a declared topic
CREATE SCHEMA app;
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.hello() RETURNS text LANGUAGE sql AS $$SELECT 'hello'$$;
SELECT realtime.channel('chat/messages', 'chat:{1}');
SELECT realtime.declared_topic('chat:1'), realtime.declared_topic('news');
-- once there is one, the others should be
SELECT realtime.topic('news', open => true);
SELECT realtime.channel('chat/typing', 'typing:{1}');
SELECT realtime.channel('chat/typing', 'typing:{1}', merge => 'latest');
SELECT realtime.channel('chat/typing', 'typing/{1}');
SELECT realtime.channel('chat/news', 'news');
SELECT realtime.bridge('from_afar', topic => 'afar');
SELECT realtime.bridge('from_afar', topic => 'news');
SELECT realtime.bridge('from_afar');
SELECT realtime.bridge('from_afar', topic => 'a{b%');
CREATE TABLE app.item (id integer PRIMARY KEY, shop text);
SELECT realtime.live_table('app.item', 'item:{shop}');
SELECT realtime.live_table('app.item', 'item:{shop}', columns => '{shop}');
SELECT realtime.live_table('app.item', 'chat:{shop}');
-- the template's placeholders may have other names
SELECT realtime.topic('chat:{room}', access => 'app.may(text)');
SELECT realtime.channel('chat/again', 'chat:{1}');
-- but one that is narrower does not do
SELECT realtime.topic('chat/lobby', open => true);
SELECT realtime.channel('chat/wide', 'chat/{1}');
SELECT realtime.drop(p) FROM unnest(ARRAY['chat/typing', 'chat/wide', 'chat/again']) p;

SELECT realtime.topic('hidden');
SELECT realtime.topic('{a}:{b}', open => true);
SELECT realtime.rpc('app/hello', 'app.hello()');
SELECT * FROM realtime.topic_patterns ORDER BY template COLLATE "C", source;
-- those that publish by themselves
BEGIN;
CREATE FUNCTION app.tick() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.mail(payload jsonb) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.is_theirs(body bytea, headers jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION app.paid(event jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT event';
SELECT realtime.cron('app/tick', '@hourly', 'app.tick()', topic => 'ticks'), realtime.cron('app/silent', '@hourly', 'app.tick()'),
	realtime.queue('mail', 'app.mail(jsonb)', topic => 'news'), realtime.webhook('app/paid', 'pay{ments', verify => 'app.is_theirs(bytea,jsonb)', transform => 'app.paid(jsonb)');
SELECT * FROM realtime.topic_patterns WHERE source IN ('cron', 'queue', 'webhook') ORDER BY template COLLATE "C";
SELECT object, problem FROM realtime.check() WHERE object ~ '^(cron|queue|webhook)' ORDER BY 1, 2;
ROLLBACK;
SELECT kind, declaration, purpose, signature, function::regprocedure FROM realtime.declared_functions() ORDER BY 1, 2;
SELECT realtime.declared_topic(t) FROM unnest(ARRAY['news', 'chat:1', 'other:1', 'nothing']) t;

-- findings
SELECT * FROM realtime.check() WHERE object !~ '^(executors|scheduler|setting)';
ALTER TABLE app.item DISABLE TRIGGER ALL;
SELECT realtime.live_table('app.item', 'article:{shop}/{id}');
ALTER TABLE app.item DISABLE TRIGGER ALL;
CREATE TABLE app.half (id integer PRIMARY KEY);
CREATE TABLE app.other_half (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE app.other_half_of_it PARTITION OF app.other_half DEFAULT;
CREATE TABLE app.narrow (id integer PRIMARY KEY, gone integer, there integer);
SELECT realtime.live_table('app.half', 'news'), realtime.live_table('app.other_half', 'news'),
	realtime.live_table('app.narrow', 'news', columns => '{gone, there}');
DROP TRIGGER __realtime_live_table ON app.half;
DROP TRIGGER __realtime_live_table_truncate ON app.other_half;
ALTER TABLE app.narrow DROP COLUMN gone;
SELECT realtime.bridge('loses', invalidate => 'a:{b}');
REVOKE EXECUTE ON FUNCTION app.hello() FROM PUBLIC;
CREATE FUNCTION app.parse(payload text) RETURNS realtime.envelope LANGUAGE sql AS $$SELECT ('news', 'e', NULL)::realtime.envelope$$;
SELECT realtime.bridge('parsed', parse => 'app.parse(text)');
REVOKE EXECUTE ON FUNCTION app.parse(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.parse(text) TO realtime_authenticated;
INSERT INTO realtime.rpc_declaration (path, handler) VALUES ('app/gone', 'app.gone(integer)');
-- a table written by hand: two templates of which one never counts
INSERT INTO realtime.topic_declaration (template, open) VALUES ('chat:{never}', true);
INSERT INTO realtime.topic_declaration (template, open) VALUES ('{', true);
SELECT * FROM realtime.check() WHERE object !~ '^(executors|scheduler|setting)';
ALTER ROLE realtime_authenticated SUPERUSER;
SELECT * FROM realtime.check() WHERE object ~ '^role';
ALTER ROLE realtime_authenticated NOSUPERUSER;
GRANT EXECUTE ON FUNCTION app.hello() TO realtime_authenticated;
DELETE FROM realtime.topic_declaration WHERE template IN ('chat:{never}', '{');
SELECT realtime.drop('from_afar'), realtime.drop('parsed'), realtime.drop('loses');
SELECT realtime.drop_live_table('app.half'), realtime.live_table('app.other_half', 'news');
DROP TABLE app.item, app.narrow;
SELECT * FROM realtime.check() WHERE object !~ '^(executors|scheduler|setting)';

-- in another database
SELECT current_database() AS db \gset
CREATE DATABASE regress_realtime_other;
\c regress_realtime_other
SET client_min_messages = error;
CREATE EXTENSION realtime;
RESET client_min_messages;
SELECT severity, object, hint FROM realtime.check();
\c :db
DROP DATABASE regress_realtime_other;

SELECT realtime.drop(template) FROM realtime.topic_declaration;
SELECT realtime.drop(path) FROM realtime.rpc_declaration;
SELECT realtime.drop(path) FROM realtime.stream_declaration;
DROP SCHEMA app CASCADE;
DROP FUNCTION try(text);
