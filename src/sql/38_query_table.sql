--
-- Tables that live queries read have two triggers; their arguments are the
-- columns that queries look at.
--
CREATE FUNCTION realtime.query_table_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_query_table_changed';
COMMENT ON FUNCTION realtime.query_table_changed() IS
'Trigger of tables that live queries read: notes what has changed, and never rejects a row. Made by realtime.query(); its arguments are the columns that queries look at.
Errors: 39P01 for any other kind of trigger.';
