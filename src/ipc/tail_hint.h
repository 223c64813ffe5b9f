/*
 * tail_hint.h
 *		Which events of replay topics a gateway has in its memory, as executors
 *		see it.
 *
 * A hint may be that of another topic, or out of date: what it promises is looked
 * for once more by the gateway, which has it read from the table if it is wrong.
 */
#ifndef RT_IPC_TAIL_HINT_H
#define RT_IPC_TAIL_HINT_H

#include "src/compat.h"

extern Size rt_tail_hints_size(void);
extern void rt_tail_hints_init(void);

/*
 * What was kept in one generation is good for nothing in another: a new one begins
 * when declarations have changed, and when events have been removed or numbers have
 * become void, once that is committed.
 */
extern uint64 rt_tail_generation(void);
extern void rt_tails_outdate(void);

/* Position of the ring then: what lies before it is not to be kept. */
extern uint64 rt_tails_outdated_at(void);

/*
 * The gateway itself: it has nothing yet of a generation; and those of a topic, from
 * a number on, first 0 = none.
 */
extern void rt_tail_hints_reset(int gateway, uint64 generation);
extern void rt_tail_hint_set(int gateway, uint32 topic_hash, int64 first, int64 last);

/* Whether it seems to have all behind a number. */
extern bool rt_tail_hint_covers(int gateway, uint32 topic_hash, int64 since);

#endif							/* RT_IPC_TAIL_HINT_H */
