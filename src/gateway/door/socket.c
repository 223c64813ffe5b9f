/*
 * socket.c
 *		The raw write path: one send per socket and turn.
 *
 * Bytes are appended to any number of outboxes and written at the end of the
 * turn, outside the library's WRITEABLE callback.  What the kernel does not
 * take is copied by the library, at most RT_WRITE_CHUNK bytes, because nothing
 * is written again before it has been drained; the library asks for the
 * callback itself then.  Meanwhile it does not read, so we must not ask it to,
 * or it would be told of the input again and again.
 *
 * An outbox larger than FLUSH_AT is written at once, and all of them when they
 * hold UNWRITTEN_MAX together, so that one large event to many subscribers
 * does not stand in memory as many times: memory that was used for the last of
 * them is warm, and fetching other pages costs many times what writing does.
 *
 * What others do not read is bounded for all of them together (budget.h).  For
 * an answer that finds no memory those are ended who have not read for the
 * longest time, for an event only those who have not for a while: otherwise it
 * is lost, which can be made good.
 */
#include "postgres.h"

#include <libwebsockets.h>

#include "src/gateway/door/behind.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/socket.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/gateway.h"
#include "src/ipc/assertion.h"

#define FLUSH_AT (16 * 1024)	/* bytes */
#define UNWRITTEN_ENOUGH (8 * 1024 * 1024)	/* bytes appended that end a turn's
											 * fan-out */
#define UNWRITTEN_MAX (16 * 1024 * 1024)	/* before all are written in the
											 * middle of one event */
#define DEAF_MS 1000			/* not to have read for so long may cost the
								 * connection when events need its memory */
#define REFILLS_MAX 4			/* of a socket's output in a turn */
#define CLOSES_MAX 256			/* sockets in a turn */

static dlist_head dirty = DLIST_STATIC_INIT(dirty);
static dlist_head ending = DLIST_STATIC_INIT(ending);	/* at their time */
static dlist_head ended = DLIST_STATIC_INIT(ended); /* in this turn */
static size_t unwritten = 0;	/* bytes appended since the last flush */

/* ---- life ---- */

RtSocket *
rt_socket_create(const RtSocketCalls *calls, void *user)
{
	RtSocket   *socket = calloc(1, sizeof(RtSocket));

	if (socket == NULL)
		return NULL;
	rt_socket_hand_over(socket, calls, user);
	socket->written_ms = rt_gateway.now_ms;
	return socket;
}

void
rt_socket_hand_over(RtSocket *socket, const RtSocketCalls *calls, void *user)
{
	socket->calls = calls;
	socket->user = user;
}

void
rt_socket_received(RtSocket *socket, char *bytes, size_t len)
{
	if (!socket->finishing && !socket->dropped)
		socket->calls->receive(socket->user, bytes, len);
}

/* What the library has not written yet is a copy of its own. */
static void
note_handed_over(RtSocket *socket, size_t bytes)
{
	rt_budget_resize_buffer(&socket->budget, socket->handed_over, bytes);
	socket->handed_over = bytes;
}

static void
forget_output(RtSocket *socket)
{
	rt_buffer_release(&socket->outbox, &socket->budget);
	note_handed_over(socket, 0);
}

void
rt_socket_writable(RtSocket *socket)
{
	note_handed_over(socket, 0);
	rt_socket_mark_dirty(socket);
}

void
rt_socket_gone(RtSocket *socket)
{
	if (socket->in_dirty)
		dlist_delete(&socket->dirty_node);
	if (socket->ends)
		dlist_delete(&socket->end_node);
	rt_behind_remove(socket);
	forget_output(socket);
	socket->calls->gone(socket->user);
	rt_holds(socket->budget.buffered == 0, RT_ASSERTION_MEMORY,
			 "A socket that is gone has not given back its buffers.");
	free(socket);
}

/* ---- reading ---- */

static void
set_paused(RtSocket *socket, uint8 paused)
{
	bool		was_read = socket->paused == 0;

	socket->paused = paused;
	if ((paused == 0) != was_read)
		rt_event_loop_read(socket->wsi, paused == 0);
}

void
rt_socket_pause(RtSocket *socket, RtSocketPause reason)
{
	set_paused(socket, socket->paused | reason);
}

void
rt_socket_resume(RtSocket *socket, RtSocketPause reason)
{
	set_paused(socket, socket->paused & ~reason);
}

/* ---- the end ---- */

static void
set_end(RtSocket *socket, dlist_head *list)
{
	if (socket->ends)
		dlist_delete(&socket->end_node);
	socket->ends = true;
	dlist_push_tail(list, &socket->end_node);
}

void
rt_socket_end_after(RtSocket *socket, int seconds)
{
	if (socket->dropped)
		return;
	socket->end_ms = rt_gateway.now_ms + seconds * 1000;
	set_end(socket, &ending);
}

void
rt_sockets_sweep(void)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify(iterator, &ending)
	{
		RtSocket   *socket = dlist_container(RtSocket, end_node, iterator.cur);

		if (rt_gateway.now_ms >= socket->end_ms)
			set_end(socket, &ended);
	}
}

