/*
 * upgrade_rate.c
 *		How fast one address may connect, and ask who it is.
 *
 * What counts as one address is known by its hash (address.h).
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
	uint64		address;		/* hash of it */
	int64		window;			/* number of the window that counts are for */
	uint32		current[RT_RATES];
	uint32		previous[RT_RATES];
} RateSlot;

static RateSlot rate_slots[RATE_SLOTS];

/* The address's slot; if it has none, the one unused for the longest time. */
static RateSlot *
find_rate_slot(uint64 address, int64 window)
{
	RateSlot   *oldest = NULL;

	for (int i = 0; i < RATE_PROBES; i++)
	{
		RateSlot   *slot = &rate_slots[(address + i) % RATE_SLOTS];

		if (slot->window > 0 && slot->address == address)
			return slot;
		if (oldest == NULL || slot->window < oldest->window)
			oldest = slot;
	}
	oldest->address = address;
	oldest->window = window;
	memset(oldest->current, 0, sizeof(oldest->current));
	memset(oldest->previous, 0, sizeof(oldest->previous));
	return oldest;
}

/* Makes the slot one of this window. */
static void
advance(RateSlot *slot, int64 window)
{
	if (slot->window == window)
		return;
	if (slot->window == window - 1)
		memcpy(slot->previous, slot->current, sizeof(slot->previous));
	else
		memset(slot->previous, 0, sizeof(slot->previous));
	memset(slot->current, 0, sizeof(slot->current));
	slot->window = window;
}

bool
rt_rate_allows(const unsigned char address[RT_HOST_ADDRESS_SIZE], RtRate rate)
{
	int64		window = 1 + rt_gateway.now_ms / RATE_WINDOW_MS;
	int64		elapsed = rt_gateway.now_ms % RATE_WINDOW_MS;
	RateSlot   *slot;
	double		estimate;

	if (realtime_upgrade_rate == 0)
		return true;
	slot = find_rate_slot(rt_address_hash(address), window);
	advance(slot, window);
	estimate = slot->current[rate] +
		slot->previous[rate] * (1.0 - (double) elapsed / RATE_WINDOW_MS);
	if (estimate >= realtime_upgrade_rate)
		return false;
	slot->current[rate]++;
	return true;
}
