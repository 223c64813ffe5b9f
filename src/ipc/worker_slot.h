/*
 * worker_slot.h
 *		Who of our processes is running, and how to wake it; what the service
 *		as a whole can do at the moment.
 */
#ifndef RT_IPC_WORKER_SLOT_H
#define RT_IPC_WORKER_SLOT_H

#include "src/compat.h"

#include "port/atomics.h"
#include "utils/timestamp.h"

#include "src/guc.h"

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
	pg_atomic_uint64 frames_in;
	pg_atomic_uint64 frames_ignored;
	pg_atomic_uint64 calls;
	pg_atomic_uint64 overloaded;	/* calls refused for want of a slot */
	pg_atomic_uint64 deliveries;	/* events appended to a connection */
	pg_atomic_uint64 dropped;	/* events not delivered: slow reader */
	pg_atomic_uint64 markers;	/* "you lost events" markers sent */
	pg_atomic_uint64 repairs;	/* pieces of lost events sent instead */
	pg_atomic_uint64 bytes_out;
	pg_atomic_uint64 subscriptions; /* held now */
	pg_atomic_uint64 memory;	/* bytes kept for clients now */
	pg_atomic_uint64 stalled;	/* connections ended for not reading */
	pg_atomic_uint64 waiting;	/* requests, in its memory */
	pg_atomic_uint64 ring_overruns;
} RtGatewayCounters;

typedef struct RtExecutorCounters
{
	pg_atomic_uint64 calls;
	pg_atomic_uint64 errors;
	pg_atomic_uint64 retries;
	pg_atomic_uint64 flushes;	/* XLogFlush calls made for pipelined commits */
} RtExecutorCounters;

typedef struct RtSchedulerCounters
{
	pg_atomic_uint64 bridges;	/* channels listened to now */
	pg_atomic_uint64 notifications; /* received */
	pg_atomic_uint64 waiting;	/* of them: waiting for an executor now */
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
	pg_atomic_uint32 listen_error;	/* gateways: errno, or RT_LISTEN_NO_ADDRESS */
	TimestampTz started_at;
	bool		retired;		/* it ended because it was not needed */
	RtGatewayCounters gateway;	/* gateways only */
	RtExecutorCounters executor;	/* executors only */
	RtSchedulerCounters scheduler;	/* the scheduler only */
} RtWorkerSlot;

#define RT_LISTEN_NO_ADDRESS PG_UINT32_MAX	/* a listen address has no meaning */

/* Whether calls can be answered, or what keeps them from it. */
typedef enum RtServiceState
{
	RT_SERVICE_STARTING,		/* since server start; may last */
	RT_SERVICE_READY,
	RT_SERVICE_NO_DATABASE,
	RT_SERVICE_NO_ROLE,			/* realtime.executor_role is missing */
	RT_SERVICE_NO_EXTENSION,
	RT_SERVICE_NO_CLIENT_ROLE,	/* realtime.anonymous_role is missing */
	RT_SERVICE_VACATED,			/* the database is being dropped, renamed ... */
	RT_SERVICE_NO_EXECUTOR		/* none could be started for some time */
} RtServiceState;

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

/* The service's state and the words for it in a close or refusal. */
extern RtServiceState rt_service_state(void);

/* Returns whether it was another one before; then wakes the gateways. */
extern bool rt_service_set_state(RtServiceState state);
extern const char *rt_service_state_text(RtServiceState state);

/*
 * Counts committed changes of declarations and roles; gateways forget cached
 * verdicts when it moves.  Never 0.
 */
extern uint32 rt_catalog_generation(void);
extern void rt_catalog_changed(void);

/*
 * A database whose other users must leave (DROP, RENAME ...).  Only one
 * backend at a time vacates; vacate_begin waits, interruptibly, until no
 * worker of ours is connected to it or the deadline (ms) has passed, and
 * returns false in the second case.  vacate_end is also done at the backend's
 * exit.
 */
extern bool rt_database_vacate_begin(Oid database, int timeout_ms);
extern void rt_database_vacate_end(void);
extern bool rt_database_is_vacated(Oid database);

/* Executors and the scheduler say which database they are connected to. */
extern void rt_worker_set_database(RtWorkerKind kind, int index, Oid database);

/*
 * Whether a gateway of ours listens, so that the port cannot be another
 * program's; each says when it begins and ends.
 */
extern bool rt_port_is_ours(void);
extern void rt_port_taken(int gateway);
extern void rt_port_left(int gateway);

/* What has kept a gateway from listening on an address; 0 = nothing. */
extern void rt_port_set_error(int gateway, uint32 error);

/* Whether the postmaster has been told to stop (so a worker may exit 0). */
extern bool rt_postmaster_is_stopping(void);

#endif							/* RT_IPC_WORKER_SLOT_H */
