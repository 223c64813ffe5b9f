/*
 * open_client.c
 *		Which clients are there, as executors can see it.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/open_client.h"

static pg_atomic_uint64 *serials = NULL;	/* of all gateways, one after the
											 * other; 0 = nobody */

static pg_atomic_uint64 *
place(int gateway, uint32 connection)
{
	return &serials[(Size) gateway * realtime_max_connections + connection];
}

Size
rt_open_clients_size(void)
{
	return mul_size(sizeof(*serials),
					mul_size(realtime_gateways, realtime_max_connections));
}

void
rt_open_clients_init(void)
{
	bool		found;

	serials = ShmemInitStruct("realtime open clients", rt_open_clients_size(), &found);
	if (found)
		return;
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		for (int i = 0; i < realtime_max_connections; i++)
			pg_atomic_init_u64(place(gateway, i), 0);
	}
}

void
rt_open_clients_reset(int gateway)
{
	for (int i = 0; i < realtime_max_connections; i++)
		pg_atomic_write_u64(place(gateway, i), 0);
}

void
rt_client_note_open(int gateway, uint32 connection, uint64 serial)
{
	pg_atomic_write_u64(place(gateway, connection), serial);
}

void
rt_client_note_gone(int gateway, uint32 connection)
{
	pg_atomic_write_u64(place(gateway, connection), 0);
}

bool
rt_client_is_gone(const RtRequest *request)
{
	const RtQuestion *asked = &request->asked;

	if (request->owner == RT_OWNER_SCHEDULER || asked->connection_serial == 0)
		return false;
	return pg_atomic_read_u64(place(request->owner, asked->connection)) !=
		asked->connection_serial;
}
