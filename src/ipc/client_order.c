/*
 * client_order.c
 *		What clients are ordered to do.
 *
 * What an order says is noted with each client whom it is about, and these stand
 * in line for their gateway; what is about everybody is noted once for each
 * gateway, which goes through its clients by itself.  The lock is of those who give
 * orders and of gateways that take them; it is held for as long as one order, or
 * the wishes of one turn, take, and the directory's lists are locked under it.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/client_order.h"
#include "src/ipc/worker_slot.h"

#define ORDERS_KEPT 1024		/* for those who are becoming clients */
#define NOBODY PG_UINT32_MAX

/* What is ordered, all of it in one. */
typedef struct Wish
{
	uint64		serial;			/* of whom */
	uint64		number;			/* of the last order in it; 0 = nothing */
	uint64		reason;			/* number of the one to disconnect */
	uint32		topic;
	uint16		code;
	bool		recheck;
	RtRecheck	what;
	bool		of_topic;
} Wish;

/* Of a connection. */
typedef struct Place
{
	Wish		wish;
	bool		in_line;
	uint32		next_in_line;	/* a connection, or NOBODY */
} Place;

/* Of a gateway; under the lock, but for wished. */
typedef struct Part
{
	pg_atomic_uint32 wished;	/* bool: some are ordered to do something */
	uint32		first_in_line;	/* a connection, or NOBODY */
	uint32		last_in_line;
	Wish		of_all;			/* of everybody; not begun */
	Wish		under_way;		/* of everybody from here on: */
	uint32		next;			/* a connection */
} Part;

typedef struct OrderTable
{
	LWLock	   *lock;
	pg_atomic_uint64 last_number;	/* of the last order */
	RtOrder		orders[ORDERS_KEPT];	/* by number */
	Part		parts[FLEXIBLE_ARRAY_MEMBER];
} OrderTable;

static OrderTable *table = NULL;
static Place *places = NULL;	/* of all gateways, one after the other */

/* ---- setting up ---- */

static Size
table_size(void)
{
	return MAXALIGN(add_size(offsetof(OrderTable, parts),
							 mul_size(realtime_gateways, sizeof(Part))));
}

Size
rt_client_orders_size(void)
{
	return add_size(table_size(),
					mul_size(mul_size(realtime_gateways, realtime_max_connections),
							 sizeof(Place)));
}

void
rt_client_orders_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime client orders", rt_client_orders_size(), &found);
	places = (Place *) ((char *) table + table_size());
	if (found)
		return;
	memset(table, 0, rt_client_orders_size());
	table->lock = &GetNamedLWLockTranche("RealtimeClient")->lock;
	pg_atomic_init_u64(&table->last_number, 0);
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		pg_atomic_init_u32(&table->parts[gateway].wished, 0);
		table->parts[gateway].first_in_line = NOBODY;
	}
}

static Place *
place_of(int gateway, uint32 connection)
{
	return &places[(Size) gateway * realtime_max_connections + connection];
}

void
rt_orders_reset(int gateway)
{
	Part	   *part = &table->parts[gateway];

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	for (; part->first_in_line != NOBODY;
		 part->first_in_line = place_of(gateway, part->first_in_line)->next_in_line)
		place_of(gateway, part->first_in_line)->in_line = false;
	part->of_all.number = part->under_way.number = 0;
	pg_atomic_write_u32(&part->wished, 0);
	LWLockRelease(table->lock);
}

/* ---- orders ---- */

static bool
is_user(const RtOrder *order, const char *user_id, uint16 len)
{
	return order->user_id_len == 0 ||
		(order->user_id_len == len && memcmp(order->user_id, user_id, len) == 0);
}

static bool
is_about_everybody(const RtOrder *order)
{
	return order->user_id_len == 0 && order->connection_id[0] == '\0';
}

