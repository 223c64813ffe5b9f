/*
 * exposition.c
 *		The text formats of Prometheus.
 *
 * A scrape may have some ten thousand lines, and is written by a gateway between
 * two turns: samples are put together from pieces, without format strings.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "src/metrics/exposition.h"

static const char *const kind_names[] = {
	[RT_METRIC_COUNTER] = "counter",
	[RT_METRIC_GAUGE] = "gauge",
	[RT_METRIC_HISTOGRAM] = "histogram"
};

/* What samples of a metric have behind its name. */
static const char *
suffix_of(const RtMetric *metric)
{
	return metric->kind == RT_METRIC_COUNTER ? "_total" : "";
}

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

/* ---- a metric ---- */

/* OpenMetrics gives what it says to the metric, the other one to its samples. */
static void
append_head(RtExposition *exposition, const char *word)
{
	const RtMetric *metric = exposition->metric;

	appendStringInfo(exposition->text, "# %s %s%s ", word, metric->name,
					 exposition->format == RT_METRICS_TEXT ? suffix_of(metric) : "");
}

void
rt_exposition_begin(RtExposition *exposition, const RtMetric *metric)
{
	StringInfo	text = exposition->text;

	exposition->metric = metric;
	append_head(exposition, "HELP");
	append_escaped(text, metric->help, exposition->format == RT_METRICS_OPEN);
	appendStringInfoChar(text, '\n');
	append_head(exposition, "TYPE");
	appendStringInfo(text, "%s\n", kind_names[metric->kind]);
	if (exposition->format != RT_METRICS_OPEN || metric->unit == NULL)
		return;
	append_head(exposition, "UNIT");
	appendStringInfo(text, "%s\n", metric->unit);
}

/* ---- samples ---- */

static void
append_name(RtExposition *exposition, const char *suffix, const char *labels)
{
	StringInfo	text = exposition->text;

	appendStringInfoString(text, exposition->metric->name);
	appendStringInfoString(text, suffix);
	if (labels != NULL)
	{
		appendStringInfoChar(text, '{');
		appendStringInfoString(text, labels);
		appendStringInfoChar(text, '}');
	}
	appendStringInfoChar(text, ' ');
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

void
rt_exposition_count(RtExposition *exposition, const char *labels, uint64 value)
{
	append_name(exposition, suffix_of(exposition->metric), labels);
	append_count(exposition->text, value);
	appendStringInfoChar(exposition->text, '\n');
}

void
rt_exposition_value(RtExposition *exposition, const char *labels, double value)
{
	append_name(exposition, suffix_of(exposition->metric), labels);
	if (isfinite(value))
		appendStringInfo(exposition->text, "%.6g\n", value);
	else
		appendStringInfoString(exposition->text, "NaN\n");
}

void
rt_exposition_seconds(RtExposition *exposition, const char *labels, uint64 us)
{
	append_name(exposition, suffix_of(exposition->metric), labels);
	append_seconds(exposition->text, us);
	appendStringInfoChar(exposition->text, '\n');
}

/* Its bound is a label behind the others. */
static void
append_bucket(RtExposition *exposition, const char *labels, const char *bound,
			  uint64 count)
{
	StringInfo	text = exposition->text;

	appendStringInfoString(text, exposition->metric->name);
	appendStringInfoString(text, "_bucket{");
	if (labels != NULL)
	{
		appendStringInfoString(text, labels);
		appendStringInfoChar(text, ',');
	}
	appendStringInfoString(text, "le=\"");
	appendStringInfoString(text, bound);
	appendStringInfoString(text, "\"} ");
	append_count(text, count);
	appendStringInfoChar(text, '\n');
}

void
rt_exposition_histogram(RtExposition *exposition, const char *labels,
						const RtHistogram *histogram)
{
	uint64		count = 0;

	for (int i = 0; i < histogram->bucket_count; i++)
	{
		count += histogram->buckets[i];
		append_bucket(exposition, labels,
					  i < histogram->bucket_count - 1 ? histogram->bound(i) : "+Inf",
					  count);
	}
	append_name(exposition, "_sum", labels);
	append_seconds(exposition->text, histogram->sum_us);
	appendStringInfoChar(exposition->text, '\n');
	append_name(exposition, "_count", labels);
	append_count(exposition->text, count);
	appendStringInfoChar(exposition->text, '\n');
}

void
rt_exposition_end(RtExposition *exposition)
{
	if (exposition->format == RT_METRICS_OPEN)
		appendStringInfoString(exposition->text, "# EOF\n");
}

void
rt_label_append(StringInfo labels, const char *name, const char *value)
{
	if (labels->len > 0)
		appendStringInfoChar(labels, ',');
	appendStringInfoString(labels, name);
	appendStringInfoString(labels, "=\"");
	append_escaped(labels, value, true);
	appendStringInfoChar(labels, '"');
}
