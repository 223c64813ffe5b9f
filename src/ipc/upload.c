/*
 * upload.c
 *		What clients upload, on its way to an executor.
 *
 * A lock protects who has which place; it is taken when an upload begins and
 * ends, and not for its bytes.  A ring has one writer and one reader, who need no
 * lock: positions count bytes since the upload began, each is written by one side,
 * with a barrier between it and the bytes.  Who sleeps says so first, and looks
 * once more; who has done something looks whether the other sleeps.
 *
 * In a ring a piece has its length before it, and may go over the ring's end.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/score.h"
#include "src/ipc/upload.h"
#include "src/ipc/worker_slot.h"

#define NEVER_UPLOADING 2		/* executors, as those that never wait */

typedef enum State
{
	FREE,
	OPEN,
	FINISHING,
	ABORTED
} State;

typedef struct Place
{
	/* protected by the lock, but constant while somebody is in it */
	uint64		serial;
	int			gateway;
	uint64		connection_serial;
	bool		has_writer;
	bool		has_reader;
	uint64		path_hash;		/* 0 = not counted as one of a path */
	int			executor;

	pg_atomic_uint32 state;
	pg_atomic_uint64 written;	/* by the gateway */
	pg_atomic_uint64 read;		/* by the executor */
	pg_atomic_uint64 recheck_bytes;
	pg_atomic_uint32 whole;		/* bool */
	pg_atomic_uint32 writer_sleeps; /* bool */
	pg_atomic_uint32 reader_sleeps; /* bool */
} Place;

typedef struct Area
{
	LWLock	   *lock;
	uint64		last_serial;
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Area;

static Area *area = NULL;
static char *rings = NULL;

/*
 * As many as executors may wait, if that is not less.  Unless it is said how many,
 * a fourth of them, but one at least, is left to those who wait for clients' replies
 * and for jobs.
 */
int
rt_uploads_max(void)
{
	int			most = Max(0, rt_worker_count(RT_WORKER_EXECUTOR) - NEVER_UPLOADING);

	if (realtime_max_uploads >= 0)
		return Min(most, realtime_max_uploads);
	return most <= 1 ? most : most - Max(1, most / 4);
}

static Size
ring_size(void)
{
	return (Size) realtime_upload_buffer * 1024;
}

static Size
places_size(void)
{
	return MAXALIGN(offsetof(Area, places) + sizeof(Place) * rt_uploads_max());
}

Size
rt_uploads_size(void)
{
	return add_size(places_size(), mul_size(rt_uploads_max(), ring_size()));
}

static void
clear_place(Place *place)
{
	place->has_writer = place->has_reader = false;
	place->serial = 0;
	place->path_hash = 0;
	pg_atomic_write_u32(&place->state, FREE);
}

void
rt_uploads_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime uploads", rt_uploads_size(), &found);
	rings = (char *) area + places_size();
	if (found)
		return;
	area->lock = &GetNamedLWLockTranche("RealtimeUpload")->lock;
	area->last_serial = 0;
	for (int i = 0; i < rt_uploads_max(); i++)
	{
		Place	   *place = &area->places[i];

		pg_atomic_init_u32(&place->state, FREE);
		pg_atomic_init_u64(&place->written, 0);
		pg_atomic_init_u64(&place->read, 0);
		pg_atomic_init_u64(&place->recheck_bytes, 0);
		pg_atomic_init_u32(&place->whole, 0);
		pg_atomic_init_u32(&place->writer_sleeps, 0);
		pg_atomic_init_u32(&place->reader_sleeps, 0);
		clear_place(place);
	}
}

int
rt_uploads_open(void)
{
	int			count = 0;

	for (int i = 0; i < rt_uploads_max(); i++)
		count += pg_atomic_read_u32(&area->places[i].state) != FREE;
	return count;
}

/* ---- waking ---- */

static void
wake_writer(Place *place)
{
	pg_memory_barrier();
	if (pg_atomic_exchange_u32(&place->writer_sleeps, 0) != 0)
		rt_worker_wake(RT_WORKER_GATEWAY, place->gateway);
}

