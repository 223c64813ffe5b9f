/*
 * assertion.h
 *		What must be true of our own books, looked at in production, too.
 *
 * A violation is counted, and logged like an error of a client, only so often;
 * the caller goes on in the way that does the least harm.  Nothing is thrown: that
 * would leave half of a change behind, or restart the server.  Who builds with
 * assertions stops there.
 *
 * Functions of applications have categories of their own; the first
 * RT_ASSERTION_OWN_MAX of them have a counter each, all others one together.
 */
#ifndef RT_IPC_ASSERTION_H
#define RT_IPC_ASSERTION_H

#include "src/compat.h"

#define RT_ASSERTION_NAME_MAX 63	/* bytes */
#define RT_ASSERTION_OWN_MAX 64

typedef enum RtAssertion
{
	RT_ASSERTION_CALL,			/* a call names what it calls */
	RT_ASSERTION_SUBSCRIPTION,	/* what is taken out of a table is in it */
	RT_ASSERTION_PUSH,			/* who was asked knows of it */
	RT_ASSERTION_LOCK_WAITER,	/* who is let go on has waited */
	RT_ASSERTION_MEMORY,		/* what is given back was charged */
	RT_ASSERTION_SESSION,		/* who shares a session has found it in use */
	RT_ASSERTION_ASKED,			/* an answer has a question */
	RT_ASSERTIONS
} RtAssertion;

extern Size rt_assertions_size(void);
extern void rt_assertions_init(void);

/* How many categories of functions have a counter of their own, and can have. */
extern int64 rt_assertions_own_used(void);
extern int64 rt_assertions_own_max(void);

/* Counts a violation, and logs it with its DETAIL. */
extern void rt_assertion_violated(RtAssertion category, const char *detail);

/* The same of an application's; returns whether it is to be logged. */
extern bool rt_assertion_count_own(const char *category);

/* Whether applications must not call theirs so. */
extern bool rt_assertion_is_ours(const char *category);

/*
 * The counter of that number, from 0: ours, then those of applications, then the
 * one of all others.  False if there is none.
 */
extern bool rt_assertion_read(int number, char *name, uint64 *violations);

/* Whether it is true; if not that is counted.  No lock of ours may be held. */
static inline bool
rt_holds(bool condition, RtAssertion category, const char *detail)
{
	Assert(condition);
	if (likely(condition))
		return true;
	rt_assertion_violated(category, detail);
	return false;
}

#endif							/* RT_IPC_ASSERTION_H */
