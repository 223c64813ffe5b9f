/*
 * window.c
 *		The parts of time that windows of aggregates are made of.
 *
 * Periods of the calendar are those of date_trunc() in a time zone.  Where one
 * ends is found from that alone, by bisection, so whatever clocks are set to do
 * there, no time is in two buckets or in none.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "src/aggregate/window.h"

#define UNIX_EPOCH (-(INT64CONST(946684800) * USECS_PER_SEC))	/* 1970 */

static const struct
{
	const char *name;
	int64		longest;		/* with all that clocks are set back */
}			periods[] =
{
	{"minute", 2 * USECS_PER_MINUTE},
	{"hour", 4 * USECS_PER_HOUR},
	{"day", 2 * USECS_PER_DAY},
	{"week", 9 * USECS_PER_DAY},
	{"month", 33 * USECS_PER_DAY},
	{"quarter", 94 * USECS_PER_DAY},
	{"year", 368 * USECS_PER_DAY}
};

static int64
longest(const char *period)
{
	for (int i = 0; i < lengthof(periods); i++)
	{
		if (strcmp(periods[i].name, period) == 0)
			return periods[i].longest;
	}
	elog(ERROR, "period \"%s\" does not exist", period);
}

/* ---- of equal length ---- */

static int64
length_of(const RtWindowDeclaration *window)
{
	return window->kind == RT_WINDOW_SLIDING ? window->slide_us : window->duration_us;
}

static TimestampTz
equal_bucket(const RtWindowDeclaration *window, TimestampTz time)
{
	int64		length = length_of(window);
	TimestampTz anchor = window->has_anchor ? window->anchor : UNIX_EPOCH;
	int64		into = (time - anchor) % length;

	return time - (into < 0 ? into + length : into);
}

/* ---- periods of the calendar ---- */

static TimestampTz
calendar_bucket(const RtWindowDeclaration *window, TimestampTz time)
{
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_trunc_zone,
												   CStringGetTextDatum(window->period),
												   TimestampTzGetDatum(time),
												   CStringGetTextDatum(window->time_zone)));
}

static TimestampTz
calendar_end(const RtWindowDeclaration *window, TimestampTz time)
{
	TimestampTz bucket = calendar_bucket(window, time);
	TimestampTz in = time;
	TimestampTz out = time + longest(window->period);

	while (out - in > 1)
	{
		TimestampTz middle = in + (out - in) / 2;

		if (calendar_bucket(window, middle) == bucket)
			in = middle;
		else
			out = middle;
	}
	return out;
}

/* ---- all of them ---- */

TimestampTz
rt_window_bucket(const RtWindowDeclaration *window, TimestampTz time)
{
	if (window->kind == RT_WINDOW_LIFETIME)
		return DT_NOBEGIN;
	return window->period != NULL ? calendar_bucket(window, time) : equal_bucket(window, time);
}

TimestampTz
rt_window_end(const RtWindowDeclaration *window, TimestampTz time)
{
	if (window->kind == RT_WINDOW_LIFETIME)
		return DT_NOEND;
	if (window->period != NULL)
		return calendar_end(window, time);
	return equal_bucket(window, time) + length_of(window);
}

int64
rt_window_buckets(int64 duration_us, int64 slide_us)
{
	return duration_us / slide_us + (duration_us % slide_us != 0);
}

TimestampTz
rt_window_oldest(const RtWindowDeclaration *window, TimestampTz time)
{
	int64		buckets = rt_window_buckets(window->duration_us, window->slide_us);

	return equal_bucket(window, time) - (buckets - 1) * window->slide_us;
}
