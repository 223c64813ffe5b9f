/*
 * exposition.h
 *		Writes metrics as Prometheus reads them: its text format, version 0.0.4,
 *		or OpenMetrics 1.0.
 */
#ifndef RT_METRICS_EXPOSITION_H
#define RT_METRICS_EXPOSITION_H

#include "src/compat.h"

#include "lib/stringinfo.h"

typedef enum RtMetricsFormat
{
	RT_METRICS_TEXT,
	RT_METRICS_OPEN
} RtMetricsFormat;

/* As Content-Type says it. */
#define RT_METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define RT_METRICS_OPEN_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

typedef enum RtMetricKind
{
	RT_METRIC_COUNTER,			/* its samples' name ends with _total, which is not
								 * part of the name here */
	RT_METRIC_GAUGE,
	RT_METRIC_HISTOGRAM
} RtMetricKind;

typedef struct RtMetric
{
	const char *name;			/* ends with the unit, if there is one */
	RtMetricKind kind;
	const char *unit;			/* NULL = none */
	const char *help;
} RtMetric;

typedef struct RtExposition
{
	StringInfo	text;
	RtMetricsFormat format;
	const RtMetric *metric;		/* the last one that was begun */
} RtExposition;

/* What comes before the samples of a metric, which all follow. */
extern void rt_exposition_begin(RtExposition *exposition, const RtMetric *metric);

/*
 * Samples.  Labels are what stands between the braces, as rt_label_append() has
 * written it; NULL = none.
 */
extern void rt_exposition_count(RtExposition *exposition, const char *labels,
								uint64 value);
extern void rt_exposition_value(RtExposition *exposition, const char *labels,
								double value);

/* Microseconds, told in seconds. */
extern void rt_exposition_seconds(RtExposition *exposition, const char *labels,
								  uint64 us);

/*
 * A histogram of a number of buckets; bound says the upper bound of all but the
 * last one.  Counts are those of each bucket alone.
 */
typedef struct RtHistogram
{
	int			bucket_count;
	const char *(*bound) (int bucket);
	const uint64 *buckets;
	uint64		sum_us;
} RtHistogram;

extern void rt_exposition_histogram(RtExposition *exposition, const char *labels,
									const RtHistogram *histogram);

/* What comes behind all metrics. */
extern void rt_exposition_end(RtExposition *exposition);

/* Adds a label to others, if there are any. */
extern void rt_label_append(StringInfo labels, const char *name, const char *value);

#endif							/* RT_METRICS_EXPOSITION_H */
