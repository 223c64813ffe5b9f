/*
 * address_rate.c
 *		A table of the addresses that have come of late.
 *
 * No lock: a count is one word that is changed by compare-and-exchange.  Which
 * address a slot is of is another word; who takes a slot over while somebody counts
 * there may have one count more or less than was, and nothing worse.  Which slots
 * are looked at for an address follows from its hash with a seed of the server's, so
 * that nobody can choose addresses that push another one out.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/address_rate.h"
#include "src/ipc/limit.h"

#define SLOTS 8192				/* addresses remembered */
#define PROBES 8				/* slots looked at for one address */

/* In a word: a window's number, and the counts of that and of the one before. */
#define COUNT_BITS 20
#define COUNT_MAX ((UINT64CONST(1) << COUNT_BITS) - 1)

typedef struct Counts
{
	uint64		window;
	uint64		now;
	uint64		before;
} Counts;

typedef struct Slot
{
	pg_atomic_uint64 address;	/* hash of it; 0 = nobody's */
	pg_atomic_uint64 counts[RT_RATES];
} Slot;

typedef struct AddressRates
{
	uint64		seed;
	pg_atomic_uint32 used;		/* slots that an address has had */
	Slot		slots[SLOTS];
} AddressRates;

static AddressRates *rates = NULL;

Size
rt_address_rates_size(void)
{
	return sizeof(AddressRates);
}

void
rt_address_rates_init(void)
{
	bool		found;

	rates = ShmemInitStruct("realtime rates of addresses", rt_address_rates_size(), &found);
	if (found)
		return;
	if (!pg_strong_random(&rates->seed, sizeof(rates->seed)))
		rates->seed = pg_prng_uint64(&pg_global_prng_state);
	pg_atomic_init_u32(&rates->used, 0);
	for (int i = 0; i < SLOTS; i++)
	{
		pg_atomic_init_u64(&rates->slots[i].address, 0);
		for (int rate = 0; rate < RT_RATES; rate++)
			pg_atomic_init_u64(&rates->slots[i].counts[rate], 0);
	}
}

/* ---- words ---- */

static Counts
unpack(uint64 word)
{
	return (Counts) {
		.window = word >> (2 * COUNT_BITS),
		.now = (word >> COUNT_BITS) & COUNT_MAX,
		.before = word & COUNT_MAX
	};
}

static uint64
pack(Counts counts)
{
	return counts.window << (2 * COUNT_BITS) | counts.now << COUNT_BITS | counts.before;
}

/* Clocks of gateways may be a turn apart: nothing goes back to an older window. */
static Counts
in_window(Counts counts, uint64 window)
{
	if (window <= counts.window)
		return counts;
	return (Counts) {
		.window = window,
		.before = window == counts.window + 1 ? counts.now : 0
	};
}

/* ---- slots ---- */

static uint64
last_window(Slot *slot)
{
	uint64		last = 0;

	for (int rate = 0; rate < RT_RATES; rate++)
		last = Max(last, unpack(pg_atomic_read_u64(&slot->counts[rate])).window);
	return last;
}

/* The one of an address, or else the one that has not been used for the longest time. */
static Slot *
look(uint64 address)
{
	uint64		first = hash_bytes_extended((const unsigned char *) &address,
											sizeof(address), rates->seed);
	Slot	   *oldest = NULL;

	for (int i = 0; i < PROBES; i++)
	{
		Slot	   *slot = &rates->slots[(first + i) % SLOTS];

		if (pg_atomic_read_u64(&slot->address) == address)
			return slot;
		if (oldest == NULL || last_window(slot) < last_window(oldest))
			oldest = slot;
	}
	return oldest;
}

/* What is forgotten of another address has a say until its window is over. */
static void
note_taken(Slot *slot, uint64 before, uint64 window)
{
	if (before == 0)
		rt_limit_note(RT_LIMIT_ADDRESSES, pg_atomic_add_fetch_u32(&rates->used, 1));
	else if (last_window(slot) + 1 >= window)
		rt_limit_hit(RT_LIMIT_ADDRESSES);
}

static Slot *
find_slot(uint64 address, uint64 window)
{
	for (;;)
	{
		Slot	   *slot = look(address);
		uint64		owner = pg_atomic_read_u64(&slot->address);

		if (owner == address)
			return slot;
		if (!pg_atomic_compare_exchange_u64(&slot->address, &owner, address))
			continue;			/* somebody was faster: perhaps for the same */
		note_taken(slot, owner, window);
		for (int rate = 0; rate < RT_RATES; rate++)
			pg_atomic_write_u64(&slot->counts[rate], 0);
		return slot;
	}
}

int64
rt_address_rates_max(void)
{
	return SLOTS;
}

int64
rt_address_rates_used(void)
{
	return pg_atomic_read_u32(&rates->used);
}

bool
rt_address_rate_take(uint64 address, RtRate rate, int limit, int64 now_ms)
{
	uint64		window = 1 + (uint64) now_ms / RT_RATE_WINDOW_MS;
	pg_atomic_uint64 *word = &find_slot(address, window)->counts[rate];
	double		left = 1.0 - (double) (now_ms % RT_RATE_WINDOW_MS) / RT_RATE_WINDOW_MS;
	uint64		seen = pg_atomic_read_u64(word);

	for (;;)
	{
		Counts		counts = in_window(unpack(seen), window);

		if (counts.now + counts.before * left >= limit || counts.now == COUNT_MAX)
			return false;
		counts.now++;
		if (pg_atomic_compare_exchange_u64(word, &seen, pack(counts)))
			return true;
	}
}
