/*
 * path_stat.h
 *		What has become of what clients have asked for by each path, and of jobs:
 *		how often, how long it took, and how it failed.
 *
 * One entry for each path that an executor has run since the server's start.
 * There is room for so many; those that come later are counted together, as
 * are paths that are not declared, so that no client can fill the table.
 * Executors count with atomics and take no lock: only a path's first run does.
 */
#ifndef RT_IPC_PATH_STAT_H
#define RT_IPC_PATH_STAT_H

#include "src/compat.h"

#include "utils/timestamp.h"

#include "src/errcodes.h"

#define RT_STAT_PATH_MAX 255	/* bytes */
#define RT_STAT_BUCKETS 17		/* of durations; the last one has no bound */

/* Names of those that are counted together; no declared path has such a name. */
#define RT_STAT_UNKNOWN "(unknown)" /* paths that are not declared */
#define RT_STAT_OTHER "(other)" /* paths for which there was no room */

typedef enum RtPathKind
{
	RT_PATH_CALL,
	RT_PATH_STREAM,
	RT_PATH_CRON,				/* a job, whose path may be a call's, too */
	RT_PATH_JOB					/* jobs of a queue */
} RtPathKind;

/* A copy of the counters of a path. */
typedef struct RtPathStat
{
	char		path[RT_STAT_PATH_MAX + 1];
	RtPathKind	kind;
	TimestampTz since;			/* of the counters */
	uint64		calls;			/* the sum of all buckets */
	uint64		errors;			/* the sum of all codes */
	uint64		total_us;
	uint64		max_us;
	uint64		skipped;		/* times of a job at which it was not run */
	uint64		buckets[RT_STAT_BUCKETS];	/* not cumulative */
	uint64		codes[RT_CODE_COUNT];	/* CUSTOM: all that are not ours */
} RtPathStat;

extern Size rt_path_stats_size(void);
extern void rt_path_stats_init(void);

/* The upper bounds of the buckets but the last one, as seconds in decimal. */
extern const char *rt_stat_bucket_bound(int bucket);

typedef struct RtPathRun
{
	const char *path;
	Size		path_len;
	bool		is_known;		/* it was there to be run */
	RtPathKind	kind;
	bool		failed;
	RtCode		code;			/* if it has */
	double		us;
} RtPathRun;

/* Counts a run, or that there was none. */
extern void rt_path_stat_count(const RtPathRun *run);
extern void rt_path_stat_count_skipped(const char *path, Size len);

/*
 * Copies of one after the other, from number 0 on; false behind the last one.
 * Not all counters are of the same moment.
 */
extern bool rt_path_stat_read(int number, RtPathStat *stat);

/*
 * Begins to count anew, a path or, with NULL, all of them.  Returns false if
 * there is no such path.
 */
extern bool rt_path_stats_reset(const char *path);

#endif							/* RT_IPC_PATH_STAT_H */
