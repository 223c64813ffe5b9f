/*
 * role_plan.h
 *		Kept plans of SQL functions, one for each role that calls them.
 */
#ifndef RT_EXECUTOR_FUNCTION_ROLE_PLAN_H
#define RT_EXECUTOR_FUNCTION_ROLE_PLAN_H

#include "src/compat.h"

#include "access/tupdesc.h"
#include "executor/spi.h"

#include "src/executor/kept_plan.h"

struct RtFunction;

typedef enum RtPlanOf
{
	RT_PLAN_OF_BODY,			/* see sql_body.c */
	RT_PLAN_OF_SET,				/* of a query around it, see result_set.c */
	RT_PLANS
} RtPlanOf;

typedef struct RtRolePlan
{
	Oid			function;		/* hash key, as the next two */
	Oid			role;
	int			of;				/* RtPlanOf */

	/* private to role_plan.c */
	RtKeptPlan	kept;
	struct RtFunction *owner;
	uint32		uses;

	/* of whoever makes the plan; zero as long as there is none */
	SPIPlanPtr	plan;
	uint64		generation;		/* of privileges */
	TupleDesc	row;			/* SET: row type when it was made */
	bool		refused;		/* BODY: it is for PostgreSQL's own handler */
	int			returning;		/* BODY: statements that return rows */
	bool		stops_early;	/* BODY: the last needs to give one row only */
} RtRolePlan;

/*
 * The place of the current role's plan of a function, perhaps with none in it.  It
 * stays until the transaction ends.
 */
extern RtRolePlan *rt_role_plan_of(struct RtFunction *function, RtPlanOf of);

/* The plan is not good any more: the place is empty. */
extern void rt_role_plan_clear(RtRolePlan *place);

/* Counts a use; what has not been used for long makes room. */
extern void rt_role_plan_note_use(RtRolePlan *place);

/* Of all roles: nothing is kept of a function. */
extern void rt_role_plans_forget(struct RtFunction *function);

#endif							/* RT_EXECUTOR_FUNCTION_ROLE_PLAN_H */
