/*
 * error_hook.h
 *		Tells the function of realtime.hook('error', ...) what has gone wrong.
 */
#ifndef RT_EXECUTOR_ERROR_HOOK_H
#define RT_EXECUTOR_ERROR_HOOK_H

#include "src/compat.h"

#include "src/executor/work.h"

/*
 * After a work that has failed with what nobody has intended, outside of a
 * transaction: runs the function, if there is one, in a transaction of its own, and
 * has the error kept, if that is wanted.  Nothing is raised; what the executor has to
 * know is added to the work.
 */
extern void rt_error_hook_run(RtWork *failed);

/* The same of what has failed elsewhere, on behalf of a session that is in no table. */
extern bool rt_error_hook_concerns(const RtFault *fault);
extern RtWorkResult rt_error_hook_tell(RtRequest *request, const RtSession *session,
									   const char *user_data, const char *path,
									   const RtFault *fault);

#endif							/* RT_EXECUTOR_ERROR_HOOK_H */
