/*
 * address_rate.h
 *		How fast one address may connect, and ask who it is before it does: counted
 *		for the whole server, whichever gateway an address reaches.
 */
#ifndef RT_IPC_ADDRESS_RATE_H
#define RT_IPC_ADDRESS_RATE_H

#include "src/compat.h"

typedef enum RtRate
{
	RT_RATE_UPGRADE,
	RT_RATE_LOGIN,				/* over HTTP */
	RT_RATE_WEBHOOK,			/* by realtime.webhook_rate */
	RT_RATES
} RtRate;

#define RT_RATE_WINDOW_MS 10000

extern Size rt_address_rates_size(void);
extern void rt_address_rates_init(void);

/* How many addresses are remembered, and can be. */
extern int64 rt_address_rates_used(void);
extern int64 rt_address_rates_max(void);

/*
 * Counts one of an address, by its hash, which is not 0.  Returns false, and counts
 * nothing, if there have been as many in a window as the limit says.
 */
extern bool rt_address_rate_take(uint64 address, RtRate rate, int limit, int64 now_ms);

#endif							/* RT_IPC_ADDRESS_RATE_H */
