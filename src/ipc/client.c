/*
 * client.c
 *		The directory of connections.
 *
 * A gateway's part is a place for each connection that it may have.  Serials,
 * which are looked at again and again, lie in an array of their own; who looks for
 * connections of an address or a user, or with an id, finds their places by
 * client_index.h.  The rest of a place has a version, odd while it is written, so
 * who reads it needs no lock; a session is what it was as long as the version
 * stays, because it is released after the place has another.  Likewise as long as
 * the user's list in the index is locked.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/client_index.h"

#define READ_TRIES 100

typedef struct Place
{
	pg_atomic_uint32 version;
	pg_atomic_uint32 subscriptions;
	int			session;
	TimestampTz since;
	char		id[RT_CONNECTION_ID_SIZE];
	char		address[RT_CLIENT_ADDRESS_MAX];
} Place;

static pg_atomic_uint32 *ends = NULL;	/* of gateways: behind the last place used so far */

/* of all gateways, one after the other */
static pg_atomic_uint64 *serials = NULL;	/* 0 = nobody */
static Place *places = NULL;

static uint32
at(int gateway, uint32 connection)
{
	return (uint32) gateway * realtime_max_connections + connection;
}

static Size
place_count(void)
{
	return mul_size(realtime_gateways, realtime_max_connections);
}

static Size
ends_size(void)
{
	return MAXALIGN(mul_size(realtime_gateways, sizeof(pg_atomic_uint32)));
}

Size
rt_clients_size(void)
{
	return add_size(ends_size(),
					mul_size(place_count(), sizeof(Place) + sizeof(pg_atomic_uint64)));
}

