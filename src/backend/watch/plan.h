/*
 * plan.h
 *		What is known about the trigger of a watched table: which columns are
 *		told, and where they stand in the row.
 */
#ifndef RT_BACKEND_WATCH_PLAN_H
#define RT_BACKEND_WATCH_PLAN_H

#include "src/backend/trigger_plan.h"
#include "src/backend/watch/pending.h"

typedef struct RtWatchColumn
{
	AttrNumber	attnum;			/* in the row */
	bool		by_value;
	int16		length;			/* pg_type.typlen */
} RtWatchColumn;

typedef struct RtWatchPlan
{
	RtTriggerPlan base;
	RtWatchedTable table;
	bool		blind;			/* a column has no value in a trigger: what
								 * changes cannot be told */
	int			last_attnum;	/* the highest that is looked at */
	int			told_count;		/* of the columns, the first ones */
	int			column_count;	/* the others only have to differ */
	RtWatchColumn *columns;
	RtChangeColumn *described;	/* as the watched table has them */
	TupleDesc	desc;			/* of images */
	Datum	   *values;			/* room for one image */
	bool	   *nulls;
} RtWatchPlan;

/* Once, from rt_watch_install(). */
extern void rt_watch_plan_install(void);

/* The plan of a trigger of ours for rows; valid to the end of the transaction. */
extern RtWatchPlan *rt_watch_plan(Relation relation, const Trigger *trigger);

/* Whether no column that is told differs. */
extern bool rt_watch_plan_same(const RtWatchPlan *plan, TupleTableSlot *a,
							   TupleTableSlot *b);

/* The columns of a row, or NULL if one is too long. */
extern MinimalTuple rt_watch_plan_image(RtWatchPlan *plan, TupleTableSlot *slot);

#endif							/* RT_BACKEND_WATCH_PLAN_H */
