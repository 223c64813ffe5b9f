/*
 * pending.h
 *		The events that the current transaction will publish, for who hands them
 *		over at its end.  How events get there is in publish.h.
 */
#ifndef RT_BACKEND_PUBLISH_PENDING_H
#define RT_BACKEND_PUBLISH_PENDING_H

#include "src/backend/publish/entry.h"
#include "src/backend/publish/publish.h"

#define RT_RELOADS_KNOWN 32		/* beyond these one may be said twice */

/* Beside RT_RING_*, of an entry: taken out again; never reaches the ring. */
#define RT_PENDING_REMOVED 0x80

typedef struct RtPending
{
	char	   *buffer;			/* whole entries; NULL = nothing published */
	Size		size;
	RtUnnumbered *unnumbered;	/* those that need numbers, in order */
	int			unnumbered_count;
	uint64		version;		/* of the declarations that the first saw */
	bool		end_epoch;
	int			end_above;		/* an epoch that is in use elsewhere, or -1 */
	bool		any_many;		/* there may be an RT_RING_MANY */

	/* private to pending.c */
	Size		space;
	int			unnumbered_space;
	Size		reserved;		/* see rt_pending_reserve() */
	bool		any_removed;
	bool		closed;			/* nothing can be added any more */
	int			reload_count;	/* entries that ask for streams to be loaded */
	Size		reloads[RT_RELOADS_KNOWN];	/* where they are, ascending */
} RtPending;

/* Registers its part of subtransactions; once, from rt_handover_install(). */
extern void rt_pending_install(void);

/*
 * What there is, which stays there.  The entries may be finished, but neither
 * moved nor made longer.
 */
extern const RtPending *rt_pending_events(void);

/* Entries that were removed are gone; all are, but an epoch may still end. */
extern void rt_pending_drop_removed(void);
extern void rt_pending_drop_all(void);

/* Adding is an ERROR from now on; the transaction is over. */
extern void rt_pending_close(void);
extern void rt_pending_forget(void);

#endif							/* RT_BACKEND_PUBLISH_PENDING_H */
