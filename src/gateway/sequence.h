/*
 * sequence.h
 *		Sequential batches: calls of which each waits for the one before.
 */
#ifndef RT_GATEWAY_SEQUENCE_H
#define RT_GATEWAY_SEQUENCE_H

#include "src/gateway/connection.h"
#include "src/protocol/json.h"

#define RT_SEQUENCES_MAX 16		/* of one connection at a time */

typedef struct RtSequence
{
	uint64		ticket;			/* names it in requests */
	struct RtSequence *next;	/* of the same connection */
	char	   *text;			/* a copy of the frame */
	RtJsonWalk	rest;			/* entries not begun */
} RtSequence;

/*
 * Copies the frame and stands before its first entry.  NULL if the
 * connection has too many under way or there is no memory.
 */
extern RtSequence *rt_sequence_make(RtConnection *connection, const char *text,
									uint32 len, RtSpan batch);
extern RtSequence *rt_sequence_find(RtConnection *connection, uint64 ticket);
extern void rt_sequence_free(RtConnection *connection, RtSequence *sequence);
extern void rt_sequences_drop(RtConnection *connection);

#endif							/* RT_GATEWAY_SEQUENCE_H */
