/*
 * test_timer.c
 *		src/ipc/timer.c: the table of timers, with one process, a clock that
 *		stands still unless told, and memory that can run out.
 *
 * The server's functions that it calls are played here.
 */
#include "postgres.h"

#include "src/ipc/clock.h"

static int64 now_us = 1000000000;

#define rt_clock_us() now_us

#include "src/ipc/timer.c"
#include "src/ipc/timer_heap.c"
#undef printf
#undef fprintf
#undef snprintf
#include "test/unit/shmem.h"
#include "test/unit/unit.h"

/* Nobody looks at how often limits have acted, nor how near they came to it. */
void
rt_limit_hit(RtLimitKind limit)
{
}

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
}

#define DATABASE 5
#define MS 1000
#define BYTES 10000

/* ---- the server ---- */

int			realtime_max_timers = 0;
int			realtime_payload_memory = 16;	/* kB */

static int	messages = 0;		/* allocated */
static bool memory_is_full = false;
static int	wakes = 0;

LWLockPadded *
GetNamedLWLockTranche(const char *name)
{
	static LWLockPadded lock;

	return &lock;
}

static int	locks = 0;

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	if (locks++ != 0)
		abort();
	return true;
}

void
LWLockRelease(LWLock *lock)
{
	if (--locks != 0)
		abort();
}

TimestampTz
GetCurrentTimestamp(void)
{
	return now_us;
}

uint32
hash_bytes(const unsigned char *bytes, int len)
{
	uint32		hash = 0;

	for (int i = 0; i < len; i++)
		hash = hash * 31 + bytes[i];
	return hash % 7;			/* chains are long */
}

void
rt_payload_attach(void)
{
}

const RtFixedArea *
rt_payload_area(void)
{
	static RtFixedArea area;

	return &area;
}

dsa_pointer
rt_fixed_area_allocate(const RtFixedArea *area, Size size)
{
	if (locks != 0)
		abort();
	if (memory_is_full)
		return InvalidDsaPointer;
	messages++;
	return (dsa_pointer) (uintptr_t) malloc(size);
}

void *
dsa_get_address(dsa_area *area, dsa_pointer p)
{
	return (void *) (uintptr_t) p;
}

void
rt_fixed_area_free(const RtFixedArea *area, dsa_pointer p)
{
	if (locks != 0)
		abort();
	messages--;
	free((void *) (uintptr_t) p);
}

void
rt_worker_wake(RtWorkerKind kind, int index)
{
	if (locks != 0)
		abort();
	wakes++;
}

/* ---- playing transactions ---- */

static XLogRecPtr next_stamp = 100;

static void
begin(int max_timers)
{
	CHECK(messages == 0);
	realtime_max_timers = max_timers;
	rt_timers_init();
	now_us += 1000 * 1000 * 1000;
	memory_is_full = false;
}

static RtTimerKey
key_of(const char *name)
{
	return (RtTimerKey) {
		.topic = name, .topic_len = strlen(name),
		.event = "e", .event_len = 1
	};
}

/* What a transaction is about to commit. */
static RtTimerCommit
hold(RtTimerKind kind, const char *name, const char *value, int64 wait_us)
{
	bool		is_throttle = kind == RT_TIMER_THROTTLE;
	RtTimerKey	key = key_of(name);
	RtTimerCommit commit = {
		.every_us = is_throttle ? wait_us : 0,
		.kind = kind, .wait_us = wait_us, .message = InvalidDsaPointer
	};

	commit.timer = rt_timer_hold(&key, DATABASE, is_throttle ? &commit.leads : NULL);
	commit.published = commit.leads;
	if (!commit.leads && commit.timer != RT_TIMER_NONE)
		commit.message = rt_timer_message_make("e", 1, value, strlen(value));
	return commit;
}

static void
commit_as(RtTimerCommit commit, XLogRecPtr stamp)
{
	commit.stamp = stamp;
	rt_timer_commit(&commit);
}

