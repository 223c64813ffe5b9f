-- A wall of pictures: uploads, an aggregate over hearts, a job that chooses.
--
--     psql -1 -v ON_ERROR_STOP=1 -f examples/gallery/gallery.sql
--
-- Load it into the database that realtime.database names.  Loading it again
-- changes nothing.  The page shows the parts of this file beside what they do.

CREATE EXTENSION IF NOT EXISTS realtime;

CREATE SCHEMA IF NOT EXISTS gallery;
COMMENT ON SCHEMA gallery IS 'A wall of pictures, an example of the extension realtime';

-- [picture] The table, and what of it is live
-- Pages follow the rows, but not the bytes: whoever needs a picture calls for it.
DO $$
BEGIN
	IF to_regtype('gallery.title') IS NULL THEN
		CREATE DOMAIN gallery.title AS text
			CONSTRAINT title_is_1_to_60_characters CHECK (btrim(VALUE) <> '' AND char_length(VALUE) <= 60);
	END IF;
END
$$;
COMMENT ON DOMAIN gallery.title IS 'What a picture is called: 1 to 60 characters, not blank';

CREATE TABLE IF NOT EXISTS gallery.picture (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	title gallery.title NOT NULL,
	type text NOT NULL,
	hearts integer NOT NULL DEFAULT 0,
	hung_at timestamptz NOT NULL DEFAULT now(),
	bytes bytea NOT NULL
);
COMMENT ON TABLE gallery.picture IS 'Pictures, the newest 24';
ALTER TABLE gallery.picture ALTER bytes SET STORAGE EXTERNAL;

SELECT realtime.live_table('gallery.picture', 'gallery', columns => '{id,title,hearts,hung_at}');

CREATE OR REPLACE FUNCTION gallery.pictures()
RETURNS TABLE (id bigint, title gallery.title, hearts integer, hung_at timestamptz)
LANGUAGE sql STABLE
AS $$
	SELECT p.id, p.title, p.hearts, p.hung_at FROM gallery.picture AS p
$$;
COMMENT ON FUNCTION gallery.pictures() IS 'All pictures, without their bytes';
SELECT realtime.stream('gallery/pictures', 'gallery', 'gallery.pictures()', prepend => true, max => 24);
SELECT realtime.pipe('gallery/pictures', realtime.pipe_sort('id', 'desc'), realtime.pipe_limit(24));

CREATE OR REPLACE FUNCTION gallery.image(id bigint)
RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT format('data:%s;base64,%s', type, translate(encode(bytes, 'base64'), E'\n', ''))
	FROM gallery.picture AS p WHERE p.id = image.id
$$;
COMMENT ON FUNCTION gallery.image(bigint) IS 'A picture, as an address that an img takes';
SELECT realtime.rpc('gallery/image', 'gallery.image(bigint)');

-- [upload] Hanging a picture up
-- The function reads the bytes while they come, in pieces of 64 kB at most, and may
-- refuse after the first one.  It is one transaction: a picture that is cancelled in the
-- middle has never been there.
CREATE OR REPLACE FUNCTION gallery.type_of(piece bytea)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE
		WHEN substring(piece, 1, 3) = '\xffd8ff' THEN 'image/jpeg'
		WHEN substring(piece, 1, 8) = '\x89504e470d0a1a0a' THEN 'image/png'
		WHEN substring(piece, 1, 4) = 'RIFF' AND substring(piece, 9, 4) = 'WEBP' THEN 'image/webp'
	END
$$;
COMMENT ON FUNCTION gallery.type_of(bytea) IS 'What kind of picture begins like this; NULL: none';

CREATE OR REPLACE FUNCTION gallery.hang(title gallery.title)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = gallery, pg_catalog, pg_temp
AS $$
DECLARE
	piece bytea := realtime.upload_next();
	type text := type_of(piece);
	pieces bytea[] := '{}';
	new_id bigint;
BEGIN
	IF type IS NULL THEN
		PERFORM realtime.raise('NO_PICTURE', 'That is no JPEG, PNG or WebP');
	END IF;
	WHILE piece IS NOT NULL LOOP
		pieces := pieces || piece;
		piece := realtime.upload_next();
	END LOOP;
	INSERT INTO picture (title, type, bytes)
		SELECT title, type, string_agg(p, '' ORDER BY n) FROM unnest(pieces) WITH ORDINALITY AS u (p, n)
		RETURNING id INTO new_id;
	DELETE FROM picture WHERE id IN (SELECT id FROM picture ORDER BY id DESC OFFSET 24);
	RETURN new_id;
END
$$;
COMMENT ON FUNCTION gallery.hang(gallery.title) IS 'Takes a picture; the oldest of more than 24 goes';
SELECT realtime.upload('gallery/hang', 'gallery.hang(gallery.title)', max_size => 700000, max_total => 8,
	rate_limit => 6, rate_window => '1 min');

