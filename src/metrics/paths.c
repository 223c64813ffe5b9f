/*
 * paths.c
 *		Metrics of what clients ask for, by path: traffic, errors and times, and
 *		what limits of calls have done; and of jobs.
 *
 * Paths are what declarations say, and so many at most as the tables of
 * path_stat.h and rate.h have room for.
 */
#include "postgres.h"

#include "src/ipc/path_stat.h"
#include "src/ipc/rate.h"
#include "src/metrics/metrics.h"

/* What there is of each kind of path. */
typedef struct Family
{
	RtPathKind	kind;
	RtMetric	total;			/* by path and status */
	RtMetric	errors;			/* by path, and code if they are told to clients */
	RtMetric	duration;
	bool		has_codes;
	bool		skips;
} Family;

static const Family families[] = {
	{RT_PATH_CALL,
		{"realtime_rpc", RT_METRIC_COUNTER, NULL,
		"Calls, first values of streams and pages of them that executors have run, by path and whether they succeeded."},
		{"realtime_rpc_errors", RT_METRIC_COUNTER, NULL,
		"Of these, errors that clients have been told, by path and code."},
		{"realtime_rpc_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time from when an executor has taken a call to its commit or rollback, by path."},
	true, false},
	{RT_PATH_RELOAD,
		{"realtime_stream_reload", RT_METRIC_COUNTER, NULL,
		"Times that a stream, derived ones among them, was loaded anew for who follows it."},
		{"realtime_stream_reload_errors", RT_METRIC_COUNTER, NULL,
		"Of these, those that have failed, by path."},
		{"realtime_stream_reload_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time that loading a stream anew has taken, by path."},
	false, false},
	{RT_PATH_CRON,
		{"realtime_cron", RT_METRIC_COUNTER, NULL,
		"Times of jobs, by path and what has become of them: ok, error, or skipped because it was too late."},
		{"realtime_cron_errors", RT_METRIC_COUNTER, NULL,
		"Runs of jobs that have failed, by path."},
		{"realtime_cron_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time that runs of jobs have taken, by path."},
	false, true},
	{RT_PATH_JOB,
		{"realtime_job", RT_METRIC_COUNTER, NULL,
		"Runs of jobs in executors, by queue and whether they succeeded."},
		{"realtime_job_errors", RT_METRIC_COUNTER, NULL,
		"Runs of jobs that have failed, by queue."},
		{"realtime_job_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time that runs of jobs have taken, by queue."},
	false, false},
	{RT_PATH_AGGREGATE,
		{"realtime_aggregate", RT_METRIC_COUNTER, NULL,
		"Transactions in which an aggregate has counted events, by path and whether they succeeded."},
		{"realtime_aggregate_errors", RT_METRIC_COUNTER, NULL,
		"Of these, those that have failed, by path."},
		{"realtime_aggregate_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time that counting events has taken, by path."},
	false, false},
	{RT_PATH_EFFECT,
		{"realtime_effect", RT_METRIC_COUNTER, NULL,
		"Times that the function of an effect was run, or that its events were made jobs, by path and whether that succeeded."},
		{"realtime_effect_errors", RT_METRIC_COUNTER, NULL,
		"Of these, those that have failed, by path."},
		{"realtime_effect_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
		"Time that the functions of effects have taken, by path."},
	false, false},
};

static const RtMetric taken = {
	"realtime_intake_events", RT_METRIC_COUNTER, NULL,
	"Events that aggregates and effects have taken, by path."
};
static const RtMetric followers = {
	"realtime_stream_subscriptions", RT_METRIC_GAUGE, NULL,
	"Subscriptions of streams and live queries that are held, by path."
};
static const RtMetric admission_accepted = {
	"realtime_admission_accepted", RT_METRIC_COUNTER, NULL,
	"Calls and subscriptions of a class of service that were let in, by class."
};
static const RtMetric admission_rejected = {
	"realtime_admission_rejected", RT_METRIC_COUNTER, NULL,
	"Those that have got OVERLOADED because their class gave way, by class."
};
static const RtMetric limit_allowed = {
	"realtime_ratelimit_allowed", RT_METRIC_COUNTER, NULL,
	"Calls that were within the limit of their path."
};
static const RtMetric limit_denied = {
	"realtime_ratelimit_denied", RT_METRIC_COUNTER, NULL,
	"Calls refused with RATE_LIMITED, by path."
};

/* ---- what was run ---- */

static bool
is_of_kind(const RtPathStat *stat, RtPathKind kind)
{
	return (stat->kind == RT_PATH_STREAM ? RT_PATH_CALL : stat->kind) == kind;
}

