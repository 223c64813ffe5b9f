/*
 * epoch_end.c
 *		Whether what a transaction publishes ends the epoch of all numbers.
 *
 * Asked before the commit, and before the locks of topics are taken.
 */
#include "postgres.h"

#include "utils/inval.h"

#include "src/backend/publish/epoch_end.h"
#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/topic.h"

/* Topics that a template makes are of one class; "-" stands for any value. */
static bool
makes_replay_topics(const char *tpl, Size len)
{
	const char *values[RT_PLACEHOLDERS_MAX];
	size_t		lens[RT_PLACEHOLDERS_MAX];
	char		topic[RT_TOPIC_MAX];
	const RtTopicDeclaration *declaration;
	int			topic_len;

	for (int i = 0; i < RT_PLACEHOLDERS_MAX; i++)
	{
		values[i] = "-";
		lens[i] = 1;
	}
	topic_len = rt_template_fill(tpl, len, values, lens, topic, sizeof(topic));
	if (topic_len < 0)
		return false;
	declaration = rt_declaration_topic(topic, topic_len);
	return declaration != NULL && declaration->topic_class == RT_TOPIC_REPLAY;
}

static bool
any_replay_topics(void)
{
	ListCell   *cell;

	foreach(cell, rt_declaration_topics())
	{
		if (((RtTopicDeclaration *) lfirst(cell))->topic_class == RT_TOPIC_REPLAY)
			return true;
	}
	return false;
}

/*
 * Whether clients may have a number of a topic that a checked template matches,
 * or of any ("").  One of a topic without events, too.
 */
static bool
may_be_numbered(const char *tpl, Size len)
{
	if (!rt_declarations_refresh())
		return false;
	return (len > 0 ? makes_replay_topics(tpl, len) : any_replay_topics()) ||
		rt_replay_any(tpl, len);
}

bool
rt_epoch_ends_by_marks(const char *entries, Size size)
{
	for (Size done = 0; done < size;)
	{
		const RtRingEntry *entry = (const RtRingEntry *) (entries + done);

		if ((entry->flags & RT_RING_MANY) != 0 &&
			may_be_numbered(rt_ring_entry_topic(entry), entry->topic_len))
			return true;
		done += entry->size;
	}
	return false;
}

static bool
has_become_numbered(const RtRingEntry *entry)
{
	const RtTopicDeclaration *declaration;

	if (entry->flags & RT_RING_RELOAD)
		return false;
	declaration = rt_declaration_topic(rt_ring_entry_topic(entry),
									   entry->topic_len);
	return declaration != NULL && entry->topic_class != RT_TOPIC_REPLAY &&
		declaration->topic_class == RT_TOPIC_REPLAY;
}

bool
rt_epoch_ends_by_class(const char *entries, Size size, uint64 version)
{
	AcceptInvalidationMessages();
	if (size == 0 || !rt_declarations_refresh() ||
		rt_declarations_version() == version)
		return false;
	for (Size done = 0; done < size;)
	{
		const RtRingEntry *entry = (const RtRingEntry *) (entries + done);

		if (has_become_numbered(entry))
			return true;
		done += entry->size;
	}
	return false;
}
