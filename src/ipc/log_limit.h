/*
 * log_limit.h
 *		How many errors of one kind are logged: clients can cause them as often as
 *		they like, and the log is for others, too.
 *
 * A kind is a path and a SQLSTATE, whichever executor has the error.  So many in
 * each interval are logged (realtime.log_repeats, realtime.log_repeat_interval);
 * of the others it is told later how many there were.
 */
#ifndef RT_IPC_LOG_LIMIT_H
#define RT_IPC_LOG_LIMIT_H

#include "src/compat.h"

#define RT_LOG_NAME_MAX 255		/* bytes */

extern Size rt_log_limits_size(void);
extern void rt_log_limits_init(void);

/* Counts an error; returns whether it is to be logged. */
extern bool rt_log_limit_allows(const char *name, int sqlstate);

/* Errors of a kind that were not logged. */
typedef struct RtLogRest
{
	char		name[RT_LOG_NAME_MAX + 1];	/* "" = of several kinds */
	int			sqlstate;
	uint32		count;
} RtLogRest;

/* Takes those of a kind whose interval is over; false if there are none. */
extern bool rt_log_limit_take_rest(RtLogRest *rest);

/* Milliseconds until there may be some; -1 = none are waited for. */
extern long rt_log_limit_due_in(void);

/* How many kinds are counted, of how many that there is room for; others are one. */
extern int64 rt_log_kinds(void);
extern int64 rt_log_kinds_max(void);

/* All that were not logged since the server's start. */
extern uint64 rt_log_limit_total(void);

#endif							/* RT_IPC_LOG_LIMIT_H */