static void
wake_reader(Place *place)
{
	pg_memory_barrier();
	if (pg_atomic_exchange_u32(&place->reader_sleeps, 0) != 0)
		rt_worker_wake(RT_WORKER_EXECUTOR, place->executor);
}

/* ---- bytes ---- */

static char *
ring_of(const Place *place)
{
	return rings + (place - area->places) * ring_size();
}

static void
copy_in(const Place *place, uint64 position, const void *bytes, Size len)
{
	Size		at = position % ring_size();
	Size		first = Min(len, ring_size() - at);

	memcpy(ring_of(place) + at, bytes, first);
	memcpy(ring_of(place), (const char *) bytes + first, len - first);
}

static void
copy_out(const Place *place, uint64 position, void *bytes, Size len)
{
	Size		at = position % ring_size();
	Size		first = Min(len, ring_size() - at);

	memcpy(bytes, ring_of(place) + at, first);
	memcpy((char *) bytes + first, ring_of(place), len - first);
}

static bool
has_room(Place *place, uint64 written, Size len)
{
	return ring_size() - (written - pg_atomic_read_u64(&place->read)) >= len;
}

/* ---- of a gateway ---- */

static void
open_place(Place *place, int gateway, uint64 connection_serial)
{
	place->serial = ++area->last_serial;
	place->gateway = gateway;
	place->connection_serial = connection_serial;
	place->has_writer = true;
	place->executor = -1;
	pg_atomic_write_u64(&place->written, 0);
	pg_atomic_write_u64(&place->read, 0);
	pg_atomic_write_u64(&place->recheck_bytes, 0);
	pg_atomic_write_u32(&place->whole, 0);
	pg_atomic_write_u32(&place->writer_sleeps, 0);
	pg_atomic_write_u32(&place->reader_sleeps, 0);
	pg_atomic_write_u32(&place->state, OPEN);
}

int
rt_upload_begin(int gateway, uint64 connection_serial)
{
	int			found = RT_UPLOAD_NONE;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < rt_uploads_max() && found == RT_UPLOAD_NONE; i++)
	{
		if (pg_atomic_read_u32(&area->places[i].state) == FREE)
			found = i;
	}
	if (found != RT_UPLOAD_NONE)
		open_place(&area->places[found], gateway, connection_serial);
	LWLockRelease(area->lock);
	rt_limit_note(RT_LIMIT_UPLOADS, rt_uploads_open());
	return found;
}

uint64
rt_upload_serial(int place)
{
	return area->places[place].serial;
}

bool
rt_upload_put(int number, const char *bytes, uint32 len)
{
	Place	   *place = &area->places[number];
	uint64		written = pg_atomic_read_u64(&place->written);
	Size		needed = sizeof(len) + len;

	Assert(len > 0 && len <= RT_UPLOAD_PIECE_MAX);
	if (!has_room(place, written, needed))
	{
		pg_atomic_write_u32(&place->writer_sleeps, 1);
		pg_memory_barrier();
		if (!has_room(place, written, needed))
			return false;
	}
	/* what has been read there has been copied */
	pg_memory_barrier();
	copy_in(place, written, &len, sizeof(len));
	copy_in(place, written + sizeof(len), bytes, len);
	pg_write_barrier();
	pg_atomic_write_u64(&place->written, written + needed);
	wake_reader(place);
	return true;
}

void
rt_upload_end(int number)
{
	Place	   *place = &area->places[number];

	pg_write_barrier();
	pg_atomic_write_u32(&place->whole, 1);
	wake_reader(place);
}

bool
rt_upload_abort(int number)
{
	Place	   *place = &area->places[number];
	uint32		expected = OPEN;

	if (!pg_atomic_compare_exchange_u32(&place->state, &expected, ABORTED))
		return expected == ABORTED;
	rt_score(RT_SCORE_UPLOADS_ABORTED);
	wake_reader(place);
	return true;
}

int64
rt_upload_recheck_bytes(int number)
{
	return (int64) pg_atomic_read_u64(&area->places[number].recheck_bytes);
}

/* With the lock. */
static void
free_if_left(Place *place)
{
	if (!place->has_writer && !place->has_reader)
		clear_place(place);
}

