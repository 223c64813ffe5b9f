--
-- Limits of calls beside those of the paths themselves, see
-- realtime.rate_limits().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.rate_limit_declaration (
	path text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT path_is_valid
		CHECK (path = '*' OR octet_length(path) <= 255 AND path ~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+$'),
	rate_limit integer
		CONSTRAINT rate_limit_is_positive CHECK (rate_limit > 0),
	rate_window interval NOT NULL DEFAULT '10 s'
		CONSTRAINT rate_window_is_positive CHECK (rate_window > '0'),
	CONSTRAINT all_are_not_exempt CHECK (path <> '*' OR rate_limit IS NOT NULL)
);
COMMENT ON TABLE realtime.rate_limit_declaration IS
	'Limits of calls beside those of the paths themselves, see realtime.rate_limits()';
COMMENT ON COLUMN realtime.rate_limit_declaration.path IS
	'Of what; * is of all paths that have no other limit';
COMMENT ON COLUMN realtime.rate_limit_declaration.rate_limit IS
	'Calls that one client may make in rate_window; NULL: this path has no limit at all';
COMMENT ON COLUMN realtime.rate_limit_declaration.rate_window IS
	'The time in which rate_limit counts';
COMMENT ON INDEX realtime.rate_limit_declaration_pkey IS
	'One rule for each path';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.rate_limit_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.rate_limit_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.rate_limit_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.rate_limit_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.rate_limit_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.rate_limit_declaration', '');

