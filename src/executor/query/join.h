/*
 * join.h
 *		Clients that ask for a live query: who they share it with, and how they
 *		begin.
 *
 * The second transaction of their request does a round at its snapshot, so that
 * all groups are true at it, and then runs the query for the client at the same
 * snapshot; what happens behind the position of the ring between the two is
 * news to the client.  A group that is new gets its state from this run.
 *
 * Who comes back and names the number of the last event that it has begins
 * without all that, if no event is missing that its gateway does not have.
 */
#ifndef RT_EXECUTOR_QUERY_JOIN_H
#define RT_EXECUTOR_QUERY_JOIN_H

#include "src/executor/request/stream.h"

/*
 * The topic of the caller's group, as the caller and with arguments converted;
 * in any session.
 */
extern char *rt_query_topic_name(RtStreamWork *stream);

/* Whether who has a number needs what its gateway remembers, nothing, or all. */
typedef enum RtQueryResumption
{
	RT_QUERY_LOADS,
	RT_QUERY_UNCHANGED,			/* the request has the position to go on from */
	RT_QUERY_REMEMBERED
} RtQueryResumption;

extern RtQueryResumption rt_query_resume(RtStreamWork *stream, int64 since);

/* Takes the snapshot, as the executor, and the ring's position. */
extern void rt_query_take_snapshot(RtStreamWork *stream);

/* Fills the reply with the rows, as the caller. */
extern void rt_query_load(RtStreamWork *stream);

/* The request is done, whatever has become of it. */
extern void rt_query_join_end(RtStreamWork *stream);

#endif							/* RT_EXECUTOR_QUERY_JOIN_H */
