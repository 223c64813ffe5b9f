/*
 * upgrade_rate.c
 *		How fast one address may connect, ask who it is, and send webhooks.
 *
 * What counts as one address is known by its hash (address.h).
 */
#include "postgres.h"

#include "src/gateway/door/address.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"

bool
rt_rate_allows(const unsigned char address[RT_HOST_ADDRESS_SIZE], RtRate rate)
{
	int			most = rate == RT_RATE_WEBHOOK ? realtime_webhook_rate : realtime_upgrade_rate;

	return most == 0 ||
		rt_address_rate_take(rt_address_hash(address), rate, most, rt_gateway.now_ms);
}
