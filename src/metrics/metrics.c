/*
 * metrics.c
 *		All metrics.
 */
#include "postgres.h"

#include "src/metrics/metrics.h"

void
rt_metrics_tell(RtExposition *exposition)
{
	rt_metrics_write_state(exposition);
	rt_metrics_write_limits(exposition);
	rt_metrics_write_paths(exposition);
	rt_metrics_write_workers(exposition);
	rt_metrics_write_people(exposition);
	rt_metrics_write_scores(exposition);
	rt_metrics_write_waiting(exposition);
}

void
rt_metrics_write(StringInfo text, RtMetricsFormat format)
{
	RtExposition exposition = rt_exposition_text(text, format);

	rt_metrics_tell(&exposition);
	rt_exposition_end_text(&exposition);
}