/* Copies of all of a kind; streams are calls. */
static RtPathStat *
read_all(RtPathKind kind, int *count)
{
	RtPathStat	stat;
	RtPathStat *all;
	int			n = 0;

	while (rt_path_stat_read(n, &stat))
		n++;
	all = palloc_extended(mul_size(sizeof(RtPathStat), n), MCXT_ALLOC_HUGE);
	*count = 0;
	for (int i = 0; i < n && rt_path_stat_read(i, &all[*count]); i++)
		*count += all[*count].calls + all[*count].skipped > 0 &&
			is_of_kind(&all[*count], kind);
	return all;
}

static void
write_totals(RtExposition *exposition, const Family *family, const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, &family->total);
	for (int i = 0; i < count; i++)
	{
		const char *path = stats[i].path;
		uint64		errors = Min(stats[i].errors, stats[i].calls);

		rt_exposition_count(exposition, RT_LABELS({"path", path}, {"status", "ok"}),
							stats[i].calls - errors);
		rt_exposition_count(exposition, RT_LABELS({"path", path}, {"status", "error"}), errors);
		if (family->skips)
			rt_exposition_count(exposition, RT_LABELS({"path", path}, {"status", "skipped"}),
								stats[i].skipped);
	}
}

static void
write_codes(RtExposition *exposition, const RtPathStat *stat)
{
	for (int code = 0; code < RT_CODE_COUNT; code++)
	{
		const char *name = code == RT_CODE_CUSTOM ? "CUSTOM" : rt_code_wire(code);

		if (stat->codes[code] > 0)
			rt_exposition_count(exposition, RT_LABELS({"path", stat->path}, {"code", name}),
								stat->codes[code]);
	}
}

static void
write_errors(RtExposition *exposition, const Family *family, const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, &family->errors);
	for (int i = 0; i < count; i++)
	{
		if (family->has_codes)
			write_codes(exposition, &stats[i]);
		else
			rt_exposition_count(exposition, RT_LABELS({"path", stats[i].path}), stats[i].errors);
	}
}

static void
write_durations(RtExposition *exposition, const Family *family, const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, &family->duration);
	for (int i = 0; i < count; i++)
	{
		RtHistogram histogram = {
			RT_STAT_BUCKETS, rt_stat_bucket_bound, stats[i].buckets, stats[i].total_us, false
		};

		rt_exposition_histogram(exposition, RT_LABELS({"path", stats[i].path}), &histogram);
	}
}

static void
write_family(RtExposition *exposition, const Family *family)
{
	int			count;
	RtPathStat *stats = read_all(family->kind, &count);

	write_totals(exposition, family, stats, count);
	write_errors(exposition, family, stats, count);
	write_durations(exposition, family, stats, count);
	pfree(stats);
}

/* ---- who follows, takes and is let in ---- */

static void
write_followers(RtExposition *exposition)
{
	RtPathStat	stat;

	rt_exposition_begin(exposition, &followers);
	for (int i = 0; rt_path_stat_read(i, &stat); i++)
	{
		if (stat.followers > 0 || (stat.kind == RT_PATH_STREAM && stat.calls > 0))
			rt_exposition_count(exposition, RT_LABELS({"path", stat.path}), stat.followers);
	}
}

static void
write_taken(RtExposition *exposition)
{
	RtPathStat	stat;

	rt_exposition_begin(exposition, &taken);
	for (int i = 0; rt_path_stat_read(i, &stat); i++)
	{
		if (stat.kind == RT_PATH_AGGREGATE || stat.kind == RT_PATH_EFFECT)
			rt_exposition_count(exposition, RT_LABELS({"path", stat.path}), stat.events);
	}
}

static void
write_admission(RtExposition *exposition)
{
	int			count;
	RtPathStat *classes = read_all(RT_PATH_CLASS, &count);

	rt_exposition_begin(exposition, &admission_accepted);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, RT_LABELS({"class", classes[i].path}),
							classes[i].calls - Min(classes[i].errors, classes[i].calls));
	rt_exposition_begin(exposition, &admission_rejected);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, RT_LABELS({"class", classes[i].path}), classes[i].errors);
	pfree(classes);
}

/* ---- limits ---- */

static void
write_limits(RtExposition *exposition)
{
	RtRatePath *paths;
	int			count = rt_rate_paths(&paths);

	rt_exposition_begin(exposition, &limit_allowed);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, RT_LABELS({"path", paths[i].name}), paths[i].passed);
	rt_exposition_begin(exposition, &limit_denied);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, RT_LABELS({"path", paths[i].name}), paths[i].refused);
	pfree(paths);
}

void
rt_metrics_write_paths(RtExposition *exposition)
{
	for (int i = 0; i < lengthof(families); i++)
		write_family(exposition, &families[i]);
	write_followers(exposition);
	write_taken(exposition);
	write_admission(exposition);
	write_limits(exposition);
}
