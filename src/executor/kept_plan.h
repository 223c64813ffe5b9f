/*
 * kept_plan.h
 *		Plans that this process keeps, of whichever kind: how much memory they take,
 *		and which of them go for others.
 */
#ifndef RT_EXECUTOR_KEPT_PLAN_H
#define RT_EXECUTOR_KEPT_PLAN_H

#include "src/compat.h"

#include "lib/ilist.h"
#include "utils/timestamp.h"

/* Part of what is kept. */
typedef struct RtKeptPlan
{
	dlist_node	node;			/* the one used last comes first */
	TimestampTz transaction;	/* in which it was used last */
	Size		bytes;
	void		(*drop) (struct RtKeptPlan *kept);	/* has to call remove() */
} RtKeptPlan;

/* It begins, with no bytes, and ends. */
extern void rt_kept_plan_add(RtKeptPlan *kept, void (*drop) (RtKeptPlan *kept));
extern void rt_kept_plan_remove(RtKeptPlan *kept);

/* It is used, and stays until the transaction ends. */
extern void rt_kept_plan_use(RtKeptPlan *kept);

/* What it takes from now on. */
extern void rt_kept_plan_resize(RtKeptPlan *kept, Size bytes);

/* What was not used for the longest time goes, if all take too much. */
extern void rt_kept_plans_make_room(void);

#endif							/* RT_EXECUTOR_KEPT_PLAN_H */
