/*
 * cross_origin.h
 *		What pages of other origins may ask over HTTP, and read.
 */
#ifndef RT_GATEWAY_CROSS_ORIGIN_H
#define RT_GATEWAY_CROSS_ORIGIN_H

#include "src/gateway/door/http.h"
#include "src/protocol/text.h"

/*
 * Pages of other origins ask only if they may: a browser tells their origin.  A
 * request without one is no browser's, unless it says where it comes from.
 */
extern bool rt_cross_origin_may_ask(const RtHttpHead *head);

/* What a browser asks before. */
extern void rt_cross_origin_answer_options(RtHttp *http, const char *methods);

/*
 * Answers so that a page of an allowed origin can read it, and nobody keeps it.
 * type NULL = no content; more are headers of the answer.
 */
extern void rt_cross_origin_answer(RtHttp *http, int status, const char *type,
								   RtText content, RtText more);

/*
 * The same for what clients may keep, who ask each time whether it is still what
 * the tag is of; content that they have is not sent.  more may be NULL.
 */
extern void rt_cross_origin_answer_tagged(RtHttp *http, const char *type, RtText content,
										  const char *tag, const char *more);

/* As rt_cross_origin_answer() with {code, message}. */
extern void rt_cross_origin_refuse(RtHttp *http, int status, RtText code,
								   RtText message, RtText more);

#endif							/* RT_GATEWAY_CROSS_ORIGIN_H */
