-- What the part "live-table" of the benchmarks writes to: the same table three
-- times, without a trigger, with one in PL/pgSQL, and as a live table.
CREATE TABLE bench.live_none (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	topic integer NOT NULL,
	body text NOT NULL
);
CREATE TABLE bench.live_notify (LIKE bench.live_none INCLUDING ALL);
CREATE TABLE bench.live_realtime (LIKE bench.live_none INCLUDING ALL);
GRANT INSERT ON bench.live_none, bench.live_notify, bench.live_realtime TO bench;

CREATE FUNCTION bench.notify_row() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM pg_notify('live_1', row_to_json(NEW)::text);
	RETURN NULL;
END
$$;
CREATE TRIGGER notify_row AFTER INSERT ON bench.live_notify
	FOR EACH ROW EXECUTE FUNCTION bench.notify_row();

SELECT realtime.topic('live:{topic}', open => true);
SELECT realtime.live_table('bench.live_realtime', topic => 'live:{topic}');
