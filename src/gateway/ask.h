/*
 * ask.h
 *		Asks executors on behalf of connections.
 */
#ifndef RT_GATEWAY_ASK_H
#define RT_GATEWAY_ASK_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/frame.h"

/* The texts of a question; those that it has not are empty. */
typedef struct RtQuestionTexts
{
	RtText		path;
	RtText		id;
	RtText		args;
	RtText		idempotency_key;
	RtText		version;
	RtText		cursor;
} RtQuestionTexts;

/* Whether an executor is there, or is expected. */
extern bool rt_service_takes_requests(void);

/* A question of a connection, everything else in it empty. */
extern void rt_question_init(RtQuestion *question, const RtConnection *connection,
							 RtRequestKind kind);

/* Whether a connection has asked as much as it may. */
extern bool rt_ask_is_full(const RtConnection *connection);

/*
 * Asks.  Returns false if there is no room for it; then nothing has happened.
 * The answer comes with rt_answers_take(), in any case and only once.
 */
extern bool rt_ask(RtConnection *connection, const RtQuestion *question,
				   const RtQuestionTexts *texts);

/* The same for no connection; the answer finds none. */
extern bool rt_ask_for_nobody(const RtQuestion *question,
							  const RtQuestionTexts *texts);

/* Hands over to executors what this turn has asked. */
extern void rt_ask_submit(void);

/*
 * An answer has come: what was counted for it is counted back.  Returns the
 * connection, or NULL if it is gone.
 */
extern RtConnection *rt_ask_settle(RtRequest *request);

#endif							/* RT_GATEWAY_ASK_H */
