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
hash_of_topic(const RtTopic *topic, RtQueryGroupHash *hash)
{
	const char *digits = topic->name + topic->name_len - 2 * WORD_DIGITS;

	return topic->name_len > 2 * WORD_DIGITS &&
		read_word(digits, &hash->words[0]) &&
		read_word(digits + WORD_DIGITS, &hash->words[1]);
}

bool
rt_query_hold(RtTopic *topic)
{
	topic->query_holds++;
	return rt_query_hold_again(topic);
}

/* Executors may have removed the group and made it anew. */
bool
rt_query_hold_again(RtTopic *topic)
{
	RtQueryGroupHash hash;

	return hash_of_topic(topic, &hash) &&
		rt_query_group_hold(rt_gateway.index, &hash);
}

void
rt_query_let_go(RtTopic *topic)
{
	RtQueryGroupHash hash;

	if (--topic->query_holds == 0 && hash_of_topic(topic, &hash))
		rt_query_group_release(rt_gateway.index, &hash);
}
