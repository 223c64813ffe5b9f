-- What the benchmarks call.  Every function exists once: realtime, pgbench and
-- the Node server call the same one with the same arguments, as roles with the
-- same rights.
CREATE EXTENSION realtime;

CREATE SCHEMA bench;

CREATE TABLE bench.account (
	id integer PRIMARY KEY,
	balance integer NOT NULL
) WITH (fillfactor = 50);
INSERT INTO bench.account
	SELECT id, 1000 FROM generate_series(1, 100000) AS id;

CREATE TABLE bench.item (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account integer NOT NULL,
	body text NOT NULL
);

--
-- Nothing but the way there and back
--
CREATE FUNCTION bench.echo(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
	RETURN value;
END
$$;

--
-- A call that takes long
--
CREATE FUNCTION bench.nap(seconds float8) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM pg_sleep(seconds);
END
$$;

--
-- One row by its primary key
--
CREATE FUNCTION bench.lookup_sql(account integer) RETURNS integer
LANGUAGE sql STABLE
AS $$
	SELECT balance FROM bench.account WHERE id = lookup_sql.account
$$;

CREATE FUNCTION bench.lookup_plpgsql(account integer) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (SELECT balance FROM bench.account WHERE id = lookup_plpgsql.account);
END
$$;

--
-- One new row
--
CREATE FUNCTION bench.insert_sql(account integer, body text) RETURNS integer
LANGUAGE sql
AS $$
	INSERT INTO bench.item (account, body)
	VALUES (insert_sql.account, insert_sql.body)
	RETURNING id
$$;

CREATE FUNCTION bench.insert_plpgsql(account integer, body text) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
	new_id integer;
BEGIN
	INSERT INTO bench.item (account, body)
	VALUES (insert_plpgsql.account, insert_plpgsql.body)
	RETURNING id INTO new_id;
	RETURN new_id;
END
$$;

--
-- Two updates.  Callers draw low from the lower half of the accounts and high
-- from the upper half: rows are locked in one order, so one transfer in a
-- transaction cannot deadlock with another.
--
CREATE FUNCTION bench.transfer_sql(low integer, high integer, amount integer)
RETURNS integer
LANGUAGE sql
AS $$
	UPDATE bench.account SET balance = balance - amount WHERE id = low;
	UPDATE bench.account SET balance = balance + amount WHERE id = high
	RETURNING balance
$$;

CREATE FUNCTION bench.transfer_plpgsql(low integer, high integer, amount integer)
RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
	new_balance integer;
BEGIN
	UPDATE bench.account SET balance = balance - amount WHERE id = low;
	UPDATE bench.account SET balance = balance + amount WHERE id = high
	RETURNING balance INTO new_balance;
	RETURN new_balance;
END
$$;

--
-- One new row, and events of 200 bytes on the wire that are sent when it is
-- committed.  t is the time of publishing in microseconds since 1970; without
-- it the function looks at the clock itself.
--
CREATE FUNCTION bench.publish(events integer, t bigint DEFAULT NULL) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	INSERT INTO bench.item (account, body) VALUES (1, 'published');
	FOR i IN 1 .. events LOOP
		PERFORM realtime.publish('bench', 'updated', jsonb_build_object(
			't', coalesce(t, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
			'pad', repeat('x', 123)));
	END LOOP;
END
$$;

--
-- Publishes what clients of the chat get, and a table with 1,000 rows
--
CREATE FUNCTION bench.publish_message(t bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM realtime.publish('bench', 'created', jsonb_build_object('t', t,
		'id', 4711, 'room', 'lobby', 'author', 'Ann', 'sent_at', now(),
		'body', 'Does anybody know whether the meeting is at ten?'));
END
$$;

CREATE TABLE bench.listed AS
	SELECT jsonb_agg(jsonb_build_object('id', id, 'name', 'product ' || id,
			'price', round((random() * 500)::numeric, 2),
			'stock', floor(random() * 1000)::int,
			'changed_at', now() - random() * interval '1 year')) AS rows
	FROM generate_series(1, 1000) AS id;

CREATE FUNCTION bench.publish_table(t bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM realtime.publish('bench', 'refreshed',
		jsonb_build_object('t', t, 'rows', rows)) FROM bench.listed;
END
$$;

-- Uploads, in pieces of 64 kB.
CREATE TABLE bench.chunk (
	number integer NOT NULL,
	bytes bytea NOT NULL
);

CREATE FUNCTION bench.upload_discard() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
	piece bytea;
	size bigint := 0;
BEGIN
	LOOP
		piece := realtime.upload_next();
		EXIT WHEN piece IS NULL;
		size := size + length(piece);
	END LOOP;
	RETURN size;
END
$$;

CREATE FUNCTION bench.upload_table() RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
	piece bytea;
	count integer := 0;
	size bigint := 0;
BEGIN
	LOOP
		piece := realtime.upload_next();
		EXIT WHEN piece IS NULL;
		count := count + 1;
		size := size + length(piece);
		INSERT INTO bench.chunk VALUES (count, piece);
	END LOOP;
	RETURN size;
END
$$;

SELECT realtime.rpc('bench/echo', 'bench.echo(jsonb)');
SELECT realtime.rpc('bench/nap', 'bench.nap(float8)');
SELECT realtime.rpc('bench/lookup_sql', 'bench.lookup_sql(integer)');
SELECT realtime.rpc('bench/lookup_plpgsql', 'bench.lookup_plpgsql(integer)');
SELECT realtime.rpc('bench/insert_sql', 'bench.insert_sql(integer, text)');
SELECT realtime.rpc('bench/insert_plpgsql', 'bench.insert_plpgsql(integer, text)');
SELECT realtime.rpc('bench/transfer_sql', 'bench.transfer_sql(integer, integer, integer)');
SELECT realtime.rpc('bench/transfer_plpgsql', 'bench.transfer_plpgsql(integer, integer, integer)');
SELECT realtime.upload('bench/upload_discard', 'bench.upload_discard()', max_size => 1073741824);
SELECT realtime.upload('bench/upload_table', 'bench.upload_table()', max_size => 1073741824);
SELECT realtime.topic('bench', open => true);

-- pgbench, the Node server and the publisher log in as bench.
CREATE ROLE bench LOGIN;
GRANT realtime_publisher TO bench;
GRANT USAGE ON SCHEMA bench TO realtime_anonymous, bench;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bench TO realtime_anonymous, bench;
GRANT SELECT, UPDATE ON bench.account TO realtime_anonymous, bench;
GRANT SELECT, INSERT ON bench.item TO realtime_anonymous, bench;
GRANT INSERT ON bench.chunk TO realtime_anonymous, bench;
GRANT SELECT ON bench.listed TO bench;

VACUUM ANALYZE;
