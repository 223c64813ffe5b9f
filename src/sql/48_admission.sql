--
-- What gives way under load
--
CREATE FUNCTION realtime.admission(
	class text,
	reasons text[] DEFAULT NULL,
	predicate regprocedure DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'realtime_admission';
COMMENT ON FUNCTION realtime.admission(text, text[], regprocedure) IS
'Declares a class of service, or replaces it, or without reasons and predicate removes it: calls and new subscriptions that name it (class_of_service) are refused with OVERLOADED while it gives way; who is subscribed stays so. realtime.shed(class) tells handlers.
reasons: MEMORY, EXECUTORS, PUBLISH_RATE, SUBSCRIBERS: it gives way while realtime.pressure has one of these as its reason. predicate: function(pressure jsonb) or function() returns boolean, run as the caller; it gives way if this says true.
Errors: 22023 for a name or reason that is not valid, 42P13 for a function that does not fit.';

CREATE FUNCTION realtime.stat_get_pressure(
	OUT reason text,
	OUT memory double precision,
	OUT executors double precision,
	OUT publish_rate double precision,
	OUT subscribers double precision,
	OUT top_publishers jsonb)
RETURNS record
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'realtime_stat_get_pressure';
COMMENT ON FUNCTION realtime.stat_get_pressure() IS
'The row of the view realtime.pressure.';

CREATE VIEW realtime.pressure AS
	SELECT * FROM realtime.stat_get_pressure();
COMMENT ON VIEW realtime.pressure IS
	'What is scarce at the moment';
COMMENT ON COLUMN realtime.pressure.reason IS
	'MEMORY, EXECUTORS, PUBLISH_RATE, SUBSCRIBERS or NONE: the first of these that has reached its setting realtime.pressure_*';
COMMENT ON COLUMN realtime.pressure.memory IS
	'Part of the memory that is taken, 0 to 1: of realtime.payload_memory or of a gateway''s realtime.gateway_memory, whichever has less left';
COMMENT ON COLUMN realtime.pressure.executors IS
	'Part of realtime.queue_depth that is taken by requests which are not answered, 0 to 1';
COMMENT ON COLUMN realtime.pressure.publish_rate IS
	'Events per second in the last second';
COMMENT ON COLUMN realtime.pressure.subscribers IS
	'Topics that a connection is subscribed to, on average';
COMMENT ON COLUMN realtime.pressure.top_publishers IS
	'The topics with the most events in the last second, up to eight, the busiest first: [{"topic": ..., "rate": events per second, about}]';
