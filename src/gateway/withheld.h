/*
 * withheld.h
 *		Answers that executors have given and that must not be told yet.
 *
 * What they tell is not durable: the log is to be flushed, or standbys are to
 * confirm it, which may take for ever.  Then a request slot is all that waits.
 * Or events are still in the ring that the call has published and that its own
 * client is to get before.
 */
#ifndef RT_GATEWAY_WITHHELD_H
#define RT_GATEWAY_WITHHELD_H

#include "src/ipc/request.h"

extern void rt_withheld_init(void);

/*
 * Keeps an answer, if it must not be told in this turn; returns whether it
 * does.  Never fails.
 */
extern bool rt_withheld_keep(RtRequest *request);

/*
 * Takes out answers that may be told in this turn, those that wait for the same
 * in the order in which they came, and those whose connection is gone if these
 * are asked for.  Returns how many, at most max.
 */
extern int	rt_withheld_release(RtRequest **out, int max);
extern int	rt_withheld_release_orphans(RtRequest **out, int max);

/* Whether any is kept, and whether one may be told by now. */
extern bool rt_withheld_any(void);
extern bool rt_withheld_is_durable(const RtDurable *now);

/* Whether one waits for events to be delivered. */
extern bool rt_withheld_for_events(void);

/* Whether one waits for standbys. */
extern bool rt_withheld_for_standbys(void);

#endif							/* RT_GATEWAY_WITHHELD_H */
