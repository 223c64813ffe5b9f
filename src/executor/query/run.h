/*
 * run.h
 *		Runs a group of a live query: as those who belong to it, at the active
 *		snapshot, without harm to anybody else if it fails.
 */
#ifndef RT_EXECUTOR_QUERY_RUN_H
#define RT_EXECUTOR_QUERY_RUN_H

#include "src/executor/errors.h"
#include "src/executor/query/group_key.h"
#include "src/executor/query/result.h"

typedef struct RtGroupRun
{
	RtQueryGroup *group;
	RtQueryGroupKey key;
	const RtStreamDeclaration *declaration; /* NULL = gone */
	const char *topic;
	RtRoundChanges *changes;	/* all that has changed since the group's state;
								 * NULL = not known */
	RtQueryResult *result;		/* NULL = it has failed, or is none of it any more */
	RtQueryWhyFull why_full;	/* unless the result is restricted */
	RtQueryResult *expected;	/* by another run, to be checked with, or NULL */
	bool		is_other;		/* its result depends on who asks since */
	bool		together;		/* it was run with others, or that was tried */
	bool		locked;			/* somebody has locked what it reads: to be run later */
	RtFault		fault;
	uint64		number;			/* of the last event that clients get */
	int64		due_ms;			/* not before that; 0 = nobody knows when */
	int64		us;				/* how long it took, or its part of that */
} RtGroupRun;

/* Fills it in with what is known of a group; in the current context. */
extern void rt_group_run_init(RtGroupRun *run, RtQueryGroup *group);

/*
 * Runs what they concern, or all of it, in a transaction as the executor.  An error becomes run->fault
 * unless the server stops.
 */
extern void rt_group_run(RtGroupRun *run);

/*
 * Runs those among the first of a list, from a place on, by one statement that
 * differ in nothing but their arguments, if there are enough.  Those that have no
 * result afterwards are to be run one by one.
 */
extern void rt_group_runs_together(const List *runs, int from);

/* Brings those to stand together that may be run so. */
extern void rt_group_runs_sort(List *runs);

#endif							/* RT_EXECUTOR_QUERY_RUN_H */
