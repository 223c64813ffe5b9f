/*
 * parts.h
 *		Replies that are longer than a frame: part after part, as fast as their
 *		clients read.
 *
 * What is not sent yet is kept here, once for all who share an answer, so that
 * neither an executor nor the memory of answers waits for a client.  The
 * subscription begins with the last part and goes on behind the value's position
 * in the ring, as after any other reply.
 */
#ifndef RT_GATEWAY_TOPIC_PARTS_H
#define RT_GATEWAY_TOPIC_PARTS_H

#include "src/gateway/asker.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/topic/stream_answer.h"

/*
 * Sends the reply and sees to it that the rest follows.  Returns false if the
 * reply does not fit to the asker; then nothing happens.
 */
extern bool rt_parts_begin(RtConnection *connection, const RtStreamAnswer *answer,
						   const RtAsker *asker);

/* The answer that is being told has been told to all who share it. */
extern void rt_parts_forget_answer(void);

/* All output of a connection is written: sends a part, if one is to come. */
extern bool rt_parts_send(RtConnection *connection);

/* Sends the last parts that are due, and what is granted with them. */
extern void rt_parts_finish(void);
extern bool rt_parts_are_due(void);

/*
 * An answer whose value is a roster (roster.h) waits until changes are told, and is
 * sent then; returns true.  Whether any waits.
 */
extern bool rt_parts_wait_for_roster(RtConnection *connection, const RtStreamAnswer *answer,
									 const RtAsker *asker);
extern void rt_parts_send_rosters(void);
extern bool rt_parts_rosters_wait(void);

/* The connection is about to be freed. */
extern void rt_parts_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_PARTS_H */
