/*
 * coalesce.c
 *		When to look for events instead of being woken by each.
 *
 * To wake a gateway costs the committing backend a signal and the gateway a
 * turn, with a write for each subscriber.  At some thousand commits a second
 * that is more than the events themselves.  Then it is better, as it is for
 * network cards, to come by once in a while and to take all that is there:
 * every event waits half a millisecond on the mean, and backends, gateway and
 * clients are spared most of their wake-ups.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/coalesce.h"
#include "src/gateway/topic/fanout.h"

#define EVENTS_PER_MS 8.0		/* of late, from where on it pays */
#define MEAN_MS 8.0				/* how long the past counts */

bool
rt_coalesce_wanted(void)
{
	static double per_ms = 0;
	static uint64 last_count = 0;
	static int64 last_ms = 0;
	int64		elapsed = rt_gateway.now_ms - last_ms;

	if (elapsed > 0)
	{
		uint64		count = rt_fanout_events();
		double		recent = (double) (count - last_count) / elapsed;

		per_ms += (recent - per_ms) * Min(1.0, elapsed / MEAN_MS);
		last_count = count;
		last_ms = rt_gateway.now_ms;
	}
	return per_ms >= EVENTS_PER_MS;
}
