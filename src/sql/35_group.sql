--
-- Groups of connections, see realtime.group().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.group_declaration (
	name text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT name_is_valid CHECK (octet_length(name) BETWEEN 1 AND 240),
	max_members integer
		CONSTRAINT max_members_is_positive CHECK (max_members > 0),
	meta jsonb NOT NULL,
	member_ttl interval NOT NULL,
	on_join text,
	on_leave text,
	on_full text,
	on_close text,
	closed_at timestamptz,
	close_reason text
);
COMMENT ON TABLE realtime.group_declaration IS
	'Groups of connections, see realtime.group()';
COMMENT ON COLUMN realtime.group_declaration.name IS
	'Name of the group';
COMMENT ON COLUMN realtime.group_declaration.max_members IS
	'How many members it may have; NULL is any number';
COMMENT ON COLUMN realtime.group_declaration.meta IS
	'Whatever its owner wants to keep about it';
COMMENT ON COLUMN realtime.group_declaration.member_ttl IS
	'For how long a member whose connection is gone counts if nobody has told that it left';
COMMENT ON COLUMN realtime.group_declaration.on_join IS
	'Signature of the function that is called when somebody joins';
COMMENT ON COLUMN realtime.group_declaration.on_leave IS
	'Signature of the function that is called when somebody leaves';
COMMENT ON COLUMN realtime.group_declaration.on_full IS
	'Signature of the function that is called when somebody finds it full';
COMMENT ON COLUMN realtime.group_declaration.on_close IS
	'Signature of the function that is called when it is closed';
COMMENT ON COLUMN realtime.group_declaration.closed_at IS
	'When it was closed; NULL is not';
COMMENT ON COLUMN realtime.group_declaration.close_reason IS
	'Why';
COMMENT ON INDEX realtime.group_declaration_pkey IS
	'One declaration for each name';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.group_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.group_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.group_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.group_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.group_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.group_declaration', '');

--
-- Who is in which group, and how many are: connections, so after a crash there is
-- nobody, and neither has to be durable.  Who joins or leaves changes the row of
-- the count first, so that all see the same number.
--
CREATE UNLOGGED TABLE realtime.group_state (
	name text COLLATE pg_catalog."C" PRIMARY KEY,
	members integer NOT NULL
);
COMMENT ON TABLE realtime.group_state IS
	'How many members groups have';
COMMENT ON COLUMN realtime.group_state.name IS
	'Name of the group';
COMMENT ON COLUMN realtime.group_state.members IS
	'Its members';
COMMENT ON INDEX realtime.group_state_pkey IS
	'One number for each group';

CREATE UNLOGGED TABLE realtime.group_member (
	name text COLLATE pg_catalog."C" NOT NULL,
	connection_id text COLLATE pg_catalog."C" NOT NULL,
	role text NOT NULL,
	user_id text,
	db_role text NOT NULL,
	user_data text,
	life bigint NOT NULL,
	gateway integer NOT NULL,
	generation bigint NOT NULL,
	connection bigint NOT NULL,
	serial bigint NOT NULL,
	joined_at timestamptz NOT NULL,
	PRIMARY KEY (name, connection_id)
);
COMMENT ON TABLE realtime.group_member IS
	'Members of groups';
COMMENT ON COLUMN realtime.group_member.name IS
	'Name of the group';
COMMENT ON COLUMN realtime.group_member.connection_id IS
	'Of the connection, see realtime.connections';
COMMENT ON COLUMN realtime.group_member.role IS
	'In the group: member, admin or viewer';
COMMENT ON COLUMN realtime.group_member.user_id IS
	'Whose connection it is; NULL if anonymous';
COMMENT ON COLUMN realtime.group_member.db_role IS
	'That its calls run as; empty = the default of its kind';
COMMENT ON COLUMN realtime.group_member.user_data IS
	'JSON that authentication has returned';
COMMENT ON COLUMN realtime.group_member.life IS
	'Of the server: another number after each start';
COMMENT ON COLUMN realtime.group_member.gateway IS
	'To which the connection belongs';
COMMENT ON COLUMN realtime.group_member.generation IS
	'How often that gateway had begun';
COMMENT ON COLUMN realtime.group_member.connection IS
	'Its place there';
COMMENT ON COLUMN realtime.group_member.serial IS
	'Its number there';
COMMENT ON COLUMN realtime.group_member.joined_at IS
	'When it joined';
COMMENT ON INDEX realtime.group_member_pkey IS
	'Whether a connection is in a group';
CREATE INDEX group_member_connection ON realtime.group_member (connection_id);
COMMENT ON INDEX realtime.group_member_connection IS
	'The groups of a connection that ends';
