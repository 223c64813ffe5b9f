/*
 * timer_table.h
 *		The table of timers as it lies in shared memory.  For timer.c and
 *		timer_heap.c only.
 */
#ifndef RT_IPC_TIMER_TABLE_H
#define RT_IPC_TIMER_TABLE_H

#include "port/atomics.h"
#include "storage/lwlock.h"

#include "src/ipc/timer.h"

typedef enum RtTimerHeap
{
	RT_TIMERS_DUE,				/* with a message that waits */
	RT_TIMERS_OPEN,				/* an open interval and nothing else */
	RT_TIMER_HEAPS
} RtTimerHeap;

typedef struct RtTimer
{
	int			next;			/* in its chain or the free list */
	RtTimerHeap heap;			/* which one it is in */
	int			place;			/* there, RT_TIMER_NONE = in none */
	bool		claimed;		/* a holder leads: nobody else may publish */
	uint32		holders;		/* transactions between PRE_COMMIT and end */
	uint32		attempts;		/* to publish, that have failed in a row */
	int64		not_before;		/* the heaps' order */
	int64		open_until;		/* end of the interval of a throttle */
	int64		due;			/* message: end of its silence, next attempt */
	RtTimerKind kind;			/* of the message */
	int64		wait_us;		/* every, after: of the message */
	int64		every_us;		/* that publishing begins, 0 = none */
	XLogRecPtr	newest;			/* stamp of the newest value seen */
	dsa_pointer message;		/* waits; Invalid = none */
	dsa_pointer publishing;		/* taken and not settled; Invalid = none */

	/* the key; constant while in use */
	uint32		hash;
	Oid			database;
	uint16		topic_len;
	uint16		event_len;
	char		topic[RT_TIMER_NAME_MAX];
	char		event[RT_TIMER_NAME_MAX];
} RtTimer;

typedef struct RtTimerTable
{
	LWLock	   *lock;			/* protects everything but the counters */
	int			size;
	uint32		bucket_mask;
	int			free;			/* first of the free list */
	int			used;			/* timers that are not free */
	int			heap_count[RT_TIMER_HEAPS];
	pg_atomic_uint64 messages;	/* that there are */
	pg_atomic_uint64 bytes;		/* of them */
	pg_atomic_uint64 published;
	pg_atomic_uint64 failed;
	pg_atomic_uint64 overflowed;
	pg_atomic_uint64 last_overflow; /* TimestampTz; 0 = never */
	RtTimer		timers[FLEXIBLE_ARRAY_MEMBER];
} RtTimerTable;

extern RtTimerTable *rt_timer_table;
extern int *rt_timer_heaps[RT_TIMER_HEAPS]; /* each of table->size */

/* All of these with the table's lock held. */
extern void rt_timer_heap_insert(RtTimer *timer, RtTimerHeap heap);

/* Takes a timer out of its heap, if it is in one. */
extern void rt_timer_heap_remove(RtTimer *timer);

/* The first time of a heap, RT_TIMER_NEVER if it is empty; whose it is. */
extern int64 rt_timer_heap_time(RtTimerHeap heap);
extern RtTimer *rt_timer_heap_top(RtTimerHeap heap);

#endif							/* RT_IPC_TIMER_TABLE_H */
