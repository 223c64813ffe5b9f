/*
 * round_frame.h
 *		Live queries of a connection move together: what a round tells of them
 *		goes out in one frame, with the position up to which they are true then.
 *
 * That is for clients that have said so ("pos").  What is too long for a frame is
 * in several, and so is what has not been read yet when the reading stops; the
 * last of them has the position.
 *
 * Nor has one without another that will be there in a moment: what is there waits
 * for that, in its client.
 *
 * A client is told a position only if it has to know it: with events, behind the
 * rows of a query that it has asked for, and when it has changed something itself.
 */
#ifndef RT_GATEWAY_TOPIC_ROUND_FRAME_H
#define RT_GATEWAY_TOPIC_ROUND_FRAME_H

#include "src/gateway/door/connection.h"
#include "src/gateway/topic/topic_table.h"
#include "src/ipc/publish_ring.h"

/* Up to where the query of a topic is true, as an entry says. */
extern void rt_round_frames_note(RtTopic *topic, const RtRingEntry *entry);

/* Events of a round are read from now on; its end has been, with its position. */
extern void rt_round_frames_begin(void);
extern void rt_round_frames_end(uint64 position);

/*
 * The reading stops, perhaps within a round: nothing is kept from now until it
 * goes on.  break: its end will not be read.
 */
extern void rt_round_frames_pause(void);
extern void rt_round_frames_break(void);

/*
 * Who has waited long enough gets the end; to be called often while there is
 * somebody who waits.
 */
extern void rt_round_frames_sweep(void);
extern bool rt_round_frames_waiting(void);

/* An event for a connection; returns false if it cannot take it. */
extern bool rt_round_frame_hold(RtConnection *connection, RtEventFrame *event);

/* The rows of a query have been sent: how they stand beside those of others. */
extern void rt_round_frame_follow(RtConnection *connection);

/* It is to be told when its queries have what is before a position; 0 = nothing. */
extern void rt_round_frame_await(RtConnection *connection, uint64 position);

extern void rt_round_frame_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_ROUND_FRAME_H */
