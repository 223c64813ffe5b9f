/*
 * cursor_board.h
 *		Subscriptions that are told where cursors are.
 */
#ifndef RT_GATEWAY_CURSOR_BOARD_H
#define RT_GATEWAY_CURSOR_BOARD_H

#include "src/gateway/topic/subscription.h"

/* An ERROR without memory. */
extern void rt_cursor_boards_init(void);

/*
 * The subscription, which must be active, is told of the cursors of a topic: of
 * all at first, and then what changes.  Its own topic is "__cursor:" and that one,
 * and then it is told as the plugin understands it; or it is that one and ":cursors",
 * and then in events of merge "cursor".  What is published there reaches it as
 * ever.  Called again it is told of all anew.  Returns false if there is no room.
 */
extern bool rt_cursor_follow(RtSubscription *subscription, RtText topic);

/* It ends. */
extern void rt_cursor_unfollow(RtSubscription *subscription);

/* It may have missed something. */
extern void rt_cursor_send_anew(RtSubscription *subscription);

/*
 * A connection that has taken all of its output gets what its subscriptions have
 * not been told meanwhile.  Returns whether it was anything.
 */
extern bool rt_cursors_send_behind(RtConnection *connection);

/* Tells what has changed, if it is time; how long until it is, -1 = nothing has. */
extern void rt_cursor_boards_tell(void);
extern long rt_cursor_boards_timeout(void);

#endif							/* RT_GATEWAY_CURSOR_BOARD_H */
