/*
 * client.c
 *		The directory of connections.
 *
 * A gateway's part is a place for each connection that it may have.  What is
 * looked for again and again lies in arrays of its own: serials, and hashes of
 * id, user and address.  The rest of a place has a version, odd while it is
 * written, so who reads it needs no lock; a session is what it was as long as
 * the version stays, because it is released after the place has another.
 *
 * The lock is of those who give orders and of gateways that take them.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/worker_slot.h"

#define ORDERS_KEPT 1024		/* for those who are becoming clients */
#define READ_TRIES 100

typedef struct Place
{
	pg_atomic_uint32 version;
	pg_atomic_uint32 subscriptions;
	int			session;
	TimestampTz since;
	char		id[RT_CONNECTION_ID_SIZE];
	char		address[RT_CLIENT_ADDRESS_MAX];

	/* what it is ordered to do, under the lock; serial 0 = nothing */
	uint64		wish_serial;
	uint64		wish_number;	/* of the last order in it */
	uint64		wish_reason;	/* number of the one to disconnect */
	uint32		wish_topic;
	uint16		wish_code;
	bool		wish_recheck;
	RtRecheck	wish_what;
	bool		wish_of_topic;
} Place;

/* Of a gateway. */
typedef struct Part
{
	pg_atomic_uint32 end;		/* behind the last place used so far */
	pg_atomic_uint32 wished;	/* bool: some are ordered to do something */
} Part;

typedef struct Directory
{
	LWLock	   *lock;
	pg_atomic_uint64 order_number;	/* of the last order */
	RtOrder		orders[ORDERS_KEPT];	/* by number */
	Part		parts[FLEXIBLE_ARRAY_MEMBER];
} Directory;

static Directory *directory = NULL;

/* of all gateways, one after the other */
static pg_atomic_uint64 *serials = NULL;	/* 0 = nobody */
static pg_atomic_uint64 *ids = NULL;	/* hashes; 0 = nobody */
static pg_atomic_uint64 *users = NULL;	/* hashes; 0 = anonymous */
static pg_atomic_uint64 *addresses = NULL;	/* hashes; 0 = not known */
static Place *places = NULL;

static Size
at(int gateway, uint32 connection)
{
	return (Size) gateway * realtime_max_connections + connection;
}

static Size
place_count(void)
{
	return mul_size(realtime_gateways, realtime_max_connections);
}

static Size
directory_size(void)
{
	return MAXALIGN(add_size(offsetof(Directory, parts),
							 mul_size(realtime_gateways, sizeof(Part))));
}

Size
rt_clients_size(void)
{
	return add_size(directory_size(),
					mul_size(place_count(), sizeof(Place) + 4 * sizeof(pg_atomic_uint64)));
}

void
rt_clients_init(void)
{
	bool		found;

	directory = ShmemInitStruct("realtime clients", rt_clients_size(), &found);
	serials = (pg_atomic_uint64 *) ((char *) directory + directory_size());
	ids = serials + place_count();
	users = ids + place_count();
	addresses = users + place_count();
	places = (Place *) (addresses + place_count());
	if (found)
		return;

	memset(directory, 0, rt_clients_size());
	directory->lock = &GetNamedLWLockTranche("RealtimeClient")->lock;
	pg_atomic_init_u64(&directory->order_number, 0);
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		pg_atomic_init_u32(&directory->parts[gateway].end, 0);
		pg_atomic_init_u32(&directory->parts[gateway].wished, 0);
	}
	for (Size i = 0; i < place_count(); i++)
	{
		pg_atomic_init_u64(&serials[i], 0);
		pg_atomic_init_u64(&ids[i], 0);
		pg_atomic_init_u64(&users[i], 0);
		pg_atomic_init_u64(&addresses[i], 0);
		pg_atomic_init_u32(&places[i].version, 0);
		pg_atomic_init_u32(&places[i].subscriptions, 0);
	}
}

/* ---- of its gateway ---- */

static uint64
hash(const char *text, Size len)
{
	return Max(1, hash_bytes_extended((const unsigned char *) text, (int) len, 0));
}

static uint64
hash_user(const char *user_id, uint16 len)
{
	return len == 0 ? 0 : hash(user_id, len);
}

void
rt_clients_reset(int gateway)
{
	for (uint32 i = 0; i < rt_clients_end(gateway); i++)
		rt_client_note_gone(gateway, i);
	pg_atomic_write_u32(&directory->parts[gateway].end, 0);
}

