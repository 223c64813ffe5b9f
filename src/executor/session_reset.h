/*
 * session_reset.h
 *		What a call leaves in the session is gone before the next one.
 */
#ifndef RT_EXECUTOR_SESSION_RESET_H
#define RT_EXECUTOR_SESSION_RESET_H

#include "src/compat.h"

/* Settings changed from here on are undone; in a transaction. */
extern void rt_session_reset_begin(void);

/* Whether begin was called in this transaction. */
extern bool rt_session_reset_is_pending(void);

/*
 * Undoes them, when all of the user's code has run, and notes what will have
 * to be cleaned up; at PRE_COMMIT and, what cannot be known before, at COMMIT.
 * The latter never fails.
 */
extern void rt_session_reset_precommit(void);
extern void rt_session_reset_commit(void);

/*
 * Removes the rest; after the transaction, committed or not.  Returns false
 * if that failed: the session must not be used again.
 */
extern bool rt_session_reset(void);

#endif							/* RT_EXECUTOR_SESSION_RESET_H */
