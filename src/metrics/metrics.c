/*
 * metrics.c
 *		All metrics, in one text.
 */
#include "postgres.h"

#include "src/metrics/metrics.h"

void
rt_metrics_write(StringInfo text, RtMetricsFormat format)
{
	RtExposition exposition = {.text = text,.format = format};

	rt_metrics_write_state(&exposition);
	rt_metrics_write_paths(&exposition);
	rt_metrics_write_workers(&exposition);
	rt_metrics_write_people(&exposition);
	rt_exposition_end(&exposition);
}
