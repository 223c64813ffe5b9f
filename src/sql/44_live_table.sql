CREATE FUNCTION realtime.live_table(
	relation regclass,
	topic text,
	key text DEFAULT NULL,
	columns name[] DEFAULT NULL,
	always boolean DEFAULT false)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_live_table';
COMMENT ON FUNCTION realtime.live_table(regclass, text, text, name[], boolean) IS
'Publishes what changes in a table: events created, updated and deleted with the row as an object. A transaction tells once for each key of a topic what it has done to it. Replaces what was declared for the table. Only its owner can.
topic: template whose placeholders are columns, such as todos:{list_id}. A row with a NULL there has no topic. One that moves to another topic is deleted from the first and created in the second.
key: column by which clients know a row; by default the primary key, if it is one column, or else a column "id".
columns: those that are published besides the key; by default all, also later ones. An update that changes none of them is no event.
always: also what logical replication applies, and sessions with session_replication_role = replica change.
Errors: 22023 for an option that is wrong, 42703 or 42701 for a column, 42804 for a column that cannot be in a topic, 42939 for a topic that begins with __, 42809 for what is not a table, 42501 if the table is somebody else''s, 55000 for a partition of a live table, 55P03 if the table was in use for 5 s.';

CREATE FUNCTION realtime.drop_live_table(relation regclass) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_drop_live_table';
COMMENT ON FUNCTION realtime.drop_live_table(regclass) IS
'Ends the publishing of what changes in a table; returns whether it was live, be it with one of its two triggers. Only its owner can.
Errors: 42501 if the table is somebody else''s, 55000 for a partition of a live table, 55P03 if the table was in use for 5 s.';
