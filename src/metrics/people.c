/*
 * people.c
 *		Metrics of what is sent to users.
 */
#include "postgres.h"

#include "src/ipc/client.h"
#include "src/ipc/push.h"
#include "src/metrics/metrics.h"

static const RtMetric push_requests = {
	"realtime_push_requests", RT_METRIC_COUNTER, NULL,
	"Questions of realtime.push() and connection_push() that are over, by what has become of them."
};
static const RtMetric push_waiting = {
	"realtime_push_waiting", RT_METRIC_GAUGE, NULL,
	"Questions of realtime.push() and connection_push() whose replies are waited for."
};
static const RtMetric push_latency = {
	"realtime_push_reply_latency_ms", RT_METRIC_HISTOGRAM, "ms",
	"Time until clients have replied, whatever they have said."
};
static const RtMetric push_late = {
	"realtime_push_late_replies", RT_METRIC_COUNTER, NULL,
	"Replies of clients that nobody waited for any more, or ever."
};

static const RtMetric push_registry = {
	"realtime_push_registry_size", RT_METRIC_GAUGE, NULL,
	"Connections of users, to whom something can be sent."
};

static void
write_latency(RtExposition *exposition, const RtPushStats *pushes)
{
	RtHistogram histogram = {
		RT_WAIT_BUCKETS, rt_wait_bucket_bound_ms, pushes->replies, pushes->replies_us, true
	};

	rt_exposition_begin(exposition, &push_latency);
	rt_exposition_histogram(exposition, NULL, &histogram);
}

static void
write_pushes(RtExposition *exposition)
{
	RtPushStats pushes;

	rt_push_stats(&pushes);
	rt_exposition_begin(exposition, &push_requests);
	for (int i = 0; i < RT_PUSH_RESULTS; i++)
		rt_exposition_count(exposition,
							RT_LABELS({"result", rt_push_result_name((RtPushResult) i)}),
							pushes.results[i]);
	rt_exposition_one(exposition, &push_waiting, pushes.waiting);
	write_latency(exposition, &pushes);
	rt_exposition_one(exposition, &push_late, pushes.late);
	rt_exposition_one(exposition, &push_registry, rt_clients_of_users());
}

void
rt_metrics_write_people(RtExposition *exposition)
{
	write_pushes(exposition);
}
