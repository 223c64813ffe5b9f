/*
 * resume.h
 *		The frames "replay" and "resume": what a client has missed of topics
 *		that it knows by name.
 */
#ifndef RT_GATEWAY_TOPIC_RESUME_H
#define RT_GATEWAY_TOPIC_RESUME_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"

extern void rt_replay_frame(RtConnection *connection, const char *text,
							const RtEnvelope *envelope);
extern void rt_resume_frame(RtConnection *connection, const char *text,
							const RtEnvelope *envelope);

/* Answered requests of kind REPLAY and RESUME of a living connection. */
extern void rt_replay_answer(RtConnection *connection, RtRequest *request);
extern void rt_resume_answer(RtConnection *connection, RtRequest *request);

#endif							/* RT_GATEWAY_TOPIC_RESUME_H */
