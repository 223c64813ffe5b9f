/*
 * hook.h
 *		What functions of the users may have a say in (realtime.hook()).
 */
#ifndef RT_HOOK_H
#define RT_HOOK_H

typedef enum RtHook
{
	RT_HOOK_AUTHENTICATE,		/* who is on a connection */
	RT_HOOK_ERROR,				/* is told what goes wrong */
	RT_HOOKS
} RtHook;

/* The word for a hook, and the hook of a word; RT_HOOKS if there is none. */
extern const char *rt_hook_name(RtHook hook);
extern RtHook rt_hook_of_name(const char *name);

#endif							/* RT_HOOK_H */
