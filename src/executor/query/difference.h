/*
 * difference.h
 *		What turns the rows that clients have into those that they should have.
 *
 * Rows that are gone come first, then the others in their new order.  Where the
 * order counts, a client puts each row that it is told of behind the one named
 * with it, which stands where it belongs by then; so as few rows as possible
 * are told of that have only moved.
 */
#ifndef RT_EXECUTOR_QUERY_DIFFERENCE_H
#define RT_EXECUTOR_QUERY_DIFFERENCE_H

#include "src/ipc/query_state.h"

typedef enum RtRowChangeKind
{
	RT_ROW_DELETED,
	RT_ROW_CREATED,
	RT_ROW_UPDATED				/* or moved */
} RtRowChangeKind;

typedef struct RtRowChange
{
	RtRowChangeKind kind;
	uint32		row;			/* DELETED: of before; else of after.  Where the
								 * order counts the row before it is row - 1 */
} RtRowChange;

typedef struct RtDifference
{
	uint32		count;
	RtRowChange *changes;
} RtDifference;

/* Allocates in the current context. */
extern void rt_difference_find(RtDifference *difference,
							   const RtQueryState *before,
							   const RtQueryState *after, bool ordered);

#endif							/* RT_EXECUTOR_QUERY_DIFFERENCE_H */
