/*
 * hook.c
 *		What functions of the users may have a say in.
 */
#include <string.h>

#include "src/hook.h"

static const char *const names[RT_HOOKS] = {
	[RT_HOOK_AUTHENTICATE] = "authenticate",
	[RT_HOOK_CLOSE] = "close",
	[RT_HOOK_ERROR] = "error",
	[RT_HOOK_INIT] = "init",
	[RT_HOOK_MESSAGE] = "message",
	[RT_HOOK_OPEN] = "open",
	[RT_HOOK_SHUTDOWN] = "shutdown",
	[RT_HOOK_SUBSCRIBE] = "subscribe",
	[RT_HOOK_UNSUBSCRIBE] = "unsubscribe",
	[RT_HOOK_UPGRADE] = "upgrade"
};

const char *
rt_hook_name(RtHook hook)
{
	return names[hook];
}

RtHook
rt_hook_of_name(const char *name)
{
	int			hook = 0;

	while (hook < RT_HOOKS && strcmp(names[hook], name) != 0)
		hook++;
	return (RtHook) hook;
}
