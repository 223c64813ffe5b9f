/*
 * club_end.h
 *		Connections that have ended leave their groups.
 */
#ifndef RT_EXECUTOR_REQUEST_CLUB_END_H
#define RT_EXECUTOR_REQUEST_CLUB_END_H

#include "src/executor/work.h"

/* That of a request of kind CLOSE.  Returns false if that cannot be now. */
extern bool rt_club_end(RtRequest *request, RtWorkResult *result);

/*
 * Those that no gateway holds any more.  Returns false if there may be more, or
 * it cannot be now.
 */
extern bool rt_club_end_lost(RtRequest *request, RtWorkResult *result);

#endif							/* RT_EXECUTOR_REQUEST_CLUB_END_H */
