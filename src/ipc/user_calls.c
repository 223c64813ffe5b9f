/*
 * user_calls.c
 *		How many calls of a user executors have.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/user_calls.h"

#define ROWS 2
#define CELLS 16384				/* of a row; 128 kB for each gateway */

typedef struct Sketch
{
	pg_atomic_uint32 cells[ROWS][CELLS];
} Sketch;

static Sketch *sketches = NULL; /* by gateway */

Size
rt_user_calls_size(void)
{
	return mul_size(sizeof(Sketch), realtime_gateways);
}

void
rt_user_calls_reset(int gateway)
{
	for (int row = 0; row < ROWS; row++)
	{
		for (int i = 0; i < CELLS; i++)
			pg_atomic_write_u32(&sketches[gateway].cells[row][i], 0);
	}
}

void
rt_user_calls_init(void)
{
	bool		found;

	sketches = ShmemInitStruct("realtime calls of users", rt_user_calls_size(), &found);
	for (int gateway = 0; !found && gateway < realtime_gateways; gateway++)
		rt_user_calls_reset(gateway);
}

/* The rows take other parts of the hash. */
static pg_atomic_uint32 *
cell_of(int gateway, int row, uint64 user)
{
	return &sketches[gateway].cells[row][(user >> (row * 32)) % CELLS];
}

void
rt_user_calls_add(int gateway, uint64 user, int change)
{
	for (int row = 0; user != 0 && row < ROWS; row++)
	{
		pg_atomic_uint32 *cell = cell_of(gateway, row, user);

		pg_atomic_write_u32(cell, pg_atomic_read_u32(cell) + change);
	}
}

static uint32
calls_in_row(int row, uint64 user)
{
	uint32		sum = 0;

	for (int gateway = 0; gateway < realtime_gateways; gateway++)
		sum += pg_atomic_read_u32(cell_of(gateway, row, user));
	return sum;
}

bool
rt_user_calls_allow(uint64 user)
{
	uint32		most = (uint32) realtime_max_calls_in_flight_per_user;
	uint32		calls = PG_UINT32_MAX;

	if (user == 0 || most == 0)
		return true;
	for (int row = 0; row < ROWS; row++)
		calls = Min(calls, calls_in_row(row, user));
	if (calls < most)
	{
		rt_limit_note(RT_LIMIT_CALLS_IN_FLIGHT_PER_USER, calls + 1);
		return true;
	}
	rt_limit_hit(RT_LIMIT_CALLS_IN_FLIGHT_PER_USER);
	return false;
}
