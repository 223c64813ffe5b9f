/*
 * behind.c
 *		Connections whose output waits for them to read.
 *
 * Only the kernel knows whether a peer takes anything: the library writes the
 * rest of what it was given by itself, and a write that is not whole for a
 * long time may still advance.
 */
#include "postgres.h"

#include "src/gateway/door/behind.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/door/socket.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"

static dlist_head behind = DLIST_STATIC_INIT(behind);

void
rt_behind_add(RtConnection *connection)
{
	if (connection->is_behind)
		return;
	connection->is_behind = true;
	connection->behind_since_ms = rt_gateway.now_ms;
	connection->advanced_ms = rt_gateway.now_ms;
	dlist_push_tail(&behind, &connection->behind_node);
}

void
rt_behind_remove(RtConnection *connection)
{
	if (!connection->is_behind)
		return;
	connection->is_behind = false;
	dlist_delete(&connection->behind_node);
}

static void
end_connection(RtConnection *connection)
{
	rt_behind_remove(connection);
	rt_outbox_drop(connection);
	rt_connection_kill(connection);
	rt_count(stalled);
}

bool
rt_behind_end_first(const RtConnection *beneficiary, int64 patience_ms)
{
	RtConnection *first;

	if (dlist_is_empty(&behind))
		return false;
	first = dlist_head_element(RtConnection, behind_node, &behind);
	if (first == beneficiary ||
		rt_gateway.now_ms - first->behind_since_ms < patience_ms)
		return false;
	end_connection(first);
	return true;
}

/* ---- looking ---- */

/*
 * When a client offends or says that it will send no more, the library ends
 * the connection by itself.  If that client does not read, it waits five
 * seconds for that and reads nothing either, and the loop is told of the
 * unread input, or of its end, again and again.
 */
static bool
is_stuck(RtConnection *connection, int fd)
{
	if (rt_socket_is_at_end(fd))
		return true;
	if (!rt_socket_has_input(fd))
		return false;
	if (connection->unread_seen_ms > connection->last_received_ms)
		return true;
	connection->unread_seen_ms = rt_gateway.now_ms;
	return false;
}

static bool
has_stalled(RtConnection *connection, int fd)
{
	uint64 taken = rt_socket_taken(fd);

	if (taken != connection->taken || taken == RT_TAKEN_UNKNOWN)
	{
		connection->taken = taken;
		connection->advanced_ms = rt_gateway.now_ms;
	}
	return realtime_stall_timeout > 0 &&
		   rt_gateway.now_ms - connection->advanced_ms >
			   realtime_stall_timeout;
}

void
rt_behind_sweep(void)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify (iterator, &behind)
	{
		RtConnection *connection =
			dlist_container(RtConnection, behind_node, iterator.cur);
		int fd;

		if (connection->wsi == NULL)
			continue;
		fd = rt_event_loop_descriptor(connection->wsi);
		if (is_stuck(connection, fd) || has_stalled(connection, fd))
			end_connection(connection);
	}
}
