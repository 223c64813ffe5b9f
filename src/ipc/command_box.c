/*
 * command_box.c
 *		Commands of transactions that gateways have not carried out yet.
 *
 * They lie in the payload memory, of which they may take a part, so a gateway that
 * stands still keeps nobody from calling what has nothing to do with it.  A
 * box is a list in the order of the commits, and who is looked for is nearly always
 * its first.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/command_box.h"
#include "src/ipc/limit.h"
#include "src/ipc/payload.h"
#include "src/ipc/worker_slot.h"

#define MEMORY_PART 8			/* of the payload memory, that they may take */

typedef struct Box
{
	dsa_pointer first;
	dsa_pointer last;
} Box;

typedef struct Area
{
	LWLock	   *lock;			/* of the boxes */
	pg_atomic_uint64 last_number;
	pg_atomic_uint64 bytes;		/* of all */
	Box			boxes[RT_GATEWAYS_MAX];
} Area;

static Area *area = NULL;

Size
rt_command_boxes_size(void)
{
	return sizeof(Area);
}

void
rt_command_boxes_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime command boxes", sizeof(Area), &found);
	if (found)
		return;
	area->lock = &GetNamedLWLockTranche("RealtimeCommandBox")->lock;
	pg_atomic_init_u64(&area->last_number, 0);
	pg_atomic_init_u64(&area->bytes, 0);
	for (int i = 0; i < RT_GATEWAYS_MAX; i++)
		area->boxes[i].first = area->boxes[i].last = InvalidDsaPointer;
}

static RtBoxedCommand *
at(dsa_pointer pointer)
{
	return DsaPointerIsValid(pointer) ? rt_fixed_area_at(rt_payload_area(), pointer) : NULL;
}

/* ---- memory ---- */

static Size
size_of(uint32 len)
{
	return offsetof(RtBoxedCommand, bytes) + len;
}

static dsa_pointer
allocate(Size size)
{
	dsa_pointer pointer = InvalidDsaPointer;

	rt_payload_attach();
	if (pg_atomic_add_fetch_u64(&area->bytes, size) <=
		(uint64) realtime_payload_memory * 1024 / MEMORY_PART)
		pointer = rt_fixed_area_allocate(rt_payload_area(), size);
	if (!DsaPointerIsValid(pointer))
	{
		pg_atomic_fetch_sub_u64(&area->bytes, size);
		rt_limit_hit(RT_LIMIT_PAYLOAD_MEMORY);
	}
	return pointer;
}

RtBoxedCommand *
rt_boxed_command_make(int gateway, uint32 connection, uint64 serial, uint32 len)
{
	dsa_pointer pointer = allocate(size_of(len));
	RtBoxedCommand *command = at(pointer);

	if (command == NULL)
		return NULL;
	command->self = pointer;
	command->next = InvalidDsaPointer;
	command->number = pg_atomic_add_fetch_u64(&area->last_number, 1);
	command->gateway = gateway;
	command->connection = connection;
	command->serial = serial;
	command->len = len;
	return command;
}

void
rt_boxed_command_free(RtBoxedCommand *command)
{
	pg_atomic_fetch_sub_u64(&area->bytes, size_of(command->len));
	rt_fixed_area_free(rt_payload_area(), command->self);
}

/* ---- boxes ---- */

void
rt_boxed_command_post(RtBoxedCommand *command, RtDurability needed)
{
	Box		   *box = &area->boxes[command->gateway];

	command->needed = needed;
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	if (DsaPointerIsValid(box->last))
		at(box->last)->next = command->self;
	else
		box->first = command->self;
	box->last = command->self;
	LWLockRelease(area->lock);
}

/* The one behind previous, NULL = the first. */
static void
unlink_next(Box *box, RtBoxedCommand *previous, RtBoxedCommand *command)
{
	if (previous == NULL)
		box->first = command->next;
	else
		previous->next = command->next;
	if (box->last == command->self)
		box->last = previous == NULL ? InvalidDsaPointer : previous->self;
}

RtBoxedCommand *
rt_command_box_take(int gateway, uint64 number)
{
	Box		   *box = &area->boxes[gateway];
	RtBoxedCommand *previous = NULL;
	RtBoxedCommand *command;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	command = at(box->first);
	while (command != NULL && command->number != number)
	{
		previous = command;
		command = at(command->next);
	}
	if (command != NULL)
		unlink_next(box, previous, command);
	LWLockRelease(area->lock);
	return command;
}

RtBoxedCommand *
rt_command_box_take_first(int gateway, const RtDurable *durable)
{
	Box		   *box = &area->boxes[gateway];
	RtBoxedCommand *command;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	command = at(box->first);
	if (command != NULL && !rt_durable_has(durable, command->needed))
		command = NULL;
	if (command != NULL)
		unlink_next(box, NULL, command);
	LWLockRelease(area->lock);
	return command;
}

bool
rt_command_box_is_empty(int gateway)
{
	bool		is_empty;

	LWLockAcquire(area->lock, LW_SHARED);
	is_empty = !DsaPointerIsValid(area->boxes[gateway].first);
	LWLockRelease(area->lock);
	return is_empty;
}