static bool
call(RtTimerKind kind, const char *name, const char *value, int64 wait_us)
{
	RtTimerCommit commit = hold(kind, name, value, wait_us);

	if (commit.timer == RT_TIMER_NONE)
		return true;
	commit_as(commit, next_stamp++);
	return commit.leads;
}

static bool
throttle(const char *name, const char *value, int64 every_us)
{
	return call(RT_TIMER_THROTTLE, name, value, every_us);
}

static void
debounce(const char *name, const char *value, int64 after_us)
{
	CHECK(!call(RT_TIMER_DEBOUNCE, name, value, after_us));
}

/* Takes one message and compares it; settles it if it is to be. */
static bool
take_one(RtTimerMessage *message, const char *name, const char *value)
{
	return rt_timers_take(DATABASE, message, 1, BYTES) == 1 &&
		message->topic_len == strlen(name) &&
		memcmp(message->topic, name, message->topic_len) == 0 &&
		message->data_len == strlen(value) &&
		memcmp(message->data, value, message->data_len) == 0;
}

static bool
publishes(const char *name, const char *value)
{
	RtTimerMessage message;

	if (!take_one(&message, name, value))
		return false;
	rt_timers_published(&message, 1);
	return true;
}

static bool
nothing_is_due(void)
{
	RtTimerMessage message;

	return rt_timers_take(DATABASE, &message, 1, BYTES) == 0;
}

/* ---- tests ---- */

static void
throttles(void)
{
	begin(10);
	CHECK(throttle("a", "1", 100 * MS));	/* the first at once */
	CHECK(rt_timers_next_due() == RT_TIMER_NEVER);
	CHECK(!throttle("a", "2", 100 * MS));
	CHECK(!throttle("a", "3", 100 * MS));
	CHECK(throttle("b", "1", 100 * MS));	/* another key */
	CHECK(rt_timers_next_due() == now_us + 100 * MS);

	now_us += 100 * MS - 1;
	CHECK(nothing_is_due());
	now_us++;
	CHECK(publishes("a", "3")); /* the last at the end */
	CHECK(nothing_is_due());

	CHECK(!throttle("a", "4", 100 * MS));	/* which begins an interval */
	CHECK(rt_timers_next_due() == now_us + 100 * MS);
	now_us += 100 * MS;
	CHECK(publishes("a", "4"));
	now_us += 100 * MS;
	CHECK(throttle("a", "5", 100 * MS));	/* that one had nothing to publish */
	CHECK(messages == 0);
}

static void
debounces(void)
{
	begin(10);
	debounce("a", "1", 100 * MS);
	now_us += 90 * MS;
	debounce("a", "2", 100 * MS);
	CHECK(rt_timers_next_due() == now_us + 100 * MS);
	CHECK(throttle("b", "x", 100 * MS));	/* another key */
	now_us += 90 * MS;
	CHECK(nothing_is_due());
	now_us += 10 * MS;
	CHECK(publishes("a", "2"));
	now_us += 1000 * MS;
	CHECK(nothing_is_due());
}

/* Nothing older comes after what is newer. */
static void
has_one_timer_for_both(void)
{
	RtTimerCommit commit;

	/* what is throttled takes the place of what was debounced */
	begin(10);
	debounce("a", "1", 100 * MS);
	CHECK(throttle("a", "2", 100 * MS));
	CHECK(rt_timers_next_due() == RT_TIMER_NEVER && messages == 0);

	/* what is debounced does not wait for the interval, which goes on */
	debounce("a", "3", 10 * MS);
	now_us += 10 * MS;
	CHECK(publishes("a", "3"));
	CHECK(!throttle("a", "4", 1 * MS));
	CHECK(rt_timers_next_due() == now_us + 90 * MS);
	debounce("a", "5", 10 * MS);
	now_us += 10 * MS;
	CHECK(publishes("a", "5"));
	now_us += 80 * MS;
	CHECK(nothing_is_due());

	/* who leads keeps it from being published, until it gives up */
	debounce("a", "6", 10 * MS);
	commit = hold(RT_TIMER_THROTTLE, "a", "7", 100 * MS);
	CHECK(commit.leads);
	now_us += 10 * MS;
	CHECK(nothing_is_due());
	rt_timer_abort(commit.timer, commit.leads);
	CHECK(publishes("a", "6"));
	CHECK(messages == 0);
}

