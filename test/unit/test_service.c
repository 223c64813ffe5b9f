/*
 * test_service.c
 *		src/ipc/service.c: what has changed for all processes.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/ipc/service.c"
#include "test/unit/shmem.h"
#include "test/unit/unit.h"

char	   *DataDir = NULL;

static RtWorkerSlot gateway;
static int	wakings = 0;

RtWorkerSlot *
rt_worker_slot(RtWorkerKind kind, int index)
{
	return &gateway;
}

void
rt_worker_wake_all(RtWorkerKind kind)
{
	wakings++;
}

/* To a gateway a generation of 0 is one in which nothing is known. */
static void
generation_is_never_0(void)
{
	rt_service_init();
	CHECK(rt_catalog_generation() != 0);
	pg_atomic_write_u32(&service->catalog_generation, PG_UINT32_MAX - 1);
	rt_catalog_changed();
	CHECK(rt_catalog_generation() == PG_UINT32_MAX);
	rt_catalog_changed();
	CHECK(rt_catalog_generation() == 1);
	rt_catalog_changed();
	CHECK(rt_catalog_generation() == 2);
}

static void
state_wakes_when_it_changes(void)
{
	rt_service_init();
	wakings = 0;
	CHECK(rt_service_state() == RT_SERVICE_STARTING);
	CHECK(!rt_service_set_state(RT_SERVICE_STARTING) && wakings == 0);
	CHECK(rt_service_set_state(RT_SERVICE_READY) && wakings == 1);
	CHECK(rt_service_state() == RT_SERVICE_READY);
}

static void
port_is_ours_while_somebody_listens(void)
{
	rt_service_init();
	CHECK(!rt_port_is_ours());
	rt_port_taken(0);
	rt_port_taken(1);
	rt_port_left(0);
	CHECK(rt_port_is_ours());
	rt_port_left(1);
	CHECK(!rt_port_is_ours());
}

int
main(void)
{
	RUN(generation_is_never_0);
	RUN(state_wakes_when_it_changes);
	RUN(port_is_ours_while_somebody_listens);
	return unit_done();
}
