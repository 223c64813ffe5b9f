/*
 * workers.c
 *		Metrics of our processes, from their slots.
 *
 * A gateway begins to count anew when it is started again, so each has samples of
 * its own: in a sum over gateways that would look as if all had.  Executors and
 * the scheduler leave their counters to those that follow them.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "src/guc.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/worker_slot.h"
#include "src/metrics/metrics.h"

typedef struct Counter
{
	RtMetric	metric;
	size_t		offset;			/* in the slot's counters */
} Counter;

#define GATEWAY(member) offsetof(RtGatewayCounters, member)
#define EXECUTOR(member) offsetof(RtExecutorCounters, member)
#define SCHEDULER(member) offsetof(RtSchedulerCounters, member)

static const Counter gateway_counters[] = {
	{{"realtime_connections", RT_METRIC_GAUGE, NULL,
	"WebSocket connections that are open."}, GATEWAY(connections)},
	{{"realtime_connections_accepted", RT_METRIC_COUNTER, NULL,
	"WebSocket connections that were opened."}, GATEWAY(accepted)},
	{{"realtime_connections_refused", RT_METRIC_COUNTER, NULL,
	"Attempts to open a WebSocket that were refused."}, GATEWAY(refused)},
	{{"realtime_connections_stalled", RT_METRIC_COUNTER, NULL,
	"Connections ended because they did not read."}, GATEWAY(stalled)},
	{{"realtime_subscriptions", RT_METRIC_GAUGE, NULL,
	"Subscriptions to topics, of streams and by name, that are held."}, GATEWAY(subscriptions)},
	{{"realtime_frames_received", RT_METRIC_COUNTER, NULL,
	"Messages received from clients."}, GATEWAY(frames_in)},
	{{"realtime_frames_ignored", RT_METRIC_COUNTER, NULL,
	"Messages received that could not be understood."}, GATEWAY(frames_ignored)},
	{{"realtime_calls_received", RT_METRIC_COUNTER, NULL,
	"Calls received from clients, before anything is decided about them."}, GATEWAY(calls)},
	{{"realtime_calls_overloaded", RT_METRIC_COUNTER, NULL,
	"Calls refused with OVERLOADED because there was no room to wait."}, GATEWAY(overloaded)},
	{{"realtime_events_delivered", RT_METRIC_COUNTER, NULL,
	"Events sent, counted for each subscriber."}, GATEWAY(deliveries)},
	{{"realtime_events_dropped", RT_METRIC_COUNTER, NULL,
	"Events not sent because a subscriber read too slowly."}, GATEWAY(dropped)},
	{{"realtime_reply_dropped", RT_METRIC_COUNTER, NULL,
	"Replies that could not be delivered to who does not read; the connection is ended."}, GATEWAY(replies_dropped)},
	{{"realtime_event_markers", RT_METRIC_COUNTER, NULL,
	"Times that a subscriber was told to load again because events were lost."}, GATEWAY(markers)},
	{{"realtime_event_repairs", RT_METRIC_COUNTER, NULL,
	"Times that a connection got lost events of replay topics later."}, GATEWAY(repairs)},
	{{"realtime_event_repairs_remembered", RT_METRIC_COUNTER, NULL,
	"Of these, those from the memory of the gateway."}, GATEWAY(remembered)},
	{{"realtime_cursor_updates", RT_METRIC_COUNTER, NULL,
	"Positions of cursors received from clients."}, GATEWAY(cursor_moves)},
	{{"realtime_cursor_throttled", RT_METRIC_COUNTER, NULL,
	"Of these, those in whose place the next one was told."}, GATEWAY(cursor_throttled)},
	{{"realtime_cursor_broadcasts", RT_METRIC_COUNTER, NULL,
	"Messages with positions of cursors sent, counted for each subscriber."}, GATEWAY(cursor_frames)},
	{{"realtime_sent_bytes", RT_METRIC_COUNTER, "bytes",
	"Bytes sent to clients."}, GATEWAY(bytes_out)},
	{{"realtime_gateway_memory_bytes", RT_METRIC_GAUGE, "bytes",
	"Memory that clients make the gateway keep."}, GATEWAY(memory)},
	{{"realtime_requests_waiting", RT_METRIC_GAUGE, NULL,
	"Requests that wait in the gateway because their connection has its share in flight."}, GATEWAY(waiting)},
	{{"realtime_publish_rate", RT_METRIC_GAUGE, NULL,
	"Events per second of the last second, as the gateway has seen them."}, GATEWAY(publish_rate)},
	{{"realtime_ring_lag_bytes", RT_METRIC_GAUGE, "bytes",
	"Committed events that the gateway has not read yet."}, GATEWAY(ring_lag)},
	{{"realtime_ring_overruns", RT_METRIC_COUNTER, NULL,
	"Times that the gateway was too slow for the ring of committed events."}, GATEWAY(ring_overruns)},
};

