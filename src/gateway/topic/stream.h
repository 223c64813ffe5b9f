/*
 * stream.h
 *		Clients that follow streams: what their requests need, and what the
 *		replies grant.
 */
#ifndef RT_GATEWAY_TOPIC_STREAM_H
#define RT_GATEWAY_TOPIC_STREAM_H

#include "src/gateway/asker.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/topic/stream_answer.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"

/* Fills in what a question of kind STREAM has besides the call. */
extern void rt_stream_fill(const RtConnection *connection, RtQuestion *question,
						   const char *text, const RtCall *call);

/*
 * Such a question has been asked, and has been answered; connection NULL = it
 * is gone.
 */
extern void rt_stream_begun(RtConnection *connection);
extern void rt_stream_ended(RtConnection *connection);

/*
 * Whether an answer of kind STREAM is told behind the events before it: it is about
 * a topic that the connection has, or of a live query, which is not to be ahead of
 * the others.
 */
extern bool rt_stream_waits_for_events(RtConnection *connection, RtRequest *request);

/*
 * An answer of kind STREAM: sends the reply and subscribes the connection.
 * Returns false if the reply does not fit to the asker; then nothing happens.
 */
extern bool rt_stream_grant(RtConnection *connection, RtRequest *request,
							const RtAsker *asker);

/* The same for its last frame, when the others have been sent. */
extern bool rt_stream_grant_last(RtConnection *connection,
								 const RtStreamAnswer *answer,
								 const RtAsker *asker, RtText frame);

/* An unsubscribe frame: requests that are in flight no longer grant it. */
extern void rt_stream_unsubscribed(RtConnection *connection, const char *topic,
								   size_t len);

/* Whether anybody waits for the reply of a stream. */
extern bool rt_streams_in_flight(void);

/* The connection is about to be freed. */
extern void rt_streams_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_STREAM_H */
