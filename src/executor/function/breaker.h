/*
 * breaker.h
 *		The circuit breaker of a path, around what it runs.
 */
#ifndef RT_EXECUTOR_FUNCTION_BREAKER_H
#define RT_EXECUTOR_FUNCTION_BREAKER_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/executor/errors.h"
#include "src/ipc/breaker.h"

/* Zero: none. */
typedef struct RtBreakerPass
{
	RtBreakerTurn turn;
	char		name[NAMEDATALEN];
	int			threshold;
	int64		reset_ms;
	bool		failed;			/* whatever became of the call */
} RtBreakerPass;

/*
 * Before it is run, in each attempt; name NULL = none.  Returns false if it is not
 * to be run: then the fallback's JSON is in result, or, if there is none, it
 * raises SERVICE_UNAVAILABLE.
 */
extern bool rt_breaker_begin(RtBreakerPass *pass, const char *name,
							 const char *fallback, StringInfo result);

/* In the catch block of what was run: somebody may catch the error as well. */
extern void rt_breaker_note_error(RtBreakerPass *pass);

/* What has come of it, once; fault NULL = it was not run to its end. */
extern void rt_breaker_end(RtBreakerPass *pass, const RtFault *fault);

#endif							/* RT_EXECUTOR_FUNCTION_BREAKER_H */