static RtClientSearch
search_for(const RtOrder *order)
{
	return (RtClientSearch) {
		.user_id = order->user_id,
		.user_id_len = order->user_id_len,
		.id = order->connection_id
	};
}

int
rt_clients_count(const RtOrder *order)
{
	RtClientSearch search = search_for(order);
	int			count = 0;

	for (bool is = rt_client_search(&search); is; is = rt_client_search_next(&search))
		count++;
	rt_client_search_end(&search);
	return count;
}

uint32
rt_recheck_path_hash(const char *path, Size len)
{
	return Max(1, hash_bytes((const unsigned char *) path, (int) len));
}

RtRecheck
rt_recheck_join(RtRecheck one, RtRecheck other)
{
	RtRecheck	both = one.scope <= other.scope ? one : other;
	RtRecheck	less = one.scope <= other.scope ? other : one;

	if (less.scope <= RT_RECHECK_JUDGED && less.path_hash != both.path_hash)
		both.path_hash = 0;
	return both;
}

/* Of several topics all are meant. */
static void
wish_recheck(Wish *wish, const RtOrder *order)
{
	wish->of_topic = order->of_topic &&
		(!wish->recheck || (wish->of_topic && wish->topic == order->topic_hash));
	wish->topic = order->topic_hash;
	wish->what = wish->recheck ? rt_recheck_join(wish->what, order->what) : order->what;
	wish->recheck = true;
}

/* Of somebody, or of everybody; what was wished of somebody else is nothing. */
static void
add_wish(Wish *wish, uint64 serial, const RtOrder *order, uint64 number)
{
	if (wish->number == 0 || wish->serial != serial)
		memset(wish, 0, sizeof(Wish));
	wish->serial = serial;
	wish->number = number;
	if (order->kind == RT_ORDER_RECHECK)
		wish_recheck(wish, order);
	else
	{
		wish->code = order->code;
		wish->reason = number;
	}
}

static void
stand_in_line(int gateway, uint32 connection)
{
	Part	   *part = &table->parts[gateway];
	Place	   *place = place_of(gateway, connection);

	if (place->in_line)
		return;
	place->in_line = true;
	place->next_in_line = NOBODY;
	if (part->first_in_line == NOBODY)
		part->first_in_line = connection;
	else
		place_of(gateway, part->last_in_line)->next_in_line = connection;
	part->last_in_line = connection;
}

static void
order_everybody(const RtOrder *order, uint64 number)
{
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		Part	   *part = &table->parts[gateway];

		if (rt_clients_end(gateway) == 0)
			continue;
		add_wish(&part->of_all, 0, order, number);
		pg_atomic_write_u32(&part->wished, 1);
	}
}

static void
order_some(const RtOrder *order, uint64 number)
{
	RtClientSearch search = search_for(order);

	for (bool is = rt_client_search(&search); is; is = rt_client_search_next(&search))
	{
		add_wish(&place_of(search.gateway, search.connection)->wish, search.serial, order,
				 number);
		stand_in_line(search.gateway, search.connection);
		pg_atomic_write_u32(&table->parts[search.gateway].wished, 1);
	}
	rt_client_search_end(&search);
}

/*
 * The number comes first, then a look who is there: who becomes a client does
 * it the other way round, so one of the two sees the other.
 */
static void
give_order(const RtOrder *order)
{
	uint64		number;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	number = pg_atomic_read_u64(&table->last_number) + 1;
	table->orders[number % ORDERS_KEPT] = *order;
	pg_write_barrier();
	pg_atomic_write_u64(&table->last_number, number);
	pg_memory_barrier();
	if (is_about_everybody(order))
		order_everybody(order, number);
	else
		order_some(order, number);
	LWLockRelease(table->lock);
}

/* Gateways get the lock in between. */
void
rt_clients_order(const RtOrder *orders, int count)
{
	for (int n = 0; n < count; n++)
		give_order(&orders[n]);
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		if (rt_clients_are_wished(gateway))
			rt_worker_wake(RT_WORKER_GATEWAY, gateway);
	}
}

