/*
 * pressure.c
 *		How much of what there is has been taken, and what is scarce.
 *
 * Read from counters that are kept anyway; nothing is kept for this.
 */
#include "postgres.h"

#include "src/guc.h"
#include "src/ipc/payload.h"
#include "src/ipc/pressure.h"
#include "src/ipc/request.h"
#include "src/ipc/worker_slot.h"

static const char *const names[RT_PRESSURE_REASONS] = {
	[RT_PRESSURE_NONE] = "NONE",
	[RT_PRESSURE_SUBSCRIBERS] = "SUBSCRIBERS",
	[RT_PRESSURE_PUBLISH_RATE] = "PUBLISH_RATE",
	[RT_PRESSURE_EXECUTORS] = "EXECUTORS",
	[RT_PRESSURE_MEMORY] = "MEMORY"
};

const char *
rt_pressure_name(RtPressureReason reason)
{
	return names[reason];
}

RtPressureReason
rt_pressure_of_name(const char *name)
{
	int			reason = 0;

	while (reason < RT_PRESSURE_REASONS && strcmp(names[reason], name) != 0)
		reason++;
	return (RtPressureReason) reason;
}

/* Gateways that hold connections. */
static void
measure_gateways(RtPressure *pressure)
{
	double		connections = 0;
	double		subscriptions = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_GATEWAY); i++)
	{
		RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_GATEWAY, i);
		RtGatewayCounters *counters = &slot->gateway;
		double		own = pg_atomic_read_u64(&counters->connections);

		if (pg_atomic_read_u32(&slot->state) != RT_WORKER_RUNNING || own == 0)
			continue;
		connections += own;
		subscriptions += pg_atomic_read_u64(&counters->subscriptions);
		pressure->publish_rate = Max(pressure->publish_rate,
									 pg_atomic_read_u64(&counters->publish_rate));
		pressure->memory = Max(pressure->memory,
							   pg_atomic_read_u64(&counters->memory) /
							   (realtime_gateway_memory * 1024.0));
	}
	if (connections > 0)
		pressure->subscribers = subscriptions / connections;
}

/* A limit of 0 is none. */
static bool
reaches(double value, double limit)
{
	return limit > 0 && value >= limit;
}

static RtPressureReason
find_reason(const RtPressure *pressure)
{
	if (reaches(pressure->memory, realtime_pressure_memory / 100.0))
		return RT_PRESSURE_MEMORY;
	if (reaches(pressure->executors, realtime_pressure_executors / 100.0))
		return RT_PRESSURE_EXECUTORS;
	if (reaches(pressure->publish_rate, realtime_pressure_publish_rate))
		return RT_PRESSURE_PUBLISH_RATE;
	if (reaches(pressure->subscribers, realtime_pressure_subscribers))
		return RT_PRESSURE_SUBSCRIBERS;
	return RT_PRESSURE_NONE;
}

void
rt_pressure_measure(RtPressure *pressure)
{
	memset(pressure, 0, sizeof(*pressure));
	pressure->memory = rt_payload_part_used();
	pressure->executors = (double) rt_requests_in_use() / realtime_queue_depth;
	measure_gateways(pressure);
	pressure->reason = find_reason(pressure);
}
