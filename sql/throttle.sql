--
-- realtime.throttle() and realtime.debounce() without anybody listening: what
-- is refused, what waits
--
\pset format unaligned
\pset fieldsep ' | '
CREATE FUNCTION try(command text) RETURNS TABLE (state text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	state := '00000';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
CREATE TABLE before AS SELECT waiting FROM realtime.stat_timer;
CREATE FUNCTION waiting() RETURNS bigint LANGUAGE sql
AS 'SELECT t.waiting - b.waiting FROM realtime.stat_timer t, before b';

-- the time
BEGIN;
SELECT every, t.* FROM unnest(ARRAY['1 ms', '1 day', '24 h', '0', '-1 s', '0.0009 s', '24 h 1 ms', '1 month', NULL]::interval[]) every,
	try(format('SELECT realtime.throttle(%L, %L, NULL, %L)', 'times', 'e', every)) t;
SELECT after, t.* FROM unnest(ARRAY['1 ms', '0', '2 days', NULL]::interval[]) after,
	try(format('SELECT realtime.debounce(%L, %L, NULL, %L)', 'times', 'e', after)) t;
ROLLBACK;

-- all that publish() refuses, whether it could be the first call or not
SELECT f, args, t.* FROM unnest(ARRAY['throttle', 'debounce']) f,
	unnest(ARRAY[
		$$NULL, 'e', '1'$$, $$'t', NULL, '1'$$, $$'__rpc', 'e', '1'$$, $$'ä', 'e', '1'$$, $$'t', 'a"b', '1'$$,
		$$'t', 'created', NULL$$, $$'t', 'e', '{"reqId": 1}'$$, $$'t', 'e', to_jsonb(repeat('x', 1048576))$$]) args,
	try(format('SELECT realtime.%I(%s, %L)', f, args, '1 h')) t;
BEGIN READ ONLY;
SELECT realtime.throttle('t', 'readonly', '1', '1 ms');
COMMIT;
BEGIN;
SELECT realtime.topic('kept', class => 'replay');
SET TRANSACTION READ ONLY;
SELECT * FROM try($$SELECT realtime.debounce('kept', 'e', '1', '1 ms')$$);
ROLLBACK;
-- a transaction: half of the ring, here 32 MB; but of one key only the first and the last
SELECT * FROM try($$SELECT realtime.debounce('t', 'e' || i, to_jsonb(repeat('x', 1000000)), '1 h') FROM generate_series(1, 34) i$$);
BEGIN;
SELECT count(realtime.debounce('t', 'e', to_jsonb(repeat('x', 1000000)), '1 h')) FROM generate_series(1, 100) i;
SELECT count(realtime.throttle('t', 'e', to_jsonb(repeat('x', 1000000)), '1 h')) FROM generate_series(1, 100) i;
ROLLBACK;

-- two-phase commit
BEGIN;
SELECT realtime.debounce('t', 'e', '1', '1 h');
PREPARE TRANSACTION 'regress_realtime';
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT realtime.debounce('t', 'e', '1', '1 h');
ROLLBACK TO s;
SELECT waiting();
COMMIT;

-- what waits, and what was rolled back does not
BEGIN;
SELECT realtime.throttle('a', 'e', '1', '1 h');
COMMIT;
SELECT waiting();
BEGIN;
SELECT realtime.throttle('a', 'e', '2', '1 h');
SELECT realtime.throttle('b', 'e', '1', '1 h'), realtime.throttle('b', 'e', '2', '1 h');
SELECT realtime.debounce('a', 'e', '1', '1 h');
SELECT waiting();
ROLLBACK;
SELECT waiting();
BEGIN;
SELECT realtime.throttle('a', 'e', '2', '1 h');
SAVEPOINT s;
SELECT realtime.debounce('a', 'e', '1', '1 h');
SAVEPOINT t;
SELECT realtime.debounce('b', 'e', '1', '1 h');
RELEASE t;
ROLLBACK TO s;
SELECT realtime.throttle('c', 'e', '1', '1 h');
COMMIT;
SELECT waiting();
-- levels upon levels
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN
			PERFORM realtime.throttle('d', 'e' || i % 3, to_jsonb(i), '1 h');
			BEGIN
				PERFORM realtime.throttle('d', 'e' || i % 5, to_jsonb(i), '1 h');
				IF i % 2 = 0 THEN
					RAISE division_by_zero;
				END IF;
			EXCEPTION WHEN division_by_zero THEN
				NULL;
			END;
			IF i % 7 = 0 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT waiting();

-- a deferred trigger calls for the last time
CREATE TEMPORARY TABLE late (n integer);
CREATE FUNCTION throttle_late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.throttle('late', 'e', to_jsonb(NEW.n), '1 h');
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER throttle_late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION throttle_late();
INSERT INTO late VALUES (1), (2);
SELECT waiting();

DROP TABLE late, before;
DROP FUNCTION throttle_late(), waiting(), try(text);
