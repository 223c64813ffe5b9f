/*
 * test_client.c
 *		src/ipc/client.c, client_index.c and client_order.c: who is found by address,
 *		user and id, and what is ordered of whom, with one process.
 *
 * The server's functions that they call are played here.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/ipc/client.c"
#include "src/ipc/client_index.c"

#define Place PlaceOfOrders
#define places places_of_orders
#include "src/ipc/client_order.c"
#undef places

#include "test/unit/shmem.h"
#include "test/unit/unit.h"

#define CONNECTIONS 300			/* of each gateway */
#define STEPS 200000
#define USERS 7

int			realtime_gateways = 2;
int			realtime_max_connections = CONNECTIONS;

/* ---- the server ---- */

static RtSession sessions[USERS + 1];
static TimestampTz now = 1;
static int	locks_held = 0;
static int	orders_locked = 0;	/* times that orders or wishes had their lock */
static int	woken = 0;
static uint32 looked_at = 0;	/* sessions */

static LWLockPadded locks[2][RT_CLIENT_INDEX_LOCKS];

LWLockPadded *
GetNamedLWLockTranche(const char *name)
{
	return locks[strcmp(name, "RealtimeClientIndex") == 0];
}

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	if (lock == &locks[0][0].lock)
	{
		orders_locked++;
		CHECK(locks_held == 0);
	}
	locks_held++;
	return true;
}

void
LWLockRelease(LWLock *lock)
{
	locks_held--;
}

bool
pg_strong_random(void *bytes, size_t len)
{
	memset(bytes, 0x5A, len);
	return true;
}

size_t
strlcpy(char *to, const char *from, size_t size)
{
	size_t		len = strlen(from);

	if (size > 0)
	{
		memcpy(to, from, Min(len, size - 1));
		to[Min(len, size - 1)] = '\0';
	}
	return len;
}

bool
errstart_cold(int level, const char *domain)
{
	abort();
}

void
errfinish(const char *file, int line, const char *function)
{
}

int
errmsg_internal(const char *format,...)
{
	return 0;
}

/* FNV-1a, which is good enough, or one hash for all. */
static bool all_collide = false;

uint64
hash_bytes_extended(const unsigned char *bytes, int len, uint64 seed)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325) ^ seed;

	for (int i = 0; i < len && !all_collide; i++)
		hash = (hash ^ bytes[i]) * UINT64CONST(0x100000001b3);
	return hash;
}

uint32
hash_bytes(const unsigned char *bytes, int len)
{
	return (uint32) hash_bytes_extended(bytes, len, 0);
}

TimestampTz
GetCurrentTimestamp(void)
{
	return now++;
}

/* Whose serial goes when its session is looked at, and then the rest of it; or NULL. */
static pg_atomic_uint64 *leaving = NULL;

const RtSession *
rt_session_get(int session)
{
	looked_at++;
	if (leaving != NULL && session != 0)
		pg_atomic_write_u64(leaving, 0);
	return &sessions[session];
}

void
rt_worker_wake(RtWorkerKind kind, int index)
{
	woken++;
}

/* ---- what there is, told again ---- */

typedef struct Known
{
	uint64		serial;			/* 0 = nobody */
	int			user;			/* 0 = anonymous */
	uint64		address;
	TimestampTz since;
	char		id[RT_CONNECTION_ID_SIZE];
} Known;

static Known known[2][CONNECTIONS];
static uint64 last_serial = 0;

static void
make_sessions(void)
{
	for (int user = 1; user <= USERS; user++)
		sessions[user].user_id_len = (uint16) snprintf(sessions[user].user_id,
													   sizeof(sessions[user].user_id), "user %d", user);
}

static void
come(int gateway, uint32 connection, uint64 address)
{
	Known	   *one = &known[gateway][connection];

	one->serial = ++last_serial;
	one->user = 0;
	one->address = address;
	one->since = now;
	snprintf(one->id, sizeof(one->id), "id %llu", (unsigned long long) one->serial);
	rt_client_note_open(gateway, connection, one->serial, one->id, "", address);
}

