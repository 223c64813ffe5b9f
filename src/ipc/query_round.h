/*
 * query_round.h
 *		Whose turn it is to bring the groups of live queries up to date.
 *
 * A round is done by one executor at a time: it alone reads committed changes
 * (change_ring.h) and changes groups (query_group.h).  That one is wanted is
 * said with rt_round_want() (request_queue.h).
 */
#ifndef RT_IPC_QUERY_ROUND_H
#define RT_IPC_QUERY_ROUND_H

#include "src/compat.h"

extern Size rt_query_round_size(void);
extern void rt_query_round_init(void);

/*
 * Takes the turn; try returns false if another executor has it, is_free looks
 * whether one has, wait waits for that one, interruptibly.
 */
extern bool rt_query_round_try(int executor);
extern bool rt_query_round_is_free(void);
extern void rt_query_round_wait(int executor);

/*
 * A round will be wanted at a moment of rt_clock_ms(), without a change.  is_due
 * returns once whether one is; due_in how many ms there are left, -1 = none.
 */
extern void rt_query_round_due(int64 due_ms);
extern bool rt_query_round_is_due(void);
extern long rt_query_round_due_in(void);

/* Gives it back, if it is this executor's; returns whether it was. */
extern bool rt_query_round_release(int executor);

#endif							/* RT_IPC_QUERY_ROUND_H */
