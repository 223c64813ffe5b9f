/*
 * state.c
 *		Metrics of the server as a whole: whether it works, and how much of what
 *		there is has been taken.
 */
#include "postgres.h"

#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/breaker.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/payload.h"
#include "src/ipc/presence.h"
#include "src/ipc/pressure.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/query_group.h"
#include "src/ipc/ready.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/timer.h"
#include "src/ipc/worker_slot.h"
#include "src/metrics/metrics.h"

#define GAUGE(symbol, name, help) \
	static const RtMetric symbol = {name, RT_METRIC_GAUGE, NULL, help}
#define GAUGE_IN(symbol, name, unit, help) \
	static const RtMetric symbol = {name, RT_METRIC_GAUGE, unit, help}
#define COUNTER(symbol, name, help) \
	static const RtMetric symbol = {name, RT_METRIC_COUNTER, NULL, help}

GAUGE(build_info, "realtime_build_info", "The versions of the extension and of PostgreSQL; always 1.");
GAUGE(ready, "realtime_ready", "Whether GET /readyz says that the server is ready.");

GAUGE(connections_limit, "realtime_connections_limit", "Connections that a gateway takes at most.");
GAUGE_IN(memory_limit, "realtime_gateway_memory_limit_bytes", "bytes", "Memory that clients can make a gateway keep.");
GAUGE(executors_limit, "realtime_executors_limit", "Executors that there can be.");
GAUGE(queued, "realtime_queue_requests", "Requests that wait for an executor.");
GAUGE(slots, "realtime_request_slots", "Slots for requests that are taken: by what waits, runs, or is to be told.");
GAUGE(slots_limit, "realtime_request_slots_limit", "Slots for requests that there are.");
GAUGE_IN(payload, "realtime_payload_memory_ratio", "ratio", "Part of the shared memory for long requests and answers that is taken.");
GAUGE_IN(ring_size, "realtime_ring_size_bytes", "bytes", "Size of the ring of committed events.");
static const RtMetric ring_written = {
	"realtime_ring_written_bytes", RT_METRIC_COUNTER, "bytes", "Bytes of committed events written into the ring."
};

GAUGE(pressure_reason, "realtime_pressure", "What is scarce: 1 for the reason that realtime.pressure has, else 0.");
GAUGE(subscribers, "realtime_pressure_subscribers", "Topics per connection, on average.");
GAUGE(breaker_broken, "realtime_breaker_broken", "Whether a circuit breaker is broken or lets a probe through.");
COUNTER(breaker_trips, "realtime_breaker_trips", "Times that a circuit breaker broke.");
GAUGE(query_groups, "realtime_query_groups", "Groups of clients of live queries.");
GAUGE(query_groups_limit, "realtime_query_groups_limit", "Groups of clients of live queries that there can be.");

COUNTER(log_suppressed, "realtime_log_suppressed", "Errors that were not logged because others of their kind had been.");
GAUGE(timers_active, "realtime_timers", "Timers of realtime.throttle() and realtime.debounce() in use.");
GAUGE(timers_limit, "realtime_timers_limit", "Timers that there can be.");
COUNTER(timers_published, "realtime_timer_events", "Events published after they had waited for a timer.");
COUNTER(timers_overflowed, "realtime_timer_overflows", "Events published at once for want of a timer.");

GAUGE(presence_total_online, "realtime_presence_total_online", "Keys that are present, counted on each topic.");
COUNTER(presence_joins, "realtime_presence_joins", "Keys that have come to a topic, as others were told.");
COUNTER(presence_leaves, "realtime_presence_leaves", "Keys that have left a topic, as others were told.");
COUNTER(presence_evicted, "realtime_presence_evicted", "Keys that have left before realtime.presence_grace was over, to make room.");
COUNTER(presence_refused, "realtime_presence_refused", "Times that nobody could make room for somebody who would be present.");

static const RtMetric assertion_violations = {
	"realtime_assertion_violations", RT_METRIC_COUNTER, NULL,
	"Times that what must be true was not, by category."
};

static void
write_ratio(RtExposition *exposition, const RtMetric *metric, double value)
{
	rt_exposition_begin(exposition, metric);
	rt_exposition_value(exposition, NULL, value);
}

