/*
 * behind.c
 *		Sockets whose output waits for their clients to read.
 *
 * Only the kernel knows whether a peer takes anything: the library writes the
 * rest of what it was given by itself, and a write that is not whole for a
 * long time may still advance.
 */
#include "postgres.h"

#include "src/gateway/door/behind.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/limit.h"

static dlist_head behind = DLIST_STATIC_INIT(behind);

void
rt_behind_add(RtSocket *socket)
{
	if (socket->is_behind)
		return;
	socket->is_behind = true;
	socket->behind_since_ms = rt_gateway.now_ms;
	socket->advanced_ms = rt_gateway.now_ms;
	dlist_push_tail(&behind, &socket->behind_node);
}

void
rt_behind_remove(RtSocket *socket)
{
	if (!socket->is_behind)
		return;
	socket->is_behind = false;
	dlist_delete(&socket->behind_node);
}

static void
end_socket(RtSocket *socket)
{
	rt_behind_remove(socket);
	rt_socket_drop(socket);
	rt_count(stalled);
}

bool
rt_behind_end_first(const RtSocket *beneficiary, int64 patience_ms)
{
	RtSocket   *first;

	if (dlist_is_empty(&behind))
		return false;
	first = dlist_head_element(RtSocket, behind_node, &behind);
	if (first == beneficiary ||
		rt_gateway.now_ms - first->behind_since_ms < patience_ms)
		return false;
	rt_limit_hit(RT_LIMIT_GATEWAY_MEMORY);
	end_socket(first);
	return true;
}

/* ---- looking ---- */

static bool
has_stalled(RtSocket *socket)
{
	uint64		taken = rt_tcp_taken(rt_event_loop_descriptor(socket->wsi));

	if (taken != socket->taken || taken == RT_TCP_UNKNOWN)
	{
		socket->taken = taken;
		socket->advanced_ms = rt_gateway.now_ms;
	}
	return realtime_stall_timeout > 0 &&
		rt_gateway.now_ms - socket->advanced_ms > realtime_stall_timeout;
}

void
rt_behind_sweep(void)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify(iterator, &behind)
	{
		RtSocket   *socket = dlist_container(RtSocket, behind_node, iterator.cur);

		if (!has_stalled(socket))
			continue;
		rt_limit_hit(RT_LIMIT_STALL_TIMEOUT);
		end_socket(socket);
	}
}
