/*
 * path_stat.c
 *		Counters of paths.
 *
 * Entries are only ever added, under the lock; a hash table of their numbers
 * (open addressing, never more than half full) leads to them.  A number is put
 * into it when its entry is complete, so who looks needs no lock: the barrier
 * there pairs with the one here.  Counters are atomics, and nobody needs them to
 * be of one moment.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/path_stat.h"

#define UNKNOWN 0				/* entries that are there from the start */
#define OTHER 1
#define RESERVED 2

typedef struct Entry
{
	/* constant once its number is in the table */
	uint64		hash;
	uint16		path_len;
	char		path[RT_STAT_PATH_MAX + 1];

	pg_atomic_uint32 kind;		/* RtPathKind; a job is always one */
	pg_atomic_uint64 since;		/* TimestampTz */
	pg_atomic_uint64 total_us;
	pg_atomic_uint64 max_us;
	pg_atomic_uint64 skipped;
	pg_atomic_uint64 events;
	char		last_error[RT_STAT_ERROR_MAX + 1];	/* protected by the lock, as */
	TimestampTz last_error_at;
	pg_atomic_uint64 buckets[RT_STAT_BUCKETS];
	pg_atomic_uint64 codes[RT_CODE_COUNT];
	pg_atomic_uint32 followers[RT_GATEWAYS_MAX];	/* each is written by one */
} Entry;

typedef struct PathStats
{
	pg_atomic_uint32 count;		/* of entries */
	uint32		mask;			/* of places */
	pg_atomic_uint32 places[FLEXIBLE_ARRAY_MEMBER];	/* number of an entry + 1; 0
													 * = none */
} PathStats;

static PathStats *stats = NULL;
static Entry *entries = NULL;
static LWLock *lock = NULL;

