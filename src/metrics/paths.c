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

static const RtMetric rpc = {
	"realtime_rpc", RT_METRIC_COUNTER, NULL,
	"Calls, first values of streams and pages of them that executors have run, by path and whether they succeeded."
};
static const RtMetric rpc_errors = {
	"realtime_rpc_errors", RT_METRIC_COUNTER, NULL,
	"Of these, errors that clients have been told, by path and code."
};
static const RtMetric rpc_duration = {
	"realtime_rpc_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
	"Time from when an executor has taken a call to its commit or rollback, by path."
};
static const RtMetric cron = {
	"realtime_cron", RT_METRIC_COUNTER, NULL,
	"Times of jobs, by path and what has become of them: ok, error, or skipped because it was too late."
};
static const RtMetric cron_errors = {
	"realtime_cron_errors", RT_METRIC_COUNTER, NULL,
	"Runs of jobs that have failed, by path."
};
static const RtMetric cron_duration = {
	"realtime_cron_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
	"Time that runs of jobs have taken, by path."
};
static const RtMetric job = {
	"realtime_job", RT_METRIC_COUNTER, NULL,
	"Runs of jobs in executors, by queue and whether they succeeded."
};
static const RtMetric job_errors = {
	"realtime_job_errors", RT_METRIC_COUNTER, NULL,
	"Runs of jobs that have failed, by queue."
};
static const RtMetric job_duration = {
	"realtime_job_duration_seconds", RT_METRIC_HISTOGRAM, "seconds",
	"Time that runs of jobs have taken, by queue."
};
static const RtMetric limit_allowed = {
	"realtime_ratelimit_allowed", RT_METRIC_COUNTER, NULL,
	"Calls that were within the limit of their path."
};
static const RtMetric limit_denied = {
	"realtime_ratelimit_denied", RT_METRIC_COUNTER, NULL,
	"Calls refused with RATE_LIMITED, by path."
};

/* Labels are written here, to be written over soon. */
static StringInfoData labels;

static const char *
label_path(const char *path, const char *name, const char *value)
{
	resetStringInfo(&labels);
	rt_label_append(&labels, "path", path);
	if (name != NULL)
		rt_label_append(&labels, name, value);
	return labels.data;
}

/* ---- calls ---- */

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
write_calls(RtExposition *exposition, const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, &rpc);
	for (int i = 0; i < count; i++)
	{
		const RtPathStat *stat = &stats[i];
		uint64		errors = Min(stat->errors, stat->calls);

		rt_exposition_count(exposition, label_path(stat->path, "status", "ok"),
							stat->calls - errors);
		rt_exposition_count(exposition, label_path(stat->path, "status", "error"), errors);
	}
}

static void
write_errors(RtExposition *exposition, const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, &rpc_errors);
	for (int i = 0; i < count; i++)
	{
		for (int code = 0; code < RT_CODE_COUNT; code++)
		{
			if (stats[i].codes[code] > 0)
				rt_exposition_count(exposition,
									label_path(stats[i].path, "code",
											   code == RT_CODE_CUSTOM ? "CUSTOM" :
											   rt_code_wire(code)),
									stats[i].codes[code]);
		}
	}
}

static void
write_durations(RtExposition *exposition, const RtMetric *metric,
				const RtPathStat *stats, int count)
{
	rt_exposition_begin(exposition, metric);
	for (int i = 0; i < count; i++)
	{
		RtHistogram histogram = {
			RT_STAT_BUCKETS, rt_stat_bucket_bound, stats[i].buckets, stats[i].total_us
		};

		rt_exposition_histogram(exposition, label_path(stats[i].path, NULL, NULL),
								&histogram);
	}
}

/* ---- jobs ---- */

static void
write_jobs(RtExposition *exposition)
{
	int			count;
	RtPathStat *jobs = read_all(RT_PATH_CRON, &count);

	rt_exposition_begin(exposition, &cron);
	for (int i = 0; i < count; i++)
	{
		const RtPathStat *job = &jobs[i];
		uint64		errors = Min(job->errors, job->calls);

		rt_exposition_count(exposition, label_path(job->path, "status", "ok"), job->calls - errors);
		rt_exposition_count(exposition, label_path(job->path, "status", "error"), errors);
		rt_exposition_count(exposition, label_path(job->path, "status", "skipped"), job->skipped);
	}
	rt_exposition_begin(exposition, &cron_errors);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, label_path(jobs[i].path, NULL, NULL), jobs[i].errors);
	write_durations(exposition, &cron_duration, jobs, count);
	pfree(jobs);
}

static void
write_queues(RtExposition *exposition)
{
	int			count;
	RtPathStat *queues = read_all(RT_PATH_JOB, &count);

	rt_exposition_begin(exposition, &job);
	for (int i = 0; i < count; i++)
	{
		const RtPathStat *stat = &queues[i];
		uint64		errors = Min(stat->errors, stat->calls);

		rt_exposition_count(exposition, label_path(stat->path, "status", "ok"), stat->calls - errors);
		rt_exposition_count(exposition, label_path(stat->path, "status", "error"), errors);
	}
	rt_exposition_begin(exposition, &job_errors);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, label_path(queues[i].path, NULL, NULL), queues[i].errors);
	write_durations(exposition, &job_duration, queues, count);
	pfree(queues);
}

/* ---- limits ---- */

static void
write_limits(RtExposition *exposition)
{
	RtRatePath *paths;
	int			count = rt_rate_paths(&paths);

	rt_exposition_begin(exposition, &limit_allowed);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, label_path(paths[i].name, NULL, NULL), paths[i].passed);
	rt_exposition_begin(exposition, &limit_denied);
	for (int i = 0; i < count; i++)
		rt_exposition_count(exposition, label_path(paths[i].name, NULL, NULL), paths[i].refused);
	pfree(paths);
}

void
rt_metrics_write_paths(RtExposition *exposition)
{
	int			count;
	RtPathStat *stats = read_all(RT_PATH_CALL, &count);

	initStringInfo(&labels);
	write_calls(exposition, stats, count);
	write_errors(exposition, stats, count);
	write_durations(exposition, &rpc_duration, stats, count);
	write_jobs(exposition);
	write_queues(exposition);
	write_limits(exposition);
	pfree(stats);
	pfree(labels.data);
}
