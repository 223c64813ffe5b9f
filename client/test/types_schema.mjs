// types_schema.mjs - everything that can be declared, in every shape that SQL has.
export const schema = `
CREATE SCHEMA app;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA app, shop TO realtime_anonymous, realtime_authenticated;
CREATE TYPE app.mood AS ENUM ('sad', 'so "so"', 'happy');
CREATE DOMAIN app.email AS text CHECK (VALUE LIKE '%@%');
COMMENT ON DOMAIN app.email IS 'With an @.';
CREATE DOMAIN app.title AS text NOT NULL CHECK (VALUE <> '');
CREATE TABLE app.todo (
	gone integer,
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	list integer NOT NULL,
	title app.title,
	note text,
	mood app.mood,
	tags text[] NOT NULL DEFAULT '{}',
	"odd col" numeric,
	done boolean NOT NULL DEFAULT false,
	made timestamptz NOT NULL DEFAULT now(),
	more jsonb
);
ALTER TABLE app.todo DROP gone;
COMMENT ON TABLE app.todo IS 'Something to do.';
COMMENT ON COLUMN app.todo.note IS E'Whatever else\\nthere is to say */ about it.';
CREATE TABLE app.person (id integer PRIMARY KEY, name text NOT NULL, todo bigint REFERENCES app.todo);
CREATE TYPE app.place AS (x double precision, label text, todos app.todo[]);
CREATE TYPE shop.place AS (y bigint);
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous, realtime_authenticated;

CREATE FUNCTION app.add(list integer, title text, note text DEFAULT NULL, VARIADIC tags text[] DEFAULT '{}') RETURNS app.todo LANGUAGE sql
	AS $$ INSERT INTO app.todo (list, title, note, tags) VALUES (list, title, note, tags) RETURNING * $$;
COMMENT ON FUNCTION app.add IS 'Adds something to do.';
CREATE FUNCTION app.count_of(list integer) RETURNS bigint STABLE STRICT LANGUAGE sql AS $$ SELECT count(*) FROM app.todo t WHERE t.list = count_of.list $$;
CREATE FUNCTION app.title_of(id bigint) RETURNS text STABLE STRICT LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT title FROM app.todo t WHERE t.id = title_of.id); END $$;
CREATE FUNCTION app.clear(list integer) RETURNS void LANGUAGE sql AS $$ DELETE FROM app.todo t WHERE t.list = clear.list $$;
CREATE FUNCTION app.remove(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN DELETE FROM app.todo t WHERE t.id = remove.id; RETURN found; END $$;
CREATE FUNCTION app.list(list integer) RETURNS SETOF app.todo STABLE LANGUAGE sql AS $$ SELECT * FROM app.todo t WHERE t.list = list.list ORDER BY id $$;
CREATE FUNCTION app.stats(list integer) RETURNS TABLE (mood app.mood, n bigint, latest timestamptz) STABLE LANGUAGE sql
	AS $$ SELECT t.mood, count(*), max(t.made) FROM app.todo t WHERE t.list = stats.list GROUP BY 1 $$;
CREATE FUNCTION app.outs(a integer, OUT b integer, INOUT c text, OUT d app.title) LANGUAGE plpgsql AS $$ BEGIN b := a; d := c; END $$;
CREATE FUNCTION app.move(place app.place, places shop.place[] DEFAULT NULL) RETURNS app.place LANGUAGE sql AS 'SELECT place';
CREATE FUNCTION app.echo(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION app.sums(bigint[]) RETURNS numeric[] LANGUAGE sql AS 'SELECT $1::numeric[]';
CREATE FUNCTION app.mail(address app.email, title app.title) RETURNS app.email LANGUAGE sql AS 'SELECT address';
CREATE FUNCTION app.moods() RETURNS SETOF app.mood LANGUAGE sql AS $$ VALUES ('sad'::app.mood) $$;
CREATE FUNCTION app.anything() RETURNS record LANGUAGE sql AS 'SELECT 1, 2';
CREATE FUNCTION app.page() RETURNS realtime.page STABLE LANGUAGE sql AS $$ SELECT '[]'::jsonb, false, NULL::jsonb $$;
CREATE FUNCTION app.upper(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS 'SELECT data';
CREATE FUNCTION app.seen(list integer) RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '{"name":"x"}'::jsonb $$;
CREATE FUNCTION app.pin(list integer, id bigint, "at" integer DEFAULT 0) RETURNS integer LANGUAGE sql AS 'SELECT 7';
COMMENT ON FUNCTION app.pin IS 'Pins it.';
CREATE FUNCTION app.picture(payload bytea, name text, "at" integer DEFAULT 0) RETURNS bigint LANGUAGE sql AS 'SELECT length(payload)::bigint';
COMMENT ON FUNCTION app.picture IS 'Keeps a picture.';
CREATE FUNCTION app.film(name text) RETURNS app.title LANGUAGE sql AS
	'SELECT (name || coalesce(sum(length(chunk)), 0))::app.title FROM realtime.upload_chunks() chunk';
CREATE FUNCTION app.key(jsonb) RETURNS text LANGUAGE sql AS 'SELECT $1::text';

SELECT realtime.rpc('todo/add', 'app.add'::regproc), realtime.rpc('todo/count', 'app.count_of'::regproc), realtime.rpc('todo/title', 'app.title_of'::regproc),
	realtime.rpc('todo/clear', 'app.clear'::regproc), realtime.rpc('todo/delete', 'app.remove'::regproc), realtime.rpc('todo/stats', 'app.stats'::regproc),
	realtime.rpc('todo/outs', 'app.outs'::regproc), realtime.rpc('todo/move', 'app.move'::regproc), realtime.rpc('todo/echo', 'app.echo'::regproc),
	realtime.rpc('todo/sums', 'app.sums'::regproc), realtime.rpc('todo/mail', 'app.mail'::regproc), realtime.rpc('todo/moods', 'app.moods'::regproc),
	realtime.rpc('todo/anything', 'app.anything'::regproc), realtime.rpc('todo/all', 'app.list'::regproc),
	realtime.rpc('todo/odd-name', 'app.echo'::regproc), realtime.rpc('todo/odd_name', 'app.echo'::regproc), realtime.rpc('todo/1st', 'app.echo'::regproc),
	realtime.rpc('todo/realtime', 'app.echo'::regproc), realtime.rpc('todo/empty', 'app.echo'::regproc), realtime.rpc('todo/__rpc', 'app.echo'::regproc),
	realtime.rpc('todo/admin/purge', 'app.clear'::regproc);
SELECT realtime.rpc('pay/once', 'app.echo'::regproc, idempotent => true), realtime.rpc('pay/keyed', 'app.echo'::regproc, idempotency_key => 'app.key(jsonb)'),
	realtime.rpc('pay/shared', 'app.echo'::regproc, idempotent => true, idempotency_ttl => '0');
SELECT realtime.binary('todo/picture', 'app.picture'::regproc), realtime.upload('todo/film', 'app.film'::regproc), realtime.upload('film/add', 'app.film'::regproc);
SELECT realtime.live_table('app.todo', 'todos:{list}');
SELECT realtime.stream('todo/list', 'todos:{list}', 'app.list(integer)'),
	realtime.stream('todo/latest', 'latest', 'app.page()', merge => 'latest', max => 5),
	realtime.stream('todo/sum', 'sum:{list}', 'app.count_of(integer)', merge => 'set'),
	realtime.stream('todo/shown', 'shown:{list}', 'app.list(integer)', transform => 'app.upper(jsonb)', schema_version => 2, migrate => '{app.upper(jsonb)}'),
	realtime.channel('todo/typing', 'typing:{list}:{who}'),
	realtime.channel('todo/log', 'log', merge => 'latest'),
	realtime.channel('todo/people', 'people:{1}', merge => 'presence');
SELECT realtime.query('todo/titles', 'SELECT t.id, t.title, p.name, coalesce(p.name, ''nobody'') AS who, t.note IS NULL AS bare, t.more
		FROM app.todo t LEFT JOIN app.person p ON p.todo = t.id WHERE t.list = $1'),
	realtime.query('todo/pairs', 'SELECT t.id AS todo, p.id AS person FROM app.todo t JOIN app.person p ON p.todo = t.id', key => 'todo,person'),
	realtime.query('todo/found', loader => 'app.list(integer)');
SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount'),
		realtime.reducer('latest day', 'max(date)', 'day')),
	realtime.aggregate('shop/visits', 'visits', 'visitors', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate_window('shop/sales', 'last10min', 'sliding', duration => '10 min', slide => '10 s');
SELECT realtime.room('board/room', 'room:{list}', 'app.list(integer)', presence => 'app.seen(integer)', cursors => true, actions => '{"app.pin(integer,bigint,integer)"}');
`;
