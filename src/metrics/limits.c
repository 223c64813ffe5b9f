/*
 * limits.c
 *		Metrics of everything that is bounded: how much there is, how much there was,
 *		how much there may be, and how often that was not enough.
 *
 * Whoever is to be woken before something is used up needs one rule for all.
 */
#include "postgres.h"

#include "src/ipc/limit.h"
#include "src/ipc/limit_use.h"
#include "src/metrics/metrics.h"

static const RtMetric hits = {
	"realtime_limit_hits", RT_METRIC_COUNTER, NULL,
	"Times that a limit has refused, closed, dropped or held up something."
};
static const RtMetric current = {
	"realtime_limit_current", RT_METRIC_GAUGE, NULL,
	"How much there is of what is bounded, of several gateways or executors in the one that has most."
};
static const RtMetric peak = {
	"realtime_limit_peak", RT_METRIC_GAUGE, NULL,
	"The most that there has been."
};
static const RtMetric maximum = {
	"realtime_limit_maximum", RT_METRIC_GAUGE, NULL,
	"How much there can be."
};

static void
write_sizes(RtExposition *exposition, const RtMetric *metric, const RtLimitUse *uses,
			size_t member)
{
	rt_exposition_begin(exposition, metric);
	for (int limit = 0; limit < RT_LIMITS; limit++)
	{
		int64		size = *(const int64 *) ((const char *) &uses[limit] + member);

		if (size >= 0)
			rt_exposition_count(exposition, RT_LABELS({"limit", rt_limit_row(limit)->name}), size);
	}
}

void
rt_metrics_write_limits(RtExposition *exposition)
{
	RtLimitUse	uses[RT_LIMITS];

	rt_exposition_begin(exposition, &hits);
	for (int limit = 0; limit < RT_LIMITS; limit++)
	{
		uses[limit] = rt_limit_use(limit);
		rt_exposition_count(exposition, RT_LABELS({"limit", rt_limit_row(limit)->name}),
							rt_limit_hits(limit));
	}
	write_sizes(exposition, &current, uses, offsetof(RtLimitUse, current));
	write_sizes(exposition, &peak, uses, offsetof(RtLimitUse, peak));
	write_sizes(exposition, &maximum, uses, offsetof(RtLimitUse, maximum));
}
