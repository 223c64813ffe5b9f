/*
 * turns.h
 *		Who has something waiting takes turns with others, one thing at a time.
 *
 * A taker has its things in order, and stands in a row as long as it has any
 * and is not paused.  Both begin as zero.
 */
#ifndef RT_GATEWAY_TURNS_H
#define RT_GATEWAY_TURNS_H

#include "src/compat.h"

#include "lib/ilist.h"

typedef struct RtTurns
{
	dlist_head	row;
} RtTurns;

typedef struct RtTaker
{
	dlist_head	things;
	dlist_node	row_node;
	bool		in_row;
	bool		paused;
} RtTaker;

/* Puts a thing behind the taker's others. */
extern void rt_turns_add(RtTurns *turns, RtTaker *taker, dlist_node *thing);

/* Takes out one that is there, whoever has the turn. */
extern void rt_turns_remove(RtTaker *taker, dlist_node *thing);

/* The taker whose turn it is, NULL if nobody waits; its first thing is meant. */
extern RtTaker *rt_turns_first(RtTurns *turns);

/* Takes that thing out; the turn is over. */
extern void rt_turns_take(RtTurns *turns, RtTaker *taker);

/* Whether it stands in the row if it has anything. */
extern void rt_turns_pause(RtTaker *taker);
extern void rt_turns_go_on(RtTurns *turns, RtTaker *taker);

static inline bool
rt_taker_has_none(RtTaker *taker)
{
	return dlist_is_empty(&taker->things);
}

#endif							/* RT_GATEWAY_TURNS_H */
