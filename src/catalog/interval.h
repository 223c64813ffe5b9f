/*
 * interval.h
 *		Lengths of time from intervals.
 */
#ifndef RT_CATALOG_INTERVAL_H
#define RT_CATALOG_INTERVAL_H

#include "src/compat.h"

#include "datatype/timestamp.h"

/*
 * Milliseconds of an interval, a month taken as 30 days.  Returns false if
 * they do not fit into an int64, as those of 'infinity'.
 */
extern bool rt_interval_ms(const Interval *interval, int64 *ms);

#endif							/* RT_CATALOG_INTERVAL_H */