/* in microseconds, and as text */
static const struct
{
	uint64		us;
	const char *seconds;
}			bounds[RT_STAT_BUCKETS - 1] = {
	{100, "0.0001"}, {250, "0.00025"}, {500, "0.0005"},
	{1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"},
	{10000, "0.01"}, {25000, "0.025"}, {50000, "0.05"},
	{100000, "0.1"}, {250000, "0.25"}, {500000, "0.5"},
	{1000000, "1.0"}, {2500000, "2.5"}, {5000000, "5.0"},
	{10000000, "10.0"}
};

const char *
rt_stat_bucket_bound(int bucket)
{
	return bounds[bucket].seconds;
}

/* ---- the table ---- */

static uint32
entries_max(void)
{
	return (uint32) realtime_stat_paths + RESERVED;
}

static uint32
place_count(void)
{
	return pg_nextpower2_32(2 * entries_max());
}

static Size
table_size(void)
{
	return add_size(offsetof(PathStats, places),
					mul_size(sizeof(pg_atomic_uint32), place_count()));
}

static Size
entries_size(void)
{
	return mul_size(sizeof(Entry), entries_max());
}

Size
rt_path_stats_size(void)
{
	return add_size(table_size(), entries_size());
}

static void
clear_counters(Entry *entry)
{
	pg_atomic_write_u64(&entry->total_us, 0);
	pg_atomic_write_u64(&entry->max_us, 0);
	pg_atomic_write_u64(&entry->skipped, 0);
	pg_atomic_write_u64(&entry->events, 0);
	for (int i = 0; i < RT_STAT_BUCKETS; i++)
		pg_atomic_write_u64(&entry->buckets[i], 0);
	for (int i = 0; i < RT_CODE_COUNT; i++)
		pg_atomic_write_u64(&entry->codes[i], 0);
	pg_atomic_write_u64(&entry->since, (uint64) GetCurrentTimestamp());
}

static void
init_entry(Entry *entry)
{
	pg_atomic_init_u32(&entry->kind, RT_PATH_CALL);
	pg_atomic_init_u64(&entry->since, 0);
	pg_atomic_init_u64(&entry->total_us, 0);
	pg_atomic_init_u64(&entry->max_us, 0);
	pg_atomic_init_u64(&entry->skipped, 0);
	pg_atomic_init_u64(&entry->events, 0);
	entry->last_error[0] = '\0';
	for (int i = 0; i < RT_STAT_BUCKETS; i++)
		pg_atomic_init_u64(&entry->buckets[i], 0);
	for (int i = 0; i < RT_CODE_COUNT; i++)
		pg_atomic_init_u64(&entry->codes[i], 0);
	for (int i = 0; i < RT_GATEWAYS_MAX; i++)
		pg_atomic_init_u32(&entry->followers[i], 0);
}

/* All but streams and calls have entries of their own. */
static uint64
hash_of(const char *path, Size len, RtPathKind kind)
{
	return hash_bytes_extended((const unsigned char *) path, (int) len,
							   kind == RT_PATH_STREAM ? RT_PATH_CALL : kind);
}

static bool
is_of(const Entry *entry, const char *path, Size len, uint64 hash)
{
	return entry->hash == hash && entry->path_len == len &&
		memcmp(entry->path, path, len) == 0;
}

/* The entry of a path, or NULL and the place that it would have. */
static Entry *
find(const char *path, Size len, uint64 hash, uint32 *place)
{
	for (*place = (uint32) hash & stats->mask;; *place = (*place + 1) & stats->mask)
	{
		uint32		number = pg_atomic_read_u32(&stats->places[*place]);

		if (number == 0)
			return NULL;
		pg_read_barrier();
		if (is_of(&entries[number - 1], path, len, hash))
			return &entries[number - 1];
	}
}

/* Under the lock, or before anybody else is there. */
static Entry *
add(const char *path, Size len, uint64 hash, uint32 place)
{
	uint32		number = pg_atomic_read_u32(&stats->count);
	Entry	   *entry = &entries[number];

	entry->hash = hash;
	entry->path_len = (uint16) len;
	memcpy(entry->path, path, len);
	entry->path[len] = '\0';
	clear_counters(entry);
	pg_write_barrier();
	pg_atomic_write_u32(&stats->places[place], number + 1);
	pg_atomic_write_u32(&stats->count, number + 1);
	return entry;
}

static void
add_reserved(const char *name)
{
	uint64		hash = hash_of(name, strlen(name), RT_PATH_CALL);
	uint32		place;

	if (find(name, strlen(name), hash, &place) == NULL)
		(void) add(name, strlen(name), hash, place);
}

void
rt_path_stats_init(void)
{
	bool		found;

	stats = ShmemInitStruct("realtime path statistics", table_size(), &found);
	entries = ShmemInitStruct("realtime path counters", entries_size(), &found);
	lock = &GetNamedLWLockTranche("RealtimePathStat")->lock;
	if (found)
		return;
	pg_atomic_init_u32(&stats->count, 0);
	stats->mask = place_count() - 1;
	for (uint32 i = 0; i < place_count(); i++)
		pg_atomic_init_u32(&stats->places[i], 0);
	for (uint32 i = 0; i < entries_max(); i++)
		init_entry(&entries[i]);
	add_reserved(RT_STAT_UNKNOWN);
	add_reserved(RT_STAT_OTHER);
}

int64
rt_path_stats_used(void)
{
	return pg_atomic_read_u32(&stats->count) - RESERVED;
}

/* ---- counting ---- */

/* A path that runs for the first time. */
static Entry *
make(const char *path, Size len, uint64 hash)
{
	Entry	   *entry;
	uint32		place;

	if (pg_atomic_read_u32(&stats->count) >= entries_max() || len > RT_STAT_PATH_MAX)
	{
		rt_limit_hit(RT_LIMIT_STAT_PATHS);
		return &entries[OTHER];
	}
	LWLockAcquire(lock, LW_EXCLUSIVE);
	entry = find(path, len, hash, &place);
	if (entry == NULL)
		entry = pg_atomic_read_u32(&stats->count) >= entries_max() ?
			&entries[OTHER] : add(path, len, hash, place);
	LWLockRelease(lock);
	rt_limit_note(RT_LIMIT_STAT_PATHS, rt_path_stats_used());
	return entry;
}

static Entry *
entry_of(const RtPathRun *run)
{
	uint64		hash = hash_of(run->path, run->path_len, run->kind);
	uint32		place;
	Entry	   *entry = find(run->path, run->path_len, hash, &place);

	if (entry != NULL)
		return entry;
	return run->is_known ? make(run->path, run->path_len, hash) : &entries[UNKNOWN];
}

static int
bucket_of(uint64 us)
{
	int			bucket = 0;

	while (bucket < RT_STAT_BUCKETS - 1 && us > bounds[bucket].us)
		bucket++;
	return bucket;
}

static void
raise_max(Entry *entry, uint64 us)
{
	uint64		max = pg_atomic_read_u64(&entry->max_us);

	while (us > max && !pg_atomic_compare_exchange_u64(&entry->max_us, &max, us))
		;
}

/* What is counted together is of any kind. */
static void
set_kind(Entry *entry, RtPathKind kind)
{
	if (entry != &entries[OTHER] && pg_atomic_read_u32(&entry->kind) != (uint32) kind)
		pg_atomic_write_u32(&entry->kind, kind);
}

void
rt_path_stat_count(const RtPathRun *run)
{
	Entry	   *entry = entry_of(run);
	uint64		us = run->us > 0 ? (uint64) run->us : 0;

	pg_atomic_fetch_add_u64(&entry->buckets[bucket_of(us)], 1);
	pg_atomic_fetch_add_u64(&entry->total_us, us);
	raise_max(entry, us);
	if (run->failed)
		pg_atomic_fetch_add_u64(&entry->codes[run->code], 1);
	if (run->events > 0)
		pg_atomic_fetch_add_u64(&entry->events, (int64) run->events);
	set_kind(entry, run->kind);
}

void
rt_path_stat_count_skipped(const char *path, Size len)
{
	RtPathRun	run = {.path = path,.path_len = len,.is_known = true,.kind = RT_PATH_CRON};
	Entry	   *entry = entry_of(&run);

	pg_atomic_fetch_add_u64(&entry->skipped, 1);
	set_kind(entry, RT_PATH_CRON);
}

static Entry *
entry_of_kind(const char *path, RtPathKind kind)
{
	RtPathRun	run = {.path = path,.path_len = strlen(path),.is_known = true,.kind = kind};
	Entry	   *entry = entry_of(&run);

	set_kind(entry, kind);
	return entry;
}

void
rt_path_stat_note_error(const char *path, RtPathKind kind, const char *message)
{
	Entry	   *entry = entry_of_kind(path, kind);
	int			len = pg_mbcliplen(message, (int) strlen(message), RT_STAT_ERROR_MAX);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	memcpy(entry->last_error, message, len);
	entry->last_error[len] = '\0';
	entry->last_error_at = GetCurrentTimestamp();
	LWLockRelease(lock);
}

/* ---- who follows ---- */

int
rt_path_stat_number(const char *path, Size len)
{
	RtPathRun	run = {.path = path,.path_len = len,.is_known = true,.kind = RT_PATH_STREAM};

	return (int) (entry_of(&run) - entries);
}

void
rt_path_stat_follow(int gateway, int number, int change)
{
	pg_atomic_uint32 *count = &entries[number].followers[gateway];

	pg_atomic_write_u32(count, pg_atomic_read_u32(count) + change);
}

void
rt_path_stats_forget_followers(int gateway)
{
	for (uint32 i = 0; i < pg_atomic_read_u32(&stats->count); i++)
		pg_atomic_write_u32(&entries[i].followers[gateway], 0);
}

/* ---- reading ---- */

static void
read_error(Entry *entry, RtPathStat *stat)
{
	LWLockAcquire(lock, LW_SHARED);
	strcpy(stat->last_error, entry->last_error);
	stat->last_error_at = entry->last_error_at;
	LWLockRelease(lock);
}

bool
rt_path_stat_read(int number, RtPathStat *stat)
{
	Entry	   *entry = &entries[number];

	if (number >= (int) pg_atomic_read_u32(&stats->count))
		return false;
	pg_read_barrier();
	strlcpy(stat->path, entry->path, sizeof(stat->path));
	stat->kind = pg_atomic_read_u32(&entry->kind);
	stat->since = (TimestampTz) pg_atomic_read_u64(&entry->since);
	stat->total_us = pg_atomic_read_u64(&entry->total_us);
	stat->max_us = pg_atomic_read_u64(&entry->max_us);
	stat->skipped = pg_atomic_read_u64(&entry->skipped);
	stat->events = pg_atomic_read_u64(&entry->events);
	read_error(entry, stat);
	stat->calls = stat->errors = stat->followers = 0;
	for (int i = 0; i < realtime_gateways; i++)
		stat->followers += pg_atomic_read_u32(&entry->followers[i]);
	for (int i = 0; i < RT_STAT_BUCKETS; i++)
		stat->calls += stat->buckets[i] = pg_atomic_read_u64(&entry->buckets[i]);
	for (int i = 0; i < RT_CODE_COUNT; i++)
		stat->errors += stat->codes[i] = pg_atomic_read_u64(&entry->codes[i]);
	return true;
}

/* The caller counts it anew. */
static void
reset_entry(Entry *entry)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	entry->last_error[0] = '\0';
	LWLockRelease(lock);
	clear_counters(entry);
}

static bool
reset_one(const char *path, RtPathKind kind)
{
	Size		len = strlen(path);
	uint32		place;
	Entry	   *entry = find(path, len, hash_of(path, len, kind), &place);

	if (entry != NULL)
		reset_entry(entry);
	return entry != NULL;
}

bool
rt_path_stats_reset(const char *path)
{
	int			count = (int) pg_atomic_read_u32(&stats->count);
	bool		found = false;

	for (int kind = RT_PATH_CALL; path != NULL && kind < RT_PATH_CLASS; kind++)
		found |= kind != RT_PATH_STREAM && reset_one(path, (RtPathKind) kind);
	if (path != NULL)
		return found;
	pg_read_barrier();
	for (int i = 0; i < count; i++)
		reset_entry(&entries[i]);
	return true;
}
