/*
 * topic_row.h
 *		What a gateway tells of a topic: a row, and its name behind it.
 *
 * Rows stand one behind the other, unaligned: who reads copies.
 */
#ifndef RT_IPC_TOPIC_ROW_H
#define RT_IPC_TOPIC_ROW_H

#include "src/compat.h"

typedef struct RtTopicRow
{
	uint64		events;			/* while somebody follows it here */
	int64		since_ms;		/* the last of them; -1 = none */
	uint32		subscribers;
	uint32		name_len;
} RtTopicRow;

#endif							/* RT_IPC_TOPIC_ROW_H */