/* Left to itself the library would try for five seconds to write what it has. */
void
rt_socket_drop(RtSocket *socket)
{
	if (socket->dropped)
		return;
	socket->dropped = true;
	forget_output(socket);
	rt_tcp_break(rt_event_loop_descriptor(socket->wsi));
	set_end(socket, &ended);
	socket->calls->dropped(socket->user);
}

bool
rt_sockets_close(void)
{
	for (int i = 0; i < CLOSES_MAX && !dlist_is_empty(&ended); i++)
	{
		dlist_node *node = dlist_pop_head_node(&ended);
		RtSocket   *socket = dlist_container(RtSocket, end_node, node);

		socket->ends = false;
		rt_event_loop_close(socket->wsi);
	}
	return !dlist_is_empty(&ended);
}

void
rt_socket_finish(RtSocket *socket, int seconds)
{
	if (socket->finishing || socket->dropped)
		return;
	socket->finishing = true;
	rt_socket_resume(socket, RT_SOCKET_BUSY);
	rt_socket_mark_dirty(socket);
	rt_socket_end_after(socket, seconds);
}

/* ---- room ---- */

/* If need be, at the cost of those who have not read for the longest time. */
static bool
make_room(RtSocket *socket, size_t len, int64 patience_ms)
{
	while (!rt_buffer_reserve(&socket->outbox, &socket->budget, len, 1))
	{
		if (!rt_behind_end_first(socket, patience_ms))
			return false;
	}
	return true;
}

bool
rt_socket_make_room(RtSocket *socket, size_t len)
{
	return make_room(socket, len, DEAF_MS);
}

/* ---- writing ---- */

/* Writes what the kernel takes now; a socket that is dead is dropped. */
static void
write_outbox(RtSocket *socket)
{
	RtBuffer   *outbox = &socket->outbox;
	bool		blocked = lws_partial_buffered(socket->wsi) != 0;

	while (outbox->start < outbox->end && !blocked)
	{
		size_t		len = Min(rt_buffer_used(outbox), RT_WRITE_CHUNK);

		if (lws_write(socket->wsi,
					  (unsigned char *) outbox->data + outbox->start,
					  len, LWS_WRITE_RAW) < 0)
		{
			rt_socket_drop(socket);
			return;
		}
		outbox->start += len;
		rt_count_add(bytes_out, len);
		socket->written_ms = rt_gateway.now_ms;
		blocked = lws_partial_buffered(socket->wsi) != 0;
		note_handed_over(socket, blocked ? len : 0);
	}
	if (outbox->start == outbox->end)
		rt_buffer_release(outbox, &socket->budget);
	if (blocked)
	{
		rt_socket_pause(socket, RT_SOCKET_BLOCKED);
		rt_behind_add(socket);
	}
	else
	{
		rt_socket_resume(socket, RT_SOCKET_BLOCKED);
		rt_behind_remove(socket);
	}
}

/* Nobody waits for others' refills: what is more is done in the next turn. */
static void
flush_socket(RtSocket *socket)
{
	for (int i = 0; i < REFILLS_MAX; i++)
	{
		if (socket->dropped)
			return;
		write_outbox(socket);
		if (socket->dropped || rt_socket_is_blocked(socket))
			return;
		if (socket->finishing)
		{
			if (!socket->shut)
				rt_event_loop_shut(socket->wsi);
			socket->shut = true;
			return;
		}
		if (!socket->calls->drained(socket->user))
			return;
	}
	rt_event_loop_ask_writable(socket->wsi);
}

void
rt_sockets_flush(void)
{
	unwritten = 0;
	while (!dlist_is_empty(&dirty))
	{
		dlist_node *node = dlist_pop_head_node(&dirty);
		RtSocket   *socket = dlist_container(RtSocket, dirty_node, node);

		flush_socket(socket);
		/* what was appended meanwhile is written already, or will be */
		socket->in_dirty = false;
	}
}

void
rt_socket_mark_dirty(RtSocket *socket)
{
	if (socket->in_dirty)
		return;
	dlist_push_tail(&dirty, &socket->dirty_node);
	socket->in_dirty = true;
}

bool
rt_sockets_are_full(void)
{
	return unwritten >= UNWRITTEN_ENOUGH;
}

bool
rt_sockets_overflow(void)
{
	return unwritten > UNWRITTEN_MAX;
}

void
rt_socket_append(RtSocket *socket, const char *bytes, size_t len)
{
	if (socket->dropped || socket->finishing)
		return;
	if (!make_room(socket, len, 0))
	{
		rt_socket_drop(socket);
		return;
	}
	memcpy(socket->outbox.data + socket->outbox.end, bytes, len);
	socket->outbox.end += len;
	unwritten += len;
	rt_socket_mark_dirty(socket);
	if (rt_socket_pending(socket) >= FLUSH_AT && !rt_socket_is_blocked(socket) &&
		!rt_event_loop_in_callback())
		write_outbox(socket);
}
