/*
 * exposition.h
 *		Tells metrics, sample by sample: as Prometheus reads them, in its text
 *		format, version 0.0.4, or as OpenMetrics 1.0; or to whoever takes samples.
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

extern const char *rt_metric_kind_name(RtMetricKind kind);

typedef struct RtMetric
{
	const char *name;			/* ends with the unit, if there is one */
	RtMetricKind kind;
	const char *unit;			/* NULL = none */
	const char *help;
} RtMetric;

typedef struct RtLabel
{
	const char *name;			/* NULL = the end of several */
	const char *value;
} RtLabel;

#define RT_LABELS(...) ((const RtLabel[]) {__VA_ARGS__, {NULL, NULL}})

typedef enum RtSampleUnit
{
	RT_SAMPLE_COUNT,			/* count */
	RT_SAMPLE_MICROSECONDS,		/* count, told in seconds */
	RT_SAMPLE_VALUE				/* value */
} RtSampleUnit;

typedef struct RtSample
{
	const char *suffix;			/* of its name, behind that of the metric */
	const RtLabel *labels;		/* NULL = none */
	const char *bound;			/* of a bucket, one label more; NULL = it is none */
	RtSampleUnit unit;
	uint64		count;
	double		value;
} RtSample;

/* Whom they are told to, and what he needs. */
typedef struct RtExposition
{
	void		(*begin) (struct RtExposition *exposition);	/* a metric; NULL = nothing */
	void		(*sample) (struct RtExposition *exposition, const RtSample *sample);
	void	   *taker;			/* his own */
	RtMetricsFormat format;		/* of text */
	const RtMetric *metric;		/* the last one that was begun */
} RtExposition;

/* For metrics as text, to be appended; what comes behind all of them. */
extern RtExposition rt_exposition_text(StringInfo text, RtMetricsFormat format);
extern void rt_exposition_end_text(RtExposition *exposition);

/* What comes before the samples of a metric, which all follow. */
extern void rt_exposition_begin(RtExposition *exposition, const RtMetric *metric);

/* Samples, labels as RT_LABELS({"name", value}, ...); NULL = none. */
extern void rt_exposition_count(RtExposition *exposition, const RtLabel *labels,
								uint64 value);
extern void rt_exposition_value(RtExposition *exposition, const RtLabel *labels,
								double value);

/* Microseconds, told in seconds. */
extern void rt_exposition_seconds(RtExposition *exposition, const RtLabel *labels,
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
	bool		in_ms;			/* it is told in milliseconds, else in seconds */
} RtHistogram;

extern void rt_exposition_histogram(RtExposition *exposition, const RtLabel *labels,
									const RtHistogram *histogram);

/* A metric with one sample, without labels. */
extern void rt_exposition_one(RtExposition *exposition, const RtMetric *metric,
							  uint64 value);

#endif							/* RT_METRICS_EXPOSITION_H */