static void
begin_change(Place *place)
{
	pg_atomic_write_u32(&place->version, pg_atomic_read_u32(&place->version) + 1);
	pg_write_barrier();
}

static void
end_change(Place *place)
{
	pg_write_barrier();
	pg_atomic_write_u32(&place->version, pg_atomic_read_u32(&place->version) + 1);
}

void
rt_client_note_open(int gateway, uint32 connection, uint64 serial, const char *id,
					const char *address, uint64 address_hash)
{
	Part	   *part = &directory->parts[gateway];
	Size		i = at(gateway, connection);
	Place	   *place = &places[i];

	begin_change(place);
	place->session = RT_SESSION_ANONYMOUS;
	place->since = GetCurrentTimestamp();
	strlcpy(place->id, id, sizeof(place->id));
	strlcpy(place->address, address, sizeof(place->address));
	pg_atomic_write_u32(&place->subscriptions, 0);
	end_change(place);

	if (pg_atomic_read_u32(&part->end) <= connection)
		pg_atomic_write_u32(&part->end, connection + 1);
	pg_atomic_write_u64(&ids[i], hash(place->id, strlen(place->id)));
	pg_atomic_write_u64(&users[i], 0);
	pg_atomic_write_u64(&addresses[i], address_hash);
	pg_atomic_write_u64(&serials[i], serial);
}

/* Before the last orders are looked at, see rt_clients_order(). */
void
rt_client_note_session(int gateway, uint32 connection, int session)
{
	const RtSession *of = rt_session_get(session);
	Size		i = at(gateway, connection);

	begin_change(&places[i]);
	places[i].session = session;
	end_change(&places[i]);
	pg_atomic_write_u64(&users[i], hash_user(of->user_id, of->user_id_len));
	pg_memory_barrier();
}

void
rt_client_note_subscriptions(int gateway, uint32 connection, uint32 count)
{
	pg_atomic_write_u32(&places[at(gateway, connection)].subscriptions, count);
}

void
rt_client_note_gone(int gateway, uint32 connection)
{
	Size		i = at(gateway, connection);

	pg_atomic_write_u64(&serials[i], 0);
	pg_atomic_write_u64(&ids[i], 0);
	pg_atomic_write_u64(&users[i], 0);
	pg_atomic_write_u64(&addresses[i], 0);
	begin_change(&places[i]);
	places[i].session = RT_SESSION_ANONYMOUS;
	end_change(&places[i]);
}

/* ---- reading ---- */

uint32
rt_clients_end(int gateway)
{
	return pg_atomic_read_u32(&directory->parts[gateway].end);
}

static void
copy_session(RtClient *client, int session)
{
	const RtSession *from = rt_session_get(session);

	client->user_id_len = Min(from->user_id_len, RT_USER_ID_MAX);
	memcpy(client->user_id, from->user_id, client->user_id_len);
	client->user_id[client->user_id_len] = '\0';
	strlcpy(client->role, from->role, sizeof(client->role));
	client->expires = from->expires;
}

static void
copy_place(RtClient *client, Place *place)
{
	memcpy(client->id, place->id, sizeof(client->id));
	memcpy(client->address, place->address, sizeof(client->address));
	client->since = place->since;
	client->subscriptions = pg_atomic_read_u32(&place->subscriptions);
	copy_session(client, place->session);
}

bool
rt_client_read(int gateway, uint32 connection, RtClient *client)
{
	Size		i = at(gateway, connection);
	Place	   *place = &places[i];

	for (int try = 0; try < READ_TRIES; try++)
	{
		uint32		version = pg_atomic_read_u32(&place->version);

		client->serial = pg_atomic_read_u64(&serials[i]);
		if (client->serial == 0)
			return false;
		pg_read_barrier();
		if (version % 2 != 0)
			continue;
		copy_place(client, place);
		pg_read_barrier();
		if (pg_atomic_read_u32(&place->version) == version &&
			pg_atomic_read_u64(&serials[i]) == client->serial)
			return true;
	}
	return false;
}

bool
rt_client_is_gone(const RtRequest *request)
{
	const RtQuestion *asked = &request->asked;

	if (request->owner == RT_OWNER_SCHEDULER || asked->connection_serial == 0)
		return false;
	return pg_atomic_read_u64(&serials[at(request->owner, asked->connection)]) !=
		asked->connection_serial;
}

