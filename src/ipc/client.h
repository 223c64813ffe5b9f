/*
 * client.h
 *		Which clients are there: the directory of connections, as every process
 *		can see it, and what it is that they are ordered to do.
 *
 * Each gateway writes its own part.  Who looks sees what was true a moment ago.
 *
 * An order is about clients that are there when a transaction commits.  It is
 * noted with each of them, so it cannot be lost, and its gateway carries it
 * out.  Who is only becoming one of them finds it among the last orders.
 */
#ifndef RT_IPC_CLIENT_H
#define RT_IPC_CLIENT_H

#include "src/ipc/request.h"
#include "src/ipc/session.h"

#define RT_CLIENT_ADDRESS_MAX 46	/* bytes with the zero at the end */
#define RT_CLIENT_REASON_MAX 123	/* bytes; what fits into a close frame */
#define RT_CLIENT_ORDERS_MAX 1000	/* in a transaction */

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

typedef enum RtOrderKind
{
	RT_ORDER_DISCONNECT,
	RT_ORDER_RECHECK			/* what it may see */
} RtOrderKind;

/* What is asked about again, from the most on. */
typedef enum RtRecheckScope
{
	RT_RECHECK_ALL,				/* who follows a stream has to come back */
	RT_RECHECK_STREAMS,			/* as the last, and streams have to be asked for anew */
	RT_RECHECK_JUDGED,			/* likewise those about which functions decide */
	RT_RECHECK_NAMES,			/* what is subscribed to by name */
	RT_RECHECK_SCOPES			/* nothing */
} RtRecheckScope;

typedef struct RtRecheck
{
	RtRecheckScope scope;
	uint32		path_hash;		/* STREAMS: of those with this path; 0 = all */
} RtRecheck;

/* Of a path; not 0. */
extern uint32 rt_recheck_path_hash(const char *path, Size len);

/* Both are asked about, and perhaps more. */
extern RtRecheck rt_recheck_join(RtRecheck one, RtRecheck other);

typedef struct RtOrder
{
	RtOrderKind kind;

	/* whom it is about: all that fits; nothing = everybody */
	uint16		user_id_len;	/* 0 = whoever it is */
	char		user_id[RT_USER_ID_MAX + 1];
	char		connection_id[RT_CONNECTION_ID_SIZE];	/* "" = whichever it is */

	/* DISCONNECT */
	uint16		code;
	char		reason[RT_CLIENT_REASON_MAX + 1];	/* UTF-8 */

	/* RECHECK */
	RtRecheck	what;
	bool		of_topic;		/* only of the topic with this hash */
	uint32		topic_hash;
} RtOrder;

/* An order that is to be carried out with one client. */
typedef struct RtWish
{
	uint32		connection;
	uint64		serial;
	uint64		number;			/* of the last order in it */
	bool		recheck;
	RtRecheck	what;			/* of it */
	bool		of_topic;
	uint32		topic_hash;
	uint16		code;			/* 0 = it is not to be disconnected */
	char		reason[RT_CLIENT_REASON_MAX + 1];
} RtWish;

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

/* Whether there is something to be carried out, and up to max of it. */
extern bool rt_clients_are_wished(int gateway);
extern int	rt_clients_take_wishes(int gateway, RtWish *wishes, int max);

/* The number of the last order. */
extern uint64 rt_orders_number(void);

/*
 * Whether somebody with this session, who was not one of its clients yet, is
 * ordered to disconnect by what came after the order of that number.  Code 0 =
 * it is not known any more.
 */
extern bool rt_orders_concern(uint64 number, const RtSession *session, RtWish *wish);

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

/* Whether a connection is there. */
extern bool rt_client_is_there(int gateway, uint32 connection, uint64 serial);

/* How many clients an order would be about. */
extern int	rt_clients_count(const RtOrder *order);

/* Called at commit: does not fail. */
extern void rt_clients_order(const RtOrder *orders, int count);

/* Whether a connection asked, and is gone. */
extern bool rt_client_is_gone(const RtRequest *request);

#endif							/* RT_IPC_CLIENT_H */
