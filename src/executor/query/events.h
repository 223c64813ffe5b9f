/*
 * events.h
 *		What the clients of live queries are told in a round: entries of the
 *		publish ring, put together one after the other and appended at once.
 */
#ifndef RT_EXECUTOR_QUERY_EVENTS_H
#define RT_EXECUTOR_QUERY_EVENTS_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/executor/errors.h"
#include "src/executor/query/difference.h"
#include "src/executor/query/result.h"
#include "src/ipc/durability.h"

typedef struct RtQueryEvents
{
	StringInfoData entries;		/* whole ones */
	uint64		number;			/* of the last event of a group; who adds some of
								 * another one sets it before, and reads it after */
} RtQueryEvents;

extern void rt_query_events_init(RtQueryEvents *events);

/* Whether the differences that a restricted run has found can be told. */
extern bool rt_query_events_fit(const char *topic, const RtQueryState *before,
								const RtQueryResult *result);

/*
 * Differences between what the clients of a topic have and the result; or all
 * of it, if that is less, or if they cannot be had.  Those of a restricted run
 * must fit: all of it is not there.  Returns how many events there are.
 */
extern uint32 rt_query_events_add_difference(RtQueryEvents *events, const char *topic,
											 const RtQueryState *before,
											 const RtQueryResult *result,
											 const RtDifference *difference);
extern uint32 rt_query_events_add_all(RtQueryEvents *events, const char *topic,
									  const RtQueryResult *result);
extern void rt_query_events_add_lost(RtQueryEvents *events, const char *topic);

/* The result could not be had, or can be again. */
extern void rt_query_events_add_error(RtQueryEvents *events, const char *topic,
									  const RtFault *fault);
extern void rt_query_events_add_recovered(RtQueryEvents *events, const char *topic);

/*
 * Up to which position the query of a topic is true, 0 = as all others, and
 * whether that will be so for long; and the end of the round, behind all else,
 * after which the others are true up to one.
 */
extern void rt_query_events_add_position(RtQueryEvents *events, const char *topic,
										 uint64 position, bool for_long);
extern void rt_query_events_add_end(RtQueryEvents *events, uint64 position);

/* Makes room for so many who have lost events: telling them, and the end, does not fail. */
extern void rt_query_events_reserve(RtQueryEvents *events, int count);

/* Appends them to the ring.  Neither fails nor waits. */
extern void rt_query_events_send(RtQueryEvents *events, RtDurability durability);

#endif							/* RT_EXECUTOR_QUERY_EVENTS_H */