-- [hearts] Hearts, and what they come to
-- A heart is a row's counter, and an event.  The aggregate counts the events, each once
-- whatever ends when: of all time, and of the last minute, in parts of two seconds.
CREATE OR REPLACE FUNCTION gallery.heart(id bigint)
RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = gallery, pg_catalog, pg_temp
AS $$
	WITH loved AS (UPDATE picture AS p SET hearts = hearts + 1 WHERE p.id = heart.id RETURNING p.id, p.title)
	SELECT realtime.publish('gallery:heart', 'given', jsonb_build_object('id', loved.id, 'title', loved.title)) FROM loved
$$;
COMMENT ON FUNCTION gallery.heart(bigint) IS 'Gives a picture a heart';
SELECT realtime.rpc('gallery/heart', 'gallery.heart(bigint)', rate_limit => 60);

SELECT realtime.aggregate('gallery/hearts', 'gallery:heart', 'gallery:hearts', realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate_window('gallery/hearts', 'minute', 'sliding', duration => '1 min', slide => '2 s');

-- [job] Every ten seconds another one is on the wall
-- The server runs the function at these times, once, and publishes what it returns.  One with
-- more hearts has better chances.
CREATE TABLE IF NOT EXISTS gallery.wall (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	picture bigint REFERENCES gallery.picture ON DELETE SET NULL,
	until timestamptz
);
COMMENT ON TABLE gallery.wall IS 'Which picture is on the wall';
INSERT INTO gallery.wall DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION gallery.on_the_wall()
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
	SELECT jsonb_build_object('id', p.id, 'title', p.title, 'until', w.until)
	FROM gallery.wall AS w JOIN gallery.picture AS p ON p.id = w.picture
$$;
COMMENT ON FUNCTION gallery.on_the_wall() IS 'The picture on the wall';
SELECT realtime.stream('gallery/wall', 'gallery:wall', 'gallery.on_the_wall()', merge => 'set');

CREATE OR REPLACE FUNCTION gallery.choose()
RETURNS jsonb
LANGUAGE sql
AS $$
	UPDATE gallery.wall SET until = date_trunc('second', now()) + interval '10 s', picture = coalesce(
		(SELECT id FROM gallery.picture WHERE id IS DISTINCT FROM wall.picture ORDER BY -ln(1 - random()) / (1 + hearts) LIMIT 1), picture);
	SELECT gallery.on_the_wall()
$$;
COMMENT ON FUNCTION gallery.choose() IS 'Puts another picture on the wall';
REVOKE ALL ON FUNCTION gallery.choose() FROM PUBLIC;
SELECT realtime.cron('gallery/choose', '*/10 * * * * *', 'gallery.choose()', topic => 'gallery:wall');

-- [rights] Who may see and do it
-- Connections run as realtime_anonymous.  It may read, and call the two functions that write,
-- which run as their owner.
GRANT USAGE ON SCHEMA gallery TO realtime_anonymous;
GRANT SELECT ON gallery.picture, gallery.wall TO realtime_anonymous;
REVOKE ALL ON FUNCTION gallery.hang(gallery.title), gallery.heart(bigint), gallery.image(bigint), gallery.pictures(),
	gallery.on_the_wall() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gallery.hang(gallery.title), gallery.heart(bigint), gallery.image(bigint), gallery.pictures(),
	gallery.on_the_wall() TO realtime_anonymous;

-- [first] The first pictures
-- Drawn here, so that the wall is not empty.
CREATE OR REPLACE FUNCTION gallery.hills(hue integer, sun integer)
RETURNS bytea
LANGUAGE sql IMMUTABLE
AS $$
	SELECT convert_to(format($svg$<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" preserveAspectRatio="xMidYMid slice"><defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="hsl(%1$s 55%% 78%%)"/><stop offset="1" stop-color="hsl(%2$s 70%% 90%%)"/></linearGradient></defs><rect width="400" height="300" fill="url(#s)"/><circle cx="%3$s" cy="%4$s" r="34" fill="hsl(%2$s 85%% 70%%)"/>%5$s</svg>$svg$,
		hue, (hue + 150) % 360, 70 + sun * 55, 90 + abs(3 - sun) * 22,
		(SELECT string_agg(format('<path d="M0 %s C %s %s %s %s 400 %s V300 H0Z" fill="hsl(%s 34%% %s%%)"/>',
			150 + i * 38, 90 + hue % 40, 90 + i * 42, 260 - i * 18, 200 + i * 26, 140 + i * 40 - hue % 30, (hue + i * 12) % 360, 62 - i * 13), '' ORDER BY i)
		FROM generate_series(0, 3) AS i)), 'UTF8')
$$;
COMMENT ON FUNCTION gallery.hills(integer, integer) IS 'A picture of hills';
INSERT INTO gallery.picture (title, type, hearts, bytes)
	SELECT title, 'image/svg+xml', hearts, gallery.hills(hue, sun) FROM (VALUES
		('Early', 28, 1, 3), ('The valley', 150, 4, 7), ('Behind the lake', 205, 2, 5), ('Heather', 305, 5, 2), ('Late', 250, 3, 9), ('After the rain', 95, 0, 4)) AS first (title, hue, sun, hearts)
	WHERE NOT EXISTS (SELECT FROM gallery.picture);
SELECT gallery.choose();
