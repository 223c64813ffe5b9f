/*
 * session.c
 *		The table of identities.
 *
 * The table's LWLock protects reference counts and the free list.  A session
 * is written before its index is known to anyone else, and is not written
 * again while it is referenced, so readers with a reference need no lock.
 * The lock is never held together with another of ours; user data is
 * allocated before and freed after it.
 */
#include "postgres.h"

#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/payload.h"
#include "src/ipc/session.h"

typedef struct SessionTable
{
	LWLock	   *lock;
	int			free;			/* first of the free list */
	uint64		last_serial;
	RtSession	sessions[FLEXIBLE_ARRAY_MEMBER];
} SessionTable;

static SessionTable *table = NULL;

/* The anonymous session and as many others as the setting allows. */
static int
session_count(void)
{
	return 1 + realtime_max_sessions;
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
	table->sessions[RT_SESSION_ANONYMOUS].references = 1;
	for (int i = 1; i < session_count(); i++)
		table->sessions[i].next_free =
			i + 1 < session_count() ? i + 1 : RT_SESSION_NONE;
	table->free = session_count() > 1 ? 1 : RT_SESSION_NONE;
}

static int
take_free_session(void)
{
	int			index;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	index = table->free;
	if (index != RT_SESSION_NONE)
	{
		table->free = table->sessions[index].next_free;
		table->sessions[index].serial = ++table->last_serial;
		table->sessions[index].references = 1;
	}
	LWLockRelease(table->lock);
	return index;
}

int
rt_session_create(const char *user_id, uint32 user_id_len, const char *role,
				  const char *user_data, uint32 user_data_len)
{
	dsa_pointer data = InvalidDsaPointer;
	RtSession  *session;
	int			index;

	if (user_id_len > RT_USER_ID_MAX)
		return RT_SESSION_NONE;
	if (user_data_len > 0)
	{
		data = dsa_allocate_extended(rt_payload_area(), user_data_len,
									 DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);
		if (!DsaPointerIsValid(data))
			return RT_SESSION_NONE;
		memcpy(dsa_get_address(rt_payload_area(), data), user_data, user_data_len);
	}
	index = take_free_session();
	if (index == RT_SESSION_NONE)
	{
		if (DsaPointerIsValid(data))
			dsa_free(rt_payload_area(), data);
		return RT_SESSION_NONE;
	}

	session = &table->sessions[index];
	session->user_id_len = user_id_len;
	memcpy(session->user_id, user_id, user_id_len);
	session->user_id[user_id_len] = '\0';
	strlcpy(session->role, role, sizeof(session->role));
	session->user_data = data;
	session->user_data_len = user_data_len;
	return index;
}

/* The anonymous session is never counted: it cannot go away. */
void
rt_session_acquire(int session)
{
	if (session == RT_SESSION_ANONYMOUS)
		return;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	Assert(table->sessions[session].references > 0);
	table->sessions[session].references++;
	LWLockRelease(table->lock);
}

void
rt_session_release(int session)
{
	dsa_pointer data = InvalidDsaPointer;

	if (session == RT_SESSION_ANONYMOUS || session == RT_SESSION_NONE)
		return;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	Assert(table->sessions[session].references > 0);
	if (--table->sessions[session].references == 0)
	{
		data = table->sessions[session].user_data;
		table->sessions[session].user_data = InvalidDsaPointer;
		table->sessions[session].user_data_len = 0;
		table->sessions[session].next_free = table->free;
		table->free = session;
	}
	LWLockRelease(table->lock);
	if (DsaPointerIsValid(data))
		dsa_free(rt_payload_area(), data);
}

const RtSession *
rt_session_get(int session)
{
	return &table->sessions[session];
}

const char *
rt_session_user_data(const RtSession *session)
{
	return dsa_get_address(rt_payload_area(), session->user_data);
}