void
rt_upload_leave(int number)
{
	Place	   *place = &area->places[number];

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	place->has_writer = false;
	free_if_left(place);
	LWLockRelease(area->lock);
}

void
rt_uploads_abandon(int gateway)
{
	for (int i = 0; i < rt_uploads_max(); i++)
	{
		if (!area->places[i].has_writer || area->places[i].gateway != gateway)
			continue;
		(void) rt_upload_abort(i);
		rt_upload_leave(i);
	}
}

/* ---- of an executor ---- */

int
rt_upload_attach(uint64 serial, int executor)
{
	int			found = RT_UPLOAD_NONE;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < rt_uploads_max(); i++)
	{
		Place	   *place = &area->places[i];

		if (place->serial != serial || pg_atomic_read_u32(&place->state) != OPEN)
			continue;
		place->has_reader = true;
		place->executor = executor;
		found = i;
	}
	LWLockRelease(area->lock);
	return found;
}

void
rt_upload_detach(int number)
{
	Place	   *place = &area->places[number];

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	place->has_reader = false;
	place->path_hash = 0;
	free_if_left(place);
	LWLockRelease(area->lock);
}

bool
rt_upload_admit(int number, const char *path, int max_total, int max_per_session)
{
	Place	   *own = &area->places[number];
	uint64		hash = hash_bytes_extended((const unsigned char *) path, strlen(path), 0) | 1;
	int			total = 0;
	int			of_session = 0;
	bool		admitted;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < rt_uploads_max(); i++)
	{
		const Place *place = &area->places[i];

		if (place == own || place->path_hash != hash)
			continue;
		total++;
		of_session += place->gateway == own->gateway &&
			place->connection_serial == own->connection_serial;
	}
	admitted = of_session < max_per_session && (max_total == 0 || total < max_total);
	if (admitted)
		own->path_hash = hash;
	LWLockRelease(area->lock);
	return admitted;
}

void
rt_upload_set_recheck_bytes(int number, int64 bytes)
{
	pg_atomic_write_u64(&area->places[number].recheck_bytes, bytes);
}

static RtUploadLook
look(Place *place, uint32 *len)
{
	bool		whole = pg_atomic_read_u32(&place->whole) != 0;
	uint64		read = pg_atomic_read_u64(&place->read);

	/* it is whole when all that is has been written */
	pg_read_barrier();
	if (pg_atomic_read_u32(&place->state) == ABORTED)
		return RT_UPLOAD_ABORTED;
	if (pg_atomic_read_u64(&place->written) == read)
		return whole ? RT_UPLOAD_WHOLE : RT_UPLOAD_EMPTY;
	pg_read_barrier();
	copy_out(place, read, len, sizeof(*len));
	return RT_UPLOAD_PIECE;
}

RtUploadLook
rt_upload_look(int number, uint32 *len)
{
	Place	   *place = &area->places[number];
	RtUploadLook found = look(place, len);

	if (found != RT_UPLOAD_EMPTY)
		return found;
	pg_atomic_write_u32(&place->reader_sleeps, 1);
	pg_memory_barrier();
	return look(place, len);
}

void
rt_upload_take(int number, char *dst)
{
	Place	   *place = &area->places[number];
	uint64		read = pg_atomic_read_u64(&place->read);
	uint32		len;

	copy_out(place, read, &len, sizeof(len));
	copy_out(place, read + sizeof(len), dst, len);
	rt_score_add(RT_SCORE_UPLOAD_BYTES, len);
	pg_memory_barrier();
	pg_atomic_write_u64(&place->read, read + sizeof(len) + len);
	wake_writer(place);
}

bool
rt_upload_finish(int number)
{
	uint32		expected = OPEN;

	if (!pg_atomic_compare_exchange_u32(&area->places[number].state, &expected, FINISHING))
		return expected == FINISHING;
	rt_score(RT_SCORE_UPLOADS_DONE);
	return true;
}

bool
rt_upload_is_aborted(int number)
{
	return pg_atomic_read_u32(&area->places[number].state) == ABORTED;
}
