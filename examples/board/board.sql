-- A board of cards for several people at once: a table, five functions, a room.
--
--     psql -1 -v ON_ERROR_STOP=1 -f examples/board/board.sql
--
-- Load it into the database that realtime.database names.  Loading it again
-- changes nothing.  The page shows the parts of this file beside what they do.

CREATE EXTENSION IF NOT EXISTS realtime;

CREATE SCHEMA IF NOT EXISTS board;
COMMENT ON SCHEMA board IS 'A board with cards, an example of the extension realtime';

-- [rules] What may be on a card
-- The functions take these types, so what breaks a rule is refused with code
-- VALIDATION before any code of ours runs; the table has them, too, so each rule is
-- written once, for clients and for psql.
DO $$
BEGIN
	IF to_regtype('board.name') IS NULL THEN
		CREATE DOMAIN board.name AS text
			CONSTRAINT board_is_1_to_40_of_a_z_0_9_and_dash CHECK (VALUE ~ '^[a-z0-9-]{1,40}$');
		CREATE DOMAIN board.lane AS text
			CONSTRAINT lane_is_next_doing_or_done CHECK (VALUE IN ('next', 'doing', 'done'));
		CREATE DOMAIN board.title AS text
			CONSTRAINT title_is_1_to_200_characters CHECK (btrim(VALUE) <> '' AND char_length(VALUE) <= 200);
		CREATE DOMAIN board.tint AS smallint
			CONSTRAINT tint_is_0_to_5 CHECK (VALUE BETWEEN 0 AND 5);
		CREATE DOMAIN board.place AS text COLLATE "C"
			CONSTRAINT place_is_hexadecimal CHECK (VALUE ~ '^[0-9a-f]{0,249}[1-9a-f]$');
	END IF;
END
$$;
COMMENT ON DOMAIN board.name IS 'Name of a board: 1 to 40 lower-case letters, digits and dashes';
COMMENT ON DOMAIN board.lane IS 'Where a card is: next, doing, done';
COMMENT ON DOMAIN board.title IS 'What a card says: 1 to 200 characters, not blank';
COMMENT ON DOMAIN board.tint IS 'Colour of a card';
COMMENT ON DOMAIN board.place IS 'Where a card is in its lane, see [order]';

-- [order] How cards find their order
-- A card has a place of its own, a text, and cards are shown in the order of their
-- places.  Between any two texts there is another one, so who moves a card gives it a
-- new place and touches no other row.  Hence two who move different cards at the same
-- time cannot get into each other's way, and of two who move the same card the one
-- who commits last has put it where it stays, for everybody.  Places end with digits of
-- chance, so two cards that are put into the same gap have different ones.
-- This is the place behind all others: the time.  The page finds those in between.
CREATE OR REPLACE FUNCTION board.last_place()
RETURNS text
LANGUAGE sql VOLATILE
AS $$
	SELECT to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint)
		|| lpad(to_hex((random() * 4095)::integer), 3, '0') || '8'
$$;
COMMENT ON FUNCTION board.last_place() IS 'A place behind those that there are';

-- [card] The table, and that it is live
-- It is an ordinary table.  Whoever writes it, a function, psql or a migration, is seen
-- on every page that shows the board, in the order of commits.
CREATE TABLE IF NOT EXISTS board.card (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	board board.name NOT NULL DEFAULT 'demo',
	lane board.lane NOT NULL DEFAULT 'next',
	place board.place NOT NULL DEFAULT board.last_place(),
	title board.title NOT NULL,
	tint board.tint NOT NULL DEFAULT 0
);
COMMENT ON TABLE board.card IS 'The cards of all boards';
COMMENT ON COLUMN board.card.id IS 'Made by the page, which shows a card before the server has it';
COMMENT ON COLUMN board.card.board IS 'The board that it is on';
COMMENT ON COLUMN board.card.lane IS 'The column that it is in';
COMMENT ON COLUMN board.card.place IS 'Where it is in its column';
COMMENT ON COLUMN board.card.title IS 'What it says';
COMMENT ON COLUMN board.card.tint IS 'Its colour';

CREATE INDEX IF NOT EXISTS card_board_idx ON board.card (board, place);
COMMENT ON INDEX board.card_board_idx IS 'The cards of a board in their order';

SELECT realtime.live_table('board.card', 'board:{board}');

-- [room] The room: cards, people, cursors
-- Who follows the cards of a board gets them, and then what becomes of them.  Events are
-- kept for a while, so who was away gets what he has missed and needs not load again.
CREATE OR REPLACE FUNCTION board.cards(board board.name)
RETURNS SETOF board.card
LANGUAGE sql STABLE
AS $$
	SELECT * FROM board.card AS c WHERE c.board = cards.board ORDER BY c.place, c.id
$$;
COMMENT ON FUNCTION board.cards(board.name) IS 'The cards of a board in their order';

-- What others see of who is there.  Nobody has logged in, so somebody is what he says;
-- with a login it would come from realtime.user_data().
CREATE OR REPLACE FUNCTION board.face(board board.name)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$ SELECT '{"name": "Somebody", "hue": 0}'::jsonb $$;
COMMENT ON FUNCTION board.face(board.name) IS 'What others see of who has not said who he is';

