/*
 * payload.c
 *		Memory for texts that do not fit into their slot.
 *
 * Its LWLocks are the only locks taken while a text is set; none of ours is
 * held then.
 */
#include "postgres.h"

#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/limit.h"
#include "src/ipc/payload.h"

#define SCARCE_PART 4			/* with less than this part left */

static void *place = NULL;
static RtFixedArea payload = {0};	/* this process's attachment */

static Size
area_size(void)
{
	return mul_size(realtime_payload_memory, 1024);
}

Size
rt_payload_size(void)
{
	return rt_fixed_area_size(area_size());
}

void
rt_payload_init(void)
{
	bool		found;

	payload.dsa = NULL;
	place = ShmemInitStruct("realtime payload", rt_payload_size(), &found);
	if (!found)
		rt_fixed_area_create(place, area_size(), "RealtimePayload");
}

void
rt_payload_attach(void)
{
	rt_fixed_area_attach(&payload, place, RT_LIMIT_PAYLOAD_MEMORY);
}

const RtFixedArea *
rt_payload_area(void)
{
	return &payload;
}

int64
rt_payload_used(void)
{
	return (int64) rt_fixed_area_used(place);
}

bool
rt_payload_is_scarce(void)
{
	return (Size) rt_payload_used() > area_size() - area_size() / SCARCE_PART;
}

double
rt_payload_part_used(void)
{
	return (double) rt_payload_used() / area_size();
}

void
rt_shared_text_init(RtSharedText *shared)
{
	shared->len = 0;
	shared->dsa = InvalidDsaPointer;
}

char *
rt_shared_text_reserve(RtSharedText *shared, uint32 len)
{
	Assert(!DsaPointerIsValid(shared->dsa));

	if (len <= RT_TEXT_IN_PLACE)
	{
		shared->len = len;
		return shared->in_place;
	}
	shared->dsa = rt_fixed_area_allocate(&payload, len);
	if (!DsaPointerIsValid(shared->dsa))
	{
		rt_limit_hit(RT_LIMIT_PAYLOAD_MEMORY);
		return NULL;
	}
	shared->len = len;
	return rt_fixed_area_at(&payload, shared->dsa);
}

bool
rt_shared_text_set(RtSharedText *shared, const char *text, uint32 len)
{
	char	   *dst = rt_shared_text_reserve(shared, len);

	if (dst == NULL)
		return false;
	memcpy(dst, text, len);
	return true;
}

const char *
rt_shared_text_get(RtSharedText *shared)
{
	if (DsaPointerIsValid(shared->dsa))
		return rt_fixed_area_at(&payload, shared->dsa);
	return shared->in_place;
}

void
rt_shared_text_free(RtSharedText *shared)
{
	if (DsaPointerIsValid(shared->dsa))
		rt_fixed_area_free(&payload, shared->dsa);
	shared->dsa = InvalidDsaPointer;
	shared->len = 0;
}
