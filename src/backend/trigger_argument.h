/*
 * trigger_argument.h
 *		The arguments of triggers of ours, which name columns.
 */
#ifndef RT_BACKEND_TRIGGER_ARGUMENT_H
#define RT_BACKEND_TRIGGER_ARGUMENT_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

/*
 * A function of ours that triggers call, without regard to the user's rights:
 * dropping a column comes by here.
 */
extern Oid	rt_trigger_function(const char *name);

/*
 * The trigger of a relation that calls a function of ours, for rows or for
 * TRUNCATE (TRIGGER_TYPE_ROW, TRIGGER_TYPE_TRUNCATE), or NULL.  Found by the
 * function: anybody may rename a trigger.
 */
extern const Trigger *rt_trigger_find(Relation relation, const char *function,
									  int16 type);

/* Writes what CREATE TRIGGER would have written; a list of char *. */
extern void rt_trigger_store_arguments(Oid trigger, List *arguments);

#endif							/* RT_BACKEND_TRIGGER_ARGUMENT_H */