static void
write_info(RtExposition *exposition)
{
	rt_exposition_begin(exposition, &build_info);
	rt_exposition_count(exposition,
						RT_LABELS({"version", RT_VERSION}, {"postgresql", PG_VERSION}), 1);
	rt_exposition_one(exposition, &ready, rt_ready_reason() == NULL);
}

/* What is used, and what it is used up at. */
static void
write_saturation(RtExposition *exposition)
{
	rt_exposition_one(exposition, &connections_limit, realtime_max_connections);
	rt_exposition_one(exposition, &memory_limit, (uint64) realtime_gateway_memory * 1024);
	rt_exposition_one(exposition, &executors_limit, rt_worker_count(RT_WORKER_EXECUTOR));
	rt_exposition_one(exposition, &queued, rt_requests_queued_count());
	rt_exposition_one(exposition, &slots, rt_requests_in_use());
	rt_exposition_one(exposition, &slots_limit, realtime_queue_depth);
	rt_exposition_one(exposition, &ring_size, (uint64) realtime_ring_size * 1024);
	rt_exposition_one(exposition, &ring_written, rt_ring_position());
	rt_exposition_one(exposition, &log_suppressed, rt_log_limit_total());
	rt_exposition_one(exposition, &query_groups, rt_query_groups_in_use());
	rt_exposition_one(exposition, &query_groups_limit, realtime_max_query_groups);
}

static void
write_pressure(RtExposition *exposition)
{
	RtPressure	pressure;

	rt_pressure_measure(&pressure);
	rt_exposition_begin(exposition, &pressure_reason);
	for (int i = RT_PRESSURE_NONE + 1; i < RT_PRESSURE_REASONS; i++)
		rt_exposition_count(exposition, RT_LABELS({"reason", rt_pressure_name(i)}),
							pressure.reason == (RtPressureReason) i);
	write_ratio(exposition, &subscribers, pressure.subscribers);
	write_ratio(exposition, &payload, rt_payload_part_used());
}

static void
write_assertions(RtExposition *exposition)
{
	char		name[RT_ASSERTION_NAME_MAX + 1];
	uint64		violations;

	rt_exposition_begin(exposition, &assertion_violations);
	for (int i = 0; rt_assertion_read(i, name, &violations); i++)
		rt_exposition_count(exposition, RT_LABELS({"category", name}), violations);
}

static void
write_breakers(RtExposition *exposition)
{
	RtBreaker	breaker;

	rt_exposition_begin(exposition, &breaker_broken);
	for (int i = 0; rt_breaker_read(i, &breaker); i++)
		rt_exposition_count(exposition, RT_LABELS({"breaker", breaker.name}),
							breaker.state != RT_BREAKER_HEALTHY);
	rt_exposition_begin(exposition, &breaker_trips);
	for (int i = 0; rt_breaker_read(i, &breaker); i++)
		rt_exposition_count(exposition, RT_LABELS({"breaker", breaker.name}), breaker.trips);
}

static void
write_timers(RtExposition *exposition)
{
	RtTimerStats timers;

	rt_timers_stats(&timers);
	rt_exposition_one(exposition, &timers_active, timers.active);
	rt_exposition_one(exposition, &timers_limit, realtime_max_timers);
	rt_exposition_one(exposition, &timers_published, timers.published);
	rt_exposition_one(exposition, &timers_overflowed, timers.overflowed);
}

static void
write_presence(RtExposition *exposition)
{
	RtPresenceCounts counts;

	rt_presence_count(&counts);
	rt_exposition_one(exposition, &presence_total_online, counts.present);
	rt_exposition_one(exposition, &presence_joins, counts.joins);
	rt_exposition_one(exposition, &presence_leaves, counts.leaves);
	rt_exposition_one(exposition, &presence_evicted, counts.evicted);
	rt_exposition_one(exposition, &presence_refused, counts.refused);
}

void
rt_metrics_write_state(RtExposition *exposition)
{
	write_info(exposition);
	write_saturation(exposition);
	write_pressure(exposition);
	write_assertions(exposition);
	write_breakers(exposition);
	write_timers(exposition);
	write_presence(exposition);
}
