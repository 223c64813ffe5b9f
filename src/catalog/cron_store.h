/*
 * cron_store.h
 *		Where jobs stand, and their last runs, as their tables keep them.
 *
 * Times are seconds since 1970; RT_SCHEDULE_NEVER is NULL.
 */
#ifndef RT_CATALOG_CRON_STORE_H
#define RT_CATALOG_CRON_STORE_H

#include "src/compat.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct RtCronState
{
	char	   *path;
	char	   *schedule;		/* and time zone of which next is a time */
	char	   *time_zone;
	int64		next;
} RtCronState;

/* A run, or times that were left out. */
typedef struct RtCronRun
{
	const char *path;
	int64		due;
	TimestampTz started_at;
	const char *status;			/* "succeeded", "failed" or "skipped" */
	const char *code;			/* NULL = it has not failed, as message */
	const char *message;
} RtCronRun;

/* The time zone that ALTER DATABASE has set for this one, or NULL. */
extern char *rt_cron_database_zone(void);

/* All of them (RtCronState), in the current memory context. */
extern List *rt_cron_states(void);

/*
 * Begins to count the times of a schedule anew.  replace returns false if the
 * job is being run, and its state locked.
 */
extern void rt_cron_state_add(const RtCronState *state);
extern bool rt_cron_state_replace(const RtCronState *state);

/*
 * Removes the states and runs of those that are not declared any more, but
 * those that are being run.
 */
extern void rt_cron_forget_undeclared(void);

/*
 * Counts an attempt to run for a time; 0 if another has taken the step, or is about
 * to.
 */
extern int	rt_cron_attempt(const char *path, int64 from);

/*
 * Takes the step from one time to the next, for this transaction.  Returns
 * false if another has taken it, or is about to.
 */
extern bool rt_cron_step(const char *path, int64 from, int64 to);

/* Keeps a run, and of those before it as many as the setting says. */
extern void rt_cron_run_put(const RtCronRun *run);

#endif							/* RT_CATALOG_CRON_STORE_H */
