-- What the part "publish" of the benchmarks writes to.
CREATE TABLE bench.message (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	topic integer NOT NULL,
	body text NOT NULL
);
CREATE TABLE bench.message_copy (LIKE bench.message INCLUDING ALL);
GRANT INSERT ON bench.message, bench.message_copy TO bench;

SELECT realtime.topic('ordered:{n}', open => true);
SELECT realtime.topic('replay:{n}', class => 'replay', open => true);
