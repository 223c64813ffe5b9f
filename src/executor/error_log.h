/*
 * error_log.h
 *		Keeps what has gone wrong in realtime.error_log, if that is wanted.
 */
#ifndef RT_EXECUTOR_ERROR_LOG_H
#define RT_EXECUTOR_ERROR_LOG_H

#include "src/compat.h"

#include "src/executor/work.h"

/* realtime.error_log keeps some. */
extern bool rt_error_log_is_wanted(void);

/*
 * Outside of a transaction, which it has of its own: keeps what is in the server's
 * log, too, of which there are not too many.  Nothing is raised.  session NULL: of
 * whom the request is.
 */
extern RtWorkResult rt_error_log_keep(RtRequest *request, const RtSession *session,
									  const char *user_data, const char *path,
									  const RtFault *fault);

#endif							/* RT_EXECUTOR_ERROR_LOG_H */