void
rt_clients_init(void)
{
	bool		found;

	ends = ShmemInitStruct("realtime clients", rt_clients_size(), &found);
	serials = (pg_atomic_uint64 *) ((char *) ends + ends_size());
	places = (Place *) (serials + place_count());
	if (found)
		return;

	memset(ends, 0, rt_clients_size());
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
		pg_atomic_init_u32(&ends[gateway], 0);
	for (Size i = 0; i < place_count(); i++)
	{
		pg_atomic_init_u64(&serials[i], 0);
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

static uint64
hash_id(const char *id)
{
	return hash(id, strlen(id));
}

void
rt_clients_reset(int gateway)
{
	for (uint32 i = 0; i < rt_clients_end(gateway); i++)
		rt_client_note_gone(gateway, i);
	pg_atomic_write_u32(&ends[gateway], 0);
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
	uint32		i = at(gateway, connection);
	Place	   *place = &places[i];

	begin_change(place);
	place->session = RT_SESSION_ANONYMOUS;
	place->since = GetCurrentTimestamp();
	strlcpy(place->id, id, sizeof(place->id));
	strlcpy(place->address, address, sizeof(place->address));
	pg_atomic_write_u32(&place->subscriptions, 0);
	end_change(place);

	if (rt_clients_end(gateway) <= connection)
		pg_atomic_write_u32(&ends[gateway], connection + 1);
	pg_atomic_write_u64(&serials[i], serial);
	rt_client_index_set(RT_CLIENT_ADDRESS, i, address_hash);
	rt_client_index_set(RT_CLIENT_ID, i, hash_id(place->id));
}

/* Before the last orders are looked at, see client_order.c. */
void
rt_client_note_session(int gateway, uint32 connection, int session)
{
	const RtSession *of = rt_session_get(session);
	uint32		i = at(gateway, connection);

	begin_change(&places[i]);
	places[i].session = session;
	end_change(&places[i]);
	rt_client_index_set(RT_CLIENT_USER, i, hash_user(of->user_id, of->user_id_len));
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
	uint32		i = at(gateway, connection);

	pg_atomic_write_u64(&serials[i], 0);
	for (RtClientKey key = 0; key < RT_CLIENT_KEYS; key++)
		rt_client_index_set(key, i, 0);
	begin_change(&places[i]);
	places[i].session = RT_SESSION_ANONYMOUS;
	end_change(&places[i]);
}

/* ---- reading ---- */

uint32
rt_clients_end(int gateway)
{
	return pg_atomic_read_u32(&ends[gateway]);
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
	uint32		i = at(gateway, connection);
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

int
rt_clients_of_address(uint64 address_hash)
{
	return (int) rt_client_index_count(RT_CLIENT_ADDRESS, address_hash);
}

int
rt_clients_of_user(const char *user_id, uint16 len)
{
	return (int) rt_client_index_count(RT_CLIENT_USER, hash_user(user_id, len));
}

uint64
rt_clients_of_users(void)
{
	return rt_client_index_total(RT_CLIENT_USER);
}

uint64
rt_client_user(int gateway, uint32 connection)
{
	return rt_client_index_get(RT_CLIENT_USER, at(gateway, connection));
}

/* ---- finding ---- */

uint64
rt_client_serial(int gateway, uint32 connection)
{
	return pg_atomic_read_u64(&serials[at(gateway, connection)]);
}

bool
rt_client_is_there(int gateway, uint32 connection, uint64 serial)
{
	return rt_client_serial(gateway, connection) == serial;
}

static bool
is_of_user(uint32 place, const char *user_id, uint16 len)
{
	const RtSession *session = rt_session_get(places[place].session);

	return session->user_id_len == len && memcmp(session->user_id, user_id, len) == 0;
}

/* Some have the hash of another one, or are about to leave. */
static bool
is_meant(RtClientSearch *search, uint32 place)
{
	search->serial = pg_atomic_read_u64(&serials[place]);
	return search->serial != 0 &&
		(search->user_id_len == 0 ||
		 is_of_user(place, search->user_id, search->user_id_len)) &&
		(search->id[0] == '\0' || strcmp(places[place].id, search->id) == 0);
}

static bool
go_to(RtClientSearch *search, uint32 place)
{
	while (place != RT_CLIENT_NO_PLACE && !is_meant(search, place))
		place = rt_client_index_next(search->key, place);
	search->place = place;
	if (place == RT_CLIENT_NO_PLACE)
		return false;
	search->gateway = (int) (place / realtime_max_connections);
	search->connection = place % realtime_max_connections;
	search->since = places[place].since;
	return true;
}

bool
rt_client_search(RtClientSearch *search)
{
	bool		by_user = search->user_id_len > 0;

	search->key = by_user ? RT_CLIENT_USER : RT_CLIENT_ID;
	search->hash = by_user ? hash_user(search->user_id, search->user_id_len) :
		hash_id(search->id);
	return go_to(search, rt_client_index_begin(search->key, search->hash));
}

bool
rt_client_search_next(RtClientSearch *search)
{
	return go_to(search, rt_client_index_next(search->key, search->place));
}

void
rt_client_search_end(const RtClientSearch *search)
{
	rt_client_index_end(search->key, search->hash);
}

bool
rt_client_latest(const char *user_id, uint16 len, int *gateway, uint32 *connection,
				 uint64 *serial)
{
	RtClientSearch search = {.user_id = user_id,.user_id_len = len,.id = ""};
	TimestampTz latest = 0;

	*serial = 0;
	if (len == 0)
		return false;
	for (bool is = rt_client_search(&search); is; is = rt_client_search_next(&search))
	{
		if (*serial != 0 && search.since < latest)
			continue;
		latest = search.since;
		*gateway = search.gateway;
		*connection = search.connection;
		*serial = search.serial;
	}
	rt_client_search_end(&search);
	return *serial != 0;
}

bool
rt_client_find(const char *id, int *gateway, uint32 *connection, uint64 *serial)
{
	RtClientSearch search = {.id = id};
	bool		found;

	if (id[0] == '\0')
		return false;
	found = rt_client_search(&search);
	if (found)
	{
		*gateway = search.gateway;
		*connection = search.connection;
		*serial = search.serial;
	}
	rt_client_search_end(&search);
	return found;
}
