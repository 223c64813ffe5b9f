/*
 * upgrade_rate.c
 *		How fast one address may connect.
 *
 * IPv6 addresses of one network of 64 bits count as one: who has such a network
 * chooses the rest.
 */
#include "postgres.h"

#include "src/gateway/door/address.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"

#define RATE_SLOTS 4096			/* addresses remembered */
#define RATE_PROBES 8			/* slots looked at for one address */
#define RATE_WINDOW_MS 10000

/* Sliding window: this window's count and a share of the last one's. */
typedef struct RateSlot
{
	uint8		address[RT_HOST_ADDRESS_SIZE];
	int64		window;			/* number of the window that counts are for */
	uint32		current;
	uint32		previous;
} RateSlot;

static RateSlot rate_slots[RATE_SLOTS];

/* The address's slot; if it has none, the one unused for the longest time. */
static RateSlot *
find_rate_slot(const uint8 *address, int64 window)
{
	uint32		hash = 2166136261u;
	RateSlot   *oldest = NULL;

	for (int i = 0; i < RT_HOST_ADDRESS_SIZE; i++)
		hash = (hash ^ address[i]) * 16777619u;
	for (int i = 0; i < RATE_PROBES; i++)
	{
		RateSlot   *slot = &rate_slots[(hash + i) % RATE_SLOTS];

		if (slot->window > 0 && memcmp(slot->address, address, RT_HOST_ADDRESS_SIZE) == 0)
			return slot;
		if (oldest == NULL || slot->window < oldest->window)
			oldest = slot;
	}
	memcpy(oldest->address, address, RT_HOST_ADDRESS_SIZE);
	oldest->window = window;
	oldest->current = 0;
	oldest->previous = 0;
	return oldest;
}

bool
rt_upgrade_is_allowed(int fd)
{
	int64		window = 1 + rt_gateway.now_ms / RATE_WINDOW_MS;
	int64		elapsed = rt_gateway.now_ms % RATE_WINDOW_MS;
	uint8		address[RT_HOST_ADDRESS_SIZE];
	RateSlot   *slot;
	double		estimate;

	if (realtime_upgrade_rate == 0 || !rt_address_of_peer(fd, address))
		return true;
	rt_host_address_customer(address);
	slot = find_rate_slot(address, window);
	if (slot->window != window)
	{
		slot->previous = slot->window == window - 1 ? slot->current : 0;
		slot->current = 0;
		slot->window = window;
	}
	estimate = slot->current +
		slot->previous * (1.0 - (double) elapsed / RATE_WINDOW_MS);
	if (estimate >= realtime_upgrade_rate)
		return false;
	slot->current++;
	return true;
}