static const Counter executor_counters[] = {
	{{"realtime_requests", RT_METRIC_COUNTER, NULL,
	"Requests that executors have run: calls, and all else that gateways and the scheduler ask."}, EXECUTOR(calls)},
	{{"realtime_request_errors", RT_METRIC_COUNTER, NULL,
	"Of these, those that ended with an error."}, EXECUTOR(errors)},
	{{"realtime_request_retries", RT_METRIC_COUNTER, NULL,
	"Times that one was run again after a serialization failure or a deadlock."}, EXECUTOR(retries)},
	{{"realtime_wal_flushes", RT_METRIC_COUNTER, NULL,
	"Flushes of the write-ahead log made for calls that were committed together."}, EXECUTOR(flushes)},
};

static const Counter scheduler_counters[] = {
	{{"realtime_bridge_channels", RT_METRIC_GAUGE, NULL,
	"Channels of NOTIFY that the scheduler listens to."}, SCHEDULER(bridges)},
	{{"realtime_bridge_notifications", RT_METRIC_COUNTER, NULL,
	"Notifications received on them."}, SCHEDULER(notifications)},
	{{"realtime_bridge_notifications_waiting", RT_METRIC_GAUGE, NULL,
	"Notifications that wait to be published."}, SCHEDULER(waiting)},
	{{"realtime_bridge_notifications_failed", RT_METRIC_COUNTER, NULL,
	"Notifications that could not be published because of an error."}, SCHEDULER(failed)},
	{{"realtime_bridge_notifications_dropped", RT_METRIC_COUNTER, NULL,
	"Notifications lost because too many were waiting, or with an executor."}, SCHEDULER(dropped)},
	{{"realtime_replay_trimmed_rows", RT_METRIC_COUNTER, NULL,
	"Rows of events of replay topics removed because they were too old or too many."}, SCHEDULER(trimmed)},
	{{"realtime_scheduler_errors", RT_METRIC_COUNTER, NULL,
	"Tasks of the scheduler that ended with an error."}, SCHEDULER(errors)},
};

static const RtMetric gateway_up = {
	"realtime_gateway_up", RT_METRIC_GAUGE, NULL,
	"Whether the gateway runs and clients can connect to it."
};
static const RtMetric closed = {
	"realtime_connections_closed", RT_METRIC_COUNTER, NULL,
	"Connections that have ended, by the code of the end: 1006 is without a close frame."
};
static const RtMetric in_flight = {
	"realtime_requests_in_flight", RT_METRIC_GAUGE, NULL,
	"Requests of the gateway that executors have, or whose answers wait to be told."
};
static const RtMetric executors = {
	"realtime_executors", RT_METRIC_GAUGE, NULL,
	"Executors that are there, by what they do: busy or idle."
};
static const RtMetric values = {
	"realtime_stream_values", RT_METRIC_COUNTER, NULL,
	"Values of streams and queries, by how clients came to have them."
};
static const RtMetric queue_wait = {
	"realtime_queue_wait_seconds", RT_METRIC_HISTOGRAM, "seconds",
	"Time that requests have waited for an executor."
};

static const char *const tier_names[RT_STREAM_TIERS] = {
	[RT_TIER_REPLAYED] = "replayed",
	[RT_TIER_BRIDGED] = "bridged",
	[RT_TIER_UNCHANGED] = "unchanged",
	[RT_TIER_DIFFERENCE] = "difference",
	[RT_TIER_LOADED] = "loaded"
};

static uint64
read_counter(const void *counters, size_t offset)
{
	return pg_atomic_read_u64((pg_atomic_uint64 *) ((uintptr_t) counters + offset));
}

/* ---- gateways ---- */

static RtGatewayCounters *
counters_of_gateway(int number)
{
	return &rt_worker_slot(RT_WORKER_GATEWAY, number)->gateway;
}

static bool
gateway_listens(int number)
{
	RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_GATEWAY, number);

	return pg_atomic_read_u32(&slot->state) == RT_WORKER_RUNNING &&
		pg_atomic_read_u32(&slot->listening) != 0;
}

