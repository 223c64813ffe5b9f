/*
 * http_ask.h
 *		Requests over HTTP that an executor answers.
 *
 * Who it is is found out first, as when a WebSocket is opened, if the request
 * may say so.  Then it is asked what the service of its address wants to know,
 * and that is the answer.  Requests of one address are a flow: so many as one
 * connection may have are asked at a time, others wait, and addresses take
 * turns.
 *
 * Who asks the same as somebody else, as the same, shares the answer: but none
 * that an executor may have begun with before.  So of any number of requests that
 * come at the same time the first one is asked, and then one for all others.
 */
#ifndef RT_GATEWAY_HTTP_ASK_H
#define RT_GATEWAY_HTTP_ASK_H

#include "src/errcodes.h"
#include "src/gateway/backlog.h"
#include "src/gateway/door/http.h"
#include "src/ipc/request.h"
#include "src/protocol/host.h"

typedef struct RtHttpService
{
	const char *methods;		/* as OPTIONS says them */
	bool		is_rated;		/* an address asks as often as it may connect */
	bool		asks;			/* else it is only of interest who it is: 204 */
	bool		as_nobody;		/* it is the same for all: nobody is asked who it is */
	RtRequestKind kind;			/* of what is asked; the answer is CONTENT */
	bool		carries;		/* it is asked with the request itself, which says who
								 * sends it by its content; nobody shares it */

	/*
	 * If it is set, nothing but the upgrade hook is asked, and then this is what
	 * becomes of a request that it lets in.
	 */
	void		(*accept) (RtHttp *http);

	/* Answers with what an executor has given; headers are of the login. */
	void		(*answer) (RtHttp *http, int status, RtText content, RtText headers);

	/* Answers that it cannot be had; more are headers of the answer. */
	void		(*refuse) (RtHttp *http, int status, RtText code, RtText message,
						   RtText more);
} RtHttpService;

/* Has a request answered.  The texts are of what is asked; they are copied. */
extern void rt_http_ask(RtHttp *http, const RtHttpService *service,
						const RtQuestionTexts *texts);

/* The same without a look at where it comes from: that has been checked. */
extern void rt_http_ask_from(RtHttp *http, const RtHttpService *service,
							 const RtQuestionTexts *texts,
							 const unsigned char address[RT_HOST_ADDRESS_SIZE]);

/*
 * Asks what waits and may be asked now; and ends, once a second, what has waited
 * for too long.
 */
extern void rt_http_asks_init(void);
extern void rt_http_ask_waiting(void);
extern bool rt_http_ask_is_starved(void);
extern void rt_http_ask_sweep(void);

/* A request whose subject is one over HTTP has an answer, or none in time. */
extern bool rt_http_is_asked_by(const RtRequest *request);
extern bool rt_http_is_awaited(const RtRequest *request);
extern void rt_http_ask_take(RtRequest *request);
extern void rt_http_ask_overdue(RtRequest *request);

#endif							/* RT_GATEWAY_HTTP_ASK_H */