CREATE OR REPLACE FUNCTION board.appear(board board.name, name text, hue integer)
RETURNS text
LANGUAGE sql
AS $$
	SELECT realtime.presence_update(realtime.room_topic(), jsonb_build_object(
		'name', left(coalesce(nullif(btrim(appear.name), ''), 'Somebody'), 40),
		'hue', appear.hue % 360));
	SELECT coalesce(realtime.user_id(), realtime.connection_id())
$$;
COMMENT ON FUNCTION board.appear(board.name, text, integer) IS
	'Says who somebody is; returns the key by which others know him';

SELECT realtime.room('board/room', 'board:{board}', 'board.cards(board.name)',
	presence => 'board.face(board.name)', cursors => true, replay => true,
	actions => '{"board.appear(board.name, text, integer)"}');

-- [calls] What people do
-- Each call is a transaction.  It has a key that the page has made, so one that is sent
-- again, because nobody knows whether it has arrived, is done once.
CREATE OR REPLACE FUNCTION board.add(board board.name, id uuid, lane board.lane, place board.place, title board.title, tint board.tint)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	IF (SELECT count(*) >= 500 FROM board.card AS c WHERE c.board = add.board) THEN
		PERFORM realtime.raise('BOARD_FULL', 'There are 500 cards on this board: remove some.');
	END IF;
	INSERT INTO board.card VALUES (add.id, add.board, add.lane, add.place, add.title, add.tint);
END
$$;
COMMENT ON FUNCTION board.add(board.name, uuid, board.lane, board.place, board.title, board.tint) IS 'A new card';

CREATE OR REPLACE FUNCTION board.move(board board.name, id uuid, lane board.lane, place board.place)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	UPDATE board.card AS c SET lane = move.lane, place = move.place WHERE c.id = move.id AND c.board = move.board;
	IF NOT FOUND THEN
		PERFORM realtime.raise('NOT_FOUND', 'Somebody has removed that card.');
	END IF;
END
$$;
COMMENT ON FUNCTION board.move(board.name, uuid, board.lane, board.place) IS 'Puts a card elsewhere';

CREATE OR REPLACE FUNCTION board.edit(board board.name, id uuid, title board.title, tint board.tint)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
	UPDATE board.card AS c SET title = edit.title, tint = edit.tint WHERE c.id = edit.id AND c.board = edit.board;
	IF NOT FOUND THEN
		PERFORM realtime.raise('NOT_FOUND', 'Somebody has removed that card.');
	END IF;
END
$$;
COMMENT ON FUNCTION board.edit(board.name, uuid, board.title, board.tint) IS 'Writes something else on a card';

CREATE OR REPLACE FUNCTION board.remove(board board.name, id uuid)
RETURNS void
LANGUAGE sql
AS $$
	DELETE FROM board.card AS c WHERE c.id = remove.id AND c.board = remove.board
$$;
COMMENT ON FUNCTION board.remove(board.name, uuid) IS 'Takes a card away';

SELECT realtime.rpc('board/add', 'board.add(board.name, uuid, board.lane, board.place, board.title, board.tint)', idempotent => true);
SELECT realtime.rpc('board/move', 'board.move(board.name, uuid, board.lane, board.place)', idempotent => true);
SELECT realtime.rpc('board/edit', 'board.edit(board.name, uuid, board.title, board.tint)', idempotent => true);
SELECT realtime.rpc('board/remove', 'board.remove(board.name, uuid)', idempotent => true);

-- [rights] Who may do what
-- Connections run as realtime_anonymous: it gets what the functions need and nothing else.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA board FROM PUBLIC;
GRANT USAGE ON SCHEMA board TO realtime_anonymous;
GRANT SELECT, INSERT, UPDATE, DELETE ON board.card TO realtime_anonymous;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA board TO realtime_anonymous;

-- [psql] From psql
-- Try it: each of these is on all pages when it commits, and nothing of it if it is
-- rolled back.
--     INSERT INTO board.card (title) VALUES ('Hello from psql');
--     UPDATE board.card SET lane = 'done' WHERE title LIKE 'Hello%';
--     BEGIN; DELETE FROM board.card; ROLLBACK;
INSERT INTO board.card (lane, place, title, tint)
SELECT lane, '0' || n || '8', title, tint
FROM (VALUES
	(1, 'next', 'Open this page in a second window and move a card', 1),
	(2, 'next', 'Write a card from psql: the line is below', 2),
	(3, 'next', 'Pull the plug, change something, plug in again', 3),
	(4, 'next', 'Look behind it: every SQL button shows what runs', 0),
	(1, 'doing', 'Take back a move with Ctrl+Z', 4),
	(2, 'doing', 'Watch somebody else''s cursor', 5),
	(1, 'done', 'CREATE EXTENSION realtime', 0)
) AS hints (n, lane, title, tint)
WHERE NOT EXISTS (SELECT FROM board.card WHERE board = 'demo');