/* To be written over soon. */
static const RtLabel *
label_gateway(int number)
{
	static char text[16];
	static const RtLabel labels[] = {{"gateway", text}, {NULL, NULL}};

	pg_ltoa(number, text);
	return labels;
}

/* Codes that have occurred. */
static void
write_closed(RtExposition *exposition, int number)
{
	char		text[16];

	pg_ltoa(number, text);
	for (int kind = 0; kind < RT_CLOSE_KINDS; kind++)
	{
		uint64		count = pg_atomic_read_u64(&counters_of_gateway(number)->closed[kind]);

		if (count > 0)
			rt_exposition_count(exposition,
								RT_LABELS({"gateway", text}, {"code", rt_close_kind_name(kind)}),
								count);
	}
}

static void
write_gateways(RtExposition *exposition)
{
	int			n = rt_worker_count(RT_WORKER_GATEWAY);

	for (int i = 0; i < lengthof(gateway_counters); i++)
	{
		rt_exposition_begin(exposition, &gateway_counters[i].metric);
		for (int number = 0; number < n; number++)
			rt_exposition_count(exposition, label_gateway(number),
								read_counter(counters_of_gateway(number),
											 gateway_counters[i].offset));
	}
	rt_exposition_begin(exposition, &gateway_up);
	for (int number = 0; number < n; number++)
		rt_exposition_count(exposition, label_gateway(number), gateway_listens(number));
	rt_exposition_begin(exposition, &closed);
	for (int number = 0; number < n; number++)
		write_closed(exposition, number);
	rt_exposition_begin(exposition, &in_flight);
	for (int number = 0; number < n; number++)
		rt_exposition_count(exposition, label_gateway(number), rt_requests_in_flight(number));
}

/* ---- executors ---- */

static uint64
sum_of_executors(size_t offset)
{
	uint64		sum = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
		sum += read_counter(&rt_worker_slot(RT_WORKER_EXECUTOR, i)->executor, offset);
	return sum;
}

static void
write_crew(RtExposition *exposition)
{
	int			present = 0;
	int			busy = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		present += rt_executor_is_present(i);
		busy += rt_executor_is_busy(i);
	}
	rt_exposition_begin(exposition, &executors);
	rt_exposition_count(exposition, RT_LABELS({"state", "busy"}), busy);
	rt_exposition_count(exposition, RT_LABELS({"state", "idle"}), Max(0, present - busy));
}

static void
write_values(RtExposition *exposition)
{
	rt_exposition_begin(exposition, &values);
	for (int tier = 0; tier < RT_STREAM_TIERS; tier++)
		rt_exposition_count(exposition, RT_LABELS({"way", tier_names[tier]}),
							sum_of_executors(EXECUTOR(tiers) + tier * sizeof(pg_atomic_uint64)));
}

static void
write_queue_wait(RtExposition *exposition)
{
	uint64		buckets[RT_WAIT_BUCKETS];
	RtHistogram histogram = {
		RT_WAIT_BUCKETS, rt_wait_bucket_bound, buckets, sum_of_executors(EXECUTOR(waited_ms)) * 1000, false
	};

	for (int i = 0; i < RT_WAIT_BUCKETS; i++)
		buckets[i] = sum_of_executors(EXECUTOR(waits) + i * sizeof(pg_atomic_uint64));
	rt_exposition_begin(exposition, &queue_wait);
	rt_exposition_histogram(exposition, NULL, &histogram);
}

static void
write_executors(RtExposition *exposition)
{
	write_crew(exposition);
	for (int i = 0; i < lengthof(executor_counters); i++)
	{
		rt_exposition_begin(exposition, &executor_counters[i].metric);
		rt_exposition_count(exposition, NULL, sum_of_executors(executor_counters[i].offset));
	}
	write_values(exposition);
	write_queue_wait(exposition);
}

/* ---- the scheduler ---- */

static void
write_scheduler(RtExposition *exposition)
{
	RtSchedulerCounters *counters = &rt_worker_slot(RT_WORKER_SCHEDULER, 0)->scheduler;

	for (int i = 0; i < lengthof(scheduler_counters); i++)
	{
		rt_exposition_begin(exposition, &scheduler_counters[i].metric);
		rt_exposition_count(exposition, NULL,
							read_counter(counters, scheduler_counters[i].offset));
	}
}

void
rt_metrics_write_workers(RtExposition *exposition)
{
	write_gateways(exposition);
	write_executors(exposition);
	write_scheduler(exposition);
}