static void
become(int gateway, uint32 connection, int user)
{
	known[gateway][connection].user = user;
	rt_client_note_session(gateway, connection, user);
}

static void
go(int gateway, uint32 connection)
{
	known[gateway][connection].serial = 0;
	rt_client_note_gone(gateway, connection);
}

static void
all_go(void)
{
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		rt_clients_reset(gateway);
		rt_orders_reset(gateway);
	}
	memset(known, 0, sizeof(known));
}

static const char *
name_of(int user)
{
	return sessions[user].user_id;
}

static uint16
length_of(int user)
{
	return sessions[user].user_id_len;
}

static RtOrder
recheck_of(int user)
{
	RtOrder		order = {.kind = RT_ORDER_RECHECK,.user_id_len = length_of(user)};

	memcpy(order.user_id, name_of(user), length_of(user));
	return order;
}

/* ---- finding ---- */

static void
check_user(int user)
{
	RtOrder		order = recheck_of(user);
	TimestampTz latest = 0;
	uint64		expected = 0;
	int			count = 0;
	int			gateway;
	uint32		connection;
	uint64		serial;

	for (int g = 0; g < realtime_gateways; g++)
	{
		for (int i = 0; i < CONNECTIONS; i++)
		{
			Known	   *one = &known[g][i];

			if (one->serial == 0 || one->user != user)
				continue;
			count++;
			if (one->since > latest)
				expected = one->serial;
			latest = Max(latest, one->since);
		}
	}
	CHECK(all_collide || rt_clients_of_user(name_of(user), length_of(user)) == count);
	CHECK(rt_clients_count(&order) == count);
	CHECK(rt_client_latest(name_of(user), length_of(user), &gateway, &connection, &serial) ==
		  (expected != 0));
	CHECK(serial == expected);
	CHECK(serial == 0 || known[gateway][connection].serial == serial);
}

/* Who leaves while one looks is found as who it was, or not at all. */
static void
finds_who_leaves(void)
{
	RtOrder		order = recheck_of(1);
	RtWish		wishes[8];
	int			gateway;
	uint32		connection;
	uint64		serial;

	come(0, 0, 1);
	become(0, 0, 1);
	leaving = &serials[at(0, 0)];
	CHECK(rt_client_latest(name_of(1), length_of(1), &gateway, &connection, &serial));
	CHECK(serial == last_serial && gateway == 0 && connection == 0);
	CHECK(!rt_client_latest(name_of(1), length_of(1), &gateway, &connection, &serial));
	pg_atomic_write_u64(leaving, last_serial);
	rt_clients_order(&order, 1);
	leaving = NULL;
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1 && wishes[0].serial == last_serial);
	CHECK(locks_held == 0);
	all_go();
}

static void
check_connection(int g, uint32 i)
{
	Known	   *one = &known[g][i];
	RtOrder		order = {.kind = RT_ORDER_DISCONNECT};
	int			gateway;
	uint32		connection;
	uint64		serial;
	bool		found = rt_client_find(one->id, &gateway, &connection, &serial);

	CHECK(found == (one->serial != 0));
	CHECK(!found || (gateway == g && connection == i && serial == one->serial));
	memcpy(order.connection_id, one->id, sizeof(order.connection_id));
	CHECK(one->id[0] == '\0' || rt_clients_count(&order) == found);
}

static void
check_address(uint64 address)
{
	int			count = 0;

	for (int g = 0; g < realtime_gateways; g++)
	{
		for (int i = 0; i < CONNECTIONS; i++)
			count += known[g][i].serial != 0 && known[g][i].address == address;
	}
	CHECK(rt_clients_of_address(address) == count);
}

