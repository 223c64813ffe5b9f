/*
 * waiting.c
 *		Metrics of jobs and events that wait, as they were counted last.  What could not
 *		be counted has no sample.
 */
#include "postgres.h"

#include "src/ipc/waiting.h"
#include "src/metrics/metrics.h"

static const RtMetric job_waiting = {
	"realtime_job_waiting", RT_METRIC_GAUGE, NULL,
	"Jobs that may be run, those that are run among them, by queue; 10000 are that many or more."
};
static const RtMetric job_oldest = {
	"realtime_job_oldest_seconds", RT_METRIC_GAUGE, "seconds",
	"For how long the job that comes first might have been run, by queue."
};
static const RtMetric job_dead = {
	"realtime_job_dead", RT_METRIC_GAUGE, NULL,
	"Jobs that are kept and whose last attempt has failed, by queue; 10000 are that many or more."
};
static const RtMetric events_waiting = {
	"realtime_intake_waiting", RT_METRIC_GAUGE, NULL,
	"Events that an aggregate or effect has not taken yet, by path; 10000 are that many or more."
};
static const RtMetric events_oldest = {
	"realtime_intake_oldest_seconds", RT_METRIC_GAUGE, "seconds",
	"How long ago the first of these was published."
};

static uint64
count_of(const RtWaiting *waiting)
{
	return waiting->count;
}

static uint64
dead_of(const RtWaiting *waiting)
{
	return waiting->dead;
}

/* Microseconds. */
static uint64
age_of(const RtWaiting *waiting)
{
	return waiting->oldest == 0 ? 0 : Max(0, GetCurrentTimestamp() - waiting->oldest);
}

typedef struct Waitings
{
	const RtWaiting *all;
	int			count;
} Waitings;

static void
write_all(RtExposition *exposition, const RtMetric *metric, Waitings waitings, RtWaitingKind kind,
	  uint64 (*value) (const RtWaiting *waiting))
{
	rt_exposition_begin(exposition, metric);
	for (int i = 0; i < waitings.count; i++)
	{
		const RtWaiting *waiting = &waitings.all[i];

		if (waiting->kind != kind || !waiting->is_known)
			continue;
		if (metric->unit != NULL)
			rt_exposition_seconds(exposition, RT_LABELS({"path", waiting->name}), value(waiting));
		else
			rt_exposition_count(exposition, RT_LABELS({"path", waiting->name}), value(waiting));
	}
}

void
rt_metrics_write_waiting(RtExposition *exposition)
{
	RtWaiting  *all;
	int			count = rt_waiting_read(&all);
	Waitings	waitings = {all, count};

	write_all(exposition, &job_waiting, waitings, RT_WAITING_JOBS, count_of);
	write_all(exposition, &job_oldest, waitings, RT_WAITING_JOBS, age_of);
	write_all(exposition, &job_dead, waitings, RT_WAITING_JOBS, dead_of);
	write_all(exposition, &events_waiting, waitings, RT_WAITING_EVENTS, count_of);
	write_all(exposition, &events_oldest, waitings, RT_WAITING_EVENTS, age_of);
	pfree(all);
}
