/*
 * group_index.c
 *		Which groups of subscriptions a wish to load anew concerns.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/topic/group_index.h"
#include "src/protocol/topic.h"

static RtHashTable paths;
static RtHashTable heads;
static dlist_head topics = DLIST_STATIC_INIT(topics);
static uint64 seed = 0;			/* who asks chooses what topics begin with */

void
rt_group_index_init(void)
{
	rt_hash_init(&paths);
	rt_hash_init(&heads);
	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random numbers")));
}

static uint32
hash_of(RtText text)
{
	return (uint32) hash_bytes_extended((const unsigned char *) text.ptr,
										(int) text.len, seed);
}

/* ---- topics ---- */

static RtText
name_of(const RtTopic *topic)
{
	return (RtText) {topic->name, topic->name_len};
}

/* Up to the first ':'; all of it if it has none. */
static RtText
head_of(RtText name)
{
	const char *end = memchr(name.ptr, ':', name.len);

	if (end != NULL)
		name.len = end - name.ptr;
	return name;
}

static RtGroupTopic *
make_group_topic(RtTopic *topic)
{
	RtGroupTopic *made = calloc(1, sizeof(RtGroupTopic));

	if (made == NULL)
		return NULL;
	made->topic = topic;
	dlist_init(&made->groups);
	dlist_push_tail(&topics, &made->all_node);
	rt_hash_add(&heads, &made->head_node, hash_of(head_of(name_of(topic))));
	topic->group_topic = made;
	return made;
}

static void
free_group_topic(RtGroupTopic *group_topic)
{
	group_topic->topic->group_topic = NULL;
	dlist_delete(&group_topic->all_node);
	rt_hash_remove(&heads, &group_topic->head_node);
	free(group_topic);
}

/* ---- groups ---- */

bool
rt_group_index_add(RtIndexedGroup *group)
{
	RtGroupTopic *group_topic = group->topic->group_topic;

	if (group_topic == NULL)
		group_topic = make_group_topic(group->topic);
	if (group_topic == NULL)
		return false;
	group->group_topic = group_topic;
	dlist_push_tail(&group_topic->groups, &group->topic_node);
	rt_hash_add(&paths, &group->path_node, hash_of(group->path));
	return true;
}

void
rt_group_index_remove(RtIndexedGroup *group)
{
	RtGroupTopic *group_topic = group->group_topic;

	rt_hash_remove(&paths, &group->path_node);
	dlist_delete(&group->topic_node);
	if (dlist_is_empty(&group_topic->groups))
		free_group_topic(group_topic);
}

/* ---- visits ---- */

void
rt_group_index_visit_path(RtText path, RtGroupVisit visit)
{
	RtHashNode *node = rt_hash_first(&paths, hash_of(path));

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtIndexedGroup *group = rt_hash_container(RtIndexedGroup, path_node, node);

		if (rt_texts_are_equal(group->path, path))
			visit(group);
	}
}

static void
visit_topic(RtGroupTopic *group_topic, RtGroupVisit visit)
{
	dlist_iter	iter;

	dlist_foreach(iter, &group_topic->groups)
		visit(dlist_container(RtIndexedGroup, topic_node, iter.cur));
}

static void
visit_if_matches(RtGroupTopic *group_topic, RtText pattern, RtGroupVisit visit)
{
	const RtTopic *topic = group_topic->topic;

	if (rt_pattern_match(pattern.ptr, pattern.len, topic->name, topic->name_len))
		visit_topic(group_topic, visit);
}

static void
visit_name(RtText name, RtGroupVisit visit)
{
	RtTopic    *topic = rt_topic_find(name.ptr, name.len);

	if (topic != NULL && topic->group_topic != NULL)
		visit_topic(topic->group_topic, visit);
}

static void
visit_head(RtText pattern, RtGroupVisit visit)
{
	RtHashNode *node = rt_hash_first(&heads, hash_of(head_of(pattern)));

	for (; node != NULL; node = rt_hash_next(node))
		visit_if_matches(rt_hash_container(RtGroupTopic, head_node, node), pattern,
						 visit);
}

static void
visit_all(RtText pattern, RtGroupVisit visit)
{
	dlist_iter	iter;

	dlist_foreach(iter, &topics)
		visit_if_matches(dlist_container(RtGroupTopic, all_node, iter.cur), pattern,
						 visit);
}

void
rt_group_index_visit_topics(RtText pattern, RtGroupVisit visit)
{
	const char *star = memchr(pattern.ptr, '*', pattern.len);

	if (star == NULL)
		visit_name(pattern, visit);
	else if (memchr(pattern.ptr, ':', star - pattern.ptr) != NULL)
		visit_head(pattern, visit);
	else
		visit_all(pattern, visit);
}
