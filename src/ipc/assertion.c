/*
 * assertion.c
 *		How often what must be true was not.
 *
 * A spinlock protects the names of applications' categories; it is taken when
 * something is violated, and when they are read.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/ipc/assertion.h"
#include "src/ipc/limit.h"
#include "src/ipc/log_limit.h"

#define OTHERS "other"

typedef struct Own
{
	char		name[RT_ASSERTION_NAME_MAX + 1];
	uint64		violations;
} Own;

typedef struct Counters
{
	pg_atomic_uint64 violations[RT_ASSERTIONS];
	slock_t		lock;			/* protects the rest */
	int			own_count;
	uint64		others;
	Own			own[RT_ASSERTION_OWN_MAX];
} Counters;

static Counters *counters = NULL;

static const char *const names[RT_ASSERTIONS] = {
	[RT_ASSERTION_CALL] = "handleRpc.envelope.non-empty",
	[RT_ASSERTION_SUBSCRIPTION] = "subscription.bookkeeping.ws-was-tracked",
	[RT_ASSERTION_PUSH] = "push-registry.entry-tracked",
	[RT_ASSERTION_LOCK_WAITER] = "lock.waiter.shape",
	[RT_ASSERTION_MEMORY] = "memory.bookkeeping.was-charged",
	[RT_ASSERTION_SESSION] = "session.reference.in-use",
	[RT_ASSERTION_ASKED] = "question.entry-tracked"
};

Size
rt_assertions_size(void)
{
	return sizeof(Counters);
}

void
rt_assertions_init(void)
{
	bool		found;

	counters = ShmemInitStruct("realtime assertions", sizeof(Counters), &found);
	if (found)
		return;
	memset(counters, 0, sizeof(Counters));
	for (int i = 0; i < RT_ASSERTIONS; i++)
		pg_atomic_init_u64(&counters->violations[i], 0);
	SpinLockInit(&counters->lock);
}

void
rt_assertion_violated(RtAssertion category, const char *detail)
{
	pg_atomic_fetch_add_u64(&counters->violations[category], 1);
	if (rt_log_limit_allows(names[category], ERRCODE_ASSERT_FAILURE))
		ereport(LOG,
				(errcode(ERRCODE_ASSERT_FAILURE),
				 errmsg("realtime assertion \"%s\" does not hold", names[category]),
				 errdetail("%s", detail),
				 errhint("This is a fault of realtime, which goes on. Please report it.")));
}

/* Under the lock; NULL if there is no room for another one. */
static Own *
find_own(const char *name)
{
	int			i = 0;

	while (i < counters->own_count && strcmp(counters->own[i].name, name) != 0)
		i++;
	if (i == RT_ASSERTION_OWN_MAX)
		return NULL;
	if (i == counters->own_count)
	{
		strlcpy(counters->own[i].name, name, sizeof(counters->own[i].name));
		counters->own_count++;
	}
	return &counters->own[i];
}

int64
rt_assertions_own_max(void)
{
	return RT_ASSERTION_OWN_MAX;
}

int64
rt_assertions_own_used(void)
{
	return counters->own_count;
}

bool
rt_assertion_count_own(const char *category)
{
	Own		   *own;

	SpinLockAcquire(&counters->lock);
	own = find_own(category);
	if (own != NULL)
		own->violations++;
	else
		counters->others++;
	SpinLockRelease(&counters->lock);
	rt_limit_note(RT_LIMIT_ASSERTION_CATEGORIES, counters->own_count);
	if (own == NULL)
		rt_limit_hit(RT_LIMIT_ASSERTION_CATEGORIES);
	return rt_log_limit_allows(category, ERRCODE_ASSERT_FAILURE);
}

static bool
read_own(int number, char *name, uint64 *violations)
{
	bool		exists;

	SpinLockAcquire(&counters->lock);
	exists = number < counters->own_count;
	strlcpy(name, exists ? counters->own[number].name : OTHERS, RT_ASSERTION_NAME_MAX + 1);
	*violations = exists ? counters->own[number].violations : counters->others;
	exists |= number == counters->own_count && counters->others > 0;
	SpinLockRelease(&counters->lock);
	return exists;
}

bool
rt_assertion_read(int number, char *name, uint64 *violations)
{
	if (number >= RT_ASSERTIONS)
		return read_own(number - RT_ASSERTIONS, name, violations);
	strlcpy(name, names[number], RT_ASSERTION_NAME_MAX + 1);
	*violations = pg_atomic_read_u64(&counters->violations[number]);
	return true;
}

bool
rt_assertion_is_ours(const char *category)
{
	for (int i = 0; i < RT_ASSERTIONS; i++)
	{
		if (strcmp(names[i], category) == 0)
			return true;
	}
	return strcmp(category, OTHERS) == 0;
}
