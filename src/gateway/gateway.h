/*
 * gateway.h
 *		What the parts of a gateway know about their process.
 */
#ifndef RT_GATEWAY_GATEWAY_H
#define RT_GATEWAY_GATEWAY_H

#include "src/compat.h"

#include "src/ipc/durability.h"
#include "src/ipc/worker_slot.h"

typedef struct RtGateway
{
	int			index;
	uint32		generation;
	RtGatewayCounters *counters;
	MemoryContext context;		/* life of the process */
	int64		now_ms;			/* monotonic, read once a turn */
	bool		stopping;		/* no new connections, no new calls */
	RtDurable	durable;		/* how far the log is, read once a turn */
} RtGateway;

extern RtGateway rt_gateway;

/* What there is now of something. */
#define rt_show(counter, n) pg_atomic_write_u64(&rt_gateway.counters->counter, (n))

#define rt_count(counter) \
	pg_atomic_write_u64(&rt_gateway.counters->counter, \
						pg_atomic_read_u64(&rt_gateway.counters->counter) + 1)
#define rt_count_add(counter, n) \
	pg_atomic_write_u64(&rt_gateway.counters->counter, \
						pg_atomic_read_u64(&rt_gateway.counters->counter) + (n))

#endif							/* RT_GATEWAY_GATEWAY_H */
