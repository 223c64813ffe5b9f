/*
 * session.c
 *		The table of identities.
 *
 * The references of both kinds of holders are one atomic number, those of a
 * gateway in its upper half: so whoever takes it to zero, be it the last
 * request or the end of the gateway, is the only one to free the session.
 *
 * A session is written before its index is known to anyone else, and is not
 * written again while it is referenced, so readers with a reference need no
 * lock.  The table's LWLock protects the free list.  It is never held together
 * with another of ours; user data is allocated before and freed after it.
 */
#include "postgres.h"

#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/limit.h"
#include "src/ipc/payload.h"
#include "src/ipc/session.h"

typedef struct SessionTable
{
	LWLock	   *lock;
	int			free;			/* first of the free list */
	int			used;			/* but for the anonymous one, and those that: */
	int			leave;
	uint64		last_serial;
	RtSession	sessions[FLEXIBLE_ARRAY_MEMBER];
} SessionTable;

#define GATEWAY_REFERENCE (UINT64CONST(1) << 32)

static SessionTable *table = NULL;

/*
 * For whoever gets another session while the old one is in use.  Without these a
 * house that is full could renew no token.
 */
#define PASSING_MIN 16
#define PASSING_PART 8			/* of the setting */

static int
passing_count(void)
{
	return Max(PASSING_MIN, realtime_max_sessions / PASSING_PART);
}

/*
 * The anonymous session, as many others as the setting allows, those, and as many
 * whose connections have ended: all that were there may come back before the last
 * thing is done as who they were.
 */
static int
session_count(void)
{
	return 1 + 2 * realtime_max_sessions + passing_count();
}

Size
rt_sessions_size(void)
{
	return add_size(offsetof(SessionTable, sessions),
					mul_size(sizeof(RtSession), session_count()));
}

void
rt_sessions_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime sessions", rt_sessions_size(), &found);
	if (found)
		return;

	memset(table, 0, rt_sessions_size());
	table->lock = &GetNamedLWLockTranche("RealtimeSession")->lock;
	for (int i = 0; i < session_count(); i++)
	{
		RtSession  *session = &table->sessions[i];

		pg_atomic_init_u64(&session->references, 0);
		session->next_free = i + 1 < session_count() ? i + 1 : RT_SESSION_NONE;
	}
	table->free = session_count() > 1 ? 1 : RT_SESSION_NONE;
}

static uint64
one_reference(RtSessionHolder holder)
{
	return holder == RT_SESSION_GATEWAY ? GATEWAY_REFERENCE : 1;
}

static bool
is_counted(int session)
{
	return session != RT_SESSION_ANONYMOUS && session != RT_SESSION_NONE;
}

static int
take_free_session(bool passing)
{
	int			most = realtime_max_sessions + (passing ? passing_count() : 0);
	int			index;
	int			used;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	index = table->used < most ? table->free : RT_SESSION_NONE;
	if (index != RT_SESSION_NONE)
	{
		table->used++;
		table->free = table->sessions[index].next_free;
		table->sessions[index].serial = ++table->last_serial;
		table->sessions[index].leaves = false;
	}
	used = table->used;
	LWLockRelease(table->lock);
	rt_limit_note(RT_LIMIT_SESSIONS, used);
	return index;
}

int
rt_session_create(int gateway, uint32 gateway_generation,
				  const char *user_id, uint32 user_id_len, const char *role,
				  const char *user_data, uint32 user_data_len, int64 expires,
				  uint64 rights, bool passing)
{
	dsa_pointer data = InvalidDsaPointer;
	RtSession  *session;
	int			index;

	if (user_id_len > RT_USER_ID_MAX)
		return RT_SESSION_NONE;
	if (user_data_len > 0)
	{
		data = rt_fixed_area_allocate(rt_payload_area(), user_data_len);
		if (!DsaPointerIsValid(data))
			return RT_SESSION_NONE;
		memcpy(rt_fixed_area_at(rt_payload_area(), data), user_data, user_data_len);
	}
	index = take_free_session(passing);
	if (index == RT_SESSION_NONE)
	{
		rt_limit_hit(RT_LIMIT_SESSIONS);
		if (DsaPointerIsValid(data))
			rt_fixed_area_free(rt_payload_area(), data);
		return RT_SESSION_NONE;
	}

	session = &table->sessions[index];
	session->gateway = gateway;
	session->gateway_generation = gateway_generation;
	session->user_id_len = user_id_len;
	memcpy(session->user_id, user_id, user_id_len);
	session->user_id[user_id_len] = '\0';
	strlcpy(session->role, role, sizeof(session->role));
	session->user_data = data;
	session->user_data_len = user_data_len;
	session->expires = expires;
	session->rights = rights;
	pg_write_barrier();
	pg_atomic_write_u64(&session->references, one_reference(RT_SESSION_REQUEST));
	return index;
}

/* Nobody refers to it any more. */
static void
free_session(int index)
{
	RtSession  *session = &table->sessions[index];
	dsa_pointer data = session->user_data;

	session->user_data = InvalidDsaPointer;
	session->user_data_len = 0;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	session->next_free = table->free;
	table->free = index;
	if (session->leaves)
		table->leave--;
	else
		table->used--;
	LWLockRelease(table->lock);

	if (DsaPointerIsValid(data))
		rt_fixed_area_free(rt_payload_area(), data);
}

void
rt_session_note_leave(int session)
{
	RtSession  *of = &table->sessions[session];

	if (!is_counted(session))
		return;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	if (!of->leaves && table->leave < realtime_max_sessions)
	{
		of->leaves = true;
		table->leave++;
		table->used--;
	}
	LWLockRelease(table->lock);
}

void
rt_session_acquire(int session, RtSessionHolder holder)
{
	uint64		before;

	if (!is_counted(session))
		return;
	before = pg_atomic_fetch_add_u64(&table->sessions[session].references,
									 (int64) one_reference(holder));
	rt_holds(before > 0, RT_ASSERTION_SESSION, "A session is taken that nobody has.");
}

void
rt_session_release(int session, RtSessionHolder holder)
{
	if (is_counted(session) &&
		pg_atomic_sub_fetch_u64(&table->sessions[session].references,
								(int64) one_reference(holder)) == 0)
		free_session(session);
}

/*
 * Only we could still have ended these references, so a session that has some
 * stays what it is while we look.
 */
void
rt_sessions_abandon(int gateway, uint32 gateway_generation)
{
	for (int i = RT_SESSION_ANONYMOUS + 1; i < session_count(); i++)
	{
		RtSession  *session = &table->sessions[i];

		if (pg_atomic_read_u64(&session->references) < GATEWAY_REFERENCE)
			continue;
		pg_read_barrier();
		if (session->gateway == gateway &&
			session->gateway_generation == gateway_generation &&
			pg_atomic_fetch_and_u64(&session->references,
									GATEWAY_REFERENCE - 1) % GATEWAY_REFERENCE == 0)
			free_session(i);
	}
}

int64
rt_sessions_used(void)
{
	return table->used;
}

bool
rt_sessions_are_alike(int a, int b)
{
	return a == b || (is_counted(a) && is_counted(b) &&
					  table->sessions[a].rights == table->sessions[b].rights);
}

const RtSession *
rt_session_get(int session)
{
	return &table->sessions[session];
}

const char *
rt_session_user_data(const RtSession *session)
{
	return rt_fixed_area_at(rt_payload_area(), session->user_data);
}