/* ---- counting ---- */

static int
count_equal(pg_atomic_uint64 *hashes, uint64 hash)
{
	int			count = 0;

	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		uint32		end = rt_clients_end(gateway);

		for (uint32 i = 0; i < end; i++)
			count += pg_atomic_read_u64(&hashes[at(gateway, i)]) == hash;
	}
	return count;
}

int
rt_clients_of_address(uint64 address_hash)
{
	return count_equal(addresses, address_hash);
}

int
rt_clients_of_user(const char *user_id, uint16 len)
{
	return count_equal(users, hash_user(user_id, len));
}

/* ---- finding ---- */

bool
rt_client_is_there(int gateway, uint32 connection, uint64 serial)
{
	return pg_atomic_read_u64(&serials[at(gateway, connection)]) == serial;
}

static bool
is_of_user(const RtClient *client, const char *user_id, uint16 len)
{
	return client->user_id_len == len && memcmp(client->user_id, user_id, len) == 0;
}

bool
rt_client_latest(const char *user_id, uint16 len, int *gateway, uint32 *connection,
				 uint64 *serial)
{
	uint64		hash = hash_user(user_id, len);
	TimestampTz latest = 0;
	RtClient	client;

	*serial = 0;
	for (int g = 0; g < realtime_gateways; g++)
	{
		uint32		end = rt_clients_end(g);

		for (uint32 i = 0; i < end; i++)
		{
			if (pg_atomic_read_u64(&users[at(g, i)]) != hash ||
				!rt_client_read(g, i, &client) || !is_of_user(&client, user_id, len) ||
				(*serial != 0 && client.since < latest))
				continue;
			latest = client.since;
			*gateway = g;
			*connection = i;
			*serial = client.serial;
		}
	}
	return *serial != 0;
}

bool
rt_client_find(const char *id, int *gateway, uint32 *connection, uint64 *serial)
{
	uint64		id_hash = hash(id, strlen(id));
	RtClient	client;

	for (int g = 0; g < realtime_gateways; g++)
	{
		uint32		end = rt_clients_end(g);

		for (uint32 i = 0; i < end; i++)
		{
			if (pg_atomic_read_u64(&ids[at(g, i)]) != id_hash ||
				!rt_client_read(g, i, &client) || strcmp(client.id, id) != 0)
				continue;
			*gateway = g;
			*connection = i;
			*serial = client.serial;
			return true;
		}
	}
	return false;
}

uint64
rt_client_user(int gateway, uint32 connection)
{
	return pg_atomic_read_u64(&users[at(gateway, connection)]);
}

uint64
rt_clients_of_users(void)
{
	uint64		count = 0;

	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		uint32		end = rt_clients_end(gateway);

		for (uint32 i = 0; i < end; i++)
			count += pg_atomic_read_u64(&users[at(gateway, i)]) != 0;
	}
	return count;
}

/* ---- orders ---- */

static bool
is_user(const RtOrder *order, const char *user_id, uint16 len)
{
	return order->user_id_len == 0 ||
		(order->user_id_len == len && memcmp(order->user_id, user_id, len) == 0);
}

/* Whether an order is about who is in a place, and who that is. */
static bool
concerns(const RtOrder *order, uint64 user_hash, int gateway, uint32 connection,
		 RtClient *client)
{
	Size		i = at(gateway, connection);

	if (pg_atomic_read_u64(&serials[i]) == 0 ||
		(user_hash != 0 && pg_atomic_read_u64(&users[i]) != user_hash) ||
		!rt_client_read(gateway, connection, client))
		return false;
	return is_user(order, client->user_id, client->user_id_len) &&
		(order->connection_id[0] == '\0' ||
		 strcmp(order->connection_id, client->id) == 0);
}

int
rt_clients_count(const RtOrder *order)
{
	uint64		user_hash = hash_user(order->user_id, order->user_id_len);
	RtClient	client;
	int			count = 0;

	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		for (uint32 i = 0; i < rt_clients_end(gateway); i++)
			count += concerns(order, user_hash, gateway, i, &client);
	}
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
wish_recheck(Place *place, const RtOrder *order)
{
	place->wish_of_topic = order->of_topic &&
		(!place->wish_recheck ||
		 (place->wish_of_topic && place->wish_topic == order->topic_hash));
	place->wish_topic = order->topic_hash;
	place->wish_what = place->wish_recheck ?
		rt_recheck_join(place->wish_what, order->what) : order->what;
	place->wish_recheck = true;
}

