/*
 * worker_slot.h
 *		Who of our processes is running, and how to wake it.
 */
#ifndef RT_IPC_WORKER_SLOT_H
#define RT_IPC_WORKER_SLOT_H

#include "src/compat.h"

#include "port/atomics.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/close_kind.h"
#include "src/ipc/wait_bucket.h"

typedef enum RtWorkerKind
{
	RT_WORKER_LAUNCHER,
	RT_WORKER_GATEWAY,
	RT_WORKER_EXECUTOR,
	RT_WORKER_SCHEDULER
} RtWorkerKind;

typedef enum RtWorkerState
{
	RT_WORKER_FREE,				/* next: STARTING (launcher) or RUNNING */
	RT_WORKER_STARTING,			/* registered; next: RUNNING or FREE */
	RT_WORKER_RUNNING			/* attached; next: FREE, at its exit */
} RtWorkerState;

/* Counters of one worker: written by it alone, read by anyone. */
typedef struct RtGatewayCounters
{
	pg_atomic_uint64 connections;	/* open now */
	pg_atomic_uint64 accepted;	/* since the worker started, as all below */
	pg_atomic_uint64 refused;	/* upgrades refused */
	pg_atomic_uint64 closed[RT_CLOSE_KINDS];	/* connections, by their code */
	pg_atomic_uint64 frames_in;
	pg_atomic_uint64 frames_ignored;
	pg_atomic_uint64 calls;
	pg_atomic_uint64 overloaded;	/* calls refused for want of a slot */
	pg_atomic_uint64 deliveries;	/* events appended to a connection */
	pg_atomic_uint64 dropped;	/* events not delivered: slow reader */
	pg_atomic_uint64 replies_dropped;	/* the same of replies: it was ended */
	pg_atomic_uint64 markers;	/* "you lost events" markers sent */
	pg_atomic_uint64 repairs;	/* pieces of lost events sent instead */
	pg_atomic_uint64 remembered;	/* the same, and replies, from its memory */
	pg_atomic_uint64 bytes_out;
	pg_atomic_uint64 subscriptions; /* held now */
	pg_atomic_uint64 topics;	/* that these are of */
	pg_atomic_uint64 watched_topics;	/* while an application is developed */
	pg_atomic_uint64 memory;	/* bytes kept for clients now */
	pg_atomic_uint64 remembered_bytes;	/* of events of class replay */
	pg_atomic_uint64 http_waiting;	/* requests that no executor has yet */
	pg_atomic_uint64 departures;	/* ends of connections that are to be told */
	pg_atomic_uint64 stalled;	/* connections ended for not reading */
	pg_atomic_uint64 waiting;	/* requests, in its memory */
	pg_atomic_uint64 ring_lag;	/* bytes of events that it has not read */
	pg_atomic_uint64 ring_position; /* up to where it has */
	pg_atomic_uint64 ring_overruns;
	pg_atomic_uint64 cursor_moves;	/* positions that clients have sent */
	pg_atomic_uint64 cursor_throttled;	/* of these: instead of one that waited */
	pg_atomic_uint64 cursor_frames; /* with positions, sent */
	pg_atomic_uint64 publish_rate;	/* events per second, with or without
									 * subscribers */
} RtGatewayCounters;

/* How who follows a stream has got what he did not have, from the cheapest on. */
typedef enum RtStreamTier
{
	RT_TIER_REPLAYED,			/* events that are kept */
	RT_TIER_BRIDGED,			/* events that delta_from_seq has */
	RT_TIER_UNCHANGED,			/* nothing: the version is the same */
	RT_TIER_DIFFERENCE,			/* rows that delta_diff has */
	RT_TIER_LOADED,				/* the value */
	RT_STREAM_TIERS
} RtStreamTier;

typedef struct RtExecutorCounters
{
	pg_atomic_uint64 calls;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 retries;
	pg_atomic_uint64 flushes;	/* XLogFlush calls made for pipelined commits */
	pg_atomic_uint64 tiers[RT_STREAM_TIERS];	/* values of streams */
	pg_atomic_uint64 waits[RT_WAIT_BUCKETS];	/* of requests, before */
	pg_atomic_uint64 waited_ms; /* the sum of these times */
	pg_atomic_uint64 plan_bytes;	/* of SQL functions, kept now */
} RtExecutorCounters;

typedef struct RtSchedulerCounters
{
	pg_atomic_uint64 bridges;	/* channels listened to now */
	pg_atomic_uint64 notifications; /* received */
	pg_atomic_uint64 waiting;	/* of them: waiting for an executor now */
	pg_atomic_uint64 waiting_bytes; /* of these */
	pg_atomic_uint64 skipped;	/* left out by a parse function */
	pg_atomic_uint64 failed;	/* could not be published */
	pg_atomic_uint64 dropped;	/* lost for want of room or to a dead executor */
	pg_atomic_uint64 passes;	/* of retention over all topics */
	pg_atomic_uint64 trimmed;	/* rows that retention has removed */
	pg_atomic_uint64 errors;	/* tasks that ended with an error */
} RtSchedulerCounters;

/*
 * state, pid, proc_number, generation: written under the slot's lock-free
 * protocol: only the launcher moves FREE <-> STARTING, only the worker moves
 * to and from RUNNING.  proc_number may go stale after a worker's death; a
 * wake-up then reaches somebody else's latch, which is harmless.
 */
typedef struct RtWorkerSlot
{
	pg_atomic_uint32 state;		/* RtWorkerState */
	pg_atomic_uint32 generation;	/* counts the workers this slot has had */
	volatile int pid;			/* 0 unless RUNNING */
	volatile RtProcNumber proc_number;
	pg_atomic_uint32 database;	/* it is connected to; InvalidOid = none */
	pg_atomic_uint32 recycled;	/* bool: it ends to have another one begin */
	pg_atomic_uint32 listening; /* gateways: bool */
	pg_atomic_uint32 listen_error;	/* gateways; see service.h */
	TimestampTz started_at;
	bool		retired;		/* it ended because it was not needed */
	RtGatewayCounters gateway;	/* gateways only */
	RtExecutorCounters executor;	/* executors only */
	RtSchedulerCounters scheduler;	/* the scheduler only */
} RtWorkerSlot;

extern Size rt_worker_slots_size(void);
extern void rt_worker_slots_init(void);

extern RtWorkerSlot *rt_worker_slot(RtWorkerKind kind, int index);

/* How many of a kind there can be. */
extern int	rt_worker_count(RtWorkerKind kind);

/*
 * Takes a slot for this process until it exits (a before_shmem_exit callback
 * frees it).  Returns false if another live process holds it, or, for
 * expected_generation != 0, if the launcher has given the slot up meanwhile.
 */
extern bool rt_worker_attach(RtWorkerKind kind, int index, uint32 expected_generation);

/*
 * Of one that is about to end as it should: it is to be followed at once,
 * however short its life was.  Taken back by whoever asks.
 */
extern void rt_worker_set_recycled(RtWorkerKind kind, int index);
extern bool rt_worker_take_recycled(RtWorkerKind kind, int index);

/* Sets the latch of one worker, or of all of a kind, if it is running. */
extern void rt_worker_wake(RtWorkerKind kind, int index);
extern void rt_worker_wake_all(RtWorkerKind kind);

/* Executors and the scheduler say which database they are connected to. */
extern void rt_worker_set_database(RtWorkerKind kind, int index, Oid database);

/* How many workers are connected to a database; wakes them all. */
extern int	rt_workers_wake_connected(Oid database);

#endif							/* RT_IPC_WORKER_SLOT_H */
