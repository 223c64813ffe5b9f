/*
 * query_hold.c
 *		Which groups of live queries this gateway has subscribers of.
 *
 * The hash of a group is in the name of its topic, at the end.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/query_hold.h"
#include "src/ipc/query_group.h"

#define WORD_DIGITS 16

static dlist_head values = DLIST_STATIC_INIT(values);	/* on their way */

void
rt_query_holds_init(void)
{
	rt_query_groups_release_all(rt_gateway.index);
}

static bool
read_word(const char *text, uint64 *word)
{
	*word = 0;
	for (int i = 0; i < WORD_DIGITS; i++)
	{
		char		c = text[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		*word = *word << 4 | digit;
	}
	return true;
}

/* Returns whether the topic ends as one of a live query does. */
static bool
hash_of_topic(const char *name, size_t len, RtQueryGroupHash *hash)
{
	const char *digits = name + len - 2 * WORD_DIGITS;

	return len > 2 * WORD_DIGITS && read_word(digits, &hash->words[0]) &&
		read_word(digits + WORD_DIGITS, &hash->words[1]);
}

uint64
rt_query_hold(RtTopic *topic)
{
	topic->query_holds++;
	return rt_query_hold_again(topic);
}

/* Executors may have removed the group and made it anew. */
uint64
rt_query_hold_again(RtTopic *topic)
{
	RtQueryGroupHash hash;

	return hash_of_topic(topic->name, topic->name_len, &hash) ?
		rt_query_group_hold(rt_gateway.index, &hash) : 0;
}

static bool
is_on_its_way(const RtQueryGroupHash *hash)
{
	dlist_iter	iter;

	dlist_foreach(iter, &values)
	{
		RtQueryValue *value = dlist_container(RtQueryValue, node, iter.cur);

		if (memcmp(&value->hash, hash, sizeof(*hash)) == 0)
			return true;
	}
	return false;
}

void
rt_query_let_go(RtTopic *topic)
{
	RtQueryGroupHash hash;

	if (--topic->query_holds == 0 &&
		hash_of_topic(topic->name, topic->name_len, &hash) && !is_on_its_way(&hash))
		rt_query_group_release(rt_gateway.index, &hash);
}

/* ---- values ---- */

void
rt_query_hold_value(RtQueryValue *value, RtText topic)
{
	value->is_held = hash_of_topic(topic.ptr, topic.len, &value->hash) &&
		rt_query_group_hold(rt_gateway.index, &value->hash) != 0;
	if (value->is_held)
		dlist_push_tail(&values, &value->node);
}

void
rt_query_let_value_go(RtQueryValue *value, RtText name)
{
	RtTopic    *topic = rt_topic_find(name.ptr, name.len);

	if (!value->is_held)
		return;
	dlist_delete(&value->node);
	if ((topic == NULL || topic->query_holds == 0) && !is_on_its_way(&value->hash))
		rt_query_group_release(rt_gateway.index, &value->hash);
}
