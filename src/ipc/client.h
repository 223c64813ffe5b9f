/*
 * client.h
 *		Which clients are there: the directory of connections, as every process
 *		can see it.
 *
 * Each gateway writes its own part.  Who looks sees what was true a moment ago.
 */
#ifndef RT_IPC_CLIENT_H
#define RT_IPC_CLIENT_H

#include "src/ipc/client_index.h"
#include "src/ipc/request.h"
#include "src/ipc/session.h"

#define RT_CLIENT_ADDRESS_MAX 46	/* bytes with the zero at the end */

/* A copy of what is known of one. */
typedef struct RtClient
{
	uint64		serial;
	char		id[RT_CONNECTION_ID_SIZE];
	char		address[RT_CLIENT_ADDRESS_MAX]; /* "" = not known */
	TimestampTz since;
	uint32		subscriptions;	/* a second ago */
	uint16		user_id_len;	/* 0 = anonymous */
	char		user_id[RT_USER_ID_MAX + 1];
	char		role[NAMEDATALEN];	/* "" = the default of its kind */
	int64		expires;		/* seconds since 1970; 0 = never */
} RtClient;

extern Size rt_clients_size(void);
extern void rt_clients_init(void);

/* ---- of its gateway ---- */

/* A gateway begins or leaves, with no clients. */
extern void rt_clients_reset(int gateway);

/*
 * A connection is there; address_hash is of what is counted as one address, 0 =
 * not known.
 */
extern void rt_client_note_open(int gateway, uint32 connection, uint64 serial,
								const char *id, const char *address,
								uint64 address_hash);

/* Who it is; before the reference to its session of until now is released. */
extern void rt_client_note_session(int gateway, uint32 connection, int session);
extern void rt_client_note_subscriptions(int gateway, uint32 connection, uint32 count);
extern void rt_client_note_gone(int gateway, uint32 connection);

/* ---- of everybody ---- */

/* How many connections there are of an address, or a user. */
extern int	rt_clients_of_address(uint64 address_hash);
extern int	rt_clients_of_user(const char *user_id, uint16 len);

/* A hash of whose a connection is; 0 = nobody's. */
extern uint64 rt_client_user(int gateway, uint32 connection);

/* Connections of all users. */
extern uint64 rt_clients_of_users(void);

/* Indexes of a gateway's clients are less than this. */
extern uint32 rt_clients_end(int gateway);

/* Returns false if there is none. */
extern bool rt_client_read(int gateway, uint32 connection, RtClient *client);

/* The connection of a user that was opened last; false if there is none. */
extern bool rt_client_latest(const char *user_id, uint16 len, int *gateway,
							 uint32 *connection, uint64 *serial);

/* The connection with an id; false if there is none. */
extern bool rt_client_find(const char *id, int *gateway, uint32 *connection,
						   uint64 *serial);

/*
 * Connections of a user, if user_id has a length, and with an id, if that is not
 * empty; one of the two is given.  Each is there, and of that user, until the
 * search goes on or ends; which it has to, because others wait for that.
 */
typedef struct RtClientSearch
{
	const char *user_id;
	uint16		user_id_len;
	const char *id;

	/* what has been found */
	int			gateway;
	uint32		connection;
	uint64		serial;
	TimestampTz since;

	/* private */
	RtClientKey key;
	uint64		hash;
	uint32		place;
} RtClientSearch;

/* The first and the next one; false if there is none. */
extern bool rt_client_search(RtClientSearch *search);
extern bool rt_client_search_next(RtClientSearch *search);
extern void rt_client_search_end(const RtClientSearch *search);

/* Of whom a place is; 0 = nobody's. */
extern uint64 rt_client_serial(int gateway, uint32 connection);

/* Whether a connection is there. */
extern bool rt_client_is_there(int gateway, uint32 connection, uint64 serial);

/* Whether a connection asked, and is gone. */
extern bool rt_client_is_gone(const RtRequest *request);

#endif							/* RT_IPC_CLIENT_H */
