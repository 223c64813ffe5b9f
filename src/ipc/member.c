/*
 * member.c
 *		Connections that follow streams which want to be told of it.
 *
 * A table of fixed size, and beside it how many members each topic has.
 */
#include "postgres.h"

#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/member.h"
#include "src/ipc/session.h"
#include "src/ipc/worker_slot.h"

#define TELLING (UINT64CONST(1) << 63)

typedef struct MemberTable
{
	LWLock	   *lock;			/* of the free list, and of the counts */
	int			free;			/* RT_MEMBER_NONE = full */
	int			used;
	uint64		last_serial;
	RtMember	members[FLEXIBLE_ARRAY_MEMBER];
} MemberTable;

typedef struct TopicCount
{
	char		topic[RT_MEMBER_TEXT_MAX + 1];	/* hash key */
	int			members;
} TopicCount;

static MemberTable *table = NULL;
static HTAB *counts = NULL;

static Size
table_size(void)
{
	return add_size(offsetof(MemberTable, members),
					mul_size(realtime_max_members, sizeof(RtMember)));
}

Size
rt_members_size(void)
{
	return add_size(MAXALIGN(table_size()),
					hash_estimate_size(realtime_max_members, sizeof(TopicCount)));
}

static void
init_table(void)
{
	memset(table, 0, table_size());
	table->lock = &GetNamedLWLockTranche("RealtimeMember")->lock;
	table->free = 0;
	for (int i = 0; i < realtime_max_members; i++)
	{
		RtMember   *member = &table->members[i];

		member->next_free = i + 1 < realtime_max_members ? i + 1 : RT_MEMBER_NONE;
		for (int told = 0; told < lengthof(member->claims); told++)
			pg_atomic_init_u64(&member->claims[told], 0);
	}
}

void
rt_members_init(void)
{
	HASHCTL		ctl;
	bool		found;

	table = ShmemInitStruct("realtime members", table_size(), &found);
	if (!found)
		init_table();
	ctl.keysize = RT_MEMBER_TEXT_MAX + 1;
	ctl.entrysize = sizeof(TopicCount);
	counts = ShmemInitHash("realtime members of topics", realtime_max_members,
						   realtime_max_members, &ctl,
						   HASH_ELEM | HASH_STRINGS | HASH_FIXED_SIZE);
}

RtMember *
rt_member_get(int member)
{
	return &table->members[member];
}

/* ---- under the lock ---- */

static void
count_in(const char *topic)
{
	bool		found;
	TopicCount *count = hash_search(counts, topic, HASH_ENTER_NULL, &found);

	/* cannot be: there are no more topics than members */
	if (count == NULL)
		return;
	count->members = found ? count->members + 1 : 1;
}

/* Returns how many are left. */
static int
count_out(const char *topic)
{
	TopicCount *count = hash_search(counts, topic, HASH_FIND, NULL);
	int			left;

	if (count == NULL)
		return 0;
	left = --count->members;
	if (left == 0)
		(void) hash_search(counts, topic, HASH_REMOVE, NULL);
	return left;
}

/* ---- verbs ---- */

int64
rt_members_used(void)
{
	return table->used;
}

static void
fill_member(RtMember *member, int gateway, uint32 gateway_generation, int session,
			const char *connection_id)
{
	member->gateway = gateway;
	member->gateway_generation = gateway_generation;
	member->session = session;
	strlcpy(member->connection_id, connection_id, sizeof(member->connection_id));
	member->connection_serial = 0;
	member->queued = member->left = false;
	member->joined = member->path[0] == '\0';
	pg_atomic_write_u64(&member->claims[RT_MEMBER_JOINED],
						member->joined ? 0 : member->serial);
	pg_atomic_write_u64(&member->claims[RT_MEMBER_LEFT], member->serial);
}

int
rt_member_join(int gateway, uint32 gateway_generation, int session,
			   const char *connection_id, const char *path, Size path_len,
			   const char *topic, Size topic_len)
{
	RtMember   *member;
	int			index;

	if (path_len > RT_MEMBER_TEXT_MAX || topic_len > RT_MEMBER_TEXT_MAX)
		return RT_MEMBER_NONE;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	index = table->free;
	if (index == RT_MEMBER_NONE)
	{
		LWLockRelease(table->lock);
		rt_limit_hit(RT_LIMIT_MEMBERS);
		return RT_MEMBER_NONE;
	}
	member = &table->members[index];
	table->free = member->next_free;
	rt_limit_note(RT_LIMIT_MEMBERS, ++table->used);
	member->serial = ++table->last_serial;
	memcpy(member->path, path, path_len);
	member->path[path_len] = '\0';
	memcpy(member->topic, topic, topic_len);
	member->topic[topic_len] = '\0';
	fill_member(member, gateway, gateway_generation, session, connection_id);
	count_in(member->topic);
	member->used = true;
	LWLockRelease(table->lock);

	rt_session_acquire(session, RT_SESSION_REQUEST);
	return index;
}

void
rt_member_leave(int index)
{
	RtMember   *member = &table->members[index];

	if (member->left)
		return;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	member->remaining = count_out(member->topic);
	member->left = true;
	LWLockRelease(table->lock);
}

void
rt_member_free(int index)
{
	RtMember   *member = &table->members[index];
	int			session = member->session;

	rt_member_leave(index);
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	member->used = false;
	member->next_free = table->free;
	table->free = index;
	table->used--;
	LWLockRelease(table->lock);
	rt_session_release(session, RT_SESSION_REQUEST);
}

int
rt_member_next(int gateway, int member)
{
	while (++member < realtime_max_members)
	{
		if (table->members[member].used && table->members[member].gateway == gateway)
			return member;
	}
	return RT_MEMBER_NONE;
}

/* No serial is as large. */
static uint64
mark_of(int executor)
{
	uint32		generation;

	if (executor == RT_MEMBER_NONE)
		return 0;
	generation = pg_atomic_read_u32(&rt_worker_slot(RT_WORKER_EXECUTOR, executor)->generation);
	return TELLING | ((uint64) executor << 32) | generation;
}

bool
rt_member_claim(int index, uint64 serial, RtMemberTold told, int executor)
{
	return pg_atomic_compare_exchange_u64(&table->members[index].claims[told],
										  &serial, mark_of(executor));
}

void
rt_member_told(int index, RtMemberTold told, int executor)
{
	uint64		mark = mark_of(executor);

	(void) pg_atomic_compare_exchange_u64(&table->members[index].claims[told],
										  &mark, 0);
}

/* One that has died tells nothing any more. */
bool
rt_member_is_being_told(int index, RtMemberTold told)
{
	uint64		claim = pg_atomic_read_u64(&table->members[index].claims[told]);
	int			executor = (int) ((claim & ~TELLING) >> 32);

	return (claim & TELLING) != 0 && claim == mark_of(executor) &&
		pg_atomic_read_u32(&rt_worker_slot(RT_WORKER_EXECUTOR, executor)->state) ==
		RT_WORKER_RUNNING;
}
