/*
 * round.h
 *		Brings the groups of live queries up to date.
 *
 * A round: a snapshot, the committed changes that it shows, the groups that
 * they concern, runs of these at that snapshot, and what their clients are told.
 * Afterwards each group's state is its query's result at one moment, and events
 * of a round are in the ring in one piece.
 *
 * One executor at a time does one (query_round.h): an idle one, when changes
 * have been committed, or one that somebody has asked for a live query.
 */
#ifndef RT_EXECUTOR_QUERY_ROUND_H
#define RT_EXECUTOR_QUERY_ROUND_H

#include "src/compat.h"

#include "src/ipc/query_group.h"

/* Once per executor, with its number. */
extern void rt_round_init(int executor);

/*
 * Does a round of its own, in a transaction of its own; returns false if another
 * executor is at it.  Nothing is raised.
 */
extern bool rt_round_run(void);

/*
 * The same as a part of a transaction that has no snapshot yet and gets one, as
 * the executor and with declarations that are up to date.  begin takes the turn,
 * waiting for it; end must be called even if an error passes.  Between begin and
 * do groups may be made: they are true at the snapshot.
 */
extern void rt_round_begin(void);
extern void rt_round_do(RtQueryGroup *wanted);
extern void rt_round_end(void);

/* Whose number it was. */
extern int	rt_round_executor(void);

#endif							/* RT_EXECUTOR_QUERY_ROUND_H */
