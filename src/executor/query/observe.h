/*
 * observe.h
 *		Telling the on_error function of a live query, and the error hook, that a
 *		run has failed.
 */
#ifndef RT_EXECUTOR_QUERY_OBSERVE_H
#define RT_EXECUTOR_QUERY_OBSERVE_H

#include "src/executor/query/run.h"
#include "src/executor/work.h"

/* A run has failed, of a group that did not fail before: that is to be told. */
extern void rt_query_observe_later(const RtGroupRun *run);

/* Whether something is to be told. */
extern bool rt_query_observe_is_due(void);

/*
 * Tells one of them, outside of transactions; returns whether the session must not
 * run anything else.
 */
extern bool rt_query_observe_next(void);

#endif							/* RT_EXECUTOR_QUERY_OBSERVE_H */
