/*
 * group_index.h
 *		Which groups of subscriptions (group.h) a wish to load anew concerns.
 *
 * They are found by the path of their stream, and by topics that match a
 * pattern: of a pattern without "*" only that topic is looked at, of one whose
 * text before the "*" has a ":" only topics that begin alike, of others all.
 */
#ifndef RT_GATEWAY_TOPIC_GROUP_INDEX_H
#define RT_GATEWAY_TOPIC_GROUP_INDEX_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/topic/hash_table.h"
#include "src/gateway/topic/topic_table.h"
#include "src/protocol/text.h"

/* Part of a group. */
typedef struct RtIndexedGroup
{
	RtTopic    *topic;			/* constant, as is path; set before it is added */
	RtText		path;
	RtHashNode	path_node;
	struct RtGroupTopic *group_topic;	/* with the other groups of the topic */
	dlist_node	topic_node;
} RtIndexedGroup;

/* What a topic with groups takes. */
typedef struct RtGroupTopic
{
	RtTopic    *topic;
	RtHashNode	head_node;		/* by what its name begins with */
	dlist_node	all_node;
	dlist_head	groups;
} RtGroupTopic;

extern void rt_group_index_init(void);

/* Returns false if there is no memory for it. */
extern bool rt_group_index_add(RtIndexedGroup *group);
extern void rt_group_index_remove(RtIndexedGroup *group);

typedef void (*RtGroupVisit) (RtIndexedGroup *group);

/* Neither adds nor removes one meanwhile. */
extern void rt_group_index_visit_path(RtText path, RtGroupVisit visit);
extern void rt_group_index_visit_topics(RtText pattern, RtGroupVisit visit);

#endif							/* RT_GATEWAY_TOPIC_GROUP_INDEX_H */
