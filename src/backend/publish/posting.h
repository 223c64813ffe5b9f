/*
 * posting.h
 *		Commands of a transaction, on their way to the boxes of gateways.
 */
#ifndef RT_BACKEND_PUBLISH_POSTING_H
#define RT_BACKEND_PUBLISH_POSTING_H

#include "src/backend/publish/pending.h"
#include "src/ipc/durability.h"

/*
 * Before the commit: has the commands among the events copied to where their
 * gateways find them; the entries keep no more than their numbers.  An ERROR if too
 * much waits there.
 */
extern void rt_posting_prepare(const RtPending *pending);

/* The transaction commits: they are posted; or it does not. */
extern void rt_posting_commit(RtDurability needed);
extern void rt_posting_abort(void);

#endif							/* RT_BACKEND_PUBLISH_POSTING_H */