static void
follows_the_order_of_commits(void)
{
	RtTimerCommit first;
	RtTimerCommit second;
	RtTimerMessage message;

	/* who leads commits after one who waits: that one is out of date */
	begin(10);
	first = hold(RT_TIMER_THROTTLE, "a", "1", 100 * MS);
	second = hold(RT_TIMER_THROTTLE, "a", "2", 100 * MS);
	CHECK(first.leads && !second.leads);
	commit_as(second, 10);
	CHECK(rt_timers_next_due() == RT_TIMER_NEVER);
	commit_as(first, 11);
	CHECK(rt_timers_next_due() == RT_TIMER_NEVER && messages == 0);

	/* and before it, though it comes later */
	now_us += 100 * MS;
	first = hold(RT_TIMER_THROTTLE, "a", "1", 100 * MS);
	second = hold(RT_TIMER_THROTTLE, "a", "2", 100 * MS);
	commit_as(second, 21);
	commit_as(first, 20);
	now_us += 100 * MS;
	CHECK(publishes("a", "2"));

	/* who leads gives up: what waits is due at once */
	now_us += 100 * MS;
	first = hold(RT_TIMER_THROTTLE, "a", "1", 100 * MS);
	CHECK(!throttle("a", "2", 100 * MS));
	wakes = 0;
	rt_timer_abort(first.timer, first.leads);
	CHECK(wakes == 1);
	CHECK(publishes("a", "2"));

	/* of two that wait the newer one stays, whoever comes last */
	first = hold(RT_TIMER_DEBOUNCE, "d", "1", 100 * MS);
	second = hold(RT_TIMER_DEBOUNCE, "d", "2", 100 * MS);
	commit_as(second, 31);
	commit_as(first, 30);
	now_us += 100 * MS;
	CHECK(publishes("d", "2"));

	/* also when the newer one has been published by then */
	first = hold(RT_TIMER_DEBOUNCE, "d", "1", 100 * MS);
	second = hold(RT_TIMER_DEBOUNCE, "d", "2", 100 * MS);
	commit_as(second, 41);
	now_us += 100 * MS;
	CHECK(take_one(&message, "d", "2"));
	commit_as(first, 40);
	rt_timers_published(&message, 1);
	now_us += 100 * MS;
	CHECK(nothing_is_due() && messages == 0);
}

static void
keeps_what_could_not_be_published(void)
{
	RtTimerMessage all[4];
	RtTimerMessage message;
	int64		began;

	begin(10);
	debounce("a", "1", 100 * MS);
	debounce("b", "1", 101 * MS);
	debounce("c", "1", 102 * MS);
	now_us += 200 * MS;
	CHECK(rt_timers_take(DATABASE, all, 4, BYTES) == 3);
	CHECK(nothing_is_due());
	debounce("c", "2", 1 * MS); /* newer than what is being published */
	rt_timers_failed(all, 3);
	CHECK(nothing_is_due());

	/* again, one by one, so that one does not fail the others */
	began = now_us;
	now_us = rt_timers_next_due();
	CHECK(now_us > began);
	for (int i = 0; i < 3; i++)
	{
		CHECK(rt_timers_take(DATABASE, &all[i], 4, BYTES) == 1);
		rt_timers_published(&all[i], 1);
	}
	CHECK(nothing_is_due() && messages == 0);

	/* nor is it taken behind another one */
	debounce("a", "x", 1 * MS);
	now_us += 1 * MS;
	CHECK(take_one(&message, "a", "x"));
	rt_timers_failed(&message, 1);
	debounce("b", "y", 1 * MS);
	now_us += 1000 * MS;
	CHECK(rt_timers_take(DATABASE, all, 4, BYTES) == 1 && all[0].topic[0] == 'b');
	rt_timers_published(all, 1);
	CHECK(publishes("a", "x"));

	/* later and later, but not for ever */
	debounce("a", "2", 100 * MS);
	now_us += 100 * MS;
	for (int i = 0; i < 20; i++)
	{
		CHECK(take_one(&message, "a", "2"));
		rt_timers_failed(&message, 1);
		began = now_us;
		now_us = rt_timers_next_due();
		CHECK(now_us - began >= 100 * MS && now_us - began <= 15000 * MS);
	}
	CHECK(publishes("a", "2"));
}

