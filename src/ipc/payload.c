/*
 * payload.c
 *		Memory for texts that do not fit into their slot.
 *
 * Its LWLocks are the only locks taken while a text is set; none of ours is
 * held then.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/dsa.h"

#include "src/guc.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/limit.h"
#include "src/ipc/payload.h"

#define SCARCE_PART 4			/* with less than this part left */

static void *place = NULL;
static pg_atomic_uint64 *used = NULL;	/* bytes of texts */
static dsa_area *payload = NULL;	/* this process's attachment */

static Size
area_size(void)
{
	return mul_size(realtime_payload_memory, 1024);
}

Size
rt_payload_size(void)
{
	return add_size(area_size(), CACHELINEALIGN(sizeof(*used)));
}

void
rt_payload_init(void)
{
	bool		found;

	payload = NULL;
	used = ShmemInitStruct("realtime payload use", sizeof(*used), &found);
	if (!found)
		pg_atomic_init_u64(used, 0);
	place = ShmemInitStruct("realtime payload", area_size(), &found);
	if (!found)
		rt_fixed_area_create(place, area_size(), "RealtimePayload");
}

void
rt_payload_attach(void)
{
	if (payload == NULL)
		payload = rt_fixed_area_attach(place);
}

dsa_area *
rt_payload_area(void)
{
	return payload;
}

bool
rt_payload_is_scarce(void)
{
	return pg_atomic_read_u64(used) > area_size() - area_size() / SCARCE_PART;
}

double
rt_payload_part_used(void)
{
	return (double) pg_atomic_read_u64(used) / area_size();
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
	shared->dsa = dsa_allocate_extended(payload, len,
										DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);
	if (!DsaPointerIsValid(shared->dsa))
	{
		rt_limit_hit(RT_LIMIT_PAYLOAD_MEMORY);
		return NULL;
	}
	pg_atomic_fetch_add_u64(used, len);
	shared->len = len;
	return dsa_get_address(payload, shared->dsa);
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
		return dsa_get_address(payload, shared->dsa);
	return shared->in_place;
}

void
rt_shared_text_free(RtSharedText *shared)
{
	if (DsaPointerIsValid(shared->dsa))
	{
		dsa_free(payload, shared->dsa);
		pg_atomic_fetch_sub_u64(used, shared->len);
	}
	shared->dsa = InvalidDsaPointer;
	shared->len = 0;
}
