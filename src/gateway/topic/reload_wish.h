/*
 * reload_wish.h
 *		The latest wishes that streams are loaded anew.
 *
 * A value that was on its way to its first subscriber when it was to be loaded
 * anew is out of date when it arrives: the latest wishes are kept.  Those that
 * are forgotten may have been for anybody.
 */
#ifndef RT_GATEWAY_TOPIC_RELOAD_WISH_H
#define RT_GATEWAY_TOPIC_RELOAD_WISH_H

#include "src/gateway/topic/group_index.h"

/* Those of a path, or of topics that match a pattern; at a position of the ring. */
extern void rt_reload_wish_note(bool by_path, RtText name, uint64 position);

/* Whether a group is concerned by what has been wished since a position. */
extern bool rt_reload_wished_since(const RtIndexedGroup *group, uint64 position);

#endif							/* RT_GATEWAY_TOPIC_RELOAD_WISH_H */
