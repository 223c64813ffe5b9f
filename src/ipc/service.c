/*
 * service.c
 *		The service's state, the count of changes of declarations, and whether
 *		the port is ours.
 *
 * Atomics without a lock: the state is the launcher's, the others only count.
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/service.h"
#include "src/ipc/worker_slot.h"

typedef struct Service
{
	int64		life;			/* constant */
	pg_atomic_uint32 state;		/* RtServiceState */
	pg_atomic_uint32 catalog_generation;
	pg_atomic_uint32 listening; /* gateways */
	pg_atomic_uint64 settings_generation;
	pg_atomic_uint64 hooks;		/* generation and, in the lower half, bits */
	pg_atomic_uint64 begun;		/* a database, or 0, and in the lowest bit whether
								 * its beginning is over */
	pg_atomic_uint32 ended;
	pg_atomic_uint32 marked_degraded;	/* bool */
	pg_atomic_uint32 was_degraded;	/* bool */
} Service;

static Service *service = NULL;

Size
rt_service_size(void)
{
	return sizeof(Service);
}

static int64
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
rt_service_init(void)
{
	bool		found;

	service = ShmemInitStruct("realtime service", rt_service_size(), &found);
	if (found)
		return;
	service->life = microseconds();
	pg_atomic_init_u32(&service->state, RT_SERVICE_STARTING);
	pg_atomic_init_u32(&service->catalog_generation, 1);
	pg_atomic_init_u32(&service->listening, 0);
	pg_atomic_init_u64(&service->settings_generation, 1);
	pg_atomic_init_u64(&service->hooks, 0);
	pg_atomic_init_u64(&service->begun, 0);
	pg_atomic_init_u32(&service->ended, 0);
	pg_atomic_init_u32(&service->marked_degraded, 0);
	pg_atomic_init_u32(&service->was_degraded, 0);
}

int64
rt_service_life(void)
{
	return service->life;
}

RtServiceState
rt_service_state(void)
{
	return (RtServiceState) pg_atomic_read_u32(&service->state);
}

bool
rt_service_set_state(RtServiceState state)
{
	if (pg_atomic_exchange_u32(&service->state, state) == state)
		return false;
	rt_worker_wake_all(RT_WORKER_GATEWAY);
	return true;
}

void
rt_service_mark_degraded(bool degraded)
{
	if (pg_atomic_exchange_u32(&service->marked_degraded, degraded) != degraded)
		rt_worker_wake_all(RT_WORKER_GATEWAY);
}

bool
rt_service_is_marked_degraded(void)
{
	return pg_atomic_read_u32(&service->marked_degraded) != 0;
}

void
rt_service_note_degraded(void)
{
	pg_atomic_write_u32(&service->was_degraded, 1);
}

bool
rt_service_was_degraded(void)
{
	return pg_atomic_read_u32(&service->was_degraded) != 0;
}

const char *
rt_service_state_text(RtServiceState state)
{
	switch (state)
	{
		case RT_SERVICE_STARTING:
			return "the server is starting";
		case RT_SERVICE_READY:
			return "ready";
		case RT_SERVICE_NO_DATABASE:
			return "the database does not exist";
		case RT_SERVICE_NO_ROLE:
			return "the executor role does not exist";
		case RT_SERVICE_NO_EXTENSION:
			return "the extension is not installed";
		case RT_SERVICE_NO_CLIENT_ROLE:
			return "the role of anonymous connections does not exist";
		case RT_SERVICE_VACATED:
			return "the database is being changed";
		case RT_SERVICE_NO_EXECUTOR:
			return "no executor can be started";
	}
	return "unknown";
}

RtBegin
rt_service_begin(Oid database)
{
	uint64		ours = (uint64) database << 1;
	uint64		begun = pg_atomic_read_u64(&service->begun);

	while ((begun & ~UINT64CONST(1)) != ours)
	{
		if (pg_atomic_compare_exchange_u64(&service->begun, &begun, ours))
			return RT_BEGIN_OURS;
	}
	return (begun & 1) != 0 ? RT_BEGIN_DONE : RT_BEGIN_OTHERS;
}

void
rt_service_has_begun(Oid database)
{
	pg_atomic_write_u64(&service->begun, (uint64) database << 1 | 1);
	rt_worker_wake_all(RT_WORKER_EXECUTOR);
}

bool
rt_service_claim_end(void)
{
	return pg_atomic_exchange_u32(&service->ended, 1) == 0;
}

uint32
rt_catalog_generation(void)
{
	return pg_atomic_read_u32(&service->catalog_generation);
}

void
rt_catalog_changed(void)
{
	uint32		old = pg_atomic_read_u32(&service->catalog_generation);

	while (!pg_atomic_compare_exchange_u32(&service->catalog_generation, &old,
										   old == PG_UINT32_MAX ? 1 : old + 1))
		;
}

uint64
rt_settings_generation(void)
{
	return pg_atomic_read_u64(&service->settings_generation);
}

void
rt_settings_changed(void)
{
	(void) pg_atomic_fetch_add_u64(&service->settings_generation, 1);
}

/* Who says so of an older generation says it in vain. */
void
rt_service_set_hooks(uint32 catalog_generation, uint32 hooks)
{
	pg_atomic_write_u64(&service->hooks, (uint64) catalog_generation << 32 | hooks);
}

bool
rt_service_may_have_hook(RtHook hook)
{
	uint64		hooks = pg_atomic_read_u64(&service->hooks);

	return (uint32) (hooks >> 32) != rt_catalog_generation() ||
		(hooks & ((uint64) 1 << hook)) != 0;
}

/* ---- the port ---- */

bool
rt_port_is_ours(void)
{
	return pg_atomic_read_u32(&service->listening) != 0;
}

void
rt_port_set_error(int gateway, uint32 error)
{
	pg_atomic_write_u32(&rt_worker_slot(RT_WORKER_GATEWAY, gateway)->listen_error,
						error);
}

void
rt_port_taken(int gateway)
{
	pg_atomic_write_u32(&rt_worker_slot(RT_WORKER_GATEWAY, gateway)->listening, 1);
	pg_atomic_fetch_add_u32(&service->listening, 1);
	rt_worker_wake_all(RT_WORKER_GATEWAY);
}

void
rt_port_left(int gateway)
{
	pg_atomic_write_u32(&rt_worker_slot(RT_WORKER_GATEWAY, gateway)->listening, 0);
	pg_atomic_fetch_sub_u32(&service->listening, 1);
}

/* ---- the postmaster ---- */

/*
 * The postmaster writes what it is doing into line 8 of its lock file before
 * it signals its children; no other trace of a shutdown reaches a child.
 */
bool
rt_postmaster_is_stopping(void)
{
	char		path[MAXPGPATH];
	char		line[256];
	FILE	   *file;
	bool		stopping = false;

	snprintf(path, sizeof(path), "%s/postmaster.pid", DataDir);
	file = fopen(path, "r");
	if (file == NULL)
		return true;
	for (int i = 1; fgets(line, sizeof(line), file) != NULL; i++)
	{
		if (i == 8)
			stopping = strncmp(line, "stopping", 8) == 0;
	}
	fclose(file);
	return stopping;
}
