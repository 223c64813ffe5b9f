/*
 * exposition.c
 *		Tells metrics, and the text formats of Prometheus.
 *
 * A scrape may have some ten thousand lines, and is written by a gateway between
 * two turns: samples are put together from pieces, without format strings.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "src/metrics/exposition.h"

const char *
rt_metric_kind_name(RtMetricKind kind)
{
	static const char *const names[] = {
		[RT_METRIC_COUNTER] = "counter",
		[RT_METRIC_GAUGE] = "gauge",
		[RT_METRIC_HISTOGRAM] = "histogram"
	};

	return names[kind];
}

/* What samples of a metric have behind its name. */
static const char *
suffix_of(const RtMetric *metric)
{
	return metric->kind == RT_METRIC_COUNTER ? "_total" : "";
}

/* ---- samples ---- */

void
rt_exposition_begin(RtExposition *exposition, const RtMetric *metric)
{
	exposition->metric = metric;
	if (exposition->begin != NULL)
		exposition->begin(exposition);
}

void
rt_exposition_count(RtExposition *exposition, const RtLabel *labels, uint64 value)
{
	RtSample	sample = {suffix_of(exposition->metric), labels, NULL, RT_SAMPLE_COUNT, value, 0};

	exposition->sample(exposition, &sample);
}

void
rt_exposition_value(RtExposition *exposition, const RtLabel *labels, double value)
{
	RtSample	sample = {suffix_of(exposition->metric), labels, NULL, RT_SAMPLE_VALUE, 0, value};

	exposition->sample(exposition, &sample);
}

void
rt_exposition_seconds(RtExposition *exposition, const RtLabel *labels, uint64 us)
{
	RtSample	sample = {suffix_of(exposition->metric), labels, NULL, RT_SAMPLE_MICROSECONDS, us, 0};

	exposition->sample(exposition, &sample);
}

void
rt_exposition_histogram(RtExposition *exposition, const RtLabel *labels,
						const RtHistogram *histogram)
{
	RtSample	sample = {"_bucket", labels, NULL, RT_SAMPLE_COUNT, 0, 0};
	RtSample	sum = {"_sum", labels, NULL, RT_SAMPLE_MICROSECONDS, histogram->sum_us, 0};

	if (histogram->in_ms)
		sum.count *= 1000;
	for (int i = 0; i < histogram->bucket_count; i++)
	{
		sample.count += histogram->buckets[i];
		sample.bound = i < histogram->bucket_count - 1 ? histogram->bound(i) : "+Inf";
		exposition->sample(exposition, &sample);
	}
	sample.bound = NULL;
	exposition->sample(exposition, &sum);
	sample.suffix = "_count";
	exposition->sample(exposition, &sample);
}

void
rt_exposition_one(RtExposition *exposition, const RtMetric *metric, uint64 value)
{
	rt_exposition_begin(exposition, metric);
	rt_exposition_count(exposition, NULL, value);
}

/* ---- text ---- */

/* A backslash, an end of line and, where they would end the text, quotes. */
static void
append_escaped(StringInfo text, const char *value, bool quotes)
{
	for (const char *c = value; *c != '\0'; c++)
	{
		if (*c == '\n')
			appendStringInfoString(text, "\\n");
		else
		{
			if (*c == '\\' || (*c == '"' && quotes))
				appendStringInfoChar(text, '\\');
			appendStringInfoChar(text, *c);
		}
	}
}

/* OpenMetrics gives what it says to the metric, the other one to its samples. */
static void
append_head(RtExposition *exposition, const char *word)
{
	const RtMetric *metric = exposition->metric;

	appendStringInfo(exposition->taker, "# %s %s%s ", word, metric->name,
					 exposition->format == RT_METRICS_TEXT ? suffix_of(metric) : "");
}

static void
begin_text(RtExposition *exposition)
{
	StringInfo	text = exposition->taker;
	const RtMetric *metric = exposition->metric;

	append_head(exposition, "HELP");
	append_escaped(text, metric->help, exposition->format == RT_METRICS_OPEN);
	appendStringInfoChar(text, '\n');
	append_head(exposition, "TYPE");
	appendStringInfo(text, "%s\n", rt_metric_kind_name(metric->kind));
	if (exposition->format != RT_METRICS_OPEN || metric->unit == NULL)
		return;
	append_head(exposition, "UNIT");
	appendStringInfo(text, "%s\n", metric->unit);
}

static void
append_label(StringInfo text, const char *name, const char *value, bool first)
{
	appendStringInfoChar(text, first ? '{' : ',');
	appendStringInfoString(text, name);
	appendStringInfoString(text, "=\"");
	append_escaped(text, value, true);
	appendStringInfoChar(text, '"');
}

/* The bound of a bucket is a label behind the others. */
static void
append_labels(StringInfo text, const RtSample *sample)
{
	bool		first = true;

	for (const RtLabel *label = sample->labels; label != NULL && label->name != NULL; label++)
	{
		append_label(text, label->name, label->value, first);
		first = false;
	}
	if (sample->bound != NULL)
	{
		append_label(text, "le", sample->bound, first);
		first = false;
	}
	if (!first)
		appendStringInfoChar(text, '}');
}

static void
append_count(StringInfo text, uint64 value)
{
	char		digits[MAXINT8LEN + 1];

	appendBinaryStringInfo(text, digits, pg_ulltoa_n(value, digits));
}

/* Seconds, with as many digits as microseconds have. */
static void
append_seconds(StringInfo text, uint64 us)
{
	appendStringInfo(text, UINT64_FORMAT ".%06d", us / 1000000, (int) (us % 1000000));
}

static void
append_value(StringInfo text, double value)
{
	if (isfinite(value))
		appendStringInfo(text, "%.6g", value);
	else
		appendStringInfoString(text, "NaN");
}

static void
append_sample(RtExposition *exposition, const RtSample *sample)
{
	StringInfo	text = exposition->taker;

	appendStringInfoString(text, exposition->metric->name);
	appendStringInfoString(text, sample->suffix);
	append_labels(text, sample);
	appendStringInfoChar(text, ' ');
	switch (sample->unit)
	{
		case RT_SAMPLE_COUNT:
			append_count(text, sample->count);
			break;
		case RT_SAMPLE_MICROSECONDS:
			append_seconds(text, sample->count);
			break;
		case RT_SAMPLE_VALUE:
			append_value(text, sample->value);
			break;
	}
	appendStringInfoChar(text, '\n');
}

RtExposition
rt_exposition_text(StringInfo text, RtMetricsFormat format)
{
	return (RtExposition) {
		.begin = begin_text,
		.sample = append_sample,
		.taker = text,
		.format = format
	};
}

void
rt_exposition_end_text(RtExposition *exposition)
{
	if (exposition->format == RT_METRICS_OPEN)
		appendStringInfoString(exposition->taker, "# EOF\n");
}