/* ---- what is to be done ---- */

uint64
rt_orders_number(void)
{
	return pg_atomic_read_u64(&table->last_number);
}

bool
rt_clients_are_wished(int gateway)
{
	return pg_atomic_read_u32(&table->parts[gateway].wished) != 0;
}

/* The order's reason, if it is still known. */
static void
copy_reason(char *reason, uint64 number)
{
	if (rt_orders_number() - number < ORDERS_KEPT)
		strlcpy(reason, table->orders[number % ORDERS_KEPT].reason,
				RT_CLIENT_REASON_MAX + 1);
	else
		reason[0] = '\0';
}

static void
copy_wish(RtWish *copy, const Wish *wish, uint32 connection, uint64 serial)
{
	copy->connection = connection;
	copy->serial = serial;
	copy->number = wish->number;
	copy->recheck = wish->recheck;
	copy->what = wish->what;
	copy->of_topic = wish->of_topic;
	copy->topic_hash = wish->topic;
	copy->code = wish->code;
	copy_reason(copy->reason, wish->reason);
}

/* Of who stands first in line. */
static void
take_first(int gateway, RtWish *wish)
{
	Part	   *part = &table->parts[gateway];
	uint32		connection = part->first_in_line;
	Place	   *place = place_of(gateway, connection);

	copy_wish(wish, &place->wish, connection, place->wish.serial);
	part->first_in_line = place->next_in_line;
	place->in_line = false;
	place->wish.number = 0;
}

/* The rest of everybody, some at a time. */
static int
go_through_all(int gateway, RtWish *wishes, int max)
{
	Part	   *part = &table->parts[gateway];
	int			count = 0;

	while (count < max && part->next < rt_clients_end(gateway))
	{
		uint32		connection = part->next++;
		uint64		serial = rt_client_serial(gateway, connection);

		if (serial != 0)
			copy_wish(&wishes[count++], &part->under_way, connection, serial);
	}
	if (part->next >= rt_clients_end(gateway))
		part->under_way.number = 0;
	return count;
}

/* What is wished meanwhile of everybody waits until all have had this one. */
static void
begin_with_all(Part *part)
{
	part->under_way = part->of_all;
	part->of_all.number = 0;
	part->next = 0;
}

/* Neither those in line nor everybody can keep the others waiting. */
int
rt_clients_take_wishes(int gateway, RtWish *wishes, int max)
{
	Part	   *part = &table->parts[gateway];
	int			count = 0;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	if (part->under_way.number == 0 && part->of_all.number != 0)
		begin_with_all(part);
	while (part->first_in_line != NOBODY &&
		   count < (part->under_way.number != 0 ? max / 2 : max))
		take_first(gateway, &wishes[count++]);
	if (part->under_way.number != 0)
		count += go_through_all(gateway, wishes + count, max - count);
	if (part->first_in_line == NOBODY && part->under_way.number == 0 &&
		part->of_all.number == 0)
		pg_atomic_write_u32(&part->wished, 0);
	LWLockRelease(table->lock);
	return count;
}

bool
rt_orders_concern(uint64 number, const RtSession *session, RtWish *wish)
{
	bool		found = false;
	uint64		last;

	LWLockAcquire(table->lock, LW_SHARED);
	last = rt_orders_number();
	if (last - number >= ORDERS_KEPT)
		found = true;
	while (!found && number < last)
	{
		const RtOrder *order = &table->orders[++number % ORDERS_KEPT];

		found = order->kind == RT_ORDER_DISCONNECT &&
			order->connection_id[0] == '\0' &&
			is_user(order, session->user_id, session->user_id_len);
		wish->code = found ? order->code : 0;
		if (found)
			strlcpy(wish->reason, order->reason, sizeof(wish->reason));
	}
	LWLockRelease(table->lock);
	return found;
}
