/*
 * roster.h
 *		The value of streams that show who is present.
 */
#ifndef RT_GATEWAY_TOPIC_ROSTER_H
#define RT_GATEWAY_TOPIC_ROSTER_H

#include "src/gateway/asker.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/topic/stream_answer.h"

/*
 * An answer that grants such a stream, without its value: the connection is present
 * from now on, and gets it when changes are told.  Returns true, as rt_stream_grant().
 */
extern bool rt_roster_grant(RtConnection *connection, const RtStreamAnswer *answer,
							const RtAsker *asker);

/* Then: sends the value and subscribes the connection, as rt_stream_grant(). */
extern bool rt_roster_send(RtConnection *connection, RtStreamAnswer *answer,
						   const RtAsker *asker);

#endif							/* RT_GATEWAY_TOPIC_ROSTER_H */
