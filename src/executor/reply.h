/*
 * reply.h
 *		Puts the answer to a request into its slot.
 */
#ifndef RT_EXECUTOR_REPLY_H
#define RT_EXECUTOR_REPLY_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/executor/errors.h"
#include "src/ipc/request.h"
#include "src/protocol/text.h"

/*
 * The frame of a success; data_len 0 = no data.  Raises if it is too long or
 * if there is no room for it: call it while the transaction can still fail.
 */
extern void rt_reply_success(RtRequest *request, const char *data, int data_len);

/* The same, which returns false. */
extern bool rt_reply_try_success(RtRequest *request, const char *data, int data_len);

/* A finished frame.  Returns false if there is no room for it. */
extern bool rt_reply_frame(RtRequest *request, const char *frame, Size len);

/*
 * The same for the payload of a text frame, which stands RT_FRAME_HEADROOM behind
 * the begin of a buffer.
 */
extern bool rt_reply_text(RtRequest *request, char *buffer, size_t payload_len);

/*
 * The same for an answer over HTTP, without a frame: JSON, and the status that
 * goes with it.
 */
extern bool rt_reply_content(RtRequest *request, int status, const char *json,
							 Size len);

/* What the client is told of a failure, in either way.  Never fails. */
extern void rt_reply_failure(RtRequest *request, const RtFault *fault);

/* The verdicts on a request's topics.  Never fails. */
extern void rt_reply_verdicts(RtRequest *request, const char *verdicts, int len);

/*
 * Who somebody is, or how its connection ends, and headers that go with it.  A
 * session is the answer's from then on.  Never fails.
 */
extern void rt_reply_login(RtRequest *request, const RtLoginAnswer *answer,
						   RtText headers, int session);

/* What the scheduler asked for has not happened.  Never fails. */
extern void rt_reply_rolled_back(RtRequest *request, const RtFault *fault);

/*
 * An answer of kind STREAM or REPLAY: topics as in request.h, then frames.
 * Returns false if there is no room for it.
 */
extern bool rt_reply_topics(RtRequest *request, RtAnswerKind kind,
							const StringInfoData *topics,
							const char *frames, Size frames_len);

/* Appends a topic as such an answer has it. */
extern void rt_reply_add_topic(StringInfo topics, const char *topic, int len,
							   int64 seq, uint16 flags);

/* What a client gets for whom there is no memory. */
pg_noreturn extern void rt_reply_refuse_overload(void);

/* After the commit: puts the position of what it has changed into a success. */
extern void rt_reply_say_changes(RtRequest *request, uint64 position);

/* The extension is not there. */
extern void rt_reply_unavailable(RtRequest *request);

/* Forgets an answer whose transaction did not commit. */
extern void rt_reply_reset(RtRequest *request);

#endif							/* RT_EXECUTOR_REPLY_H */
