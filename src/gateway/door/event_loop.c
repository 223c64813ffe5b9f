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
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/socket.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/door/tls.h"
#include "src/guc.h"

#define PROTOCOL "realtime"		/* name of ours among the library's protocols */
#define READ_SIZE (64 * 1024)	/* bytes read at once, at most */

#define LIBRARY_PATIENCE_S 600	/* longer than we have ourselves */

static uv_loop_t loop;
static struct lws_context *context = NULL;
static struct lws_vhost *plain = NULL;	/* for those who speak no TLS */
static struct lws_vhost *secure = NULL;	/* for those who do, if there is one */
static SSL_CTX *secure_context = NULL;
static WaitEventSet *wait_set = NULL;
static int	sockets = 0;
static int	callback_depth = 0;

/* ---- callbacks ---- */

static void
on_closed(struct lws *wsi)
{
	RtSocket   *socket = lws_get_opaque_user_data(wsi);

	lws_set_opaque_user_data(wsi, NULL);
	if (socket != NULL)
		rt_socket_gone(socket);
}

/*
 * The library gives a client who speaks TLS some time for what would be its
 * own protocol, and does not know that with us this has begun.
 */
static void
on_received(struct lws *wsi, RtSocket *socket, char *bytes, size_t len)
{
	if (!socket->has_begun && !socket->finishing && !socket->dropped &&
		lws_get_ssl(wsi) != NULL)
		lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
	socket->has_begun = true;
	rt_socket_received(socket, bytes, len);
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		 void *in, size_t len)
{
	RtSocket   *socket;

	switch (reason)
	{
		case LWS_CALLBACK_WSI_CREATE:
			sockets++;
			break;
		case LWS_CALLBACK_WSI_DESTROY:
			sockets--;
			on_closed(wsi);
			break;
		case LWS_CALLBACK_RAW_RX:
			socket = lws_get_opaque_user_data(wsi);
			if (socket != NULL)
				on_received(wsi, socket, in, len);
			break;
		case LWS_CALLBACK_RAW_WRITEABLE:
			socket = lws_get_opaque_user_data(wsi);
			if (socket != NULL)
				rt_socket_writable(socket);
			break;
		case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
			secure_context = user;
			break;
		case LWS_CALLBACK_RAW_CLOSE:
			on_closed(wsi);
			break;
		default:
			break;
	}
	return 0;
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
		.name = PROTOCOL,
		.callback = on_event,
		.tx_packet_size = RT_WRITE_CHUNK,
	},
	{NULL, NULL, 0, 0, 0, NULL, 0}
};

/*
 * Of the library we use sockets, TLS and writing, its "raw" role: what the bytes
 * mean is for src/protocol to say.
 *
 * With a limit below the process's own it would look through all sockets at each
 * event, to find the one that it is about.
 */
static void
create_context(int descriptors)
{
	struct lws_context_creation_info info;
	void	   *foreign_loops[1];

	foreign_loops[0] = &loop;
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.foreign_loops = foreign_loops;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.gid = -1;
	info.uid = -1;
	info.pt_serv_buf_size = READ_SIZE;
	info.timeout_secs = LIBRARY_PATIENCE_S;
	info.fd_limit_per_thread = descriptors;

	context = lws_create_context(&info);
	if (context == NULL)
		ereport(FATAL,
				(errmsg("could not create the context of libwebsockets"),
				 errhint("Its plug-in for libuv (Debian: libwebsockets-evlib-uv) must be installed.")));

	plain = lws_create_vhost(context, &info);
	if (plain == NULL)
		ereport(FATAL, (errmsg("could not create the virtual host of libwebsockets")));
}

/* TLS 1.2 or later; returns NULL if it does not work. */
static SSL_CTX *
create_secure(void)
{
	struct lws_context_creation_info info;

	memset(&info, 0, sizeof(info));
	info.vhost_name = "secure";
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
		LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
	info.ssl_cert_filepath = realtime_tls_cert_file;
	info.ssl_private_key_filepath = realtime_tls_key_file;
	if (secure == NULL)
		secure = lws_create_vhost(context, &info);
	if (secure == NULL || secure_context == NULL ||
		SSL_CTX_set_min_proto_version(secure_context, TLS1_2_VERSION) != 1)
		return NULL;
	return secure_context;
}

void
rt_event_loop_configure_tls(void)
{
	rt_tls_configure(create_secure);
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
reserve_watchers(int descriptors)
{
	static uv_poll_t poll;
	int			low = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int			high = fcntl(low, F_DUPFD_CLOEXEC, descriptors - 1);

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
rt_event_loop_init(int descriptors)
{
	lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
	if (uv_loop_init(&loop) != 0)
		ereport(FATAL, (errmsg("could not create the event loop")));
	reserve_watchers(descriptors);
	create_context(descriptors);

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
rt_event_loop_adopt(int fd, RtSocket *socket)
{
	lws_adopt_desc_t adoption;

	if (rt_tls_is_wanted() && !rt_tls_is_ready())
	{
		close(fd);
		return false;
	}
	memset(&adoption, 0, sizeof(adoption));
	adoption.vh = rt_tls_is_wanted() ? secure : plain;
	adoption.type = LWS_ADOPT_SOCKET | (rt_tls_is_wanted() ? LWS_ADOPT_ALLOW_SSL : 0);
	adoption.fd.sockfd = fd;
	adoption.vh_prot_name = PROTOCOL;
	callback_depth++;
	socket->wsi = lws_adopt_descriptor_vhost_via_info(&adoption);
	if (socket->wsi != NULL)
	{
		lws_set_opaque_user_data(socket->wsi, socket);
		lws_set_timeout(socket->wsi, NO_PENDING_TIMEOUT, 0);
	}
	callback_depth--;
	return socket->wsi != NULL;
}

/*
 * Its timers are not for crowds: they are a list, which each new one goes through
 * from the begin.  So none is set, and when a socket is to be closed is ours to
 * know.
 */
void
rt_event_loop_close(struct lws *wsi)
{
	callback_depth++;
	lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
	callback_depth--;
}

int
rt_event_loop_descriptor(struct lws *wsi)
{
	return lws_get_socket_fd(wsi);
}

void
rt_event_loop_shut(struct lws *wsi)
{
	SSL		   *ssl = lws_get_ssl(wsi);

	if (ssl != NULL)
		rt_tls_shut(ssl);
	(void) shutdown(lws_get_socket_fd(wsi), SHUT_WR);
}

void
rt_event_loop_read(struct lws *wsi, bool wanted)
{
	(void) lws_rx_flow_control(wsi, wanted);
	/* what OpenSSL has decrypted already is no event of the socket's */
	if (wanted && lws_get_ssl(wsi) != NULL)
		lws_cancel_service(context);
}

void
rt_event_loop_ask_writable(struct lws *wsi)
{
	(void) lws_callback_on_writable(wsi);
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
	callback_depth++;
	uv_run(&loop, UV_RUN_NOWAIT);
	callback_depth--;
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
	}
}