static void
step(void)
{
	int			gateway = rand() % 2;
	uint32		connection = (uint32) (rand() % CONNECTIONS);
	Known	   *one = &known[gateway][connection];

	if (one->serial == 0)
		come(gateway, connection, (uint64) (rand() % 5));
	else if (one->user == 0 && rand() % 2)
		become(gateway, connection, 1 + rand() % USERS);
	else if (one->user != 0 && rand() % 4 == 0)
		become(gateway, connection, one->user);
	else
		go(gateway, connection);
}

static void
look(void)
{
	uint64		of_users = 0;

	for (int user = 1; user <= USERS; user++)
		check_user(user);
	for (uint64 address = 1; address < 5; address++)
		check_address(address);
	for (int g = 0; g < realtime_gateways; g++)
	{
		for (uint32 i = 0; i < CONNECTIONS; i++)
		{
			check_connection(g, i);
			of_users += known[g][i].serial != 0 && known[g][i].user != 0;
		}
	}
	CHECK(rt_clients_of_users() == of_users);
}

static void
finds_who_is_there(void)
{
	for (int i = 0; i < STEPS; i++)
	{
		step();
		if (i % 10007 == 0)
			look();
	}
	all_go();
	look();
}

/* Users with the same hash are counted as one, and told apart where it matters. */
static void
tells_hashes_apart(void)
{
	all_collide = true;
	for (int i = 0; i < 2000; i++)
	{
		step();
		if (i % 199 == 0)
			look();
	}
	all_go();
	all_collide = false;
}

/* ---- orders ---- */

static int
take_all(int gateway, RtWish *wishes, int max)
{
	int			count = 0;

	while (rt_clients_are_wished(gateway))
		count += rt_clients_take_wishes(gateway, wishes + count, Min(8, max - count));
	return count;
}

/* Only its connections are looked at, and gateways get the lock between orders. */
static void
orders_of_some_look_at_these(void)
{
	RtOrder		orders[USERS - 1];
	RtWish		wishes[CONNECTIONS];

	for (uint32 i = 0; i < CONNECTIONS; i++)
	{
		come(0, i, 1);
		become(0, i, i < 4 ? (int) i % 2 + 1 : USERS);
	}
	for (int user = 1; user < USERS; user++)
		orders[user - 1] = recheck_of(user);
	looked_at = 0;
	orders_locked = woken = 0;
	rt_clients_order(orders, lengthof(orders));
	CHECK(looked_at == 4);
	CHECK(orders_locked == lengthof(orders));
	CHECK(woken == 1 && !rt_clients_are_wished(1));
	CHECK(take_all(0, wishes, CONNECTIONS) == 4);
	/* in the order in which they came */
	for (int i = 0; i < 4; i++)
		CHECK(wishes[i].serial == known[0][wishes[i].connection].serial && wishes[i].recheck &&
			  known[0][wishes[i].connection].user == i / 2 + 1);
	all_go();
}

/* Of everybody: nobody is looked at by who orders, and each has it once. */
static void
orders_of_all_are_one(void)
{
	RtOrder		order = {.kind = RT_ORDER_RECHECK};
	RtWish		wishes[CONNECTIONS];
	int			count;

	for (uint32 i = 0; i < CONNECTIONS; i++)
		come(0, i, 1);
	for (uint32 i = 0; i < CONNECTIONS; i += 3)
		go(0, i);
	looked_at = 0;
	rt_clients_order(&order, 1);
	CHECK(looked_at == 0);
	count = take_all(0, wishes, CONNECTIONS);
	CHECK(count == CONNECTIONS - CONNECTIONS / 3);
	for (int i = 0; i < count; i++)
		CHECK(wishes[i].serial == known[0][wishes[i].connection].serial &&
			  wishes[i].number == rt_orders_number() && wishes[i].recheck &&
			  (i == 0 || wishes[i].connection > wishes[i - 1].connection));
	CHECK(!rt_clients_are_wished(1));
	all_go();
}

