/*
 * metrics.h
 *		What is to be seen of the whole server.
 *
 * All of it is read from shared memory, so it does not matter which gateway or
 * session is asked.
 */
#ifndef RT_METRICS_METRICS_H
#define RT_METRICS_METRICS_H

#include "src/metrics/exposition.h"

/*
 * All metrics.  Counters are read one by one, without stopping anybody.  Raises
 * only for want of memory, and what who is told raises.
 */
extern void rt_metrics_tell(RtExposition *exposition);

/* The same appended as text. */
extern void rt_metrics_write(StringInfo text, RtMetricsFormat format);

/* The parts of it. */
extern void rt_metrics_write_workers(RtExposition *exposition);
extern void rt_metrics_write_paths(RtExposition *exposition);
extern void rt_metrics_write_state(RtExposition *exposition);
extern void rt_metrics_write_limits(RtExposition *exposition);
extern void rt_metrics_write_people(RtExposition *exposition);
extern void rt_metrics_write_scores(RtExposition *exposition);
extern void rt_metrics_write_waiting(RtExposition *exposition);

#endif							/* RT_METRICS_METRICS_H */
