/*
 * hook.h
 *		What functions of the users may have a say in (realtime.hook()).
 */
#ifndef RT_HOOK_H
#define RT_HOOK_H

typedef enum RtHook
{
	RT_HOOK_AUTHENTICATE,		/* who is on a connection */
	RT_HOOK_CLOSE,				/* is told of connections that have ended */
	RT_HOOK_ERROR,				/* is told what goes wrong */
	RT_HOOK_INIT,				/* before anything that clients ask, once */
	RT_HOOK_MESSAGE,			/* gets frames that mean nothing to us */
	RT_HOOK_OPEN,				/* before anything else that a connection asks */
	RT_HOOK_SHUTDOWN,			/* after all that clients have asked */
	RT_HOOK_SUBSCRIBE,			/* may refuse subscriptions by name */
	RT_HOOK_UNSUBSCRIBE,		/* is told of those that have ended */
	RT_HOOK_UPGRADE,			/* may refuse requests for a WebSocket */
	RT_HOOKS
} RtHook;

/* The word for a hook, and the hook of a word; RT_HOOKS if there is none. */
extern const char *rt_hook_name(RtHook hook);
extern RtHook rt_hook_of_name(const char *name);

#endif							/* RT_HOOK_H */
