/*
 * crew.h
 *		The executors as a crew: who is there, who sleeps, who may take what,
 *		and whether that comes too late.
 *
 * One executor is kept for what is known to be short while all others run
 * something else.  Sets of executors are bits, by their number.
 *
 * The caller locks.  Nothing here reads a clock.
 */
#ifndef RT_IPC_CREW_H
#define RT_IPC_CREW_H

#include "src/compat.h"

#include "src/ipc/fair_queue.h"

typedef struct RtCrew
{
	uint64		present;		/* take requests */
	uint64		idle;			/* of these: sleep until they are woken */
	uint64		occupied;		/* of these: run what may take long */
	uint64		waiting;		/* of these: wait for somebody's reply */
	uint64		aside;			/* of those present: work for a queue of jobs */
	uint64		staying;		/* of these present: has nothing left to do, and stays
								 * until the others have ended; one at most */
	bool		keeps_none;		/* the server stops: everybody takes all */
} RtCrew;

extern void rt_crew_init(RtCrew *crew);

/* An executor comes, and leaves. */
extern void rt_crew_join(RtCrew *crew, int executor);
extern void rt_crew_leave(RtCrew *crew, int executor);

/* It runs what may take long; it is done, or awake; it goes to sleep. */
extern void rt_crew_occupy(RtCrew *crew, int executor);
extern void rt_crew_done(RtCrew *crew, int executor);
extern void rt_crew_rest(RtCrew *crew, int executor);

/* It works for a queue of jobs, and so is not there for calls; it is again. */
extern void rt_crew_step_aside(RtCrew *crew, int executor);
extern void rt_crew_come_back(RtCrew *crew, int executor);

/*
 * It waits, unless so many do already, for what no executor can hasten; it goes
 * on.  Whether so many wait, or are aside, that more executors are needed than the
 * least.
 */
extern bool rt_crew_wait(RtCrew *crew, int executor, int most);
extern void rt_crew_go_on(RtCrew *crew, int executor);
extern bool rt_crew_is_short(const RtCrew *crew, int least);

/* How many executors are in a set. */
extern int	rt_crew_members(uint64 set);

/* Whether it sleeps, undisturbed, and there are more than the least. */
extern bool rt_crew_may_retire(const RtCrew *crew, int executor, int least);

/*
 * The server stops, and an executor has nothing left to do: whether it may end.  One
 * stays, because the others, which run something, may end as nobody wants.
 */
extern bool rt_crew_may_end(RtCrew *crew, int executor);

/* Who is to be woken because it stays and nobody else is there any more. */
extern uint64 rt_crew_left_alone(const RtCrew *crew);

/* Whether an executor that runs nothing may take what can take long. */
extern bool rt_crew_may_take_long(const RtCrew *crew, int executor);

/*
 * Whom to wake for n requests that were queued, or for what else is there that
 * they may take: they are not idle any more.
 */
extern uint64 rt_crew_pick(RtCrew *crew, const RtFairQueue *queue, int n);

/* The same for what anybody may do: any one who is idle. */
extern uint64 rt_crew_pick_one(RtCrew *crew);

/*
 * Whether the next request of a lane waits longer than wait_ms though everybody
 * who may take it is busy.
 */
extern bool rt_crew_is_late(const RtCrew *crew, const RtFairQueue *queue,
							int64 now_ms, int wait_ms);

#endif							/* RT_IPC_CREW_H */
