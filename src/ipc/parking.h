/*
 * parking.h
 *		Keys that one call at a time may hold, and the requests that wait for
 *		one without an executor.
 *
 * A key is a digest of what a call names (a lock, or that it must happen once).
 * Who holds it has a heavyweight lock on it until the transaction ends: nobody
 * has to release it, whatever happens, and pg_locks shows it.  An executor does
 * not wait for that lock.  It gives the call up, rolls it back and parks the
 * request: it stands in line for the key, in its slot, until whoever holds the
 * key has ended; then it is queued again, and tries again.  Other sessions wait
 * for the lock itself, and go first when it becomes free.
 *
 * Who is in line for a key goes before who comes later.  A request leaves the
 * line when it has the key, or when it is done with.  The launcher has those
 * queued whose time is up.
 */
#ifndef RT_IPC_PARKING_H
#define RT_IPC_PARKING_H

#include "src/compat.h"

#include "utils/timestamp.h"

#include "src/ipc/request.h"

/* The first 128 bits of a SHA-256. */
typedef struct RtCallKey
{
	uint64		parts[2];
} RtCallKey;

typedef enum RtKeyTry
{
	RT_KEY_HELD,				/* until the transaction ends */
	RT_KEY_AWAITED,				/* the request is in line: park it */
	RT_KEY_CROWDED				/* too many are: realtime.max_lock_waiters */
} RtKeyTry;

extern Size rt_parking_size(void);
extern void rt_parking_init(void);

/* The callback that wakes who waits; once per process, from _PG_init. */
extern void rt_parking_install(void);

/*
 * Tries to get a key for a RUNNING request; in a transaction.  If it has to wait,
 * it may be answered as others that name the same twins; RT_NO_TWINS = it is not.
 */
#define RT_NO_TWINS ((RtCallKey) {{0, 0}})
extern RtKeyTry rt_key_try(RtCallKey key, RtCallKey twins, RtRequest *request);

/* Whether the transaction holds a key. */
extern bool rt_key_is_held(RtCallKey key);

/*
 * The same for any session: at once, or it waits, with interrupts, at most wait_ms
 * (-1 = as lock_timeout says) before it raises.
 */
extern bool rt_key_take(RtCallKey key);
extern void rt_key_wait(RtCallKey key, int wait_ms);

/* At once, and only if nobody is in line for it, or it is held already. */
extern bool rt_key_take_free(RtCallKey key);

/*
 * For the transaction that holds a key: its commit wakes nobody who waits for
 * it, because what has come of it is handed to them.
 */
extern void rt_key_share(RtCallKey key);

/*
 * Once the transaction of an awaited key has been rolled back: the request is
 * parked, for wait_ms since it was parked for that key first, and nobody's who
 * calls this any more.
 */
extern void rt_parking_park(RtRequest *request, int wait_ms);

/* How many requests stand in line. */
extern int64 rt_parking_count(void);

/* When it was parked first (0 = never), and whether its time is up. */
extern TimestampTz rt_parking_since(const RtRequest *request);
extern bool rt_parking_is_over(const RtRequest *request);

/* It waits for nothing any more; who is behind it may try. */
extern void rt_parking_leave(RtRequest *request);

/* Its slot is another request's from now on. */
extern void rt_parking_forget(RtRequest *request);

/*
 * Of the requests that are parked for a key and have named these twins, at most
 * max, which are RUNNING from then on, as the executor's.  Go on until there are
 * fewer.
 */
extern int	rt_parking_take(RtCallKey key, RtCallKey twins, int executor,
							RtRequest **out, int max);

/* Launcher's side: queues those whose time is up; when to look again, in ms. */
extern long rt_parking_look(void);

/* Queues all of them. */
extern void rt_parking_clear(void);

#endif							/* RT_IPC_PARKING_H */
