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
#define RT_STAT_ERROR_MAX 200	/* bytes of a message */

/* Names of those that are counted together; no declared path has such a name. */
#define RT_STAT_UNKNOWN "(unknown)" /* paths that are not declared */
#define RT_STAT_OTHER "(other)" /* paths for which there was no room */

typedef enum RtPathKind
{
	RT_PATH_CALL,
	RT_PATH_STREAM,
	RT_PATH_CRON,				/* a job, whose path may be a call's, too */
	RT_PATH_JOB,				/* jobs of a queue */
	RT_PATH_RELOAD,				/* a stream is loaded anew for who follows it */
	RT_PATH_AGGREGATE,			/* takes events */
	RT_PATH_EFFECT,
	RT_PATH_CLASS				/* of service: errors are what is refused */
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
	uint64		events;			/* taken */
	char		last_error[RT_STAT_ERROR_MAX + 1];	/* "" = none, or of a client */
	TimestampTz last_error_at;
	uint64		buckets[RT_STAT_BUCKETS];	/* not cumulative */
	uint64		codes[RT_CODE_COUNT];	/* CUSTOM: all that are not ours */
	uint64		followers;		/* subscriptions now, of all gateways */
} RtPathStat;

extern Size rt_path_stats_size(void);
extern void rt_path_stats_init(void);

/* How many paths have counters of their own. */
extern int64 rt_path_stats_used(void);

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
	uint64		events;			/* that it has taken */
} RtPathRun;

/* Counts a run, or that there was none. */
extern void rt_path_stat_count(const RtPathRun *run);

extern void rt_path_stat_count_skipped(const char *path, Size len);

/* Why something has failed that nobody waits for. */
extern void rt_path_stat_note_error(const char *path, RtPathKind kind, const char *message);

/*
 * Gateways say who follows a stream: the number of its path, which is made if it is
 * not there; one more or less; and none any more, of the gateway.
 */
extern int	rt_path_stat_number(const char *path, Size len);
extern void rt_path_stat_follow(int gateway, int number, int change);
extern void rt_path_stats_forget_followers(int gateway);

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
