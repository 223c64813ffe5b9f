-- A list that several people write.

CREATE SCHEMA app;

-- A text that breaks the rule is refused with code VALIDATION before any code runs.
CREATE DOMAIN app.title AS text CHECK (btrim(VALUE) <> '' AND char_length(VALUE) <= 200);

CREATE TABLE app.item (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	title app.title NOT NULL,
	done boolean NOT NULL DEFAULT false
);

CREATE FUNCTION app.items() RETURNS SETOF app.item LANGUAGE sql STABLE
AS $$ SELECT * FROM app.item ORDER BY id $$;

CREATE FUNCTION app.add(title app.title) RETURNS bigint LANGUAGE sql
AS $$ INSERT INTO app.item (title) VALUES (add.title) RETURNING id $$;

CREATE FUNCTION app.check_off(id bigint, done boolean DEFAULT true) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE app.item AS i SET done = check_off.done WHERE i.id = check_off.id;
	IF NOT FOUND THEN
		PERFORM realtime.raise('NOT_FOUND', 'There is no such item.');
	END IF;
END $$;

CREATE FUNCTION app.clear() RETURNS integer LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM app.item WHERE done RETURNING id) SELECT count(*)::integer FROM gone $$;

-- Clients run as realtime_anonymous: it gets what the functions need and nothing else.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.item TO realtime_anonymous;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO realtime_anonymous;

-- What clients may follow and call.  The table is live: whoever writes it is seen.
SELECT realtime.stream('list/items', 'items', 'app.items()', replay => true);
SELECT realtime.live_table('app.item', 'items');
SELECT realtime.rpc('list/add', 'app.add(app.title)', idempotent => true);
SELECT realtime.rpc('list/check', 'app.check_off(bigint, boolean)');
SELECT realtime.rpc('list/clear', 'app.clear()');
