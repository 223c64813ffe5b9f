/*
 * reload_wish.c
 *		The latest wishes that streams are loaded anew.
 */
#include "postgres.h"

#include "src/gateway/topic/reload_wish.h"
#include "src/protocol/topic.h"

#define WISHES_KEPT 64

typedef struct Wish
{
	uint64		position;		/* in the ring, behind it */
	bool		by_path;
	uint16		len;
	char		name[RT_TOPIC_MAX];
} Wish;

static Wish wishes[WISHES_KEPT];
static uint64 wish_count = 0;	/* ever */

void
rt_reload_wish_note(bool by_path, RtText name, uint64 position)
{
	Wish	   *wish = &wishes[wish_count++ % WISHES_KEPT];

	Assert(name.len <= sizeof(wish->name));
	wish->position = position;
	wish->by_path = by_path;
	wish->len = name.len;
	memcpy(wish->name, name.ptr, name.len);
}

static bool
is_concerned(const RtIndexedGroup *group, const Wish *wish)
{
	if (wish->by_path)
		return rt_texts_are_equal(group->path, (RtText) {wish->name, wish->len});
	return rt_pattern_match(wish->name, wish->len, group->topic->name,
							group->topic->name_len);
}

bool
rt_reload_wished_since(const RtIndexedGroup *group, uint64 position)
{
	uint64		kept = Min(wish_count, WISHES_KEPT);

	for (uint64 i = 1; i <= kept; i++)
	{
		const Wish *wish = &wishes[(wish_count - i) % WISHES_KEPT];

		if (wish->position <= position)
			return false;
		if (is_concerned(group, wish))
			return true;
	}
	return wish_count > WISHES_KEPT;
}