static void
is_bounded(void)
{
	RtTimerStats stats;
	RtTimerCommit commit;
	char		name[2] = "a";

	begin(3);
	for (; name[0] < 'd'; name[0]++)
		CHECK(throttle(name, "1", 100 * MS));
	CHECK(hold(RT_TIMER_THROTTLE, "d", "1", 100 * MS).timer == RT_TIMER_NONE);
	CHECK(!throttle("a", "2", 100 * MS));	/* has its timer */
	rt_timers_stats(&stats);
	CHECK(stats.active == 3 && stats.waiting == 1);

	/* intervals that are over make room */
	now_us += 100 * MS;
	rt_timers_stats(&stats);
	CHECK(stats.active == 1);
	CHECK(throttle("d", "1", 100 * MS) && throttle("e", "1", 50 * MS));
	CHECK(hold(RT_TIMER_THROTTLE, "f", "1", 100 * MS).timer == RT_TIMER_NONE);
	now_us += 50 * MS;
	CHECK(throttle("f", "1", 100 * MS));
	CHECK(publishes("a", "2"));

	/* what was published for want of memory makes the older value out of date */
	CHECK(!throttle("a", "3", 100 * MS));
	memory_is_full = true;
	commit = hold(RT_TIMER_THROTTLE, "a", "4", 100 * MS);
	CHECK(!commit.leads && !DsaPointerIsValid(commit.message));
	commit.published = true;
	commit_as(commit, next_stamp++);
	CHECK(messages == 0);
	now_us += 100 * MS;
	CHECK(nothing_is_due());
}

static void
leaves_memory_to_others(void)
{
	char		name[2] = "a";
	char		kilobyte[1024] = "";
	int			kept = 0;
	dsa_pointer message;

	begin(10);
	memset(kilobyte, 'x', sizeof(kilobyte) - 1);
	for (; name[0] < 'k'; name[0]++)
	{
		RtTimerCommit commit = hold(RT_TIMER_DEBOUNCE, name, kilobyte, 1 * MS);

		if (DsaPointerIsValid(commit.message))
			kept++;
		else
			commit.published = true;
		commit_as(commit, next_stamp++);
	}
	CHECK(kept == 3);			/* and their headers: a quarter */
	CHECK(messages == kept);
	rt_timers_forget();
	message = rt_timer_message_make("e", 1, kilobyte, sizeof(kilobyte));
	CHECK(DsaPointerIsValid(message));
	rt_timer_message_free(message);
}

static void
publishes_no_more_than_fits(void)
{
	RtTimerMessage all[4];

	begin(10);
	debounce("a", "1", 1 * MS);
	debounce("b", "1", 2 * MS);
	debounce("c", "1", 3 * MS);
	now_us += 10 * MS;
	CHECK(rt_timers_take(DATABASE, all, 4, 2 * (PUBLISHED_OVERHEAD + 4)) == 2);
	rt_timers_published(all, 2);
	CHECK(rt_timers_take(DATABASE, all, 4, 1) == 1);
	rt_timers_published(all, 1);
	CHECK(nothing_is_due() && messages == 0);
}