/* Each place is looked at once for all of the wishes, however few are taken. */
static void
nobody_waits_for_all(void)
{
	RtOrder		all = {.kind = RT_ORDER_RECHECK};
	RtOrder		one = recheck_of(1);
	RtWish		wishes[8];

	for (uint32 i = 0; i < CONNECTIONS; i++)
		come(0, i, 1);
	become(0, CONNECTIONS - 1, 1);
	rt_clients_order(&all, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 8 && wishes[7].connection == 7);
	rt_clients_order(&one, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 8);
	CHECK(wishes[0].connection == CONNECTIONS - 1 && wishes[1].connection == 8);
	/* again of everybody: those who had it get it again, when all have had it once */
	rt_clients_order(&all, 1);
	for (int i = 15; i < CONNECTIONS; i += 8)
		(void) rt_clients_take_wishes(0, wishes, 8);
	CHECK(rt_clients_are_wished(0));
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 8 && wishes[0].connection == 0);
	/* and the other half of the room is for who stands in line */
	for (uint32 i = 0; i < CONNECTIONS; i++)
		become(0, i, 1);
	rt_clients_order(&one, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 8);
	CHECK(wishes[3].connection != 8 && wishes[4].connection == 8);
	all_go();
	CHECK(!rt_clients_are_wished(0));
}

/* What was wished of who is gone is not wished of the next one in his place. */
static void
wishes_go_with_their_client(void)
{
	RtOrder		order = recheck_of(1);
	RtOrder		end = {.kind = RT_ORDER_DISCONNECT,.code = 4403};
	RtWish		wishes[8];
	uint64		serial;

	come(0, 0, 1);
	become(0, 0, 1);
	rt_clients_order(&order, 1);
	serial = last_serial;
	go(0, 0);
	come(0, 0, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1 && wishes[0].serial == serial);
	CHECK(!rt_clients_are_wished(0));

	become(0, 0, 1);
	rt_clients_order(&order, 1);
	go(0, 0);
	come(0, 0, 1);
	memcpy(end.connection_id, known[0][0].id, sizeof(end.connection_id));
	strlcpy(end.reason, "why", sizeof(end.reason));
	rt_clients_order(&end, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1);
	CHECK(wishes[0].serial == last_serial && !wishes[0].recheck && wishes[0].code == 4403 &&
		  strcmp(wishes[0].reason, "why") == 0);
	all_go();
}

/* Both are asked about, of one and of everybody. */
static void
wishes_are_joined(void)
{
	RtOrder		order = recheck_of(1);
	RtOrder		all = {.kind = RT_ORDER_RECHECK,.what = {RT_RECHECK_NAMES, 0}};
	RtWish		wishes[8];

	come(0, 0, 1);
	become(0, 0, 1);
	order.of_topic = true;
	order.topic_hash = 5;
	rt_clients_order(&order, 1);
	rt_clients_order(&order, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1 && wishes[0].of_topic &&
		  wishes[0].topic_hash == 5);
	rt_clients_order(&order, 1);
	order.topic_hash = 6;
	rt_clients_order(&order, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1 && !wishes[0].of_topic);
	rt_clients_order(&all, 1);
	all.what.scope = RT_RECHECK_STREAMS;
	rt_clients_order(&all, 1);
	CHECK(rt_clients_take_wishes(0, wishes, 8) == 1 &&
		  wishes[0].what.scope == RT_RECHECK_STREAMS);
	CHECK(!rt_clients_are_wished(0) && locks_held == 0);
	all_go();
}

int
main(void)
{
	make_sessions();
	rt_client_index_init();
	rt_clients_init();
	rt_client_orders_init();
	RUN(finds_who_is_there);
	RUN(finds_who_leaves);
	RUN(tells_hashes_apart);
	RUN(orders_of_some_look_at_these);
	RUN(orders_of_all_are_one);
	RUN(nobody_waits_for_all);
	RUN(wishes_go_with_their_client);
	RUN(wishes_are_joined);
	return unit_done();
}
