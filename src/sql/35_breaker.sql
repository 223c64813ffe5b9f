--
-- Circuit breakers, see realtime.breaker().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.breaker_declaration (
	name text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT name_is_valid CHECK (octet_length(name) BETWEEN 1 AND 63),
	threshold integer NOT NULL DEFAULT 5
		CONSTRAINT threshold_is_positive CHECK (threshold > 0),
	reset interval NOT NULL DEFAULT '30 s'
		CONSTRAINT reset_is_positive CHECK (reset > '0')
);
COMMENT ON TABLE realtime.breaker_declaration IS
	'Circuit breakers, see realtime.breaker()';
COMMENT ON COLUMN realtime.breaker_declaration.name IS
	'Name of the breaker';
COMMENT ON COLUMN realtime.breaker_declaration.threshold IS
	'How many calls in a row must fail before it breaks';
COMMENT ON COLUMN realtime.breaker_declaration.reset IS
	'How long nothing is tried then';
COMMENT ON INDEX realtime.breaker_declaration_pkey IS
	'One declaration for each name';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.breaker_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.breaker_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.breaker_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.breaker_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.breaker_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.breaker_declaration', '');

