/*
 * once.h
 *		Calls that must happen once, however often they are sent.
 */
#ifndef RT_EXECUTOR_REQUEST_ONCE_H
#define RT_EXECUTOR_REQUEST_ONCE_H

#include "src/compat.h"

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "src/executor/function/guard.h"
#include "src/executor/request/call_key.h"
#include "src/executor/work.h"

#define RT_IDEMPOTENCY_KEY_MAX 256	/* bytes */

/* One that has such a key. */
typedef struct RtOnce
{
	char	   *path;
	char	   *user;			/* NULL = anonymous */
	char	   *key;			/* NULL = it has none: it runs as any call */
	int64		ttl_ms;			/* 0 = the answer is not kept */
} RtOnce;

/* Whether calls of a path may be shared: then their answers are wanted. */
extern bool rt_once_concerns(const RtRpcDeclaration *declaration);

/*
 * The key of one that has such a key, with its path and user; and, of one with a path
 * and a key, whose it is.
 */
extern RtCallKey rt_once_key(const RtOnce *once);
extern void rt_once_set_user(RtOnce *once);

/*
 * Of a call that waits for a lock of that name: who may be answered like it; and once
 * it has it, that it is to be shared with them.
 */
extern RtCallKey rt_once_twins(const RtGuarded *guarded, const RtRpcDeclaration *declaration,
							   const char *lock);
extern void rt_once_share_lock(const RtRpcDeclaration *declaration, const RtKeyWish *wish);

/*
 * Before the handler: finds the key, and gets it.  Returns true, with the
 * answer's JSON in result (nothing for void), if the call has happened.
 */
extern bool rt_once_begin(RtGuarded *guarded, const RtRpcDeclaration *declaration,
						  RtOnce *once, StringInfo result);

/* After it, in the same transaction: keeps the answer. */
extern void rt_once_end(const RtOnce *once, const StringInfoData *result);

/* Of a client's call: what it is answered, if it has happened once. */
extern void rt_once_share(const StringInfoData *result);

/*
 * Before each request and each attempt, and after it has been rolled back: there is
 * nothing to share.
 */
extern void rt_once_reset(void);

/*
 * Once a call is done, and before another transaction: answers those that have
 * waited for the same key as it was answered.  The call's own request may be gone.
 */
extern void rt_once_answer_twins(int executor, const RtWorkResult *result);

#endif							/* RT_EXECUTOR_REQUEST_ONCE_H */
