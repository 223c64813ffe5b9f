/*
 * settle.h
 *		What a transaction has done to rows, told once for each key of a topic.
 *
 * Whoever publishes changes of rows says for each event which versions of rows
 * it is about; before the commit the events of one key become the one that
 * tells what the whole transaction has done to it.
 */
#ifndef RT_BACKEND_PUBLISH_SETTLE_H
#define RT_BACKEND_PUBLISH_SETTLE_H

#include "storage/itemptr.h"

#include "src/backend/publish/publish.h"
#include "src/protocol/frame.h"

/*
 * One version of a row has gone, one has come, or one has taken another's
 * place.  Both have the same key in the same topic.
 */
typedef struct RtRowChange
{
	Oid			source;			/* whose versions: the OID of a trigger */
	ItemPointerData gone;		/* invalid = none */
	ItemPointerData come;		/* invalid = none */
	bool		gone_is_own;	/* this transaction had made it */
	bool		replaces;		/* clients need not have what has gone: "created" tells
								 * of what has come */
	RtText		key;			/* its JSON, in the event's data or elsewhere */
} RtRowChange;

/* Registers its part of a transaction; once, from rt_backend_install(). */
extern void rt_settle_install(void);

/*
 * Adds an event to what this transaction will publish, as rt_pending_add()
 * does.  It must be named "created", "updated" or "deleted", and the data be an
 * object.
 */
extern void rt_settle_add(const RtEvent *event, const RtRowChange *change);

/*
 * Notes a change that clients do not see.  Not needed where a version that is
 * not this transaction's own goes.
 */
extern void rt_settle_add_unseen(const RtRowChange *change);

/* Bytes that the notes take, beside the events. */
extern Size rt_settle_size(void);

/* Removes pending events, and gives others their final name. */
extern void rt_settle_precommit(void);

#endif							/* RT_BACKEND_PUBLISH_SETTLE_H */
