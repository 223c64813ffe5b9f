/*
 * stream_name.h
 *		From a client's arguments to the topic of a stream.
 */
#ifndef RT_EXECUTOR_REQUEST_STREAM_NAME_H
#define RT_EXECUTOR_REQUEST_STREAM_NAME_H

#include "src/compat.h"

#include "src/executor/request/stream.h"

/*
 * The function whose parameters a stream's arguments have: its loader or
 * access function, or, if that takes nothing or there is none (NULL), one that
 * stands for the placeholders of the topic, or the parameters of the query, and
 * cannot be called.  Of a stream with a function that names the topic that or
 * another one, whatever it takes.
 */
extern RtFunction *rt_stream_signature(const RtStreamDeclaration *stream,
									   RtFunction *function);

/*
 * The topic for converted arguments, terminated.  Raises what the client is
 * told if there is none for them.
 */
extern char *rt_stream_topic_name(RtStreamWork *stream);

#endif							/* RT_EXECUTOR_REQUEST_STREAM_NAME_H */