static void
belongs_to_one_database(void)
{
	RtTimerMessage message;

	begin(10);
	debounce("a", "1", 1 * MS);
	debounce("b", "1", 1 * MS);
	now_us += 1 * MS;
	CHECK(rt_timers_take(DATABASE + 1, &message, 1, BYTES) == 0);
	CHECK(messages == 1);
	rt_timers_forget();
	CHECK(messages == 0 && rt_timers_next_due() == RT_TIMER_NEVER);
}

static void
wakes_the_scheduler_when_it_must(void)
{
	begin(10);
	wakes = 0;
	debounce("a", "1", 100 * MS);
	CHECK(wakes == 1);
	debounce("b", "1", 200 * MS);
	CHECK(wakes == 1);			/* it wakes up before that anyway */
	debounce("c", "1", 50 * MS);
	CHECK(wakes == 2);
	CHECK(throttle("d", "1", 10 * MS));
	CHECK(wakes == 2);			/* nothing to publish */
	CHECK(!throttle("d", "2", 10 * MS));
	CHECK(wakes == 3);
	rt_timers_forget();
}

/* Against a plain list: many keys, many holders, any order. */
static void
agrees_with_a_list(void)
{
	enum
	{
		KEYS = 40
	};
	int64		due[KEYS];
	int			value[KEYS];
	char		name[16];
	char		text[16];

	begin(KEYS);
	srandom(1);
	for (int i = 0; i < KEYS; i++)
		due[i] = RT_TIMER_NEVER;
	for (int step = 0; step < 100000; step++)
	{
		int			k = (int) (random() % KEYS);
		int64		first = RT_TIMER_NEVER;

		if (random() % 3 > 0)
		{
			int64		wait = (1 + random() % 500) * MS;

			snprintf(name, sizeof(name), "key %d", k);
			snprintf(text, sizeof(text), "%d", step);
			debounce(name, text, wait);
			due[k] = now_us + wait;
			value[k] = step;
		}
		for (int i = 0; i < KEYS; i++)
		{
			if (due[i] < first)
			{
				first = due[i];
				k = i;
			}
		}
		if (!CHECK(rt_timers_next_due() == first))
			break;
		if (random() % 3 > 0 || first == RT_TIMER_NEVER)
		{
			now_us += random() % (20 * MS);
			continue;
		}
		now_us = Max(now_us, first);
		{
			RtTimerMessage message;

			snprintf(name, sizeof(name), "key %d", k);
			snprintf(text, sizeof(text), "%d", value[k]);
			if (!CHECK(rt_timers_take(DATABASE, &message, 1, BYTES) == 1))
				break;
			/* of several that are due at the same moment any may come first */
			if (message.topic_len != strlen(name) ||
				memcmp(message.topic, name, strlen(name)) != 0)
			{
				char		topic[16] = "";

				memcpy(topic, message.topic, message.topic_len);
				k = atoi(topic + 4);
				CHECK(due[k] == first);
				snprintf(text, sizeof(text), "%d", value[k]);
			}
			CHECK(message.data_len == strlen(text) &&
				  memcmp(message.data, text, strlen(text)) == 0);
			rt_timers_published(&message, 1);
			due[k] = RT_TIMER_NEVER;
		}
	}
	rt_timers_forget();
	CHECK(messages == 0);
}

int
main(void)
{
	RUN(throttles);
	RUN(debounces);
	RUN(has_one_timer_for_both);
	RUN(follows_the_order_of_commits);
	RUN(keeps_what_could_not_be_published);
	RUN(is_bounded);
	RUN(leaves_memory_to_others);
	RUN(publishes_no_more_than_fits);
	RUN(belongs_to_one_database);
	RUN(wakes_the_scheduler_when_it_must);
	RUN(agrees_with_a_list);
	return unit_done();
}
