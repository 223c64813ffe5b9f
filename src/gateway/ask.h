/*
 * ask.h
 *		Asks executors on behalf of connections.
 */
#ifndef RT_GATEWAY_ASK_H
#define RT_GATEWAY_ASK_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/ipc/service.h"

/*
 * Whether an executor is there, or is expected; and whether what is new may be
 * asked then.
 */
extern bool rt_service_is_there(void);
extern bool rt_service_takes_requests(void);

/* A question of a connection, everything else in it empty. */
extern void rt_question_init(RtQuestion *question, const RtConnection *connection,
							 RtRequestKind kind);

/*
 * Asks, now or as soon as the connection's share of slots and memory allows
 * it: in the order in which a connection asks, and connections take turns.
 * Returns false if there is no room to wait; then nothing has happened.
 *
 * The answer comes with rt_answers_take(), only once, and in any case as long
 * as the connection lives.
 */
extern bool rt_ask(RtConnection *connection, const RtQuestion *question,
				   const RtQuestionTexts *texts);

/*
 * What is asked for nobody in particular may be one flow with other such
 * questions, which takes turns with others.  Who has asked counts answers back.
 */
typedef struct RtFlow
{
	uint64		number;
	int			last_request;	/* number of the last one's slot */
	int			in_flight;
} RtFlow;

extern void rt_flow_init(RtFlow *flow);

/*
 * The same for no connection, at once or not at all; the answer finds none.
 * flow NULL = none.
 */
extern bool rt_ask_for_nobody(RtFlow *flow, const RtQuestion *question,
							  const RtQuestionTexts *texts);

/* How many bytes of events the answer to a connection's next question may bring. */
extern uint32 rt_ask_events_limit(const RtConnection *connection);

/* Asks what has waited and may be asked now. */
extern void rt_ask_waiting(void);

/* Whether that is worth another look soon, though no answer comes. */
extern bool rt_ask_is_starved(void);

/*
 * Takes what waits and could be asked, instead of asking it: a request for
 * which the caller has an answer at once, and which he settles and frees; NULL
 * if there is none.
 */
extern RtRequest *rt_ask_take_waiting(void);

/*
 * A connection ends: what it has waiting is forgotten.  forgotten is told of
 * each, but for its texts.
 */
extern void rt_ask_forget(RtConnection *connection,
						  void (*forgotten) (const RtQuestion *question));

/*
 * Whether a gateway may have more in flight of what it asks by itself, of one
 * kind: a part of the slots, so that calls go on meanwhile.
 */
extern bool rt_ask_has_part(int in_flight);

/* Hands over to executors what this turn has asked. */
extern void rt_ask_submit(void);

/*
 * An answer has come: what was counted for it is counted back.  Returns the
 * connection, or NULL if it is gone.
 */
extern RtConnection *rt_ask_settle(RtRequest *request);

#endif							/* RT_GATEWAY_ASK_H */
