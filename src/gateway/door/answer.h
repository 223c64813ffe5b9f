/*
 * answer.h
 *		Writes the heads of answers, and what stands between their pieces.
 */
#ifndef RT_GATEWAY_DOOR_ANSWER_H
#define RT_GATEWAY_DOOR_ANSWER_H

#include "src/gateway/door/http.h"

#define RT_ANSWER_HEAD_MAX 16384 /* bytes */

/* What tells a client of version 1.minor where an answer's content ends. */
extern RtHttpEnd rt_answer_end(const RtHttpAnswer *answer, int minor);

/* Writes the head of an answer to dst and returns its length. */
extern size_t rt_answer_head(char *dst, const RtHttpAnswer *answer, RtHttpEnd end,
							 bool keep_alive);

#define RT_CHUNK_BEFORE 18		/* bytes of room in front of a chunk's data */
#define RT_CHUNK_BEHIND 2
#define RT_CHUNK_LAST "0\r\n\r\n"

/*
 * Makes a chunk of len bytes of data, more than 0, in the room around them.
 * Returns where it begins and its length.
 */
extern char *rt_answer_chunk(char *data, size_t len, size_t *chunk_len);

#endif							/* RT_GATEWAY_DOOR_ANSWER_H */
