-- docs/reference.md says what the catalog says; "./run reference" makes it anew.
\set page `cat docs/reference.md`
BEGIN;
SELECT no_plan();
\i docs/reference.sql

PREPARE written AS SELECT n, line COLLATE "C" FROM string_to_table(rtrim(:'page', E'\n'), E'\n') WITH ORDINALITY t (line, n) ORDER BY n;
PREPARE catalog AS SELECT number, line COLLATE "C" FROM reference_line ORDER BY number;
SELECT results_eq('written', 'catalog', 'docs/reference.md is what ./run reference makes');

SELECT is_empty($$SELECT name, arguments FROM reference_function WHERE comment IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT name FROM reference_relation WHERE comment IS NULL$$, 'so has every relation');
SELECT is_empty($$SELECT c.name, attname FROM reference_relation c JOIN pg_attribute ON attrelid = c.oid
	WHERE attnum > 0 AND NOT attisdropped AND section <> 'Types' AND col_description(c.oid, attnum) IS NULL$$, 'and every column of tables and views');

SELECT * FROM finish();
ROLLBACK;
