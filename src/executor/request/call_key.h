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

/*
 * Gets a key for the rest of the transaction, or raises: if others have it the
 * call gives up (RtWork.waits_ms), and once it has waited for wait_ms it fails
 * with the code late, and detail as the issues' message.  Afterwards what
 * others have committed is seen.
 */
extern void rt_call_key_hold(RtGuarded *guarded, RtCallKey key, int wait_ms,
							 RtCode late, const char *detail);

#endif							/* RT_EXECUTOR_REQUEST_CALL_KEY_H */
