/*
 * query_group.h
 *		The groups of live queries: who asks the same and therefore gets the
 *		same, and what is known of the rows that these clients have.
 *
 * A group is found by a hash of its key, which is also in the name of its topic.
 * What stands in the key is the executors' own: all that a run needs.
 *
 * Groups are made, changed and removed by who has the round (query_round.h).
 * Gateways say which of them they have subscribers of; a group of which no
 * gateway has any is removed after a while.
 *
 * Keys and rows lie in a DSA area of the size realtime.query_memory.
 */
#ifndef RT_IPC_QUERY_GROUP_H
#define RT_IPC_QUERY_GROUP_H

#include "src/compat.h"

#include "port/atomics.h"
#include "utils/dsa.h"

#include "src/ipc/query_state.h"

#define RT_QUERY_LINGER_MS 30000	/* of a group that nobody follows */

typedef struct RtQueryGroupHash
{
	uint64		words[2];
} RtQueryGroupHash;

/*
 * What tells quickly that a group is not meant: hashes of what groups of one query
 * and role have in common, and of the first arguments.
 */
#define RT_QUERY_ARGUMENTS_HASHED 4

typedef struct RtQueryGroupMarks
{
	uint64		family;
	uint32		arguments[RT_QUERY_ARGUMENTS_HASHED];
} RtQueryGroupMarks;

/* Why all of a query was run, and not only what may have changed. */
typedef enum RtQueryWhyFull
{
	RT_FULL_NOT,				/* it was not */
	RT_FULL_UNKNOWN,			/* nothing is known of what it was before */
	RT_FULL_WAITED,				/* changes had waited, or a run had failed */
	RT_FULL_ANYTHING,			/* anything in a table may have changed */
	RT_FULL_MANY_ROWS,			/* too many have */
	RT_FULL_NO_CUT,				/* of a table nothing better is known */
	RT_FULL_MANY_VALUES,		/* too many to ask for each */
	RT_FULL_ORDER,				/* not enough is known of the order */
	RT_FULL_GROWN,				/* a group is large by now, and counted from now on */
	RT_FULL_LONG				/* clients get all rows, which is less */
} RtQueryWhyFull;

/* Written by who has the round, read by anybody. */
typedef struct RtQueryGroupCounters
{
	uint64		runs;
	uint64		failures;		/* of these */
	uint64		events;			/* sent because of them */
	uint64		refreshes;		/* runs whose whole result was sent */
	uint64		restricted;		/* runs of what may have changed only */
	uint64		together;		/* of these, by a statement for many groups */
	uint64		counted;		/* of these, without a statement */
	RtQueryWhyFull why_full;	/* the last one of all, if it was not restricted */
	uint64		total_us;
	uint64		last_us;
} RtQueryGroupCounters;

typedef struct RtQueryGroup
{
	/* protected by the table's lock; constant while the group is there */
	uint64		serial;			/* unique; 0 = free */
	RtQueryGroupMarks marks;	/* what rounds look at comes first */

	/* of who has the round */
	dsa_pointer state;			/* an RtQueryState; none before it is loaded */
	bool		touched;		/* is to be run */
	bool		behind;			/* in full: it was touched before this round, too */
	bool		resend;			/* then clients get all of it, not differences:
								 * what they have is not what state says */
	bool		failing;		/* the last run has failed, as they know */
	bool		dirty;			/* is being changed */
	bool		was_restricted; /* the last run was of what may have changed only */
	bool		gone;			/* its clients have been told that it is no more */
	bool		open;			/* in the list of those, see below */
	int			next_open;
	int			previous_open;
	uint64		number;			/* of its last event */
	uint64		true_to;		/* its clients have the changes up to this position;
								 * 0 = all that rounds have seen */
	bool		position_told;	/* all gateways know that */
	int64		joined_ms;		/* when somebody has asked for it last */
	int64		run_ms;			/* when it was run last */
	int64		retry_ms;		/* not before that; 0 = the last attempt was no failure */
	uint32		attempts;		/* that have failed, or found something locked, since
								 * it was run or there was a reason to try anew */
	RtQueryGroupCounters counters;

	/* as the first ones */
	RtQueryGroupHash hash;
	Oid			declaration;
	int			next;			/* in its bucket, or free */
	uint32		key_len;
	dsa_pointer key;
	uint64		maker;			/* who has asked for it first */
	uint64		first_number;	/* its clients have begun with this one or a later one */

	pg_atomic_uint32 loader;	/* executor that loads it first, and 1; 0 = none */
	pg_atomic_uint32 gateways;	/* bits: those that have subscribers */
	pg_atomic_uint64 left_ms;	/* when one of them has lost its last one */
	pg_atomic_uint64 told;		/* number; 0 = nobody may go on from one */
} RtQueryGroup;