static void
wish(Place *place, uint64 serial, const RtOrder *order, uint64 number)
{
	if (place->wish_serial != serial)
	{
		place->wish_serial = serial;
		place->wish_code = 0;
		place->wish_recheck = false;
	}
	if (order->kind == RT_ORDER_RECHECK)
		wish_recheck(place, order);
	else
	{
		place->wish_code = order->code;
		place->wish_reason = number;
	}
	place->wish_number = number;
}

/* Returns whether there is somebody whom it is about. */
static bool
order_part(int gateway, const RtOrder *order, uint64 number)
{
	uint64		user_hash = hash_user(order->user_id, order->user_id_len);
	RtClient	client;
	bool		any = false;

	for (uint32 i = 0; i < rt_clients_end(gateway); i++)
	{
		if (!concerns(order, user_hash, gateway, i, &client))
			continue;
		wish(&places[at(gateway, i)], client.serial, order, number);
		any = true;
	}
	return any;
}

/*
 * The number comes first, then a look who is there: who becomes a client does
 * it the other way round, so one of the two sees the other.
 */
void
rt_clients_order(const RtOrder *orders, int count)
{
	LWLockAcquire(directory->lock, LW_EXCLUSIVE);
	for (int n = 0; n < count; n++)
	{
		uint64		number = pg_atomic_read_u64(&directory->order_number) + 1;

		directory->orders[number % ORDERS_KEPT] = orders[n];
		pg_write_barrier();
		pg_atomic_write_u64(&directory->order_number, number);
		pg_memory_barrier();
		for (int gateway = 0; gateway < realtime_gateways; gateway++)
		{
			if (order_part(gateway, &orders[n], number))
				pg_atomic_write_u32(&directory->parts[gateway].wished, 1);
		}
	}
	LWLockRelease(directory->lock);

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
	return pg_atomic_read_u64(&directory->order_number);
}

bool
rt_clients_are_wished(int gateway)
{
	return pg_atomic_read_u32(&directory->parts[gateway].wished) != 0;
}

/* The order's reason, if it is still known. */
static void
copy_reason(char *reason, uint64 number)
{
	if (rt_orders_number() - number < ORDERS_KEPT)
		strlcpy(reason, directory->orders[number % ORDERS_KEPT].reason,
				RT_CLIENT_REASON_MAX + 1);
	else
		reason[0] = '\0';
}

static void
take_wish(Place *place, uint32 connection, RtWish *wish)
{
	wish->connection = connection;
	wish->serial = place->wish_serial;
	wish->number = place->wish_number;
	wish->recheck = place->wish_recheck;
	wish->what = place->wish_what;
	wish->of_topic = place->wish_of_topic;
	wish->topic_hash = place->wish_topic;
	wish->code = place->wish_code;
	copy_reason(wish->reason, place->wish_reason);
	place->wish_serial = 0;
}

int
rt_clients_take_wishes(int gateway, RtWish *wishes, int max)
{
	Part	   *part = &directory->parts[gateway];
	uint32		end = rt_clients_end(gateway);
	uint32		i;
	int			count = 0;

	LWLockAcquire(directory->lock, LW_EXCLUSIVE);
	for (i = 0; i < end && count < max; i++)
	{
		if (places[at(gateway, i)].wish_serial != 0)
			take_wish(&places[at(gateway, i)], i, &wishes[count++]);
	}
	if (i == end)
		pg_atomic_write_u32(&part->wished, 0);
	LWLockRelease(directory->lock);
	return count;
}

bool
rt_orders_concern(uint64 number, const RtSession *session, RtWish *wish)
{
	bool		found = false;
	uint64		last;

	LWLockAcquire(directory->lock, LW_SHARED);
	last = rt_orders_number();
	if (last - number >= ORDERS_KEPT)
		found = true;
	while (!found && number < last)
	{
		const RtOrder *order = &directory->orders[++number % ORDERS_KEPT];

		found = order->kind == RT_ORDER_DISCONNECT &&
			order->connection_id[0] == '\0' &&
			is_user(order, session->user_id, session->user_id_len);
		wish->code = found ? order->code : 0;
		if (found)
			strlcpy(wish->reason, order->reason, sizeof(wish->reason));
	}
	LWLockRelease(directory->lock);
	return found;
}
