/*
 * topic_list.h
 *		All topics of a gateway, for realtime.stat_topic.
 */
#ifndef RT_GATEWAY_TOPIC_TOPIC_LIST_H
#define RT_GATEWAY_TOPIC_TOPIC_LIST_H

#include "src/compat.h"

/* Rows as of ipc/topic_row.h, malloc'd; NULL without memory, or if it is too long. */
extern char *rt_topic_list_make(uint32 *len);

#endif							/* RT_GATEWAY_TOPIC_TOPIC_LIST_H */
