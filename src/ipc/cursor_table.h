/*
 * cursor_table.h
 *		Topics and cursors as they lie in shared memory.  For cursor.c and
 *		cursor_read.c only.
 *
 * What is called here is so with the lock held.
 */
#ifndef RT_IPC_CURSOR_TABLE_H
#define RT_IPC_CURSOR_TABLE_H

#include "port/atomics.h"
#include "storage/lwlock.h"

#include "src/guc.h"
#include "src/ipc/cursor.h"
#include "src/ipc/dsa_chain.h"
#include "src/ipc/fixed_area.h"

#define RT_CURSOR_TOPIC_BUCKETS 4096	/* powers of two */
#define RT_CURSOR_BUCKETS 16384

typedef struct RtCursorWatch
{
	RtChainLink link;			/* among the gateway's that have changed */
	bool		open;
	bool		changed;
} RtCursorWatch;

typedef struct RtCursorTopic
{
	dsa_pointer next;			/* in its chain */
	uint32		hash;
	uint32		present;		/* cursors that are somewhere */
	int			watched;		/* by so many gateways */
	RtChain		cursors;
	uint64		version;		/* of the last change */
	uint64		forgotten;		/* the last change that is not there any more */
	uint16		len;
	RtCursorWatch watches[FLEXIBLE_ARRAY_MEMBER]; /* by gateway */
	/* the name is behind them */
} RtCursorTopic;

/* The lists that a cursor is in. */
enum
{
	RT_CURSOR_OF_TOPIC,
	RT_CURSOR_BY_TIME,			/* of all that move, or of all that are gone */
	RT_CURSOR_LISTS
};

typedef struct RtCursorEntry
{
	dsa_pointer next;			/* in its chain */
	RtChainLink links[RT_CURSOR_LISTS];
	dsa_pointer topic;
	uint32		hash;
	bool		gone;
	uint64		version;		/* of its last change */
	int64		moved_ms;
	int64		gone_ms;
	RtCursorOwner owner;
	dsa_pointer row;
	uint32		row_size;
	uint32		row_len;
	uint32		head_len;
	uint16		key_len;
	char		key[FLEXIBLE_ARRAY_MEMBER];
} RtCursorEntry;

typedef struct RtCursorArea
{
	LWLock	   *lock;
	uint64		version;		/* of the last change anywhere */
	uint32		seed;			/* nobody can make names that share a chain */
	RtChain		moving;			/* by the time of their last move */
	RtChain		gone;			/* by the time when they went */
	RtChain		changed[RT_GATEWAYS_MAX];	/* topics, see RtCursorWatch */
	pg_atomic_uint32 has_changed[RT_GATEWAYS_MAX];	/* bool: there are some */
	dsa_pointer topics[RT_CURSOR_TOPIC_BUCKETS];
	dsa_pointer cursors[RT_CURSOR_BUCKETS];
} RtCursorArea;

extern RtCursorArea *rt_cursor_area;
extern RtFixedArea rt_cursor_memory;

static inline void *
rt_cursor_at(dsa_pointer pointer)
{
	return rt_fixed_area_at(&rt_cursor_memory, pointer);
}

static inline RtCursorTopic *
rt_cursor_topic_of(const RtCursorEntry *cursor)
{
	return rt_cursor_at(cursor->topic);
}

/* Invalid without memory. */
extern dsa_pointer rt_cursor_allocate(Size size);

/* ---- topics ---- */

extern char *rt_cursor_topic_name(RtCursorTopic *topic);
extern dsa_pointer rt_cursor_topic_find(const char *name, Size len);

/* One that is not there; invalid without memory. */
extern dsa_pointer rt_cursor_topic_make(const char *name, Size len);
extern void rt_cursor_topic_free_if_unused(dsa_pointer topic);

/* A gateway has something to look at, or has looked. */
extern void rt_cursor_topic_set_changed(dsa_pointer topic, int gateway, bool changed);

/* All that tell of it do; returns those, as bits, that had nothing to look at before. */
extern uint32 rt_cursor_topic_note_change(dsa_pointer topic);

/* A gateway does not tell of it any more. */
extern void rt_cursor_topic_close(dsa_pointer topic, int gateway);

/* ---- cursors ---- */

extern RtChainLink *rt_cursor_link(dsa_pointer cursor, int which);

/* That of all that move, or that of all that are gone. */
extern RtChain *rt_cursor_entry_chain(RtCursorEntry *cursor);
extern dsa_pointer rt_cursor_entry_find(dsa_pointer topic, const char *key, Size len);

/* One that is made is nowhere, and has been for ever; invalid without memory. */
extern dsa_pointer rt_cursor_entry_find_or_make(const RtCursorName *name);

/* Those that went before a time; who has not been told of them yet is told all anew. */
extern void rt_cursor_entries_forget_gone(int64 before_ms);

#endif							/* RT_IPC_CURSOR_TABLE_H */
