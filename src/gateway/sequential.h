/*
 * sequential.h
 *		Sequential batches: calls of which each waits for the one before.
 */
#ifndef RT_GATEWAY_SEQUENTIAL_H
#define RT_GATEWAY_SEQUENTIAL_H

#include "src/errcodes.h"
#include "src/gateway/door/connection.h"
#include "src/protocol/json.h"

typedef struct RtSequentialBatch
{
	uint64		ticket;			/* names it in requests */
	struct RtSequentialBatch *next;	/* of the same connection */
	RtJsonWalk	rest;			/* entries not begun */
	uint32		len;
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* a copy of the array */
} RtSequentialBatch;

/*
 * Copies the array of calls and stands before the first.  NULL, and why, if
 * the connection has too many under way or its budget is used up.
 */
extern RtSequentialBatch *rt_sequential_make(RtConnection *connection,
											 const char *text, RtSpan batch,
											 RtCode *refusal);
extern RtSequentialBatch *rt_sequential_find(RtConnection *connection, uint64 ticket);
extern void rt_sequential_free(RtConnection *connection, RtSequentialBatch *sequence);
extern void rt_sequential_drop_all(RtConnection *connection);

#endif							/* RT_GATEWAY_SEQUENTIAL_H */
