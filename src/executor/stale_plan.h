/*
 * stale_plan.h
 *		Plans that a change of tables or types has made wrong.
 */
#ifndef RT_EXECUTOR_STALE_PLAN_H
#define RT_EXECUTOR_STALE_PLAN_H

#include "src/compat.h"

#include "utils/elog.h"

extern void rt_stale_plan_init(void);

/* What follows belongs to another request. */
extern void rt_stale_plan_begin(void);

/*
 * Whether this error of a user's function may come from a plan that was made
 * before a change, so that running it again with new plans may help.  Once for
 * each request: a function that is simply wrong must come to an end.
 */
extern bool rt_stale_plan_explains(const ErrorData *error);

/* Throws away all that this session has planned.  Between transactions. */
extern void rt_stale_plan_discard(void);

#endif							/* RT_EXECUTOR_STALE_PLAN_H */
