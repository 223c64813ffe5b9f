/*
 * setting_list.h
 *		Settings that are lists, taken apart.
 */
#ifndef RT_GATEWAY_DOOR_SETTING_LIST_H
#define RT_GATEWAY_DOOR_SETTING_LIST_H

#include "src/compat.h"

#include "nodes/pg_list.h"

/*
 * What has been made of a setting, and is made anew when it has changed, lives
 * in a context of its own: empties it, or makes one, and switches to it.  Returns
 * the one to switch back to.
 */
extern MemoryContext rt_setting_begin(MemoryContext *context, const char *name);

/* The entries of a value that has been checked, in the current context. */
extern List *rt_setting_split(const char *value);

#endif							/* RT_GATEWAY_DOOR_SETTING_LIST_H */
