/*
 * buffer.h
 *		Bytes that grow at the end and are used up from the beginning, charged
 *		to the connection that makes us keep them.
 */
#ifndef RT_GATEWAY_DOOR_BUFFER_H
#define RT_GATEWAY_DOOR_BUFFER_H

#include "src/compat.h"

#include "src/gateway/budget.h"

typedef struct RtBuffer
{
	char *data;   /* malloc'd; NULL while empty */
	uint32 start; /* of what is not used up */
	uint32 end;
	uint32 size;
} RtBuffer;

/* Sets some memory aside, so that small messages pass when there is no more. */
extern void rt_buffers_init(void);

/*
 * Makes room for len bytes at the end.  Returns false if there is no memory,
 * or if the buffer would take more than a part of what the gateway has left
 * (budget.h); then it is as it was.
 */
extern bool
rt_buffer_reserve(RtBuffer *buffer, RtBudget *budget, size_t len, int part);

/* Empties a buffer and gives its memory back. */
extern void rt_buffer_release(RtBuffer *buffer, RtBudget *budget);

static inline uint32
rt_buffer_used(const RtBuffer *buffer)
{
	return buffer->end - buffer->start;
}

#endif /* RT_GATEWAY_DOOR_BUFFER_H */
