/*
 * http_ask.h
 *		Requests over HTTP that an executor answers.
 *
 * Who it is is found out first, as when a WebSocket is opened, if the request
 * may say so.  Then it is asked what the service of its address wants to know,
 * and that is the answer.  Requests of one address are a flow: so many as one
 * connection may have are asked at a time, others wait, and addresses take
 * turns.
 */
#ifndef RT_GATEWAY_HTTP_ASK_H
#define RT_GATEWAY_HTTP_ASK_H

#include "src/errcodes.h"
#include "src/gateway/backlog.h"
#include "src/gateway/door/http.h"
#include "src/ipc/request.h"

typedef struct RtHttpService
{
	const char *methods;		/* as OPTIONS says them */
	bool		is_rated;		/* an address asks as often as it may connect */

	/*
	 * Sets the kind of what is asked, whose answer is CONTENT, and its texts,
	 * which are good until the next call.  NULL = nothing: 204 is the answer.
	 */
	void		(*fill) (const RtHttp *http, RtQuestion *question,
						 RtQuestionTexts *texts);

	/* Answers that it cannot be had; more are headers of the answer. */
	void		(*refuse) (RtHttp *http, int status, RtText code, RtText message,
						   RtText more);
} RtHttpService;

/*
 * Has a request answered.  Pages of other origins ask only if they may: a browser
 * tells their origin.  A request without one is no browser's, unless it says
 * where it comes from.
 */
extern void rt_http_ask(RtHttp *http, const RtHttpService *service);

/*
 * Answers so that a page of an allowed origin can read it, and nobody keeps it.
 * type NULL = no content.
 */
extern void rt_http_ask_answer(RtHttp *http, int status, const char *type,
							   RtText content, RtText more);

/* The same with {code, message}: a refuse function. */
extern void rt_http_ask_refuse(RtHttp *http, int status, RtText code,
							   RtText message, RtText more);

/*
 * Asks what waits and may be asked now; and ends, once a second, what has waited
 * for too long.
 */
extern void rt_http_ask_waiting(void);
extern bool rt_http_ask_is_starved(void);
extern void rt_http_ask_sweep(void);

/* A request whose subject is one over HTTP has an answer, or none in time. */
extern bool rt_http_is_asked_by(const RtRequest *request);
extern void rt_http_ask_take(RtRequest *request);
extern void rt_http_ask_overdue(RtRequest *request);

#endif							/* RT_GATEWAY_HTTP_ASK_H */
