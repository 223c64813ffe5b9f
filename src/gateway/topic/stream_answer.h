/*
 * stream_answer.h
 *		What an answer of kind STREAM brings, and to what.
 */
#ifndef RT_GATEWAY_TOPIC_STREAM_ANSWER_H
#define RT_GATEWAY_TOPIC_STREAM_ANSWER_H

#include "src/ipc/request.h"
#include "src/protocol/text.h"

typedef struct RtStreamAnswer
{
	RtText		path;			/* of the question */
	RtText		args;
	int			session;		/* of who has asked */
	uint64		orders;			/* number of the last one then */
	RtText		id_json;		/* that the frames have */
	RtText		topic;
	RtText		presence;		/* what others see of who asks; len 0 = nothing */
	int64		since;			/* as the question has it */
	int64		seq;			/* the value has all events up to this number */
	uint16		flags;			/* RT_TOPIC_* */
	uint64		position;		/* of the ring: likewise */
	int64		stale_ms;
	int64		debounce_ms;
	uint64		query;			/* serial of the group of a live query */
	RtText		frames;			/* one behind the other; the reply is the first */
} RtStreamAnswer;

/* The texts are the request's. */
extern RtStreamAnswer rt_stream_answer_of(RtRequest *request);

/* Whether it brings the rows of a live query. */
extern bool rt_stream_answer_is_query(RtRequest *request);

#endif							/* RT_GATEWAY_TOPIC_STREAM_ANSWER_H */
