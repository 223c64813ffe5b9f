/*
 * turns.c
 *		Who has something waiting takes turns with others, one thing at a time.
 */
#include "postgres.h"

#include "src/gateway/turns.h"

static void
enter(RtTurns *turns, RtTaker *taker)
{
	if (taker->in_row || taker->paused || rt_taker_has_none(taker))
		return;
	dlist_push_tail(&turns->row, &taker->row_node);
	taker->in_row = true;
}

static void
leave(RtTaker *taker)
{
	if (!taker->in_row)
		return;
	dlist_delete(&taker->row_node);
	taker->in_row = false;
}

void
rt_turns_add(RtTurns *turns, RtTaker *taker, dlist_node *thing)
{
	dlist_push_tail(&taker->things, thing);
	enter(turns, taker);
}

void
rt_turns_remove(RtTaker *taker, dlist_node *thing)
{
	dlist_delete(thing);
	if (rt_taker_has_none(taker))
		leave(taker);
}

RtTaker *
rt_turns_first(RtTurns *turns)
{
	return dlist_is_empty(&turns->row) ? NULL :
		dlist_head_element(RtTaker, row_node, &turns->row);
}

void
rt_turns_take(RtTurns *turns, RtTaker *taker)
{
	dlist_pop_head_node(&taker->things);
	leave(taker);
	enter(turns, taker);
}

void
rt_turns_pause(RtTaker *taker)
{
	taker->paused = true;
	leave(taker);
}

void
rt_turns_go_on(RtTurns *turns, RtTaker *taker)
{
	taker->paused = false;
	enter(turns, taker);
}
