/*
 * event_loop.c
 *		The loop's machinery and the one callback of libwebsockets.
 *
 * The uv loop is ours (a "foreign" loop to the library, which with a loop of
 * its own would replace our signal handlers).  We sleep in a WaitEventSet on
 * the process's latch, the postmaster's death and the loop's backend
 * descriptor, and then let uv run without waiting.
 *
 * Everything called from here while uv runs must not throw: a longjmp through
 * the library's frames would skip its own clean-up.
 */
#include "postgres.h"

#include <fcntl.h>
#include <libwebsockets.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "src/compat.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/http.h"
#include "src/gateway/door/socket.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/protocol/frame.h"

/* Bytes read at once; a buffer of this size is paid for each connection. */
#define RX_BUFFER_SIZE 2048
#define HEADERS_SIZE 8192		/* the most that a request's headers may take */

#define RESERVED_DESCRIPTORS 32 /* beside sockets, what has been opened before */

static uv_loop_t loop;
static struct lws_context *context = NULL;
static struct lws_vhost *vhost = NULL;
static WaitEventSet *wait_set = NULL;
static int	sockets = 0;
static int	callback_depth = 0;

/*
 * Turns in a row in which a socket was ready and nobody heard of it.  Some are
 * the library's own business; many mean that it does not do it.
 */
#define SPIN_TURNS 100
static int	silent_turns = 0;
static bool socket_was_ready = false;
static bool callback_ran = false;

/* ---- callbacks ---- */

static int
on_established(struct lws *wsi)
{
	RtConnection *connection = rt_connection_open(wsi);

	if (connection == NULL)
		return -1;
	lws_set_opaque_user_data(wsi, connection);
	return 0;
}

static int
on_receive(struct lws *wsi, RtConnection *connection, const char *bytes, size_t len)
{
	if (connection == NULL)
		return -1;
	rt_connection_receive(connection, bytes, len,
						  lws_is_first_fragment(wsi) != 0,
						  lws_is_final_fragment(wsi) != 0,
						  lws_frame_is_binary(wsi) != 0);
	return 0;
}

/*
 * The library takes the answer to a close frame that we wrote ourselves for
 * the peer's own and would answer it: a second close frame, which browsers
 * call an unclean end.
 */
static int
on_peer_close(const RtConnection *connection)
{
	return connection != NULL && connection->state != RT_CONNECTION_OPEN ? -1 : 0;
}

static int
on_closed(struct lws *wsi, RtConnection *connection)
{
	lws_set_opaque_user_data(wsi, NULL);
	if (connection != NULL)
		rt_connection_gone(connection);
	return 0;
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		 void *in, size_t len)
{
	RtConnection *connection;

	callback_ran = true;
	switch (reason)
	{
		case LWS_CALLBACK_WSI_CREATE:
			sockets++;
			return 0;
		case LWS_CALLBACK_WSI_DESTROY:
			sockets--;
			return on_closed(wsi, lws_get_opaque_user_data(wsi));
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return rt_http_on_upgrade(wsi);
		case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
			return rt_http_on_filter(wsi, in);
		case LWS_CALLBACK_RAW_ADOPT:
			return -1;			/* CONNECT: a socket without HTTP or limits */
		case LWS_CALLBACK_HTTP:
			return rt_http_on_request(wsi);
		case LWS_CALLBACK_ESTABLISHED:
			return on_established(wsi);
		case LWS_CALLBACK_RECEIVE:
			return on_receive(wsi, lws_get_opaque_user_data(wsi), in, len);
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			return on_peer_close(lws_get_opaque_user_data(wsi));
		case LWS_CALLBACK_RECEIVE_PONG:
			connection = lws_get_opaque_user_data(wsi);
			if (connection != NULL)
				rt_connection_alive(connection);
			return 0;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			connection = lws_get_opaque_user_data(wsi);
			if (connection != NULL)
				rt_connection_writable(connection);
			return 0;
		case LWS_CALLBACK_CLOSED:
			return on_closed(wsi, lws_get_opaque_user_data(wsi));
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

/* The library's own words are about single peers: never above DEBUG1. */
static void
on_library_log(int level, const char *line)
{
	HOLD_INTERRUPTS();
	ereport(DEBUG1,
			(errmsg_internal("libwebsockets: %.*s",
							 (int) strcspn(line, "\n"), line)));
	RESUME_INTERRUPTS();
}

/* ---- building ---- */

static const struct lws_protocols protocols[] = {
	{
		.name = "http",
		.callback = on_event,
		.rx_buffer_size = RX_BUFFER_SIZE,
		.tx_packet_size = RT_FRAME_HEADROOM + RT_FRAME_PAYLOAD_MAX,
	},
	{NULL, NULL, 0, 0, 0, NULL, 0}
};

static int
handshake_seconds(void)
{
	return Max(1, realtime_handshake_timeout / 1000);
}

/*
 * The library's own check of UTF-8 is not asked for: a pong between two
 * fragments confuses it, and it forgets a character that the last, empty
 * fragment leaves unfinished.
 */
static void
create_context(int max_sockets)
{
	struct lws_context_creation_info info;
	void	   *foreign_loops[1];

	foreign_loops[0] = &loop;
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.foreign_loops = foreign_loops;
	info.options = LWS_SERVER_OPTION_LIBUV |
		LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE;
	info.gid = -1;
	info.uid = -1;
	info.pt_serv_buf_size = 16 * 1024;
	info.fd_limit_per_thread = max_sockets + 8;
	info.max_http_header_data = HEADERS_SIZE;
	info.timeout_secs = handshake_seconds();
	info.timeout_secs_ah_idle = handshake_seconds();	/* for a request's head */
	info.keepalive_timeout = 15;

	context = lws_create_context(&info);
	if (context == NULL)
		ereport(FATAL,
				(errmsg("could not create the context of libwebsockets"),
				 errhint("Its plug-in for libuv (Debian: libwebsockets-evlib-uv) must be installed.")));

	info.mounts = rt_http_mounts();
	vhost = lws_create_vhost(context, &info);
	if (vhost == NULL)
		ereport(FATAL, (errmsg("could not create the virtual host of libwebsockets")));
}

static void
on_reserved(uv_poll_t *handle, int status, int events)
{
}

/*
 * libuv has a table of all descriptors that it watches, and aborts the process
 * when that cannot grow.  So we make it as large as it will be.
 */
static void
reserve_watchers(int max_sockets)
{
	static uv_poll_t poll;
	int			low = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int			high = fcntl(low, F_DUPFD_CLOEXEC, max_sockets);

	if (high >= 0 && uv_poll_init(&loop, &poll, high) == 0)
	{
		(void) uv_poll_start(&poll, UV_DISCONNECT, on_reserved);
		uv_close((uv_handle_t *) &poll, NULL);
		(void) uv_run(&loop, UV_RUN_NOWAIT);
	}
	if (high >= 0)
		close(high);
	if (low >= 0)
		close(low);
}

void
rt_event_loop_init(int max_sockets)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
	if (uv_loop_init(&loop) != 0)
		ereport(FATAL, (errmsg("could not create the event loop")));
	reserve_watchers(max_sockets + RESERVED_DESCRIPTORS);
	create_context(max_sockets);

	wait_set = rt_create_wait_event_set(3);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, uv_backend_fd(&loop), NULL, NULL);
}

