/*
 * answer.h
 *		Writes the heads of answers.
 */
#ifndef RT_GATEWAY_DOOR_ANSWER_H
#define RT_GATEWAY_DOOR_ANSWER_H

#include "src/gateway/door/http.h"

#define RT_ANSWER_HEAD_MAX 2048 /* bytes */

/* Writes the head of an answer to dst and returns its length. */
extern size_t rt_answer_head(char *dst, const RtHttpAnswer *answer, bool keep_alive);

#endif							/* RT_GATEWAY_DOOR_ANSWER_H */
