/*
 * call_key.h
 *		What calls name so that they run one after the other, or once.
 */
#ifndef RT_EXECUTOR_REQUEST_CALL_KEY_H
#define RT_EXECUTOR_REQUEST_CALL_KEY_H

#include "src/compat.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/guard.h"
#include "src/ipc/parking.h"

/* The text that a declared function gives for the arguments; NULL = no key. */
extern char *rt_call_key_text(RtGuarded *guarded, const RtNamedFunction *function,
							  const char *purpose);

/* A digest of what is added to it; each text is its own. */
typedef struct RtKeyDigest RtKeyDigest;

extern RtKeyDigest *rt_key_digest_begin(const char *purpose);
extern void rt_key_digest_add(RtKeyDigest *digest, const char *text, Size len);
extern RtCallKey rt_key_digest_end(RtKeyDigest *digest);

/* The key of calls that name the same lock, by lock_key or realtime.with_lock(). */
extern RtCallKey rt_lock_key(const char *name);

/* A key that is wanted, and what is told if it cannot be had. */
typedef struct RtKeyWish
{
	RtCallKey	key;
	RtCallKey	twins;			/* as rt_key_try() has it */
	int			wait_ms;		/* <= 0: as long as the call may take */
	bool		at_once;		/* or not at all, if others have it or are in line */
	const char *lock;			/* its name: LOCK_TIMEOUT; NULL = it is of a call
								 * that happens once: CONFLICT */
} RtKeyWish;

/*
 * Gets a key for the rest of the transaction, or raises: if others have it a
 * client's call gives up (RtWork.waits_ms), anybody else waits.  Who has waited
 * in vain fails.  Afterwards what others have committed is seen by snapshots that
 * are taken from then on.  work NULL: a session that runs nobody's request.
 */
extern void rt_key_hold(const RtKeyWish *wish, RtWork *work);

/* The same before a handler runs, whose snapshot is taken anew. */
extern void rt_call_key_hold(RtGuarded *guarded, const RtKeyWish *wish);

#endif							/* RT_EXECUTOR_REQUEST_CALL_KEY_H */