uv_loop_t *
rt_event_loop_uv(void)
{
	return &loop;
}

bool
rt_event_loop_adopt(int fd)
{
	struct lws *wsi;

	callback_depth++;
	wsi = lws_adopt_socket_vhost(vhost, fd);
	/* what the context was made with may not be the setting of today */
	if (wsi != NULL)
		lws_set_timeout(wsi, PENDING_TIMEOUT_HOLDING_AH, handshake_seconds());
	callback_depth--;
	return wsi != NULL;
}

/* It looks at its timers only after an event, so it gets one. */
void
rt_event_loop_close_after(struct lws *wsi, int seconds)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, seconds);
	lws_cancel_service(context);
}

/* Left to itself the library would try for five seconds to write what it has. */
void
rt_event_loop_kill(struct lws *wsi)
{
	rt_socket_break(lws_get_socket_fd(wsi));
	rt_event_loop_close_after(wsi, LWS_TO_KILL_ASYNC);
}

int
rt_event_loop_descriptor(struct lws *wsi)
{
	return lws_get_socket_fd(wsi);
}

int
rt_event_loop_sockets(void)
{
	return sockets;
}

bool
rt_event_loop_in_callback(void)
{
	return callback_depth > 0;
}

/* ---- running ---- */

void
rt_event_loop_run(void)
{
	callback_ran = false;
	callback_depth++;
	uv_run(&loop, UV_RUN_NOWAIT);
	callback_depth--;
	if (callback_ran)
		silent_turns = 0;
	else if (socket_was_ready)
		silent_turns++;
	socket_was_ready = false;
}

bool
rt_event_loop_spins(void)
{
	return silent_turns >= SPIN_TURNS;
}

void
rt_event_loop_wait(long timeout_ms)
{
	static uint32 wait_event = 0;
	WaitEvent	events[3];
	int			uv_timeout;
	int			n;

	/* an idle handle stays active after each read: run again, do not wait */
	uv_timeout = uv_backend_timeout(&loop);
	if (uv_timeout == 0)
		return;
	if (uv_timeout > 0 && (timeout_ms < 0 || uv_timeout < timeout_ms))
		timeout_ms = uv_timeout;

	n = WaitEventSetWait(wait_set, timeout_ms, events, lengthof(events),
						 rt_wait_event(&wait_event, "RealtimeGatewayMain"));
	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (events[i].events & WL_SOCKET_READABLE)
			socket_was_ready = true;
	}
}
