/*
 * timer_heap.c
 *		Binary heaps of timers, the earliest on top.
 *
 * A timer is in one of them at most and knows its place, so that it can be
 * taken out wherever it is.
 */
#include "postgres.h"

#include "src/ipc/timer_table.h"

/* ---- the rt_timer_heaps ---- */

static inline int64
heap_time(RtTimerHeap heap, int place)
{
	return rt_timer_table->timers[rt_timer_heaps[heap][place]].not_before;
}

static inline void
heap_put(RtTimerHeap heap, int place, int index)
{
	rt_timer_heaps[heap][place] = index;
	rt_timer_table->timers[index].place = place;
}

static void
sift_up(RtTimerHeap heap, int place)
{
	int			index = rt_timer_heaps[heap][place];
	int64		time = heap_time(heap, place);

	while (place > 0 && time < heap_time(heap, (place - 1) / 2))
	{
		heap_put(heap, place, rt_timer_heaps[heap][(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(heap, place, index);
}

static void
sift_down(RtTimerHeap heap, int place)
{
	int			count = rt_timer_table->heap_count[heap];
	int			index = rt_timer_heaps[heap][place];
	int64		time = heap_time(heap, place);
	int			child;

	while ((child = 2 * place + 1) < count)
	{
		if (child + 1 < count &&
			heap_time(heap, child + 1) < heap_time(heap, child))
			child++;
		if (time <= heap_time(heap, child))
			break;
		heap_put(heap, place, rt_timer_heaps[heap][child]);
		place = child;
	}
	heap_put(heap, place, index);
}

void
rt_timer_heap_remove(RtTimer *timer)
{
	RtTimerHeap	heap = timer->heap;
	int			place = timer->place;
	int			last;

	if (place == RT_TIMER_NONE)
		return;
	timer->place = RT_TIMER_NONE;
	last = rt_timer_heaps[heap][--rt_timer_table->heap_count[heap]];
	if (place == rt_timer_table->heap_count[heap])
		return;
	heap_put(heap, place, last);
	sift_up(heap, place);
	sift_down(heap, rt_timer_table->timers[last].place);
}

void
rt_timer_heap_insert(RtTimer *timer, RtTimerHeap heap)
{
	int			place = rt_timer_table->heap_count[heap]++;

	timer->heap = heap;
	heap_put(heap, place, (int) (timer - rt_timer_table->timers));
	sift_up(heap, place);
}

int64
rt_timer_heap_time(RtTimerHeap heap)
{
	return rt_timer_table->heap_count[heap] > 0 ? heap_time(heap, 0) : RT_TIMER_NEVER;
}

RtTimer *
rt_timer_heap_top(RtTimerHeap heap)
{
	return &rt_timer_table->timers[rt_timer_heaps[heap][0]];
}
