--
-- Classes of service, see realtime.admission().
-- The order of columns is known to src/catalog/declaration_table.h.
--
CREATE TABLE realtime.admission_declaration (
	class text COLLATE pg_catalog."C" PRIMARY KEY
		CONSTRAINT class_is_valid CHECK (octet_length(class) BETWEEN 1 AND 63),
	reasons text[] NOT NULL DEFAULT '{}'
		CONSTRAINT reasons_exist CHECK (reasons OPERATOR(pg_catalog.<@) '{MEMORY,EXECUTORS,PUBLISH_RATE,SUBSCRIBERS}'),
	predicate text
);
COMMENT ON TABLE realtime.admission_declaration IS
	'Classes of service that give way under load, see realtime.admission()';
COMMENT ON COLUMN realtime.admission_declaration.class IS
	'Name of the class';
COMMENT ON COLUMN realtime.admission_declaration.reasons IS
	'It gives way while realtime.pressure has one of these reasons';
COMMENT ON COLUMN realtime.admission_declaration.predicate IS
	'Signature of the function that says whether it gives way';
COMMENT ON INDEX realtime.admission_declaration_pkey IS
	'One declaration for each class';

CREATE TRIGGER changed
	AFTER INSERT OR UPDATE OR DELETE ON realtime.admission_declaration
	FOR EACH ROW EXECUTE FUNCTION realtime.declaration_changed();
CREATE TRIGGER truncated
	BEFORE TRUNCATE ON realtime.admission_declaration
	FOR EACH STATEMENT EXECUTE FUNCTION realtime.declaration_changed();
ALTER TABLE realtime.admission_declaration
	ENABLE ALWAYS TRIGGER changed,
	ENABLE ALWAYS TRIGGER truncated;
COMMENT ON TRIGGER changed ON realtime.admission_declaration IS
	'Makes a change known to all processes';
COMMENT ON TRIGGER truncated ON realtime.admission_declaration IS
	'Makes a change known to all processes';

SELECT pg_catalog.pg_extension_config_dump('realtime.admission_declaration', '');