extern Size rt_query_groups_size(void);
extern void rt_query_groups_init(void);

/* Once per process, before it touches keys or states. */
extern void rt_query_groups_attach(void);

/* ---- who has the round ---- */

/* The hash of a key, the same until the server's end. */
extern RtQueryGroupHash rt_query_group_hash(const char *key, uint32 len);

/*
 * The group of a key, or NULL.  Raises in the case that there is one with the
 * same hash and another key.
 */
extern RtQueryGroup *rt_query_group_find(const RtQueryGroupHash *hash,
										 const char *key, uint32 len);

/* Makes one for somebody; NULL if there are too many, or without memory. */
extern RtQueryGroup *rt_query_group_make(const RtQueryGroupHash *hash,
										 const RtQueryGroupMarks *marks, Oid declaration,
										 const char *key, uint32 len, uint64 maker);

/* Whether there is place for no other group. */
extern bool rt_query_groups_are_all(void);

/* Removes one, unless gateways have subscribers of it; returns whether it did. */
extern bool rt_query_group_remove(RtQueryGroup *group);

/* All of them, one after the other: the next after one, NULL to begin and end. */
extern RtQueryGroup *rt_query_group_next(RtQueryGroup *group);

/*
 * Open ones: those that a round has to look at although nothing has happened that
 * concerns them, because they are touched or have no state.  Who touches one opens it;
 * it is open until a round finds nothing to be done with it.
 */
extern void rt_query_group_open(RtQueryGroup *group);
extern void rt_query_group_close(RtQueryGroup *group);
extern RtQueryGroup *rt_query_group_next_open(RtQueryGroup *group);

extern const char *rt_query_group_key(const RtQueryGroup *group);
extern const RtQueryState *rt_query_group_state(const RtQueryGroup *group);

/*
 * What its clients have from now on, a copy of state, which may be NULL, and then
 * it is open; the memory of what they had is freed.  Returns false without memory: then they
 * have what they had.
 */
extern bool rt_query_group_set_state(RtQueryGroup *group, const RtQueryState *state);

/* To be changed in place; it has no other readers than who has the round. */
extern RtQueryState *rt_query_group_state_changed(RtQueryGroup *group);

/* Whether gateways have subscribers of it. */
extern bool rt_query_group_is_followed(const RtQueryGroup *group);

/* When somebody has wanted it last: now, if it is followed. */
extern int64 rt_query_group_wanted_ms(const RtQueryGroup *group, int64 now_ms);

/*
 * Its events have got their numbers, or it is another one otherwise; before these
 * events are in the publish ring.
 */
extern void rt_query_group_tell_number(RtQueryGroup *group);

/* ---- loading ---- */

/*
 * An executor loads a group that has no state; it is told so by the group, and
 * at its exit it does so no more.
 */
extern bool rt_query_group_is_loading(const RtQueryGroup *group);
extern void rt_query_groups_abandon(int executor);

/* ---- gateways ---- */

/*
 * A gateway has subscribers of a group; returns its serial, 0 = it is gone.  Of
 * release and hold of the same group by one gateway the later counts.
 */
extern uint64 rt_query_group_hold(int gateway, const RtQueryGroupHash *hash);
extern void rt_query_group_release(int gateway, const RtQueryGroupHash *hash);

/* It begins, or ends. */
extern void rt_query_groups_release_all(int gateway);

/* ---- anybody ---- */

/*
 * Numbers from which clients of a group can go on: of the last event, and the one
 * before the first.  Other groups have others, and so has this one if it is made
 * anew.  Returns the group's serial, 0 = there are none.  Who asks has read the
 * publish ring's position before: what lies behind that is not in the numbers.
 */
typedef struct RtQueryNumbers
{
	uint64		first;
	uint64		last;
} RtQueryNumbers;

extern uint64 rt_query_group_numbers(const RtQueryGroupHash *hash, const char *key,
									 uint32 len, RtQueryNumbers *numbers);

/*
 * A copy of the group at a place, with its key in the current context; false if
 * there is none.  For places below rt_query_group_count().
 */
typedef struct RtQueryGroupView
{
	RtQueryGroup group;
	char	   *key;
	uint32		row_count;
	bool		keyless;		/* that was so when all of it was run */
	Size		memory;
} RtQueryGroupView;

extern int	rt_query_group_count(void);
extern bool rt_query_group_look(int place, RtQueryGroupView *view);

/* How many there are; without a lock. */
extern int	rt_query_groups_in_use(void);

/* Bytes of realtime.query_memory that are taken. */
extern int64 rt_query_memory_used(void);

#endif							/* RT_IPC_QUERY_GROUP_H */
