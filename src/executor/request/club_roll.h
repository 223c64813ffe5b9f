/*
 * club_roll.h
 *		Who is in a group, for members who have missed something.
 */
#ifndef RT_EXECUTOR_REQUEST_CLUB_ROLL_H
#define RT_EXECUTOR_REQUEST_CLUB_ROLL_H

#include "src/executor/work.h"

/* That of a request of kind REPAIR, whether its topic is a group's. */
extern bool rt_club_roll_is_asked(RtRequest *request);
extern RtWorkResult rt_club_roll_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_CLUB_ROLL_H */
