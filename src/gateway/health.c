/*
 * health.c
 *		Tells clients that something is out of order, though they are connected and
 *		events come: an event "degraded" on the topic "__realtime", which nobody
 *		has to subscribe to, when the first circuit breaker breaks, no executor
 *		can be started, or an administrator says so, and "recovered" when all is as
 *		it should be again.
 *
 * Who comes while something is out of order is told; so is who comes back when
 * nothing is any more, as he may have been told before he was cut off.
 */
#include "postgres.h"

#include <sys/time.h>

#include "src/gateway/gateway.h"
#include "src/gateway/health.h"
#include "src/ipc/breaker.h"
#include "src/ipc/service.h"
#include "src/protocol/frame.h"

#define PAYLOAD_MAX 256

static uint32 version_seen = 0;
static bool any_broken = false;
static bool degraded = false;	/* as clients have been told */

static void
tell(RtConnection *connection)
{
	char		data[64];
	struct timeval now;
	int			len;

	gettimeofday(&now, NULL);
	len = snprintf(data, sizeof(data), "{\"at\":%lld}",
				   (long long) now.tv_sec * 1000 + now.tv_usec / 1000);
	rt_connection_send_payload(connection,
							   rt_payload_event(rt_frame_buffer(PAYLOAD_MAX), PAYLOAD_MAX,
												RT_TEXT("__realtime"),
												RT_TEXT(degraded ? "degraded" : "recovered"),
												(RtText) {data, len}, -1));
}

void
rt_health_look(void)
{
	uint32		version = rt_breakers_version();
	bool		now_degraded;

	if (version != version_seen)
		any_broken = rt_breakers_any_broken();
	version_seen = version;
	now_degraded = any_broken || rt_service_state() == RT_SERVICE_NO_EXECUTOR ||
		rt_service_is_marked_degraded();
	if (now_degraded == degraded)
		return;
	degraded = now_degraded;
	if (degraded)
		rt_service_note_degraded();
	rt_connections_each(tell);
}

void
rt_health_greet(RtConnection *connection)
{
	if (degraded)
		tell(connection);
}

void
rt_health_greet_returning(RtConnection *connection)
{
	if (!degraded && rt_service_was_degraded())
		tell(connection);
}
