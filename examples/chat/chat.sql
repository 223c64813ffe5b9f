-- A chat room: one table, four functions, four declarations.
--
--     psql -1 -v ON_ERROR_STOP=1 -f examples/chat/chat.sql
--
-- Load it into the database that realtime.database names.  Loading it again
-- changes nothing.

CREATE EXTENSION IF NOT EXISTS realtime;

CREATE SCHEMA IF NOT EXISTS chat;
COMMENT ON SCHEMA chat IS 'Chat rooms, an example of the extension realtime';

--
-- What a room, a name and a message may be.  The functions take these types,
-- so a value that breaks a rule is refused with code VALIDATION before any
-- code of ours runs; the table uses them too, so each rule is written once.
--
DO $$
BEGIN
	IF to_regtype('chat.room') IS NULL THEN
		CREATE DOMAIN chat.room AS text
			CONSTRAINT room_is_1_to_40_of_a_z_0_9_and_dash
			CHECK (VALUE ~ '^[a-z0-9-]{1,40}$');
	END IF;
	IF to_regtype('chat.author') IS NULL THEN
		CREATE DOMAIN chat.author AS text
			CONSTRAINT name_is_1_to_40_characters
			CHECK (char_length(btrim(VALUE)) BETWEEN 1 AND 40);
	END IF;
	IF to_regtype('chat.body') IS NULL THEN
		CREATE DOMAIN chat.body AS text
			CONSTRAINT message_is_1_to_1000_characters
			CHECK (btrim(VALUE) <> '' AND char_length(VALUE) <= 1000);
	END IF;
END
$$;
COMMENT ON DOMAIN chat.room IS 'Name of a room: 1 to 40 lower-case letters, digits and dashes';
COMMENT ON DOMAIN chat.author IS 'Name of who speaks: 1 to 40 characters, not blank';
COMMENT ON DOMAIN chat.body IS 'Text of a message: 1 to 1000 characters, not blank';

CREATE TABLE IF NOT EXISTS chat.messages (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room chat.room NOT NULL,
	author chat.author NOT NULL,
	body chat.body NOT NULL,
	sent_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE chat.messages IS 'Every message of every room';
COMMENT ON COLUMN chat.messages.id IS 'Orders the messages of a room';
COMMENT ON COLUMN chat.messages.room IS 'Where it was said';
COMMENT ON COLUMN chat.messages.author IS 'Who says to have said it; nobody has logged in';
COMMENT ON COLUMN chat.messages.body IS 'What was said';
COMMENT ON COLUMN chat.messages.sent_at IS 'When the call that wrote it began';

CREATE INDEX IF NOT EXISTS messages_room_id_idx ON chat.messages (room, id);
COMMENT ON INDEX chat.messages_room_id_idx IS 'The newest messages of one room';

--
-- Store a message and tell the room.  Both happen at commit or not at all.
--
CREATE OR REPLACE FUNCTION chat.send(room chat.room, author chat.author, body chat.body)
RETURNS chat.messages
LANGUAGE plpgsql
AS $$
DECLARE
	message chat.messages;
BEGIN
	INSERT INTO chat.messages (room, author, body)
	VALUES (send.room, send.author, send.body)
	RETURNING * INTO message;

	PERFORM realtime.publish('chat:' || message.room, 'created', to_jsonb(message));
	RETURN message;
END
$$;
COMMENT ON FUNCTION chat.send(chat.room, chat.author, chat.body) IS
	'Says something in a room; returns the stored message';

--
-- The newest n messages, oldest first.  STABLE, so the call is read only.
--
CREATE OR REPLACE FUNCTION chat.history(room chat.room, n integer DEFAULT 50)
RETURNS SETOF chat.messages
LANGUAGE sql STABLE
AS $$
	SELECT *
	FROM (SELECT *
		  FROM chat.messages AS m
		  WHERE m.room = history.room
		  ORDER BY m.id DESC
		  LIMIT least(greatest(history.n, 0), 200)) AS newest
	ORDER BY id
$$;
COMMENT ON FUNCTION chat.history(chat.room, integer) IS
	'The newest messages of a room, at most 200, oldest first';

--
-- What others see of who is there.  Nobody has logged in, so the name is what he
-- says; as with a login it would come from realtime.user_data().
--
CREATE OR REPLACE FUNCTION chat.face(room chat.room, name text)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$
	SELECT jsonb_build_object('name', left(coalesce(nullif(btrim(face.name), ''), 'somebody'), 40))
$$;
COMMENT ON FUNCTION chat.face(chat.room, text) IS
	'What those in a room see of somebody there';

CREATE OR REPLACE FUNCTION chat.typing(room chat.room, name text, typing boolean)
RETURNS void
LANGUAGE sql
AS $$
	SELECT realtime.presence_update('chat:' || typing.room,
		chat.face(typing.room, typing.name) || jsonb_build_object('typing', typing.typing))
$$;
COMMENT ON FUNCTION chat.typing(chat.room, text, boolean) IS
	'Says that somebody begins or ceases to type';

--
-- Connections run as realtime_anonymous: it gets what the functions need
-- and nothing else.
--
REVOKE ALL ON FUNCTION chat.send(chat.room, chat.author, chat.body) FROM PUBLIC;
REVOKE ALL ON FUNCTION chat.history(chat.room, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION chat.face(chat.room, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION chat.typing(chat.room, text, boolean) FROM PUBLIC;
GRANT USAGE ON SCHEMA chat TO realtime_anonymous;
GRANT SELECT ON chat.messages TO realtime_anonymous;
GRANT INSERT (room, author, body) ON chat.messages TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION chat.send(chat.room, chat.author, chat.body) TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION chat.history(chat.room, integer) TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION chat.face(chat.room, text) TO realtime_anonymous;
GRANT EXECUTE ON FUNCTION chat.typing(chat.room, text, boolean) TO realtime_anonymous;

--
-- Put it on the air: a call, and a stream that begins with the newest messages
-- and goes on with what is published.  Events are kept, so that who was away
-- for a moment gets just what it has missed.
--
SELECT realtime.rpc('chat/send', 'chat.send(chat.room, chat.author, chat.body)');
SELECT realtime.stream('chat/messages', 'chat:{room}', 'chat.history(chat.room, integer)', replay => true);

--
-- Who follows chat/here of a room is there, by as many connections as he has, and
-- sees who else is; nothing is written for it.  He leaves when he is gone for longer
-- than realtime.presence_grace.
--
SELECT realtime.stream('chat/here', 'chat:{room}', merge => 'presence', presence => 'chat.face(chat.room, text)');
SELECT realtime.rpc('chat/typing', 'chat.typing(chat.room, text, boolean)');
