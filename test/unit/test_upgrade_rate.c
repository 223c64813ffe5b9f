/*
 * test_upgrade_rate.c
 *		src/gateway/door/upgrade_rate.c: how often one address may connect, and
 *		what counts as one.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include <arpa/inet.h>

#include "src/gateway/door/address.c"
#include "src/gateway/door/upgrade_rate.c"
#include "src/ipc/address_rate.c"
#include "test/unit/unit.h"

#define RATE 3

int			realtime_upgrade_rate = RATE;
int			realtime_webhook_rate = RATE;
RtGateway	rt_gateway;

/* Nobody looks at how often limits have acted, nor how near they came to it. */
void
rt_limit_hit(RtLimitKind limit)
{
}

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
}

uint64
hash_bytes_extended(const unsigned char *bytes, int len, uint64 seed)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325) ^ seed;

	for (int i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64CONST(0x100000001b3);
	return hash;
}

pg_prng_state pg_global_prng_state;

bool
pg_strong_random(void *bytes, size_t len)
{
	memset(bytes, 7, len);
	return true;
}

uint64
pg_prng_uint64(pg_prng_state *state)
{
	return 7;
}

void *
ShmemInitStruct(const char *name, Size size, bool *found)
{
	*found = false;
	return malloc(size);
}

static bool
is_allowed(const char *text)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	return inet_pton(AF_INET6, text, address) == 1 &&
		rt_rate_allows(address, RT_RATE_UPGRADE);
}

static void
use_up(const char *address)
{
	for (int i = 0; i < RATE; i++)
		CHECK_CASE(is_allowed(address), address);
	CHECK_CASE(!is_allowed(address), address);
}

/* Nobody has connected of late. */
static void
begin(void)
{
	rt_gateway.now_ms += 10 * RT_RATE_WINDOW_MS;
	rt_gateway.now_ms -= rt_gateway.now_ms % RT_RATE_WINDOW_MS;
}

static void
address_of_version_4(void)
{
	begin();
	use_up("::ffff:192.0.2.1");
	use_up("::ffff:192.0.2.2");
}

/* Who has a network of 64 bits has as many addresses as there are. */
static void
network_of_version_6(void)
{
	static const char *const addresses[] = {
		"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff",
		"2001:db8:1:2:8000::", "2001:db8:1:2::1:1"
	};

	begin();
	for (int i = 0; i < (int) COUNT_OF(addresses); i++)
		CHECK_CASE(is_allowed(addresses[i]) == (i < RATE), addresses[i]);
	CHECK(!is_allowed(addresses[0]));
	use_up("2001:db8:1:3::1");
	use_up("2001:db8:0:2::1");
}

/* Not even for a moment twice the rate, and nobody is shut out for ever. */
static void
window_slides(void)
{
	int			allowed = 0;

	begin();
	rt_gateway.now_ms += RT_RATE_WINDOW_MS - 1;
	use_up("::ffff:192.0.2.1");
	rt_gateway.now_ms += 1;
	CHECK(!is_allowed("::ffff:192.0.2.1"));
	for (int i = 0; i < 10 * RT_RATE_WINDOW_MS; i += 10)
	{
		rt_gateway.now_ms += 10;
		allowed += is_allowed("::ffff:192.0.2.1");
	}
	CHECK(allowed >= 9 * RATE && allowed <= 10 * RATE);
}

/* More networks than are remembered: those of now are. */
static void
flood_of_networks(void)
{
	char		address[64];

	begin();
	for (int i = 0; i < 4 * SLOTS; i++)
	{
		snprintf(address, sizeof(address), "2001:db8:%x::%x", i, i);
		use_up(address);
	}
}

static void
no_limit(void)
{
	begin();
	realtime_upgrade_rate = 0;
	for (int i = 0; i < 100 * RATE; i++)
		CHECK(is_allowed("::1"));
	realtime_upgrade_rate = RATE;
}

/* Two at once, of which one has read the clock before the other. */
static void
clocks_differ(void)
{
	const char *address = "::ffff:192.0.2.7";

	begin();
	rt_gateway.now_ms += RT_RATE_WINDOW_MS;
	CHECK(is_allowed(address));
	rt_gateway.now_ms -= 1;
	CHECK(is_allowed(address));
	rt_gateway.now_ms += 1;
	CHECK(is_allowed(address) && !is_allowed(address));
}

static void
rates_count_by_themselves(void)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	begin();
	use_up("::ffff:192.0.2.8");
	CHECK(inet_pton(AF_INET6, "::ffff:192.0.2.8", address) == 1);
	CHECK(rt_rate_allows(address, RT_RATE_LOGIN));
}

int
main(void)
{
	rt_address_rates_init();
	RUN(address_of_version_4);
	RUN(network_of_version_6);
	RUN(window_slides);
	RUN(flood_of_networks);
	RUN(no_limit);
	RUN(clocks_differ);
	RUN(rates_count_by_themselves);
	return unit_done();
}
