/*
 * upgrade.c
 *		Who may open a WebSocket.
 *
 * It is looked for in this order: host (421, by the routes), path, handshake,
 * service, rate of the address (429), origin (403), number of connections, those
 * of the address, upgrade hook.  A
 * browser cannot tell these apart and tries again; who must be refused for
 * good is accepted and closed with a final code instead.
 */
#include "postgres.h"

#include <libwebsockets.h>

#include "src/gateway/departure.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/door/origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/upgrade.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/gateway/health.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/login.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/protocol/handshake.h"

#define DIGEST_SIZE 20			/* of SHA-1 */

/* ---- answers ---- */

/* What follows the request is for a WebSocket that there is not. */
static void
refuse(RtHttp *http, int status, const char *text)
{
	rt_count(refused);
	rt_http_end(http);
	rt_http_answer_text(http, status, text, status != 426 ? NULL :
						"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
}

static void
refuse_for(RtLimitKind limit, RtHttp *http, int status, const char *text)
{
	rt_limit_hit(limit);
	refuse(http, status, text);
}

/* Whether calls can be answered, now or soon. */
static bool
service_is_up(RtServiceState state)
{
	return state == RT_SERVICE_READY || state == RT_SERVICE_STARTING ||
		state == RT_SERVICE_VACATED;
}

/* Whether an address has as many connections as it may. */
static bool
address_is_full(const unsigned char *address)
{
	int			count;

	if (realtime_max_connections_per_address == 0)
		return false;
	count = rt_clients_of_address(rt_address_hash(address));
	if (count >= realtime_max_connections_per_address)
		return true;
	rt_limit_note(RT_LIMIT_CONNECTIONS_PER_ADDRESS, count + 1);
	return false;
}

/* Whether there is a place for one more; if not, that is answered. */
static bool
has_room(RtHttp *http, const unsigned char *address)
{
	if (rt_connection_count() >= realtime_max_connections)
		refuse_for(RT_LIMIT_CONNECTIONS, http, 503,
				   "There are too many connections; please try again later.");
	else if (rt_departures_are_many())
		refuse_for(RT_LIMIT_DEPARTURES, http, 503,
				   "Too many connections have ended; please try again later.");
	else if (address_is_full(address))
		refuse_for(RT_LIMIT_CONNECTIONS_PER_ADDRESS, http, 429,
				   "This address has too many connections.");
	else
		return true;
	return false;
}

/* Returns whether the upgrade may go on; if not, it is answered. */
static bool
check_upgrade(RtHttp *http, const char *path, const unsigned char *address,
			  RtHandshake *handshake)
{
	RtServiceState service = rt_service_state();

	rt_handshake_read(&http->head, handshake);
	if (strcmp(path, realtime_path) != 0)
		refuse(http, 404, "There is no WebSocket here.");
	else if (handshake->status != 101)
		refuse(http, handshake->status, handshake->reason);
	else if (!service_is_up(service))
		refuse(http, 503, rt_service_state_text(service));
	else if (rt_gateway.stopping)
		refuse(http, 503, "The server is stopping.");
	else if (!rt_rate_allows(address, RT_RATE_UPGRADE))
		refuse_for(RT_LIMIT_UPGRADE_RATE, http, 429, "This address opens connections too fast.");
	else if (!rt_origin_is_allowed(&http->head))
		refuse(http, 403, "Pages of this origin are not allowed to connect, see realtime.allowed_origins.");
	else
		return has_room(http, address);
	return false;
}

/* Sec-WebSocket-Accept: SHA-1 of the key and the GUID, in base64. */
static void
make_accept(RtText key, char accept[RT_HANDSHAKE_ACCEPT_LENGTH + 1])
{
	unsigned char text[RT_HANDSHAKE_KEY_LENGTH + sizeof(RT_HANDSHAKE_GUID)];
	unsigned char digest[DIGEST_SIZE];

	memcpy(text, key.ptr, RT_HANDSHAKE_KEY_LENGTH);
	memcpy(text + RT_HANDSHAKE_KEY_LENGTH, RT_HANDSHAKE_GUID, sizeof(RT_HANDSHAKE_GUID));
	lws_SHA1(text, sizeof(text) - 1, digest);
	lws_b64_encode_string((char *) digest, sizeof(digest), accept,
						  RT_HANDSHAKE_ACCEPT_LENGTH + 1);
}

static void
take_frames(void *connection, char *bytes, size_t len)
{
	rt_inbox_receive(connection, bytes, len);
}

static void
take_request_id(const RtHttp *http, RtConnection *connection)
{
	RtText		id = rt_http_request_id(http);

	memcpy(connection->request_id, id.ptr != NULL ? id.ptr : "", id.len);
	connection->request_id[id.len] = '\0';
}

/* The answer to the handshake, and with it a connection. */
static void
open_connection(RtHttp *http, const unsigned char *address, const RtHandshake *handshake)
{
	RtSocket   *socket = http->socket;
	RtConnection *connection = rt_connection_open(socket, address);
	char		accept[RT_HANDSHAKE_ACCEPT_LENGTH + 1];
	char		answer[RT_HANDSHAKE_ANSWER_MAX];
	RtDeflate	deflate;

	if (connection == NULL)
	{
		refuse(http, 503, "There is no memory for another connection.");
		return;
	}
	take_request_id(http, connection);
	make_accept(handshake->key, accept);
	deflate = realtime_compression ? handshake->deflate : RT_DEFLATE_NONE;
	connection->reader.may_compress = deflate != RT_DEFLATE_NONE;
	rt_socket_append(socket, answer, rt_handshake_accept(answer, accept, handshake->protocol, deflate,
														 RT_TEXT(rt_connection_request_id(connection))));
	rt_connection_begin(connection);
	rt_health_greet(connection);
	rt_login_begin(connection, &http->head);
	rt_http_leave(http, take_frames, connection);
}

/* ---- the upgrade hook ---- */

static void
refuse_as_told(RtHttp *http, int status, RtText code, RtText message, RtText more)
{
	char		line[256];

	snprintf(line, sizeof(line), "%.*s", (int) message.len, message.ptr);
	refuse(http, status, line);
}

/* Meanwhile others may have taken the last place. */
static void
accept_upgrade(RtHttp *http)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	RtHandshake handshake;

	rt_http_end_asking(http);
	rt_handshake_read(&http->head, &handshake);
	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (has_room(http, address))
		open_connection(http, address, &handshake);
}

void
rt_upgrade(RtHttp *http, const char *path)
{
	static const RtHttpService hook = {
		.methods = "GET",.refuse = refuse_as_told,.accept = accept_upgrade
	};
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	RtHandshake handshake;

	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (!check_upgrade(http, path, address, &handshake))
		return;
	else if (rt_service_may_have_hook(RT_HOOK_UPGRADE))
		rt_http_ask_from(http, &hook, NULL, address);
	else
		open_connection(http, address, &handshake);
}
