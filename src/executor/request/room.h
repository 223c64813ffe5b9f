/*
 * room.h
 *		Actions of rooms.
 */
#ifndef RT_EXECUTOR_REQUEST_ROOM_H
#define RT_EXECUTOR_REQUEST_ROOM_H

#include "src/executor/request/stream.h"

/*
 * The caller of an action, whose arguments are converted and whom guards have let
 * pass, may have the room that the first of them name; raises if not.  From here on
 * the topic is known, until leave.
 */
extern void rt_room_enter(RtGuarded *action, const RtStreamDeclaration *room);
extern void rt_room_leave(void);

#endif							/* RT_EXECUTOR_REQUEST_ROOM_H */
