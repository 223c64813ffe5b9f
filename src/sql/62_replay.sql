--
-- Events that are kept
--
CREATE FUNCTION realtime.replay(topic text, since bigint)
RETURNS SETOF realtime.message
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'realtime_replay';
COMMENT ON FUNCTION realtime.replay(text, bigint) IS
'Events of a topic of class replay with numbers above since, in order, as far as they are kept.
A row whose event is NULL stands for something that cannot be replayed; so does a first row with another number than since + 1.
Errors: 55000 if the tables of the extension are not there.';

CREATE FUNCTION realtime.seq(topic text) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'realtime_seq';
COMMENT ON FUNCTION realtime.seq(text) IS
'Number of the newest event of a topic of class replay, from which realtime.replay() goes on; where a topic has none that counts, the one before its next: 0 at first, a multiple of 2^32 after a failover or a restore.';

CREATE FUNCTION realtime.clear_replay(topic text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_clear_replay';
COMMENT ON FUNCTION realtime.clear_replay(text) IS
'Removes the events that are kept of a topic, or of all if NULL; returns how many. Numbers go on, and clients that have not seen all of them load again.
Publishers on the topic, or on any, wait until the transaction ends.
Errors: 25006 in a read-only transaction.';

